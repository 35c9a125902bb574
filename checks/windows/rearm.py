"""The licensing state can be reset when the image is generalised.

Why it matters
--------------
Generalising resets the activation clock and the id by which a KMS server counts its clients. With SkipRearm set it
does not: every clone keeps the same id, and a KMS server sees one client where there are many. With the count of
resets used up, sysprep fails, or leaves clones that cannot be activated.

Passes when
-----------
SkipRearm of the licensing service is 0 or absent, and at least ``remaining`` resets are left.

Fix
---
Set SkipRearm to 0. A count that is used up cannot be raised: that is for a person, who starts over.

References
----------
Microsoft, "SkipRearm" (Microsoft-Windows-Security-SPP), "Sysprep (Generalize) a Windows installation: limits on how
many times you can run Sysprep"; SoftwareLicensingService, RemainingWindowsReArmCount.
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.probes import REARM

KEY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"
SKIP = probes.Registry(path=KEY, name="SkipRearm")


class Wanted(Params):
    """What the policy can say."""

    remaining: int = Field(default=1, ge=0, description="How many resets are left at least.")


def skips(seen: Facts) -> bool:
    """Whether the reset would be skipped, or may be: a value that is no number is not understood."""
    return seen[SKIP].present and seen[SKIP].number != 0


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the setting and the count."""
    if skips(seen):
        skip = seen[SKIP]
        actual = str(skip.number) if skip.number is not None else f"a value of type {skip.type}"
        yield Violation(subject="SkipRearm", expected="0, or absent", actual=actual)
    left = seen[REARM].remaining
    if left < want.remaining:
        yield Violation(subject="resets", expected=f"at least {want.remaining} left", actual=f"{left} left")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Clear the setting; a count is what it is."""
    if skips(seen) and seen[SKIP].number is None:
        hint = f"look at who set it, then delete SkipRearm below {KEY}"
        yield Refusal(subject="SkipRearm", reason=f"it is a value of type {seen[SKIP].type}, not a number", hint=hint)
    elif skips(seen):
        yield steps.SetRegistryNumber(
            value=SKIP, number=0, subject="SkipRearm", summary="set SkipRearm to 0", level=Level.SAFE,
            phase=Phase.CONTENT, why="every clone would keep the same KMS client id",
            undo=f"set it to {seen[SKIP].number}",
        )  # fmt: skip
    if seen[REARM].remaining < want.remaining:
        yield steps.Manual(
            subject="resets", why="the count of resets only goes down",
            summary="build the image again from a fresh instance of the vendor's image",
        )  # fmt: skip


CHECK = Check(
    id="windows-rearm-available",
    title="The licensing state can be reset",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(SKIP, REARM),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.SAFE,
    since="0.1",
)
