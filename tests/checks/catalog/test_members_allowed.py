"""Members: who may, who must, until when, and in which order access changes."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st
from tests.checks.harness import NOW, BadParams, ByHand, Fails, Fixes, Passes, Refuses, Table, given, wrong
from tests.strategies import PROJECTS, days

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, ImageFact, Member, MemberProjectsFact, MembersFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="shared", protected=True
)
DIGITS = "12345678901234567890123456789012"
LAST_MOMENT = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
TODAY, YESTERDAY, TOMORROW = "2026-11-22", "2026-11-21", "2026-11-23"


def shared(*members: str, gone: tuple[str, ...] = (), at: datetime = NOW, visibility: str = "shared") -> Facts:
    """Our image and its members, ``project`` or ``project/status`` each; the projects were looked up."""
    listed = tuple(Member(project=p, status=s or "accepted") for p, _, s in (m.partition("/") for m in sorted(members)))
    return given(
        {
            IMAGE: replace(OURS, visibility=visibility),
            MEMBERS: MembersFact(members=listed),
            MEMBER_PROJECTS: MemberProjectsFact(missing=gone),
        },
        at,
    )


def grants(*projects: str, until: str | None = None) -> list[dict[str, str]]:
    """A list of a policy."""
    return [{"project": project, **({} if until is None else {"until": until})} for project in projects]


def no(project: str, status: str = "accepted", after: str | None = None):
    """The violation of a member that should not be."""
    return wrong(f"member {project}", "no access" if after is None else f"no access after {after}", status)


def lacks(project: str):
    """The violation of a member that should be."""
    return wrong(f"member {project}", "access", "no access")


def dangling(project: str, status: str = "accepted"):
    """The violation of a member that does not exist."""
    return wrong(f"member {project}", "an existing project", f"does not exist, {status}")


def remove(project: str, status: str = "accepted") -> tuple[str, Level]:
    """The step that ends access."""
    return (f"remove member {project} ({status})", Level.DISRUPTIVE)


def add(project: str) -> tuple[str, Level]:
    """The step that gives access."""
    return (f"add member {project}", Level.DISRUPTIVE)


def share(was: str) -> tuple[str, Level]:
    """The step that makes members possible."""
    return (f"change visibility from {was} to shared", Level.DISRUPTIVE)


def correct(project: str) -> tuple[str, Level]:
    """What a person does about a grant to nobody."""
    return (f"correct the policy: project {project} does not exist", Level.MANUAL)


PASSING = (
    Passes(name="nobody allowed, nobody there", seen=shared()),
    Passes(name="private, nobody required", seen=shared(visibility="private")),
    Passes(name="a member that may", seen=shared("p-prod"), want={"allow": grants("p-prod")}),
    Passes(name="one that may is not there", seen=shared(), want={"allow": grants("p-prod")}),
    Passes(name="a member that must", seen=shared("p-prod"), want={"require": grants("p-prod")}),
    Passes(
        name="must is also may",
        seen=shared("p-prod", "p-stage"),
        want={"require": grants("p-prod"), "allow": grants("p-stage")},
    ),
    Passes(
        name="exact and all there",
        seen=shared("p-prod", "p-stage"),
        want={"allow": grants("p-prod", "p-stage"), "exact": True},
    ),
    Passes(
        name="one that must has not accepted yet", seen=shared("p-prod/pending"), want={"require": grants("p-prod")}
    ),
    Passes(name="one that must has rejected", seen=shared("p-prod/rejected"), want={"require": grants("p-prod")}),
    Passes(name="the owner as member", seen=shared("p-owner")),
    Passes(name="the owner is required", seen=shared(), want={"require": grants("p-owner")}),
    Passes(
        name="the owner is required, private", seen=shared(visibility="private"), want={"require": grants("p-owner")}
    ),
    Passes(
        name="on the last day, last second",
        seen=shared("p-prod", at=LAST_MOMENT),
        want={"allow": grants("p-prod", until=TODAY)},
    ),
    Passes(name="a day before the last", seen=shared("p-prod"), want={"allow": grants("p-prod", until=TOMORROW)}),
    Passes(name="ended and gone", seen=shared(), want={"allow": grants("p-prod", until=YESTERDAY), "exact": True}),
    Passes(name="required, ended and gone", seen=shared(), want={"require": grants("p-prod", until=YESTERDAY)}),
    Passes(
        name="ended in one list, in force in the other",
        seen=shared("p-prod"),
        want={"allow": grants("p-prod", until=YESTERDAY), "require": grants("p-prod")},
    ),
    Passes(name="an id of digits", seen=shared(DIGITS), want={"allow": grants(DIGITS)}),
    Passes(
        name="projects could not be looked up",
        seen=shared("p-prod").without(MEMBER_PROJECTS, "403"),
        want={"allow": grants("p-prod")},
    ),
    Passes(name="projects could not be looked up, but there are none", seen=shared().without(MEMBER_PROJECTS, "403")),
    Passes(
        name="a project that is gone is no member",
        seen=shared("p-prod", gone=("p-gone",)),
        want={"allow": grants("p-prod")},
    ),
)
FAILING = (
    Fails(name="an unknown member", seen=shared("p-old"), violations=(no("p-old"),)),
    Fails(name="an unknown member, pending", seen=shared("p-old/pending"), violations=(no("p-old", "pending"),)),
    Fails(name="an unknown member, rejected", seen=shared("p-old/rejected"), violations=(no("p-old", "rejected"),)),
    Fails(
        name="several, in the order of their ids",
        seen=shared("p-prod", "p-old", "a"),
        violations=(no("a"), no("p-old"), no("p-prod")),
    ),
    Fails(
        name="the day after the last",
        seen=shared("p-prod"),
        want={"allow": grants("p-prod", until=YESTERDAY)},
        violations=(no("p-prod", after=YESTERDAY),),
    ),
    Fails(
        name="required, the day after the last",
        seen=shared("p-prod"),
        want={"require": grants("p-prod", until=YESTERDAY)},
        violations=(no("p-prod", after=YESTERDAY),),
    ),
    Fails(
        name="one that must is not there",
        seen=shared(),
        want={"require": grants("p-prod")},
        violations=(lacks("p-prod"),),
    ),
    Fails(
        name="several that must, in the order of their ids",
        seen=shared(),
        want={"require": grants(*PROJECTS[1:])},
        violations=tuple(map(lacks, sorted(PROJECTS[1:]))),
    ),
    Fails(
        name="exact: one that may is not there",
        seen=shared("p-prod"),
        want={"allow": grants("p-prod", "p-stage"), "exact": True},
        violations=(lacks("p-stage"),),
    ),
    Fails(
        name="one too many and one too few",
        seen=shared("p-old/pending"),
        want={"require": grants("p-prod")},
        violations=(no("p-old", "pending"), lacks("p-prod")),
    ),
    Fails(
        name="a hint names who is lacking",
        seen=shared(),
        want={"require": [{"project": "p-prod", "name": "web-prod"}]},
        violations=(wrong("member p-prod", "access", "no access", "web-prod"),),
    ),
    Fails(
        name="private, and one must",
        seen=shared(visibility="private"),
        want={"require": grants("p-prod")},
        violations=(lacks("p-prod"),),
    ),
    Fails(
        name="a member that does not exist",
        seen=shared("p-gone/pending", gone=("p-gone",)),
        want={"allow": grants("p-gone")},
        violations=(dangling("p-gone", "pending"),),
    ),
    Fails(
        name="a member that must but does not exist",
        seen=shared("p-gone", gone=("p-gone",)),
        want={"require": grants("p-gone")},
        violations=(dangling("p-gone"),),
    ),
    Fails(
        name="public",
        seen=shared(visibility="public"),
        violations=(wrong("visibility", "shared or private", "public"),),
    ),
    Fails(
        name="community, whatever is required",
        seen=shared(visibility="community"),
        want={"require": grants("p-prod")},
        violations=(wrong("visibility", "shared or private", "community"),),
    ),
    Fails(
        name="an unknown member, projects could not be looked up",
        seen=shared("p-old").without(MEMBER_PROJECTS, "403"),
        violations=(no("p-old"),),
    ),
    Fails(
        name="a look-alike id", seen=shared(DIGITS[:-1]), want={"allow": grants(DIGITS)}, violations=(no(DIGITS[:-1]),)
    ),
)
FIXED = (
    Fixes(name="remove one", seen=shared("p-old"), steps=(remove("p-old"),)),
    Fixes(name="remove one that rejected", seen=shared("p-old/rejected"), steps=(remove("p-old", "rejected"),)),
    Fixes(
        name="remove one that ended",
        seen=shared("p-prod"),
        want={"allow": grants("p-prod", until=YESTERDAY)},
        steps=(remove("p-prod"),),
    ),
    Fixes(
        name="remove one that does not exist",
        seen=shared("p-gone", gone=("p-gone",)),
        want={"allow": grants("p-gone")},
        steps=(remove("p-gone"),),
    ),
    Fixes(name="add one", seen=shared(), want={"require": grants("p-prod")}, steps=(add("p-prod"),)),
    Fixes(
        name="exact adds what may",
        seen=shared(),
        want={"allow": grants("p-stage", "p-prod"), "exact": True},
        steps=(add("p-prod"), add("p-stage")),
    ),
    Fixes(
        name="narrow before widening",
        seen=shared("p-old", "p-stage/pending"),
        want={"require": grants("a")},
        steps=(remove("p-old"), remove("p-stage", "pending"), add("a")),
    ),
    Fixes(
        name="visibility before members",
        seen=shared(visibility="private"),
        want={"require": grants("p-prod", "p-stage")},
        steps=(share("private"), add("p-prod"), add("p-stage")),
    ),
    Fixes(
        name="projects could not be looked up",
        seen=shared("p-old").without(MEMBER_PROJECTS, "403"),
        steps=(remove("p-old"),),
    ),
)
REFUSED = (
    Refuses(name="public", seen=shared(visibility="public"), reasons=("the image is public: every project uses it",)),
    Refuses(
        name="community",
        seen=shared(visibility="community"),
        reasons=("the image is community: every project uses it",),
    ),
)
BY_HAND = (
    ByHand(
        name="a required member does not exist",
        seen=shared("p-gone", gone=("p-gone",)),
        want={"require": grants("p-gone")},
        steps=(correct("p-gone"),),
        left=("member p-gone",),
    ),
    ByHand(
        name="a required project does not exist, others lose their access all the same",
        seen=shared("p-old", gone=("p-gone",)),
        want={"allow": grants("p-gone"), "exact": True},
        steps=(remove("p-old"), correct("p-gone")),
        left=("member p-gone",),
    ),
)

TABLE = Table(
    "catalog-members-allowed",
    (
        *PASSING,
        *FAILING,
        *FIXED,
        *REFUSED,
        *BY_HAND,
        BadParams(name="a project twice", want={"allow": grants("a", "a")}, message="project a stands twice"),
        BadParams(name="required twice", want={"require": grants("a", "a")}, message="project a stands twice"),
        BadParams(name="an entry without a project", want={"allow": [{"name": "x"}]}, message="Field required"),
        BadParams(name="a day that is none", want={"allow": grants("a", until="2026-02-30")}, message="date"),
        BadParams(name="a misspelt parameter", want={"allowed": []}, message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries(
        {
            "exact": st.booleans(),
            **{
                name: st.lists(
                    st.fixed_dictionaries({"project": st.sampled_from(PROJECTS), "until": st.none() | days}),
                    max_size=4,
                    unique_by=lambda grant: grant["project"],
                )
                for name in ("allow", "require")
            },
        }
    ),
)

test_case, test_table_is_complete = TABLE.tests()
