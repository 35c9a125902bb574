"""The image that an instance was made from, and what tells its release date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginImageFact:
    """What the image API and the server's own metadata say about the origin of an instance.

    ``image_id`` None: booted from a volume. ``public`` tells whether the image belongs to the cloud and not to a
    project that could edit it; None, like the image's own fields, where the image can no longer be seen, with ``gone``
    saying why. ``server_name`` and ``server_description`` are the server's metadata ``image_name`` and
    ``description``, which the project can edit.
    """

    image_id: str | None
    public: bool | None = None
    release_date: str | None = None
    name: str | None = None
    description: str | None = None
    gone: str | None = None
    server_name: str | None = None
    server_description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginImageProbe(Probe[OriginImageFact]):
    """The origin image of an instance: its record, joined with the server's metadata."""

    source: ClassVar[Source] = Source.COMPUTE
    fact: ClassVar[type] = OriginImageFact

    @property
    def key(self) -> str:
        return "origin-image"


ORIGIN = OriginImageProbe()
