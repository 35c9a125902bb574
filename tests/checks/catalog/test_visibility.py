"""Visibility: what is allowed, and the way down without leaving hidden members behind."""

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
from imagegate.probes import IMAGE, MEMBERS, ImageFact, Member, MembersFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="private", protected=True
)
PRIVATE = {"allowed": ["private"]}
LONELY = {"shared_with_nobody": False}


def image(visibility: str, *members: str, **change) -> Facts:
    """Our image and its members, all pending."""
    listed = tuple(Member(project=project, status="pending") for project in members)
    return given({IMAGE: replace(OURS, visibility=visibility, **change), MEMBERS: MembersFact(members=listed)})


def no(actual: str, expected: str = "private or shared"):
    """The violation of a visibility."""
    return wrong("visibility", expected, actual)


def change(before: str, after: str) -> tuple[str, Level]:
    """The step from one to the other."""
    return (f"change visibility from {before} to {after}", Level.DISRUPTIVE)


def remove(project: str) -> tuple[str, Level]:
    """The step that ends access."""
    return (f"remove member {project} (pending)", Level.DISRUPTIVE)


ALONE = wrong("members", "somebody, or a private image", "shared with nobody")

TABLE = Table(
    "catalog-visibility-allowed",
    (
        Passes(name="private", seen=image("private")),
        Passes(name="shared with somebody", seen=image("shared", "p-prod"), want=LONELY),
        Passes(name="shared with nobody", seen=image("shared"), note="shared with nobody"),
        Passes(name="public, and may be", seen=image("public"), want={"allowed": ["public"]}),
        Passes(name="community, and may be", seen=image("community"), want={"allowed": ["private", "community"]}),
        Passes(name="somebody else's", seen=image("shared", mine=False).without(MEMBERS, "not ours")),
        Passes(name="private, members unseen", seen=image("private").without(MEMBERS, "403"), want=LONELY),
        Fails(name="public", seen=image("public"), violations=(no("public"),)),
        Fails(name="community", seen=image("community"), violations=(no("community"),)),
        Fails(name="shared", seen=image("shared", "p-prod"), want=PRIVATE, violations=(no("shared", "private"),)),
        Fails(name="one that nobody knows", seen=image("secret"), violations=(no("secret"),)),
        Fails(name="none at all", seen=image(""), violations=(no("(none)"),)),
        Fails(name="shared with nobody", seen=image("shared"), want=LONELY, violations=(ALONE,)),
        Fails(
            name="public though others' members are unseen", seen=image("public", mine=False).without(MEMBERS, "no"),
            want=LONELY, violations=(no("public"),),
        ),
        Unknown(
            name="members decide and are unseen", seen=image("shared").without(MEMBERS, "not ours"), want=LONELY,
            reason="not ours",
        ),
        NotApplicable(name="deleted", seen=image("public", status="deleted"), reason="the image is deleted"),
        NotApplicable(
            name="on its way out", seen=image("public", status="pending_delete"), reason="the image is pending_delete"
        ),
        Fixes(
            name="members first", seen=image("shared", "a", "p-prod"), want=PRIVATE,
            steps=(remove("a"), remove("p-prod"), change("shared", "private")),
        ),
        Fixes(name="shared with nobody, private wanted", seen=image("shared"), want=PRIVATE,
              steps=(change("shared", "private"),)),
        Fixes(
            name="public: what was hidden is seen on the way", seen=image("public"),
            steps=(change("public", "shared"), change("shared", "private")),
        ),
        Fixes(
            name="community", seen=image("community"), want=PRIVATE,
            steps=(change("community", "shared"), change("shared", "private")),
        ),
        Fixes(
            name="as far as is allowed", seen=image("public"), want={"allowed": ["shared"]},
            steps=(change("public", "shared"),),
        ),
        ByHand(
            name="nothing is widened", seen=image("private"), want={"allowed": ["shared"]},
            steps=(("make image i-1 shared", Level.MANUAL),), left=("visibility",),
        ),
        ByHand(
            name="nothing is made public", seen=image("private"), want={"allowed": ["public", "community"]},
            steps=(("make image i-1 public or community", Level.MANUAL),), left=("visibility",),
        ),
        ByHand(
            name="not even from public to community", seen=image("public"), want={"allowed": ["community"]},
            steps=(("make image i-1 community", Level.MANUAL),), left=("visibility",),
        ),
        ByHand(
            name="one that nobody knows", seen=image("secret"),
            steps=(("make image i-1 private or shared", Level.MANUAL),), left=("visibility",),
        ),
        ByHand(
            name="shared with nobody", seen=image("shared"), want=LONELY,
            steps=(("share image i-1 with those that need it, or make it private", Level.MANUAL),), left=("members",),
        ),
        Refuses(
            name="not ours", seen=image("public", mine=False, owner="p-other"),
            reasons=("project p-other owns the image",),
        ),
        Refuses(
            name="members unseen", seen=image("shared").without(MEMBERS, "403"), want=PRIVATE,
            reasons=("members could not be seen: 403",),
        ),
        BadParams(name="nothing allowed", want={"allowed": []}, message="at least 1"),
        BadParams(name="an unknown word", want={"allowed": ["secret"]}, message="Input should be"),
        BadParams(name="a misspelt parameter", want={"allow": ["private"]}, message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries(
        {
            "allowed": st.lists(
                st.sampled_from(("private", "shared", "community", "public")), min_size=1, max_size=4, unique=True
            ),
            "shared_with_nobody": st.booleans(),
        }
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
