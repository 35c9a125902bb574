"""The image is protected against deletion.

Why it matters
--------------
Deleting an image that servers are built from breaks rebuilds and scaling, and there is no way back. Protection makes
the image API refuse the deletion until somebody takes it away on purpose.

Passes when
-----------
The image's ``protected`` is true, whoever owns it. Images on their way out (deleted, pending_delete) are not judged.

Fix
---
Set ``protected`` to true. Safe: it is undone by setting it to false.

References
----------
Image API v2, "Update image", attribute protected; NHN Cloud image guide, "Delete protection".
"""

from collections.abc import Iterator

from imagegate import (
    Check, Facts, Fix, Kind, Level, NoParams, Note, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.leaving import on_its_way_out
from imagegate.probes import IMAGE


def evaluate(seen: Facts, want: NoParams) -> Iterator[Violation | Note]:
    """Judge the image's protection."""
    if not seen[IMAGE].protected:
        yield Violation(subject="protected", expected="true", actual="false")


def plan(seen: Facts, want: NoParams) -> Iterator[Step | Refusal]:
    """Protect an image of ours; others can only ask its owner."""
    image: probes.ImageFact = seen[IMAGE]
    if not image.mine:
        hint = "ask the owner, or copy the image into your own project"
        yield Refusal(subject="protected", reason=f"project {image.owner} owns the image", hint=hint)
    elif not image.protected:
        yield steps.SetProtected(
            protected=True, subject="protected", summary="protect the image against deletion", level=Level.SAFE,
            phase=Phase.PROTECTION, why="anybody in the project could delete it", undo="set protected to false",
        )  # fmt: skip


CHECK = Check(
    id="catalog-image-protected",
    title="The image is protected against deletion",
    severity=Severity.HIGH,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    params=NoParams,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.SAFE,
    since="0.1",
)
