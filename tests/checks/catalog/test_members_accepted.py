"""Answers to shared images: of our members, and our own."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Fixes, NotApplicable, Passes, Table, Unknown, given, wrong

from imagegate.errors import StepRefused
from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, MEMBERS, MEMBERSHIP, ImageFact, Member, MembersFact, MembershipFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="shared", protected=True,
)  # fmt: skip
THEIRS = replace(OURS, mine=False)
EXACTLY = "2026-11-08T10:15:00Z"
"""Fourteen days before the look."""
LATE = "2026-11-08T10:14:59Z"
PENDING = "pending since 2026-11-08 10:14 UTC"
REJECTED = "rejected, and still has access"
FROM = {"accept_from": ["p-owner"]}


def ours(*members: str, since: str | None = EXACTLY, **change) -> Facts:
    """Our image and its members: ``project/status``."""
    rows = (member.partition("/") for member in members)
    listed = tuple(Member(project=project, status=status, since=since) for project, _, status in rows)
    return given({IMAGE: replace(OURS, **change), MEMBERS: MembersFact(members=listed)})


def theirs(*answers: str, since: str | None = EXACTLY, **change) -> Facts:
    """Another project's image and what our project p-web, or ``project/status``, answered."""
    rows = (answer.rpartition("/") for answer in answers)
    listed = tuple(Member(project=project or "p-web", status=status, since=since) for project, _, status in rows)
    return given({IMAGE: replace(THEIRS, **change), MEMBERSHIP: MembershipFact(members=listed)})


def both(*members: str, receivers: tuple[str, ...], since: str | None = EXACTLY, **change) -> Facts:
    """Our image, seen by its owner and by receivers of ours."""
    seen = ours(*members, since=since, **change)
    rows = tuple(one for one in seen[MEMBERS].members if one.project in receivers)
    return given({IMAGE: seen[IMAGE], MEMBERS: seen[MEMBERS], MEMBERSHIP: MembershipFact(members=rows)})


def member(project: str, actual: str):
    """The violation of a member."""
    return wrong(f"member {project}", "accepted", actual)


def asked(project: str) -> tuple[str, Level]:
    """What the owner does."""
    return (f"ask the people of member {project} of image i-1 to accept it, or remove the member", Level.MANUAL)


def accept(project: str = "p-web") -> tuple[str, Level]:
    """What the receiver does."""
    return (f"accept image i-1 of project p-owner for project {project}", Level.DISRUPTIVE)


def decide(project: str = "p-web") -> tuple[str, Level]:
    """What the receiver's people do."""
    return (f"accept image i-1 as project {project}, or let project p-owner share it no more", Level.MANUAL)

TABLE = Table(
    "catalog-members-accepted",
    (
        Passes(name="shared with nobody", seen=ours()),
        Passes(name="accepted, and pending for just so long", seen=ours("p-a/accepted", "p-b/pending")),
        Passes(name="pending, with patience", seen=ours("p-b/pending", since=LATE), want={"pending_days": 15}),
        Passes(name="accepted by us, whenever", seen=theirs("accepted", since=None)),
        Passes(name="pending with us for just so long", seen=theirs("pending")),
        Fails(name="pending too long", seen=ours("p-a/pending", since=LATE), violations=(member("p-a", PENDING),)),
        Fails(
            name="no patience at all", seen=ours("p-a/pending"), want={"pending_days": 0},
            violations=(member("p-a", "pending since 2026-11-08 10:15 UTC"),),
        ),
        Fails(
            name="of three, two", seen=ours("p-a/rejected", "p-b/accepted", "p-c/pending", since=LATE),
            violations=(member("p-a", REJECTED), member("p-c", PENDING)),
        ),
        Fails(
            name="a word that nobody knows", seen=ours("p-a/maybe"),
            violations=(member("p-a", "maybe, and still has access"),),
        ),
        Passes(name="accepted by us all", seen=theirs("p-a/accepted", "p-b/accepted")),
        Fails(name="pending with us too long", seen=theirs("pending", since=LATE), violations=(member("p-web", PENDING),)),
        Fails(name="rejected by us", seen=theirs("rejected"), violations=(member("p-web", REJECTED),)),
        Fails(
            name="rejected by one of ours", seen=theirs("p-a/accepted", "p-b/rejected", "p-c/pending"),
            violations=(member("p-b", REJECTED),),
        ),
        Fails(
            name="seen from both sides, it is one violation", seen=both("p-a/rejected", receivers=("p-a",)),
            violations=(member("p-a", REJECTED),),
        ),
        Unknown(
            name="nobody knows since when", seen=ours("p-a/pending", since="soon"),
            reason="a member is pending, and it does not say since when",
        ),
        Unknown(
            name="we are pending, nobody knows since when", seen=theirs("pending", since=None),
            reason="a member is pending, and it does not say since when",
        ),
        Unknown(
            name="the members of ours are unseen", seen=ours().without(MEMBERS, "HTTP 500"), reason="HTTP 500",
        ),
        Unknown(
            name="our row is unseen", seen=theirs("accepted").without(MEMBERSHIP, "HTTP 500"), reason="HTTP 500",
        ),
        NotApplicable(
            name="private", seen=ours(visibility="private"), reason="the image is private: nobody has to accept it",
        ),
        NotApplicable(
            name="public", seen=theirs(visibility="public"), reason="the image is public: nobody has to accept it",
        ),
        NotApplicable(
            name="seen by an administrator", seen=theirs(), reason="the image is shared with no project of ours",
        ),
        NotApplicable(name="on its way out", seen=ours(status="pending_delete"), reason="the image is pending_delete"),
        Fixes(name="pending with us", seen=theirs("pending", since=LATE), want=FROM, steps=(accept(),)),
        Fixes(name="rejected by us", seen=theirs("rejected"), want=FROM, steps=(accept(),)),
        Fixes(
            name="by each of ours for itself", seen=theirs("p-a/rejected", "p-b/accepted", "p-c/rejected"), want=FROM,
            steps=(accept("p-a"), accept("p-c")),
        ),
        Fixes(
            name="seen from both sides, the receiver accepts", seen=both("p-a/rejected", receivers=("p-a",)), want=FROM,
            steps=(accept("p-a"),),
        ),
        ByHand(
            name="seen from both sides, another member is not ours",
            seen=both("p-a/rejected", "p-b/rejected", receivers=("p-a",)), want=FROM,
            steps=(accept("p-a"), asked("p-b")), left=("member p-b",),
        ),
        ByHand(
            name="seen from both sides, the policy accepts nothing of ours",
            seen=both("p-a/rejected", receivers=("p-a",)), steps=(decide("p-a"),), left=("member p-a",),
        ),
        ByHand(
            name="from somebody else", seen=theirs("pending", since=LATE), want={"accept_from": ["p-other"]},
            steps=(decide(),), left=("member p-web",),
        ),
        ByHand(
            name="the owner cannot answer", seen=ours("p-a/rejected", "p-b/pending", since=LATE), want=FROM,
            steps=(asked("p-a"), asked("p-b")), left=("member p-a", "member p-b"),
        ),
        BadParams(name="less than no time", want={"pending_days": -1}, message="greater than or equal to 0"),
        BadParams(name="an empty project", want={"accept_from": [""]}, message="at least 1 character"),
    ),
    wants=st.fixed_dictionaries({"accept_from": st.lists(st.sampled_from(("p-owner", "p-prod")), max_size=2)}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


@pytest.mark.parametrize("owner", ["p-web", "p-thief"])
def test_an_image_that_has_another_owner_by_now_is_not_accepted(owner):
    seen = theirs("pending", since=LATE)
    [step] = TABLE.subject.plan(seen, TABLE.subject.params(**FROM))
    with pytest.raises(StepRefused, match="nothing was written"):
        step.basis(seen.with_fact(IMAGE, replace(seen[IMAGE], owner=owner)))
