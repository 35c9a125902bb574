"""The image's name conforms: pattern, date, unique in the region, not like a vendor's.

Why it matters
--------------
People and programs choose images by name, and the API does not keep names apart: of two images of one name the wrong
one is booted some day, and a copy that is called as a vendor's image passes for one.

Passes when
-----------
The whole name matches ``pattern``; with ``dated`` it holds a day of the calendar (YYYYMMDD, YYYY-MM-DD, YYYY.MM.DD);
with ``unique`` no other image of the owner in the region has it; it does not end as the names of NHN Cloud's public
images do, `` (2026.03.10)``, unless ``vendor_like`` allows that.

Fix
---
Rename by id to what the template ``rename`` gives, where that conforms and is free right before the write. Whoever
chooses the image by its old name no longer finds it: DISRUPTIVE. Without a template a person gives the name.

References
----------
Image API v2, "Update image", attribute name; NHN Cloud image guide, "Edit an image".
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.dates import days_in, like_a_vendors
from imagegate.leaving import on_its_way_out
from imagegate.patterns import PatternText, compiled
from imagegate.probes import IMAGE, NAMESAKES
from imagegate.templates import NameTemplate, fill


class Wanted(Params):
    """What the policy can say."""

    pattern: PatternText | None = Field(
        default=None, description="A regular expression for the whole name (no look-around, no back references)."
    )
    unique: bool = Field(default=True, description="No other image of the owner in the region may have the name.")
    dated: bool = Field(default=False, description="The name must hold a date.")
    vendor_like: bool = Field(default=False, description="The name may look like that of a vendor's image.")
    rename: NameTemplate | None = Field(
        default=None, description="A better name: text with `{name}`, `{created}`, `{id}`, `{property.KEY}`."
    )


def faults(name: str, want: Wanted) -> list[str]:
    """What the name itself should be and is not."""
    found = []
    if want.pattern is not None and not compiled(want.pattern).fullmatch(name):
        found.append(f"a name that matches {want.pattern}")
    if want.dated and not days_in(name):
        found.append("a name with a date such as 20260510")
    if not want.vendor_like and like_a_vendors(name):
        found.append("a name that does not look like a vendor's image")
    return found


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the name, and whether others have it. Who else has a name that is wrong anyhow may stay unseen."""
    name = seen[IMAGE].name
    wrong = faults(name, want)
    for expected in wrong:
        yield Violation(subject="name", expected=expected, actual=f'"{name[:255]}"')
    if not want.unique:
        return
    if wrong and NAMESAKES not in seen:
        yield Note(text="whether the name is unique could not be seen")
    elif others := seen[NAMESAKES].images:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield Violation(subject="name", expected="unique in the region", actual=f"also {', '.join(others[:3])}{more}")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Rename an image of ours to what the template says, if that helps."""
    image = seen[IMAGE]
    wrong = faults(image.name, want)
    if want.unique and NAMESAKES in seen and seen[NAMESAKES].images:
        wrong.append("unique in the region")
    if not wrong:
        return
    if not image.mine:
        hint = "ask the owner, or copy the image into your own project"
        yield Refusal(subject="name", reason=f"project {image.owner} owns the image", hint=hint)
        return
    if want.unique and NAMESAKES not in seen:
        yield Refusal(subject="name", reason="whether a name is unique could not be seen")
        return
    better = fill(want.rename, image) if want.rename is not None else None
    if better is None or better == image.name or faults(better, want):
        yield steps.Manual(
            subject="name", summary=f"rename image {image.id}: {'; '.join(wrong)}",
            why="the policy has no template for its name" if want.rename is None
            else "the policy's template gives it no better name",
        )  # fmt: skip
        return
    yield steps.Rename(
        name=better, subject="name", summary=f"rename the image to {better}", level=Level.DISRUPTIVE,
        phase=Phase.PROPERTIES, why="; ".join(wrong), undo=f"rename it to {image.name}",
        then="tell those who choose it by its name",
    )  # fmt: skip


CHECK = Check(
    id="catalog-name-conforms",
    title="The image's name conforms",
    severity=Severity.MEDIUM,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    uses=(NAMESAKES,),
    params=Wanted,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
