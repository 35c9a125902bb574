"""The image's properties, tags and minimums are as required.

Why it matters
--------------
What an image's record says decides how its servers boot, who may download it, whether a server can be made from it that
is too small to start, and whether the console and scripts find it at all.

Passes when
-----------
Each of ``properties`` has a value that is allowed, those of ``present`` say something, those of ``absent`` are not
there; all ``tags`` are there; ``min_disk`` (GB) and ``min_ram`` (MB) are at least what is asked, for all images or by
os_type. Case is no difference in os_type, os_distro and in true and false. Tags that the policy does not name, such as
``_AVAILABLE_``, are nobody's business.

Fix
---
Set a property for which one value alone is allowed, remove those of ``absent``, raise minimums: DISRUPTIVE, since
servers may boot differently or no more. Add tags: SAFE. Where several values are allowed a person decides, and for tags
that the API does not add (those that begin with an underscore, say) a person asks the cloud's support.

References
----------
Image API v2, "Update image" and "Add tag"; NHN Cloud image guide, "Edit an image"; NHN Cloud image API, "Tags".
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.leaving import on_its_way_out
from imagegate.probes import IMAGE, ImageFact
from imagegate.probes.image import WITHHELD
from imagegate.properties import ComparableKey, Key, Least, Word, addable, quoted, same, spoken

MINIMUMS: tuple[tuple[Literal["min_disk", "min_ram"], str], ...] = (("min_disk", "GB"), ("min_ram", "MB"))


class Wanted(Params):
    """What the policy can say."""

    properties: dict[ComparableKey, Word | Annotated[list[Word], Field(min_length=1)]] = Field(
        default={}, description="Properties that must have a value, or one of a list of values."
    )
    present: list[Key] = Field(default=[], description="Properties that must be there, whatever they say.")
    absent: list[Key] = Field(default=[], description="Properties that must not be there.")
    tags: list[Word] = Field(default=[], description="Tags that must be there.")
    min_disk: Least | dict[Word, Least] | None = Field(
        default=None, description="The least `min_disk` in GB, or the least by os_type: `{windows: 50}`."
    )
    min_ram: Least | dict[Word, Least] | None = Field(
        default=None, description="The least `min_ram` in MB, or the least by os_type."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if both := sorted({*self.properties, *self.present} & {*self.absent}):
            raise ValueError(f"property {both[0]} must be there and must not be there")
        if "os_type" in self.absent and self.by_os:
            raise ValueError("property os_type must not be there, but a minimum depends on it")
        return self

    @property
    def by_os(self) -> bool:
        """Whether a minimum depends on the os_type."""
        return isinstance(self.min_disk, dict) or isinstance(self.min_ram, dict)

    def allowed(self, key: str) -> list[str]:
        """The values that a property may have."""
        value = self.properties[key]
        return [value] if isinstance(value, str) else value

    def least(self, field: Literal["min_disk", "min_ram"], os_type: str | None) -> int:
        """The least value for images of an os_type."""
        asked = self.min_disk if field == "min_disk" else self.min_ram
        if isinstance(asked, dict):
            return {name.casefold(): value for name, value in asked.items()}.get((os_type or "").casefold(), 0)
        return asked or 0


def wrong(image: ImageFact, want: Wanted) -> list[str]:
    """The properties that do not have a value that they should."""
    held = spoken(image)
    return [k for k in want.properties if k not in held or not any(same(k, v, held[k]) for v in want.allowed(k))]


def lacking(image: ImageFact, want: Wanted) -> list[str]:
    """The properties that say nothing, though any value would do."""
    needed = [*want.present, *(["os_type"] if want.by_os else [])]
    return [key for key in dict.fromkeys(needed) if key not in spoken(image) and key not in want.properties]


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Compare the record with the lists."""
    image = seen[IMAGE]
    held = spoken(image)
    for key in wrong(image, want):
        actual = quoted(held[key]) if key in held else "absent"
        yield Violation(subject=f"property {key}", expected=" or ".join(map(quoted, want.allowed(key))), actual=actual)
    for key in lacking(image, want):
        yield Violation(subject=f"property {key}", expected="there", actual="absent")
    for key in (key for key in want.absent if key in dict(image.properties)):
        yield Violation(subject=f"property {key}", expected="absent", actual="there")
    for tag in (tag for tag in want.tags if tag not in image.tags):
        yield Violation(subject=f"tag {tag}", expected="there", actual="absent")
    for field, unit in MINIMUMS:
        least, value = want.least(field, held.get("os_type")), getattr(image, field)
        if (value or 0) < least:
            actual = "not set" if value is None else f"{value} {unit}"
            yield Violation(subject=field, expected=f"at least {least} {unit}", actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Mend what has one answer; the minimums are those of the os_type that the image will have."""
    image = seen[IMAGE]
    if not any(isinstance(found, Violation) for found in evaluate(seen, want)):
        return
    if not image.mine:
        hint = "ask the owner, or copy the image into your own project"
        yield Refusal(subject="properties", reason=f"project {image.owner} owns the image", hint=hint)
        return
    os_type = spoken(image).get("os_type")
    for key in wrong(image, want):
        if len(want.allowed(key)) == 1:
            yield edit(image, key, want.allowed(key)[0])
            os_type = want.allowed(key)[0] if key == "os_type" else os_type
        else:
            yield by_hand(image, key, f"set it to {' or '.join(want.allowed(key))}", "the policy leaves the choice")
    yield from (by_hand(image, key, "set it", "only a person knows what it is") for key in lacking(image, want))
    yield from (edit(image, key, None) for key in want.absent if key in dict(image.properties))
    yield from (tagged(image, tag) for tag in want.tags if tag not in image.tags)
    for field, unit in MINIMUMS:
        least, value = want.least(field, os_type), getattr(image, field)
        if (value or 0) < least:
            yield steps.SetMinimum(
                field=field, value=least, subject=field, summary=f"raise {field} to {least} {unit}",
                level=Level.DISRUPTIVE, phase=Phase.PROPERTIES, why="servers made from it may be too small",
                undo=f"set {field} to {value or 0}", then="smaller servers cannot be made from it any more",
            )  # fmt: skip


def by_hand(image: ImageFact, key: str, what: str, why: str) -> Step:
    """What a person does about a property."""
    return steps.Manual(subject=f"property {key}", summary=f"property {key} of image {image.id}: {what}", why=why)


def edit(image: ImageFact, key: str, value: str | None) -> Step:
    """Set or remove a property. What is withheld here could not be put back: a person removes it."""
    before = dict(image.properties).get(key)
    if value is None and before == WITHHELD:
        return by_hand(image, key, "remove it", "it is named like a secret: keep its value if it is needed")
    return steps.SetProperty(
        key=key, value=value, subject=f"property {key}", level=Level.DISRUPTIVE, phase=Phase.PROPERTIES,
        summary=f"remove property {key}" if value is None else f"set property {key} to {value}",
        why="the policy forbids it" if value is None else "the policy allows no other value",
        undo=f"remove property {key}" if before is None else f"set property {key} to {before}",
    )  # fmt: skip


def tagged(image: ImageFact, tag: str) -> Step:
    """Add a tag, where the API lets anybody."""
    if not addable(tag):
        return steps.Manual(
            subject=f"tag {tag}", summary=f"ask the cloud's support for tag {tag} on image {image.id}",
            why="the API does not add tags that begin with _ or hold a slash or letters beyond ASCII",
        )  # fmt: skip
    return steps.SetTag(
        tag=tag, subject=f"tag {tag}", summary=f"add tag {tag}", level=Level.SAFE, phase=Phase.PROPERTIES,
        why="the policy requires it", undo=f"remove tag {tag}",
    )  # fmt: skip


CHECK = Check(
    id="catalog-properties-conform",
    title="The image's properties, tags and minimums are as required",
    severity=Severity.MEDIUM,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    params=Wanted,
    applies=on_its_way_out,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
