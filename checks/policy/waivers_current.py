"""The policy's waivers and attestations are current and used.

Why it matters
--------------
An expired waiver no longer excuses anything, but readers of the policy believe that it does; one that nothing needs
any more hides the next fault of its kind, and so does one that is about more targets than anybody looked at when it
was granted.

Passes when
-----------
No waiver or attestation of the policy has expired, each stood beside a finding in this audit, and no waiver matches
more than ``limits.waiver_targets`` targets. Those that end within ``ending_soon_days`` are noted.

Fix
---
None by machine: renew it with its approver, narrow it, or delete it from the policy.

References
----------
imagegate's policy reference, "waivers" and "attestations".
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Scope, Severity, Step, Violation, steps
from imagegate.probes import ENDING_SOON_DAYS, WAIVERS, WaiverState, WaiverUse, waiver_state


class Wanted(Params):
    """What the policy can say."""

    ending_soon_days: int = Field(
        default=ENDING_SOON_DAYS, ge=0, description="Waivers that end within so many days are noted."
    )


def name(use: WaiverUse) -> str:
    """A waiver as a reader finds it in the policy."""
    return f"{use.what} of {use.check} (line {use.line})"


def states(seen: Facts, want: Wanted) -> Iterator[tuple[WaiverUse, WaiverState]]:
    """What is to be said of each."""
    fact = seen[WAIVERS]
    for use in fact.waivers:
        yield use, waiver_state(use, fact, today=seen.today, ending_soon_days=want.ending_soon_days)


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge each waiver; unused ones only if everything was judged."""
    for use, state in states(seen, want):
        if state is WaiverState.EXPIRED:
            yield Violation(subject=name(use), expected="in force", actual=f"expired on {use.until}")
        elif state is WaiverState.UNUSED:
            yield Violation(subject=name(use), expected="used", actual="no finding needs it")
        elif state is WaiverState.OVER_BROAD:
            most = f"at most {seen[WAIVERS].most:,} targets"
            yield Violation(subject=name(use), expected=most, actual=f"it matches {use.matches:,}")
        elif state is WaiverState.ENDING_SOON:
            yield Note(text=f"{name(use)} ends on {use.until}")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person what to do about each."""
    for use, state in states(seen, want):
        which = name(use)
        if state is WaiverState.EXPIRED:
            yield steps.Manual(subject=which, summary=f"renew the {which} with its approver, or delete it",
                               why="it expired")  # fmt: skip
        elif state is WaiverState.UNUSED:
            yield steps.Manual(subject=which, summary=f"delete the {which}", why="no finding needs it")
        elif state is WaiverState.OVER_BROAD:
            yield steps.Manual(subject=which, summary=f"narrow the {which}, or raise limits.waiver_targets",
                               why=f"it matches {use.matches:,} targets")  # fmt: skip


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
