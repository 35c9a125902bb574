"""The instance runs from an image that is approved, in use and still there.

Why it matters
--------------
A server keeps running when its image is retired or deleted: with every fault that the newer image mends, and with no
way to build it again as it is. One made from somebody's private experiment was never hardened at all.

Passes when
-----------
The instance's image exists, is active, is not hidden (unless ``hidden``), has no ``deprecate_date`` that has passed
(unless ``deprecated``), and is as approved images are: ``names``, ``owners``, ``visibility`` and ``properties``, each
where the policy says it. Whether it was booted from a volume, so that nobody knows its image, is unknown.

Fix
---
None by machine: a rebuild loses what is on the disk. The plan names the newest image of the same family, if there is
one and its name is approved.

References
----------
Compute API, "List Servers Detailed", image, and "Rebuild Server"; image API v2, "Show image". The metadata
``image_name``, which the console shows, is not believed: every user of the project can edit it.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from imagegate import Check, Facts, Fix, Id, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps
from imagegate.dates import day_of
from imagegate.errors import Unobserved
from imagegate.probes import SERVER, SOURCE_IMAGE, ImageFact
from imagegate.properties import ComparableKey, Word, quoted, same, spoken


class Wanted(Params):
    """What the policy can say."""

    names: list[Word] = Field(default=[], description="Names of approved images; case-sensitive shell globs.")
    owners: list[Id] = Field(default=[], description="Owners of approved images: `self` or project ids.")
    visibility: list[Literal["private", "shared", "community", "public"]] = Field(
        default=[], description="What approved images are."
    )
    properties: dict[ComparableKey, Word | Annotated[list[Word], Field(min_length=1)]] = Field(
        default={}, description="Properties of approved images, with a value or a list of values."
    )
    deprecated: bool = Field(default=False, description="The image's `deprecate_date` may have passed.")
    hidden: bool = Field(default=False, description="The image may be hidden (`os_hidden`).")


def applies(seen: Facts, want: Wanted) -> str | None:
    """Leave servers alone that are no more."""
    status = seen[SERVER].status
    return f"the instance is {status}" if status in {"DELETED", "SOFT_DELETED"} else None


def approved_name(name: str, want: Wanted) -> bool:
    """Whether an image of this name may be an approved one."""
    return not want.names or any(fnmatchcase(name, glob) for glob in want.names)


def retired(seen: Facts, want: Wanted, image: ImageFact) -> Iterator[Violation]:
    """What says that the image is no longer in use."""
    if image.status != "active":
        yield Violation(subject="image status", expected="active", actual=image.status or "(none)")
    if seen[SOURCE_IMAGE].hidden and not want.hidden:
        yield Violation(subject="image", expected="in the lists", actual="hidden")
    end = day_of(spoken(image).get("deprecate_date", ""))
    if end is not None and end < seen.today and not want.deprecated:
        yield Violation(subject="image deprecate_date", expected="none, or not passed", actual=f"passed on {end}")


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the image's record."""
    source = seen[SOURCE_IMAGE]
    if source.image_id is None:
        raise Unobserved("source-image", "booted from a volume: the compute API does not tell its image")
    image = source.image
    if image is None:
        yield Violation(subject="image", expected="there", actual=f"{source.image_id}: {source.gone or '(no reason)'}")
        return
    yield from retired(seen, want, image)
    if not approved_name(image.name, want):
        yield Violation(subject="image name", expected=" or ".join(want.names), actual=quoted(image.name))
    if want.owners and image.owner not in want.owners and not (image.mine and "self" in want.owners):
        owner = f"project {image.owner or '(none)'}"
        yield Violation(subject="image owner", expected=" or ".join(want.owners), actual=owner)
    if want.visibility and image.visibility not in want.visibility:
        actual = image.visibility or "(none)"
        yield Violation(subject="image visibility", expected=" or ".join(want.visibility), actual=actual)
    for key, value in want.properties.items():
        allowed, held = [value] if isinstance(value, str) else value, spoken(image).get(key)
        if held is None or not any(same(key, one, held) for one in allowed):
            actual = "absent" if held is None else quoted(held)
            yield Violation(subject=f"image property {key}", expected=" or ".join(map(quoted, allowed)), actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Name what a person builds it again from."""
    found = [item for item in evaluate(seen, want) if isinstance(item, Violation)]
    current = seen[SOURCE_IMAGE].current
    image = quoted(current) if current and approved_name(current, want) else "an approved image"
    if found:
        what = f"build the instance {seen[SERVER].name} again from {image}, then take this one out of service"
        why = "; ".join(f"{item.subject}: {item.actual}" for item in found)
        yield steps.Manual(subject="image", summary=what, why=why)


CHECK = Check(
    id="catalog-servers-current",
    title="The instance runs from an approved image",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(SERVER, SOURCE_IMAGE),
    params=Wanted,
    applies=applies,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
