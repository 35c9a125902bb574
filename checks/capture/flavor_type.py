"""The type of the instance's flavor is known.

Why it matters
--------------
The type decides how an instance is captured: u2 has a local disk, is captured by the compute API and only when it is
stopped, all others through their root volume. A type that nobody knows may behave either way.

Passes when
-----------
The flavor's name reads ``<type>.c<CPUs>m<GB>``, as NHN Cloud writes it, and the type is in ``types``.

Fix
---
None by machine: a person finds out how instances of the type are captured and adds it to ``types``, or resizes the
instance to a type that is known.

References
----------
NHN Cloud instance guide, "Instance types"; compute API of NHN Cloud, "Create an image from an instance".
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import Check, Facts, Fix, Id, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps
from imagegate.probes import FLAVOR


class Wanted(Params):
    """What the policy can say."""

    types: list[Id] = Field(
        default=["t2", "m2", "c2", "r2", "x1", "u2"], min_length=1, description="The types that are known."
    )


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the type."""
    flavor = seen[FLAVOR]
    if flavor.type not in want.types:
        yield Violation(subject="flavor", expected=f"one of {', '.join(want.types)}", actual=flavor.name or "(no name)")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Have a person find out."""
    if seen[FLAVOR].type not in want.types:
        yield steps.Manual(
            subject="flavor", why="nobody knows how its instances are captured",
            summary=f"learn how instances of flavor {seen[FLAVOR].name} are captured, and add its type to the policy",
        )  # fmt: skip


CHECK = Check(
    id="capture-flavor-type-known",
    title="The flavor's type is known",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(FLAVOR,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
