"""The image behind an instance: there, in use, approved; or not, in each way that it can be."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, NotApplicable, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import SERVER, SOURCE_IMAGE, ImageFact, ServerFact, SourceImageFact

IMAGE = ImageFact(
    id="i-1", name="golden-web-20260510", owner="p-owner", mine=True, status="active", visibility="private",
    protected=True, properties=(("deprecate_date", "null"), ("tier", "Gold")),
)  # fmt: skip
SERVED = ServerFact(id="s-1", name="web-1", status="ACTIVE", power_state=1, task_state=None, image_id="i-1")
GONE = "gone, or no longer for this project to see (HTTP 404)"
NEWEST = "golden-web-20261101"


def server(*, hidden: bool = False, current: str | None = None, **change) -> Facts:
    """A server and its image, with changes to the image."""
    source = SourceImageFact(image_id="i-1", image=replace(IMAGE, **change), hidden=hidden, current=current)
    return given({SERVER: SERVED, SOURCE_IMAGE: source})


def leaving(status: str) -> Facts:
    """A server that is no more."""
    return server().with_fact(SERVER, replace(SERVED, status=status))


def lost(current: str | None = None) -> Facts:
    """A server whose image is gone."""
    source = SourceImageFact(image_id="i-1", gone=GONE, current=current)
    return given({SERVER: SERVED, SOURCE_IMAGE: source})


VOLUME = given({SERVER: replace(SERVED, image_id=None), SOURCE_IMAGE: SourceImageFact(image_id=None)})


def again(image: str) -> tuple[str, Level]:
    """What a person does."""
    return (f"build the instance web-1 again from {image}, then take this one out of service", Level.MANUAL)


def ended(day: str) -> Facts:
    """A server whose image has an end of support."""
    return server(properties=(("deprecate_date", day),))


APPROVED = {"names": ["base-*", "golden-*"], "owners": ["p-x", "self"], "visibility": ["private"]}
PASSED = wrong("image deprecate_date", "none, or not passed", "passed on 2026-11-21")
HIDDEN = wrong("image", "in the lists", "hidden")

TABLE = Table(
    "catalog-servers-current",
    (
        Passes(name="any image that is in use", seen=server()),
        Passes(name="with a newer one", seen=server(current=NEWEST)),
        Passes(name="as approved", seen=server(), want={**APPROVED, "properties": {"tier": ["silver", "Gold"]}}),
        Passes(name="of an approved project", seen=server(mine=False), want={"owners": ["p-owner"]}),
        Passes(
            name="a flag in another spelling", seen=server(properties=(("ok", "True"),)),
            want={"properties": {"ok": "true"}},
        ),
        Passes(name="the last day of support", seen=ended("2026.11.22")),
        Passes(name="past its support, which may be", seen=ended("2026.11.21"), want={"deprecated": True}),
        Passes(name="hidden, which may be", seen=server(hidden=True), want={"hidden": True}),
        Fails(name="gone", seen=lost(), violations=(wrong("image", "there", f"i-1: {GONE}"),)),
        *(
            Fails(
                name=status or "no status", seen=server(status=status),
                violations=(wrong("image status", "active", actual),),
            )
            for status, actual in (("deactivated", "deactivated"), ("pending_delete", "pending_delete"), ("", "(none)"))
        ),
        Fails(name="hidden", seen=server(hidden=True), violations=(HIDDEN,)),
        Fails(name="past its support", seen=ended("2026.11.21"), violations=(PASSED,)),
        Fails(
            name="names are case-sensitive", seen=server(name="Golden-web"), want=APPROVED,
            violations=(wrong("image name", "base-* or golden-*", '"Golden-web"'),),
        ),
        Fails(
            name="somebody else's of that name", seen=server(mine=False, owner="p-thief"), want=APPROVED,
            violations=(wrong("image owner", "p-x or self", "project p-thief"),),
        ),
        Fails(
            name="nobody's", seen=server(mine=False, owner=""), want={"owners": ["self"]},
            violations=(wrong("image owner", "self", "project (none)"),),
        ),
        Fails(
            name="public", seen=server(visibility="public"), want=APPROVED,
            violations=(wrong("image visibility", "private", "public"),),
        ),
        Fails(
            name="properties", seen=server(), want={"properties": {"tier": "gold", "signed": "yes"}},
            violations=(
                wrong("image property tier", '"gold"', '"Gold"'), wrong("image property signed", '"yes"', "absent"),
            ),
        ),
        Unknown(
            name="booted from a volume", seen=VOLUME,
            reason="booted from a volume: the compute API does not tell its image",
        ),
        NotApplicable(name="deleted", seen=leaving("DELETED"), reason="the instance is DELETED"),
        NotApplicable(name="in the bin", seen=leaving("SOFT_DELETED"), reason="the instance is SOFT_DELETED"),
        ByHand(name="gone, with a successor", seen=lost(NEWEST), steps=(again(f'"{NEWEST}"'),), left=("image",)),
        ByHand(name="gone, without one", seen=lost(), steps=(again("an approved image"),), left=("image",)),
        ByHand(
            name="a successor that is not approved either", seen=lost(NEWEST), want={"names": ["base-*"]},
            steps=(again("an approved image"),), left=("image",),
        ),
        ByHand(
            name="several faults, one rebuild", seen=server(hidden=True, visibility="public"), want=APPROVED,
            steps=(again("an approved image"),), left=("image", "image visibility"),
        ),
        BadParams(name="a field of every image", want={"properties": {"status": "active"}}, message="field of every image"),
        BadParams(name="a secret", want={"properties": {"admin_password": "x"}}, message="named like a secret"),
        BadParams(name="no value at all", want={"properties": {"tier": []}}, message="at least 1 item"),
        BadParams(name="an unknown visibility", want={"visibility": ["hidden"]}, message="Input should be"),
    ),
    wants=st.fixed_dictionaries({}, optional={key: st.just(value) for key, value in APPROVED.items()}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
