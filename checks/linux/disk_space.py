"""The root disk has room for what a new instance writes when it starts for the first time.

Why it matters
--------------
An instance made from an image with a full root disk cannot initialise: no host keys, no machine id, no log that says
why. NHN Cloud asks for at least 100 KB.

Passes when
-----------
The file system of / has ``min_kb`` KiB or more free for ordinary users, as ``df`` shows it.

Fix
---
None by machine: what can be deleted is for a person to say.

References
----------
NHN Cloud instance guide, "Create an image", and block storage guide, "Create an image": free space of 100 KB.
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, probes, steps

ROOT = probes.DiskSpace(path="/")


class Wanted(Params):
    """What the policy can say."""

    min_kb: int = Field(default=100, ge=1, le=2**40, description="The least free space of the root disk in KiB.")


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Compare the free space."""
    free = seen[ROOT].free_kb
    if free < want.min_kb:
        yield Violation(subject="/", expected=f"{want.min_kb} KiB free or more", actual=f"{free} KiB free")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Say how much."""
    if seen[ROOT].free_kb < want.min_kb:
        lacking = want.min_kb - seen[ROOT].free_kb
        yield steps.Manual(
            subject="/", why="only a person knows what is not needed",
            summary=f"free {lacking} KiB or more on / (old logs, package caches, journals), or enlarge the disk",
        )  # fmt: skip


CHECK = Check(
    id="linux-disk-space-available",
    title="The root disk has free space",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(ROOT,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
