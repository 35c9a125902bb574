"""Names: what they must look like, who else may have them, and what they become."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import (
    BadParams,
    ByHand,
    Fails,
    Fixes,
    NotApplicable,
    Passes,
    Refuses,
    Table,
    Unknown,
    given,
    wrong,
)  # fmt: skip

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, NAMESAKES, ImageFact, NamesakesFact

OURS = ImageFact(
    id="1a2b3c4d-5e6f", name="golden-web-20260510", owner="p-owner", mine=True, status="active", visibility="private",
    protected=True, created_at="2026-05-11T09:00:00Z", properties=(("os_distro", "CentOS"), ("role", "web/db")),
)  # fmt: skip
PATTERN = r"golden-[a-z0-9]+(-[a-z0-9]+)*"
VENDOR = "Windows 2019 STD (2020.02.18) EN"


def image(name: str = OURS.name, *others: str, **change) -> Facts:
    """Our image called ``name``, and the ids of others that are called so."""
    return given({IMAGE: replace(OURS, name=name, **change), NAMESAKES: NamesakesFact(images=others)})


def like(name: str, pattern: str = PATTERN):
    """The violation of a name that does not match."""
    return wrong("name", f"a name that matches {pattern}", f'"{name}"')


def undated(name: str):
    """The violation of a name without a date."""
    return wrong("name", "a name with a date such as 20260510", f'"{name}"')


def vendors(name: str = VENDOR):
    """The violation of a name like a vendor's."""
    return wrong("name", "a name that does not look like a vendor's image", f'"{name}"')


def taken(actual: str):
    """The violation of a name that others have."""
    return wrong("name", "unique in the region", actual)


def rename(name: str) -> tuple[str, Level]:
    """The step that gives another name."""
    return (f"rename the image to {name}", Level.DISRUPTIVE)


def by_hand(expected: str) -> tuple[str, Level]:
    """What a person does."""
    return (f"rename image {OURS.id}: {expected}", Level.MANUAL)


UNDATED = "a name with a date such as 20260510"

TABLE = Table(
    "catalog-name-conforms",
    (
        Passes(name="nothing asked, alone", seen=image("whatever it is")),
        Passes(name="matches", seen=image(), want={"pattern": PATTERN, "dated": True}),
        Passes(name="matches, with anchors", seen=image(), want={"pattern": f"^{PATTERN}$"}),
        Passes(name="date with hyphens", seen=image("web 2026-05-10"), want={"dated": True}),
        Passes(name="date with dots", seen=image("web.2026.05.10"), want={"dated": True}),
        Passes(name="others have it, and may", seen=image(OURS.name, "i-2"), want={"unique": False}),
        Passes(name="nobody asks who else has it", seen=image().without(NAMESAKES, "403"), want={"unique": False}),
        Passes(name="like a vendor's, and may", seen=image(VENDOR), want={"vendor_like": True}),
        Passes(name="somebody else's", seen=image(mine=False), want={"pattern": PATTERN}),
        Passes(name="a template alone asks nothing", seen=image("web"), want={"rename": "golden-{name}"}),
        Fails(name="does not match", seen=image("web"), want={"pattern": PATTERN}, violations=(like("web"),)),
        Fails(
            name="matches in part only", seen=image(f"{OURS.name}\n"), want={"pattern": PATTERN},
            violations=(like(f"{OURS.name}\n"),),
        ),
        Fails(name="no date", seen=image("web-1"), want={"dated": True}, violations=(undated("web-1"),)),
        Fails(
            name="a day that is none", seen=image("web-20260230"), want={"dated": True},
            violations=(undated("web-20260230"),),
        ),
        Fails(name="like a vendor's", seen=image(VENDOR), violations=(vendors(),)),
        Fails(name="another has it", seen=image("web", "i-2"), violations=(taken("also i-2"),)),
        Fails(
            name="many others have it", seen=image("web", "i-2", "i-3", "i-4", "i-5", "i-6"),
            violations=(taken("also i-2, i-3, i-4 and 2 more"),),
        ),
        Fails(
            name="everything at once", seen=image(VENDOR, "i-2"), want={"pattern": "[a-z-]+", "dated": True},
            violations=(like(VENDOR, "[a-z-]+"), vendors(), taken("also i-2")),
        ),
        Fails(
            name="wrong anyhow, others unseen", seen=image("web").without(NAMESAKES, "403"), want={"dated": True},
            violations=(undated("web"),), note="whether the name is unique could not be seen",
        ),
        Fails(name="empty", seen=image(""), want={"pattern": PATTERN}, violations=(like(""),)),
        Fails(
            name="endless", seen=image("x" * 300), want={"pattern": PATTERN}, violations=(like("x" * 255),),
        ),
        Unknown(name="others unseen", seen=image().without(NAMESAKES, "403"), reason="403"),
        NotApplicable(name="deleted", seen=image("web", status="deleted"), reason="the image is deleted"),
        NotApplicable(name="on its way out", seen=image(status="pending_delete"), reason="the image is pending_delete"),
        Fixes(
            name="a prefix", seen=image("Web  Server/2"), want={"pattern": PATTERN, "rename": "golden-{name}"},
            steps=(rename("golden-web-server-2"),),
        ),
        Fixes(
            name="day of creation and a property", seen=image("web"),
            want={"dated": True, "rename": "golden-{property.os_distro}-{property.role}-{created}"},
            steps=(rename("golden-centos-web-db-20260511"),),
        ),
        Fixes(
            name="unique by id", seen=image("web", "i-2"), want={"rename": "{name}-{id}"},
            steps=(rename("web-1a2b3c4d"),),
        ),
        Fixes(
            name="no vendor's any more", seen=image(VENDOR), want={"rename": "{name}"},
            steps=(rename("windows-2019-std-2020.02.18-en"),),
        ),
        Fixes(
            name="braces of its own", seen=image("web", "i-2"), want={"rename": "{{x}}-{name}"},
            steps=(rename("{x}-web"),),
        ),
        Fixes(
            name="others may have it", seen=image("web", "i-2"),
            want={"unique": False, "dated": True, "rename": "{name}-{created}"}, steps=(rename("web-20260511"),),
        ),
        ByHand(
            name="no template", seen=image("web"), want={"dated": True}, steps=(by_hand(UNDATED),), left=("name",),
        ),
        ByHand(
            name="the template does not conform", seen=image("web"), want={"dated": True, "rename": "golden-{name}"},
            steps=(by_hand(UNDATED),), left=("name",),
        ),
        ByHand(
            name="the template gives the same name", seen=image("web", "i-2"), want={"rename": "{name}"},
            steps=(by_hand("unique in the region"),), left=("name",),
        ),
        ByHand(
            name="it lacks the property", seen=image("web"), want={"dated": True, "rename": "{property.none}-{created}"},
            steps=(by_hand(UNDATED),), left=("name",),
        ),
        ByHand(
            name="the property is withheld", seen=image("web", properties=(("token", "(withheld)"),)),
            want={"dated": True, "rename": "{property.token}-{created}"}, steps=(by_hand(UNDATED),), left=("name",),
        ),
        ByHand(
            name="nobody knows when it was made", seen=image("web", created_at="soon"),
            want={"dated": True, "rename": "{name}-{created}"}, steps=(by_hand(UNDATED),), left=("name",),
        ),
        ByHand(
            name="the better name is too long", seen=image("x" * 250, "i-2"), want={"rename": "{name}-{id}"},
            steps=(by_hand("unique in the region"),), left=("name",),
        ),
        Refuses(
            name="not ours", seen=image("web", mine=False, owner="p-other"), want={"dated": True, "rename": "{created}"},
            reasons=("project p-other owns the image",),
        ),
        Refuses(
            name="others unseen, a new name might be as bad", seen=image("web").without(NAMESAKES, "403"),
            want={"dated": True, "rename": "{name}-{created}"}, reasons=("whether a name is unique could not be seen",),
        ),
        BadParams(name="a pattern that is none", want={"pattern": "(golden"}, message="a ( without its )"),
        BadParams(name="a pattern that looks ahead", want={"pattern": "(?!test).*"}, message="linear time"),
        BadParams(name="a pattern that explodes", want={"pattern": "((a{99}){99}){99}"}, message="too large"),
        BadParams(name="an unknown field", want={"rename": "{nmae}"}, message="{nmae} is none of {name}"),
        BadParams(name="a property without a key", want={"rename": "{property.}"}, message="is none of"),
        BadParams(name="a format", want={"rename": "{created:%Y}"}, message="neither a format"),
        BadParams(name="an open brace", want={"rename": "{name"}, message="is no template"),
        BadParams(name="one name for all", want={"rename": "golden"}, message="every image the same name"),
        BadParams(name="a misspelt parameter", want={"date": True}, message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries(
        {name: st.booleans() for name in ("unique", "dated", "vendor_like")},
        optional={
            "pattern": st.sampled_from((PATTERN, ".*", "[^a]{0,9}")),
            "rename": st.sampled_from(("{name}", "golden-{name}-20260101", "{id}-{created}", "{property.os_type}")),
        },
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
