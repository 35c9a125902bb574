"""The image's visibility is one that the policy allows.

Why it matters
--------------
A public or community image can be booted and read by every project of the cloud. An image that is shared with nobody
is one request away from being shared with somebody, and nobody meant it to be.

Passes when
-----------
The visibility is in ``allowed`` (private and shared, unless the policy says otherwise). An image that is shared with
nobody is noted; with ``shared_with_nobody: false`` it fails.

Fix
---
Narrow it, never widen it. Members are removed before an image becomes private: afterwards they can neither be read nor
removed, and come back when it is shared again. Members of a public image are hidden too: it becomes shared first, and
private once the old members that turn up are removed; where shared is allowed, it stays that instead. DISRUPTIVE:
access ends at once.

References
----------
Image API v2, "Image visibility" and "Sharing"; NHN Cloud image guide, "Share an image".
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.leaving import on_its_way_out
from imagegate.probes import IMAGE, MEMBERS

Narrow = Literal["private", "shared"]
WIDER: dict[Narrow, tuple[str, ...]] = {"private": ("shared", "community", "public"), "shared": ("community", "public")}


class Wanted(Params):
    """What the policy can say."""

    allowed: list[Literal["private", "shared", "community", "public"]] = Field(
        default=["private", "shared"], min_length=1, description="Who may see the image."
    )
    shared_with_nobody: bool = Field(default=True, description="A shared image may be without members.")


def lonely(seen: Facts) -> bool:
    """Whether the image is shared with nobody; only the owner can know."""
    return seen[IMAGE].visibility == "shared" and not seen[MEMBERS].members


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Compare the visibility with the list."""
    visibility = seen[IMAGE].visibility
    if visibility not in want.allowed:
        yield Violation(subject="visibility", expected=" or ".join(want.allowed), actual=visibility or "(none)")
    elif not want.shared_with_nobody and lonely(seen):
        yield Violation(subject="members", expected="somebody, or a private image", actual="shared with nobody")
    elif MEMBERS in seen and lonely(seen):
        yield Note(text="shared with nobody")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Narrow to the narrowest that is allowed."""
    image = seen[IMAGE]
    to: Narrow | None = "private" if "private" in want.allowed else "shared" if "shared" in want.allowed else None
    if image.visibility in want.allowed:
        if not want.shared_with_nobody and lonely(seen):
            yield steps.Manual(
                subject="members", why="only a person knows which of them is meant",
                summary=f"share image {image.id} with those that need it, or make it private",
            )  # fmt: skip
    elif not image.mine:
        hint = "ask the owner, or leave it out of the rule"
        yield Refusal(subject="visibility", reason=f"project {image.owner} owns the image", hint=hint)
    elif to is None or image.visibility not in WIDER[to]:
        yield steps.Manual(
            subject="visibility", why="no machine lets more people see an image",
            summary=f"make image {image.id} {' or '.join(want.allowed)}",
        )  # fmt: skip
    else:
        yield from narrowed(seen, want, to)


def narrowed(seen: Facts, want: Wanted, to: Narrow) -> Iterator[Step]:
    """The steps down: nobody left behind where nobody can look any more."""
    image = seen[IMAGE]
    for member in seen[MEMBERS].members if image.visibility == "shared" else ():
        yield steps.RemoveMember(
            project=member.project, subject=f"member {member.project}", level=Level.DISRUPTIVE,
            summary=f"remove member {member.project} ({member.status})", phase=Phase.REMOVE_MEMBERS,
            why="it would come back when the image is shared again", undo=f"add member {member.project}",
        )  # fmt: skip
    down: list[Narrow] = [to] if image.visibility == "shared" or to == "shared" else ["shared", to]
    before = image.visibility
    for visibility in down:
        unwanted = image.visibility if before in want.allowed else before
        yield steps.SetVisibility(
            visibility=visibility, subject="visibility", level=Level.DISRUPTIVE, phase=Phase.VISIBILITY,
            summary=f"change visibility from {before} to {visibility}", why=f"{unwanted} is not allowed",
            undo=f"set visibility to {before}",
        )  # fmt: skip
        before = visibility


CHECK = Check(
    id="catalog-visibility-allowed",
    title="The image's visibility is allowed",
    severity=Severity.HIGH,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    uses=(MEMBERS,),
    params=Wanted,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
