"""No restart is pending.

Why it matters
--------------
Updates and installers that wait for a restart finish their work at the next start: in each clone, at once, in the
middle of its first start. Sysprep refuses to run, or stops half way, while servicing is under way.

Passes when
-----------
None of the documented signs is there: the servicing stack's RebootPending, Windows Update's RebootRequired, and, unless
the policy says otherwise, the Session Manager's PendingFileRenameOperations.

Fix
---
Restart the instance and wait until it has booted. DISRUPTIVE: what runs on it is ended. Not within ``settle_s`` of
a boot: a sign that outlived one restart is not helped by another.

References
----------
Microsoft, "Component Based Servicing: RebootPending", "Windows Update Agent: RebootRequired", "MoveFileEx:
MOVEFILE_DELAY_UNTIL_REBOOT" (PendingFileRenameOperations).
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.probes import WINDOWS
from imagegate.probes.sysprep import FILE_RENAMES, SERVICING_REBOOT, UPDATE_REBOOT

SIGNS = {
    SERVICING_REBOOT: ("servicing", "updates or features wait for a restart (RebootPending)"),
    UPDATE_REBOOT: ("Windows Update", "an update waits for a restart (RebootRequired)"),
    FILE_RENAMES: ("file operations", "files are to be renamed or deleted at a restart (PendingFileRenameOperations)"),
}


class Wanted(Params):
    """What the policy can say."""

    file_renames: bool = Field(
        default=True, description="Whether file operations count: some programs leave one behind at every start."
    )
    settle_s: float = Field(
        default=600.0, ge=0, description="How long after a boot it is not restarted again, in seconds."
    )
    timeout_s: float = Field(
        default=1800.0, gt=0, le=7200, description="How long the fix waits until it has booted, in seconds."
    )


def pending(seen: Facts, want: Wanted) -> list[probes.Registry]:
    """The signs that are there and count."""
    return [sign for sign in SIGNS if seen[sign].present and (want.file_renames or sign != FILE_RENAMES)]


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge each sign."""
    for sign in pending(seen, want):
        subject, actual = SIGNS[sign]
        yield Violation(subject=subject, expected="nothing waits for a restart", actual=actual)
    if seen[FILE_RENAMES].present and not want.file_renames:
        yield Note(text=f"not counted by the policy: {SIGNS[FILE_RENAMES][1]}")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Restart, but not one that has just booted."""
    if not pending(seen, want):
        return
    windows = seen[WINDOWS]
    up_s = (windows.now - windows.booted_at).total_seconds()
    if 0 <= up_s < want.settle_s:
        reason = f"it booted {up_s:.0f} s ago, and something is pending still or again"
        hint = f"look again when it is up for {want.settle_s:.0f} s; then find out what leaves the sign behind"
        yield Refusal(subject="restart", reason=reason, hint=hint)
        return
    yield steps.RestartGuest(
        since=max(windows.now, windows.booted_at), subject="restart", summary="restart the instance",
        level=Level.DISRUPTIVE, phase=Phase.RESTART, why="sysprep fails while something waits for a restart",
        disconnects=True, patience_s=want.timeout_s,
    )  # fmt: skip


CHECK = Check(
    id="windows-reboot-not-pending",
    title="No restart is pending",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=tuple(SIGNS),
    uses=(WINDOWS,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
