"""The image is accepted by the projects that it is shared with.

Why it matters
--------------
A member has access at once, but finds the image in its lists only when it has accepted it. A row that nobody answers
to for weeks is a mistyped project or a share that nobody needs; a rejected one still gives access. On the receiving
side a golden image that nobody accepted is the new version that no rebuild takes.

Passes when
-----------
Of an image of ours, no member has rejected it, or is pending for more than ``pending_days``. Of another project's image
that is shared with ours, none of our projects that see it has rejected it or is pending for longer than that.

Fix
---
Where a receiving project is one of ours: accept it, with that project's own credentials, if ``accept_from`` has the
owner. DISRUPTIVE, since programs that choose images by name see one more. Otherwise none by machine: only the member
can answer, never the owner for it.

References
----------
Image API v2, "Sharing" and "Update image member"; NHN Cloud image guide, "Share an image".
"""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Id, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.dates import moment
from imagegate.errors import Unobserved
from imagegate.leaving import on_its_way_out
from imagegate.probes import IMAGE, MEMBERS, MEMBERSHIP, Member


class Wanted(Params):
    """What the policy can say."""

    pending_days: int = Field(default=14, ge=0, le=3650, description="How many days a member may take to answer.")
    accept_from: list[Id] = Field(default=[], description="Projects whose images the fix accepts for projects of ours.")


def applies(seen: Facts, want: Wanted) -> str | None:
    """Only shared images are accepted."""
    image = seen[IMAGE]
    if (leaving := on_its_way_out(seen)) is not None:
        return leaving
    if image.visibility != "shared":
        return f"the image is {image.visibility or '(none)'}: nobody has to accept it"
    return None if image.mine or seen[MEMBERSHIP].members else "the image is shared with no project of ours"


def wrong(seen: Facts, want: Wanted, member: Member) -> str | None:
    """What is wrong with an answer; None if nothing is."""
    if member.status == "accepted":
        return None
    if member.status != "pending":
        return f"{member.status or '(none)'}, and still has access"
    at = moment(member.since)
    if at is None:
        raise Unobserved("members", "a member is pending, and it does not say since when")
    late = seen.at - at > timedelta(days=want.pending_days)
    return f"pending since {at:%Y-%m-%d %H:%M} UTC" if late else None


def answers(seen: Facts) -> Iterator[Member]:
    """The owner sees the rows of all members, a receiver its own; what our receivers see of themselves counts."""
    if not seen[IMAGE].mine:
        yield from seen[MEMBERSHIP].members
        return
    for member in seen[MEMBERS].members:
        yield (seen[MEMBERSHIP].of(member.project) if MEMBERSHIP in seen else None) or member


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the answers."""
    for member in answers(seen):
        if actual := wrong(seen, want, member):
            yield Violation(subject=f"member {member.project}", expected="accepted", actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Accept what is ours to accept; the rest is for people."""
    image = seen[IMAGE]
    for member in answers(seen):
        actual, subject = wrong(seen, want, member), f"member {member.project}"
        if actual is None:
            continue
        if MEMBERSHIP not in seen or seen[MEMBERSHIP].of(member.project) is None:
            what = f"ask the people of {subject} of image {image.id} to accept it, or remove the member"
            yield steps.Manual(subject=subject, summary=what, why="only a member can answer")
        elif image.owner in want.accept_from:
            yield steps.AcceptImage(
                owner=image.owner, project=member.project, subject=subject, level=Level.DISRUPTIVE,
                phase=Phase.ADD_MEMBERS, why=actual, undo=f"set its answer back to {member.status}",
                summary=f"accept image {image.id} of project {image.owner} for project {member.project}",
            )  # fmt: skip
        else:
            what = f"accept image {image.id} as project {member.project}, or let project {image.owner} share it no more"
            yield steps.Manual(subject=subject, summary=what, why="the policy does not accept it by machine")


CHECK = Check(
    id="catalog-members-accepted",
    title="The image is accepted by those it is shared with",
    severity=Severity.LOW,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    uses=(MEMBERS, MEMBERSHIP),
    params=Wanted,
    applies=applies,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
