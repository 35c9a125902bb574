"""The system drive has the space that a new instance needs to initialise itself.

Why it matters
--------------
An image whose root disk is full cannot be initialised: the first start of each instance stops half way, with
nowhere to write its logs. The root disk of a new instance may be larger, but its file system only grows later.

Passes when
-----------
At least ``free_kb`` are free on C:. The documented floor is 100 KB; a policy may ask for more, never for less.

Fix
---
By hand: what can go is for a person to say.

References
----------
NHN Cloud Instance guide, "Create an image" (at least 100 KB free on the root block storage).
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip

DRIVE = probes.FreeSpace(drive="C:")


class Wanted(Params):
    """What the policy can say."""

    free_kb: int = Field(default=100, ge=100, description="How much is free at least on C:, in KB of 1024 bytes.")


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge what is free."""
    free = seen[DRIVE].free
    if free < want.free_kb * 1024:
        yield Violation(
            subject=DRIVE.drive, expected=f"at least {want.free_kb} KB free", actual=f"{free // 1024} KB free"
        )


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person how much is lacking."""
    lacking = want.free_kb * 1024 - seen[DRIVE].free
    if lacking > 0:
        yield steps.Manual(
            subject=DRIVE.drive, why="a new instance could not initialise itself",
            summary=f"free another {-(-lacking // 1024)} KB on {DRIVE.drive} (logs, Windows Update's cache)",
        )  # fmt: skip


CHECK = Check(
    id="windows-space-available",
    title="The system drive has space for the first start",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(DRIVE,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
