"""Properties, tags and minimums: what counts as the same, what has one answer, what a person decides."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Fixes, NotApplicable, Passes, Refuses, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, ImageFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="private", protected=True,
    min_disk=20, min_ram=0, tags=("golden", "web"),
)  # fmt: skip
LINUX = {"properties": {"os_type": "linux"}}
DOWNLOAD = {"properties": {"nhncloud_allow_download": "false"}}
BY_OS = {"min_disk": {"windows": 50, "linux": 20}}
TIER = {"properties": {"tier": ["gold", "silver"]}}


def image(change=None, /, **properties: str) -> Facts:
    """Our image with these properties, and other changes."""
    return given({IMAGE: replace(OURS, properties=tuple(sorted(properties.items())), **(change or {}))})


def value(key: str, expected: str, actual: str = "absent"):
    """The violation of a property."""
    return wrong(f"property {key}", expected, actual)


def least(field: str, expected: str, actual: str):
    """The violation of a minimum."""
    return wrong(field, f"at least {expected}", actual)


def disruptive(summary: str) -> tuple[str, Level]:
    """A step that changes what servers get."""
    return (summary, Level.DISRUPTIVE)


def by_hand(key: str, what: str) -> tuple[str, Level]:
    """What a person does about a property."""
    return (f"property {key} of image i-1: {what}", Level.MANUAL)


SET_LINUX = disruptive("set property os_type to linux")

PASSING = (
    Passes(name="nothing asked", seen=image()),
    Passes(name="a value", seen=image(os_type="linux"), want=LINUX),
    Passes(name="a value in another case", seen=image(os_type="Linux"), want=LINUX),
    Passes(name="a flag in another case", seen=image(nhncloud_allow_download="False"), want=DOWNLOAD),
    Passes(name="one of a list", seen=image(tier="silver"), want=TIER),
    Passes(name="any value", seen=image(login_username="?"), want={"present": ["login_username"]}),
    Passes(name="one that is withheld is there", seen=image(token="(withheld)"), want={"present": ["token"]}),
    Passes(name="absent", seen=image(os_type="linux"), want={"absent": ["deprecate_date"]}),
    Passes(name="tags, and more", seen=image(), want={"tags": ["golden"]}),
    Passes(name="no tag _AVAILABLE_, and nobody asks", seen=image({"tags": ("BASE",)})),
    Passes(name="minimums as asked", seen=image({"min_ram": 2048}), want={"min_disk": 20, "min_ram": 2048}),
    Passes(name="more than the least", seen=image(), want={"min_disk": 10}),
    Passes(name="the least of its os", seen=image(os_type="Linux"), want=BY_OS),
    Passes(name="an os without a least", seen=image(os_type="bsd"), want=BY_OS),
    Passes(name="somebody else's", seen=image({"mine": False}, os_type="linux"), want=LINUX),
)
FAILING = (
    Fails(name="no such property", seen=image(), want=LINUX, violations=(value("os_type", '"linux"'),)),
    Fails(
        name="another value", seen=image(os_type="windows"), want=LINUX,
        violations=(value("os_type", '"linux"', '"windows"'),),
    ),
    Fails(
        name="case matters elsewhere", seen=image(tier="Gold"), want=TIER,
        violations=(value("tier", '"gold" or "silver"', '"Gold"'),),
    ),
    Fails(
        name="a value with quotes of its own", seen=image(tier='gold" or "silver'), want=TIER,
        violations=(value("tier", '"gold" or "silver"', '"gold\\" or \\"silver"'),),
    ),
    Fails(
        name="an endless value", seen=image(tier="x" * 999), want=TIER,
        violations=(value("tier", '"gold" or "silver"', f'"{"x" * 299}…"'),),
    ),
    Fails(
        name="a flag that says yes", seen=image(nhncloud_allow_download="true"), want=DOWNLOAD,
        violations=(value("nhncloud_allow_download", '"false"', '"true"'),),
    ),
    Fails(name="an empty value", seen=image(os_type=""), want=LINUX, violations=(value("os_type", '"linux"'),)),
    Fails(
        name="a null", seen=image(login_username="null"), want={"present": ["login_username"]},
        violations=(value("login_username", "there"),),
    ),
    Fails(
        name="there and should not be", seen=image(deprecate_date="null"), want={"absent": ["deprecate_date"]},
        violations=(value("deprecate_date", "absent", "there"),),
    ),
    Fails(
        name="tags are exact", seen=image(), want={"tags": ["Golden", "web"]},
        violations=(wrong("tag Golden", "there", "absent"),),
    ),
    Fails(
        name="_AVAILABLE_ is lost and asked for", seen=image(), want={"tags": ["_AVAILABLE_"]},
        violations=(wrong("tag _AVAILABLE_", "there", "absent"),),
    ),
    Fails(
        name="too little disk", seen=image({"min_disk": 19}), want={"min_disk": 20},
        violations=(least("min_disk", "20 GB", "19 GB"),),
    ),
    Fails(
        name="no minimum at all", seen=image({"min_ram": None}), want={"min_ram": 1024},
        violations=(least("min_ram", "1024 MB", "not set"),),
    ),
    Fails(
        name="a Windows on 20 GB", seen=image(os_type="Windows"), want=BY_OS,
        violations=(least("min_disk", "50 GB", "20 GB"),),
    ),
    Fails(
        name="a minimum by os, and no os", seen=image(), want={"min_ram": {"windows": 2048}},
        violations=(value("os_type", "there"),),
    ),
    Fails(
        name="everything at once", seen=image({"tags": ()}, os_type="windows", old="1"),
        want={"properties": {"tier": "gold"}, "present": ["role"], "absent": ["old"], "tags": ["web"], **BY_OS},
        violations=(
            value("tier", '"gold"'), value("role", "there"), value("old", "absent", "there"),
            wrong("tag web", "there", "absent"), least("min_disk", "50 GB", "20 GB"),
        ),
    ),
)
FIXED = (
    Fixes(name="add a property", seen=image(), want=LINUX, steps=(SET_LINUX,)),
    Fixes(name="replace a property", seen=image(os_type="bsd"), want=LINUX, steps=(SET_LINUX,)),
    Fixes(name="a list of one", seen=image(), want={"properties": {"os_type": ["linux"]}}, steps=(SET_LINUX,)),
    Fixes(
        name="no more downloads", seen=image(nhncloud_allow_download="TRUE"), want=DOWNLOAD,
        steps=(disruptive("set property nhncloud_allow_download to false"),),
    ),
    Fixes(
        name="remove a property", seen=image(deprecate_date="2026.03.10"), want={"absent": ["deprecate_date"]},
        steps=(disruptive("remove property deprecate_date"),),
    ),
    Fixes(name="add a tag", seen=image(), want={"tags": ["golden", "new"]}, steps=(("add tag new", Level.SAFE),)),
    Fixes(
        name="raise both", seen=image({"min_ram": None}), want={"min_disk": 50, "min_ram": 2048},
        steps=(disruptive("raise min_disk to 50 GB"), disruptive("raise min_ram to 2048 MB")),
    ),
    Fixes(
        name="the least of the os that it will have", seen=image(os_type="linux"),
        want={"properties": {"os_type": "windows"}, **BY_OS},
        steps=(disruptive("set property os_type to windows"), disruptive("raise min_disk to 50 GB")),
    ),
    Fixes(
        name="not of the os that it had", seen=image(os_type="windows"), want={**LINUX, **BY_OS}, steps=(SET_LINUX,),
    ),
)
OTHERS = (
    ByHand(
        name="several values", seen=image(), want=TIER, steps=(by_hand("tier", "set it to gold or silver"),),
        left=("property tier",),
    ),
    ByHand(
        name="any value", seen=image(), want={"present": ["login_username"]},
        steps=(by_hand("login_username", "set it"),), left=("property login_username",),
    ),
    ByHand(
        name="no os to go by", seen=image(), want=BY_OS, steps=(by_hand("os_type", "set it"),),
        left=("property os_type",),
    ),
    ByHand(
        name="the rest is mended", seen=image(), want={**TIER, "tags": ["new"]},
        steps=(("add tag new", Level.SAFE), by_hand("tier", "set it to gold or silver")), left=("property tier",),
    ),
    ByHand(
        name="a tag that nobody can add", seen=image(), want={"tags": ["_AVAILABLE_"]},
        steps=(("ask the cloud's support for tag _AVAILABLE_ on image i-1", Level.MANUAL),), left=("tag _AVAILABLE_",),
    ),
    *(
        ByHand(
            name=f"the tag {tag} cannot be put into a path", seen=image(), want={"tags": [tag]},
            steps=((f"ask the cloud's support for tag {tag} on image i-1", Level.MANUAL),), left=(f"tag {tag}",),
        )
        for tag in (".", "..", "a/b", "größe")
    ),
    ByHand(
        name="a value that could not be put back", seen=image(token="(withheld)"), want={"absent": ["token"]},
        steps=(by_hand("token", "remove it"),), left=("property token",),
    ),
    Refuses(
        name="not ours", seen=image({"mine": False, "owner": "p-other"}), want=LINUX,
        reasons=("project p-other owns the image",),
    ),
    NotApplicable(name="deleted", seen=image({"status": "deleted"}), want=LINUX, reason="the image is deleted"),
    NotApplicable(
        name="on its way out", seen=image({"status": "pending_delete"}), want=LINUX,
        reason="the image is pending_delete",
    ),
    BadParams(name="a field of the record", want={"properties": {"name": "x"}}, message="a field of every image"),
    BadParams(name="the value of a secret", want={"properties": {"api_key": "x"}}, message="named like a secret"),
    BadParams(name="an empty value", want={"properties": {"tier": ""}}, message="at least 1"),
    BadParams(name="no value allowed", want={"properties": {"tier": []}}, message="at least 1"),
    BadParams(
        name="there and not there", want={"present": ["a"], "absent": ["a"]}, message="must be there and must not be"
    ),
    BadParams(name="a minimum by nothing", want={**BY_OS, "absent": ["os_type"]}, message="a minimum depends on it"),
    BadParams(name="less than nothing", want={"min_disk": -1}, message="greater than or equal to 0"),
    BadParams(name="no number", want={"min_disk": True}, message="valid integer"),
    BadParams(name="a misspelt parameter", want={"property": {}}, message="Extra inputs"),
)  # fmt: skip

WORDS = st.sampled_from(("linux", "Windows", "true", "x"))
LEAST = st.none() | st.integers(0, 99) | st.dictionaries(st.sampled_from(("linux", "WINDOWS")), st.integers(0, 99))
TABLE = Table(
    "catalog-properties-conform",
    (*PASSING, *FAILING, *FIXED, *OTHERS),
    wants=st.fixed_dictionaries(
        {
            "properties": st.dictionaries(
                st.sampled_from(("os_type", "tier", " ")), WORDS | st.lists(WORDS, min_size=1), max_size=3
            ),
            "present": st.lists(st.sampled_from(("os_type", "role", "-")), max_size=3),
            "absent": st.lists(st.sampled_from(("0", "ACTIVE", "\n")), max_size=3),
            "tags": st.lists(st.sampled_from(("0", "shared", "_x")), max_size=3),
            "min_disk": LEAST,
            "min_ram": LEAST,
        }
    ),
)

test_case, test_table_is_complete = TABLE.tests()
