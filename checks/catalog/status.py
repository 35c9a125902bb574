"""The image's status is one that servers can be made from.

Why it matters
--------------
An image whose upload never ended, or that an administrator has deactivated, has a name and an id like any other: a
rebuild finds out that there is nothing behind them. One past its ``deprecate_date`` is no longer looked after.

Passes when
-----------
The status is active and ``deprecate_date`` (a property) has not passed; or the image is still being made (queued,
saving, importing, uploading), for no longer than ``stuck_hours`` since its record last changed.

Fix
---
None by machine. What hangs or failed is deleted and captured again: deleting is for people. Only an administrator of
the cloud reactivates an image, after looking at why it was deactivated.

References
----------
Image API v2, "Image statuses" and "Reactivate image". NHN Cloud's documents call queued "converting" and killed "being
removed"; upstream says that no data has come yet, and that the upload failed.
"""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps
from imagegate.dates import day_of, moment
from imagegate.errors import Unobserved
from imagegate.leaving import on_its_way_out
from imagegate.probes import IMAGE

IN_THE_MAKING = {"queued", "saving", "importing", "uploading"}
REMEDIES = {
    "killed": "delete it and capture it again",
    "deactivated": "ask an administrator of the cloud why it was deactivated, and to reactivate it",
}


class Wanted(Params):
    """What the policy can say."""

    stuck_hours: int = Field(default=24, ge=1, le=87_600, description="How long an image may be in the making.")


def judged(seen: Facts, want: Wanted) -> Iterator[tuple[Violation | Note, str]]:
    """What is wrong or worth a note, and what a person does about it."""
    image = seen[IMAGE]
    if image.status in IN_THE_MAKING:
        since = moment(image.updated_at or image.created_at)
        if since is None:
            raise Unobserved("image", f"it is {image.status}, and does not say since when")
        if seen.at - since > timedelta(hours=want.stuck_hours):
            actual = f"{image.status} since {since:%Y-%m-%d %H:%M} UTC"
            yield Violation(subject="status", expected="active", actual=actual), "delete it and capture it again"
        else:
            yield Note(text=f"still {image.status}"), ""
    elif image.status != "active":
        remedy = REMEDIES.get(image.status, "ask the cloud's support what its status means")
        yield Violation(subject="status", expected="active", actual=f"{image.status or '(none)'}"), remedy
    said = dict(image.properties).get("deprecate_date", "null")
    end = day_of(said)
    if end is not None and end < seen.today:
        remedy = "replace it by a newer one, or correct its deprecate_date"
        yield Violation(subject="deprecate_date", expected="none, or not passed", actual=f"passed on {end}"), remedy
    elif end is None and said not in {"", "null"}:
        yield Note(text="deprecate_date is no date"), ""


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the status and the end of support."""
    yield from (found for found, _ in judged(seen, want))


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person what to do."""
    for found, remedy in judged(seen, want):
        if isinstance(found, Violation):
            yield steps.Manual(subject=found.subject, summary=f"image {seen[IMAGE].id}: {remedy}", why=found.actual)


CHECK = Check(
    id="catalog-status-usable",
    title="The image's status is usable",
    severity=Severity.MEDIUM,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    params=Wanted,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
