"""The policy's waivers and attestations are current and used.

Why it matters
--------------
An expired waiver no longer excuses anything, but readers of the policy believe that it does; one that nothing needs
any more hides the next fault of its kind.

Passes when
-----------
No waiver or attestation of the policy has expired, and each stood beside a finding in this audit. Those that end
within ``ending_soon_days`` are noted.

Fix
---
None by machine: renew it with its approver, or delete it from the policy.

References
----------
imagegate's policy reference, "waivers" and "attestations".
"""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Scope, Severity, Step, Violation, steps
from imagegate.probes import WAIVERS, WaiverUse


class Wanted(Params):
    """What the policy can say."""

    ending_soon_days: int = Field(default=14, ge=0, description="Waivers that end within so many days are noted.")


def name(use: WaiverUse) -> str:
    """A waiver as a reader finds it in the policy."""
    return f"{use.what} of {use.check} (line {use.line})"


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge each waiver; unused ones only if everything was judged."""
    today = seen.today
    for use in seen[WAIVERS].waivers:
        if use.until < today:
            yield Violation(subject=name(use), expected="in force", actual=f"expired on {use.until}")
        elif use.used == 0 and seen[WAIVERS].complete:
            yield Violation(subject=name(use), expected="used", actual="no finding needs it")
        elif use.until <= today + timedelta(days=want.ending_soon_days):
            yield Note(text=f"{name(use)} ends on {use.until}")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person what to do about each."""
    today = seen.today
    for use in seen[WAIVERS].waivers:
        if use.until < today:
            yield steps.Manual(
                subject=name(use), summary=f"renew the {name(use)} with its approver, or delete it", why="it expired",
            )  # fmt: skip
        elif use.used == 0 and seen[WAIVERS].complete:
            yield steps.Manual(subject=name(use), summary=f"delete the {name(use)}", why="no finding needs it")


CHECK = Check(
    id="policy-waivers-current",
    title="Waivers and attestations are current and used",
    severity=Severity.LOW,
    kind=Kind.POLICY,
    needs=(WAIVERS,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
    scope=Scope.FLEET,
)
