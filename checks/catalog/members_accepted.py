"""The image is accepted by the projects that it is shared with.

Why it matters
--------------
A member has access at once, but finds the image in its lists only when it has accepted it. A row that nobody answers
to for weeks is a mistyped project or a share that nobody needs; a rejected one still gives access. On the receiving
side a golden image that nobody accepted is the new version that no rebuild takes.

Passes when
-----------
Of an image of ours, no member has rejected it, or is pending for more than ``pending_days``. Of another project's image
that is shared with ours, our project has not rejected it and is not pending for longer than that.

Fix
---
On the receiving side: accept it, with the receiver's credentials, if ``accept_from`` has the owner. DISRUPTIVE, since
programs that choose images by name see one more. On the owner's side none by machine: only the member can answer.

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
from imagegate.probes import IMAGE, MEMBERS, MEMBERSHIP


class Wanted(Params):
    """What the policy can say."""

    pending_days: int = Field(default=14, ge=0, le=3650, description="How many days a member may take to answer.")
    accept_from: list[Id] = Field(default=[], description="Projects whose images the fix accepts for our project.")


def applies(seen: Facts, want: Wanted) -> str | None:
    """Only shared images are accepted."""
    image = seen[IMAGE]
    if (leaving := on_its_way_out(seen)) is not None:
        return leaving
    if image.visibility != "shared":
        return f"the image is {image.visibility or '(none)'}: nobody has to accept it"
    return None if image.mine or seen[MEMBERSHIP].status else "the image is not shared with this project"


def wrong(seen: Facts, want: Wanted, status: str | None, since: str | None) -> str | None:
    """What is wrong with an answer; None if nothing is."""
    if status == "accepted":
        return None
    if status != "pending":
        return f"{status or '(none)'}, and still has access"
    at = moment(since)
    if at is None:
        raise Unobserved("members", "a member is pending, and it does not say since when")
    late = seen.at - at > timedelta(days=want.pending_days)
    return f"pending since {at:%Y-%m-%d %H:%M} UTC" if late else None


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the answers: those of all members for the owner, our own for a receiver."""
    if not seen[IMAGE].mine:
        row = seen[MEMBERSHIP]
        if actual := wrong(seen, want, row.status, row.since):
            yield Violation(subject="our project", expected="accepted", actual=actual)
        return
    for member in seen[MEMBERS].members:
        if actual := wrong(seen, want, member.status, member.since):
            yield Violation(subject=f"member {member.project}", expected="accepted", actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Accept what is ours to accept; the rest is for people."""
    image = seen[IMAGE]
    for found in evaluate(seen, want):
        if not isinstance(found, Violation):
            continue
        if image.mine:
            what = f"ask the people of {found.subject} of image {image.id} to accept it, or remove the member"
            yield steps.Manual(subject=found.subject, summary=what, why="only a member can answer")
        elif image.owner in want.accept_from:
            yield steps.AcceptImage(
                owner=image.owner, subject=found.subject, summary=f"accept image {image.id} of project {image.owner}",
                level=Level.DISRUPTIVE, phase=Phase.ADD_MEMBERS, why=found.actual,
                undo=f"set our answer back to {seen[MEMBERSHIP].status}",
            )  # fmt: skip
        else:
            what = f"accept image {image.id}, or ask project {image.owner} to share it no more"
            yield steps.Manual(subject=found.subject, summary=what, why="the policy does not accept it by machine")


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
