"""The image is not older than allowed, or one of the last generations of its family.

Why it matters
--------------
An old image lacks every update since, and each one that nobody uses is billed by the day. The last good generations are
kept whatever their age: without them there is nothing to go back to.

Passes when
-----------
The image was created within ``max_days``; or fewer than ``keep`` active images of its family were created after it in
the region. A family is the owner's images whose names differ in their date (``golden-web-20260510``), or where there is
none, in the number at their end (``golden-web-v12``); or whose names differ only in the end that matches
``generation``, where the policy says so.

Fix
---
None by machine, and no image is ever deleted: it is named as a candidate for retirement, for a person to look whether
servers still run from it.

References
----------
Image API v2, "Show image", attribute created_at. A release date that somebody writes into a property is not used: it
stays behind when the image is captured again.
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps
from imagegate.dates import moment
from imagegate.errors import Unobserved
from imagegate.leaving import on_its_way_out
from imagegate.patterns import PatternText
from imagegate.probes import IMAGE, GenerationsProbe


class Wanted(Params):
    """What the policy can say."""

    max_days: int = Field(ge=1, le=36_500, description="The age in days that an image may reach.")
    keep: int = Field(default=1, ge=0, le=1000, description="So many generations of a family may be older.")
    generation: PatternText | None = Field(
        default=None, description="A regular expression for the end of a name that tells generations apart."
    )


def later(want: Wanted) -> GenerationsProbe:
    """The probe for the families that the policy means."""
    return GenerationsProbe(generation=want.generation)


def age(seen: Facts) -> int:
    """Whole days since the image was created."""
    created = moment(seen[IMAGE].created_at)
    if created is None:
        raise Unobserved("image", "it does not say when it was created")
    return (seen.today - created.date()).days


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the age; later generations matter only to an image that is too old."""
    days = age(seen)
    if days <= want.max_days:
        return
    if want.keep == 0:
        yield Violation(subject="age", expected=f"at most {want.max_days} days", actual=f"{days} days")
    elif (newer := seen[later(want)].newer) >= want.keep:
        yield Violation(
            subject="age", expected=f"at most {want.max_days} days, or one of the last {want.keep} of its family",
            actual=f"{days} days, {newer} newer, the newest {(seen[later(want)].newest or '(no name)')[:255]}",
        )  # fmt: skip
    else:
        yield Note(text=f"{days} days old, and kept as one of the last of its family")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Name the candidate."""
    for found in evaluate(seen, want):
        if isinstance(found, Violation):
            yield steps.Manual(
                subject="age", why=found.actual,
                summary=f"retire image {seen[IMAGE].id} if no server runs from it, or waive this",
            )  # fmt: skip


CHECK = Check(
    id="catalog-age-allowed",
    title="The image is not older than allowed",
    severity=Severity.LOW,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    asks=lambda want: (later(want),),
    params=Wanted,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
