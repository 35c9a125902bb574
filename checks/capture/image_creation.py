"""The instance's image allows that another image is made of it.

Why it matters
--------------
``nhncloud_allow_image_create`` of an image is false where its owner or licence forbids to make images from its
instances. The cloud refuses the capture then, at the end of all the preparations.

Passes when
-----------
The image that the instance was made from does not say ``false`` in ``nhncloud_allow_image_create``. Where the image is
gone, or the instance was booted from a volume, nobody can know: unknown.

Fix
---
None by machine: whether images may be made is for the image's owner to say.

References
----------
NHN Cloud image guide, "Edit an image", allow image creation; image API of NHN Cloud, nhncloud_allow_image_create.
"""

from collections.abc import Iterator

from imagegate import Check, Facts, Fix, Kind, Level, NoParams, Note, Refusal, Severity, Step, Violation, steps
from imagegate.errors import Unobserved
from imagegate.probes import SOURCE_IMAGE, ImageFact
from imagegate.properties import same

PROPERTY = "nhncloud_allow_image_create"


def origin(seen: Facts) -> ImageFact:
    """The image that the instance was made from."""
    source = seen[SOURCE_IMAGE]
    if source.image is None:
        gone = f"image {source.image_id}: {source.gone}"
        reason = "booted from a volume: the compute API does not tell its image" if source.image_id is None else gone
        raise Unobserved("source-image", reason)
    return source.image


def forbidden(image: ImageFact) -> bool:
    """Whether the image says that none is made of its instances."""
    return same(PROPERTY, dict(image.properties).get(PROPERTY, ""), "false")


def evaluate(seen: Facts, want: NoParams) -> Iterator[Violation | Note]:
    """Judge what the image says."""
    if forbidden(image := origin(seen)):
        yield Violation(subject=PROPERTY, expected="true, or not there", actual=f"false on image {image.id}")


def plan(seen: Facts, want: NoParams) -> Iterator[Step | Refusal]:
    """Name the owner."""
    if forbidden(image := origin(seen)):
        yield steps.Manual(
            subject=PROPERTY, why="only the owner knows why it is forbidden",
            summary=f"start from another image, or have project {image.owner} allow image creation on image {image.id}",
        )  # fmt: skip


CHECK = Check(
    id="capture-image-creation-allowed",
    title="The instance's image allows image creation",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(SOURCE_IMAGE,),
    params=NoParams,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
