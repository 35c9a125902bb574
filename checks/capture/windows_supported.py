"""The flavor of the instance can run Windows.

Why it matters
--------------
u2 flavors cannot run Windows: the platform refuses to make such an instance. Seeing one means that something given to
imagegate is wrong, and then every other finding about it is about something else than it says.

Passes when
-----------
The type of the instance's flavor (what stands before the dot) is one of ``types``.

Fix
---
By hand: correct what is wrong, most often the operating system in the inventory or in the policy's rule.

References
----------
NHN Cloud instance guide, "Flavors" and "Restrictions of Windows instances".
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.probes import FLAVOR


def _not_u2(flavor: str) -> str:
    if flavor.lower() == "u2":
        raise ValueError("u2 cannot run Windows: it cannot be in types")
    return flavor


class Wanted(Params):
    """What the policy can say."""

    types: list[Annotated[str, AfterValidator(_not_u2)]] = Field(
        default=["t2", "m2", "c2", "r2", "x1"], min_length=1,
        description="Flavor types that can run Windows; add those of GPU instances, which the guide does not name.",
    )  # fmt: skip


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the flavor's type."""
    flavor = seen[FLAVOR]
    if flavor.type is not None and flavor.type.lower() == "u2":
        hint = "the platform refuses this: an input is wrong (the flavor, or `os` in the inventory or the rule)"
        yield Violation(
            subject="flavor type", expected="one that can run Windows", actual=f"u2 ({flavor.name})", hint=hint
        )
    elif flavor.type not in want.types:
        yield Violation(subject="flavor type", expected=f"a known type: {', '.join(want.types)}", actual=flavor.name)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person what to look at."""
    for _ in evaluate(seen, want):
        flavor = seen[FLAVOR]
        if flavor.type is not None and flavor.type.lower() == "u2":
            summary = "find out which is wrong: the instance, its flavor, `os` in the inventory, or the policy's rule"
        else:
            summary = f"if {flavor.name} can run Windows, add its type to types"
        yield steps.Manual(subject="flavor type", summary=summary, why="the findings may be about another machine")


CHECK = Check(
    id="capture-windows-supported",
    title="The flavor can run Windows",
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
