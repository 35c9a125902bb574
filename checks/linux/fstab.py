"""/etc/fstab mounts the root disk only.

Why it matters
--------------
An image holds the root disk alone. A new instance that looks for the build host's other volumes waits for them, and
stops in the emergency shell, which nobody can log in to.

Passes when
-----------
Every line in force about a block device mounts one of ``allow`` (the places that live on the root disk; ``swap`` stands
for swap partitions). With ``nofail``, lines that say nofail or noauto may stay. Network file systems, pseudo file
systems, binds, swap files and removable media are no volumes: they are not judged.

Fix
---
Comment the lines out, atomically, each marked so that it can be put in force again. What is mounted stays mounted, but
not after the next start of this instance: DISRUPTIVE. A file that is a link, or that something is mounted on, is left
alone.

References
----------
NHN Cloud instance guide, "Troubleshooting", volumes in /etc/fstab; fstab(5), systemd.mount(5).
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.errors import Unobserved
from imagegate.probes import FSTAB, FileKind, FstabEntry


class Wanted(Params):
    """What the policy can say."""

    allow: list[str] = Field(
        default=["/", "/boot", "/boot/efi", "/efi"], description="Mount points on the root disk, or `swap`."
    )
    nofail: bool = Field(default=False, description="Lines with nofail or noauto may stay: a start goes on without.")


def place(entry: FstabEntry) -> str:
    """Where a line mounts, in the policy's words."""
    return "swap" if entry.swap else entry.mount_point


def extra(seen: Facts, want: Wanted) -> list[FstabEntry]:
    """The lines about volumes that an image does not hold."""
    fstab = seen[FSTAB]
    if fstab.kind is FileKind.ABSENT:
        return []
    if fstab.kind is not FileKind.REGULAR:
        raise Unobserved("fstab", f"{FSTAB.path} is a {fstab.kind}: its lines were not read")
    volumes = [entry for entry in fstab.entries if entry.device in {"disk", "other"} and place(entry) not in want.allow]
    return [entry for entry in volumes if not (want.nofail and (entry.nofail or entry.noauto))]


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Name the lines."""
    for entry in extra(seen, want):
        words = [word for word, there in ((", nofail", entry.nofail), (", noauto", entry.noauto)) if there]
        actual = f"mounts {place(entry) or '(nothing)'}{''.join(words)}"
        yield Violation(subject=f"{FSTAB.path} line {entry.line}", expected="the root disk only", actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Comment them out, all at once."""
    lines = tuple((entry.line, entry.mount_point) for entry in extra(seen, want))
    if not lines:
        return
    if seen[FSTAB].mounted_over:
        hint = "look at the file below the mount"
        yield Refusal(subject=FSTAB.path, reason=f"something is mounted on {FSTAB.path}", hint=hint)
    elif not all(point for _, point in lines):
        hint = "correct or delete the line"
        yield Refusal(subject=FSTAB.path, reason="a line names a device but no mount point", hint=hint)
    else:
        numbers = ", ".join(str(line) for line, _ in lines)
        yield steps.CommentFstab(
            fstab=FSTAB, lines=lines, subject=FSTAB.path, summary=f"comment out line {numbers} of {FSTAB.path}",
            level=Level.DISRUPTIVE, phase=Phase.CONTENT, why="a new instance does not have these volumes",
            undo=f"take the mark #imagegate# away from line {numbers}",
            then="this instance does not mount them either when it starts again",
        )  # fmt: skip


CHECK = Check(
    id="linux-fstab-root-only",
    title="/etc/fstab mounts the root disk only",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(FSTAB,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
