"""The image that an instance was made from, as its catalog has it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source
from imagegate.probes.image import ImageFact


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImageFact:
    """``image_id`` None: the server's record names no image (booted from a volume). ``image`` is the image's record,
    None where it is gone, with ``gone`` saying how; ``hidden`` that its owner took it out of the lists (``os_hidden``).
    ``current`` names the newest active image of ours of the same family, where the catalog was listed and has one."""

    image_id: str | None
    image: ImageFact | None = None
    hidden: bool = False
    gone: str | None = None
    current: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImageProbe(Probe[SourceImageFact]):
    """The record of an instance's image: one request for each image that the catalog's list did not tell."""

    source: ClassVar[Source] = Source.COMPUTE
    fact: ClassVar[type] = SourceImageFact

    @property
    def key(self) -> str:
        return "source-image"


SOURCE_IMAGE = SourceImageProbe()
