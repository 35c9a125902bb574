"""An image of the catalog and the projects it is shared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source

WITHHELD = "(withheld)"
"""Stands for the value of a property or metadata key that is named like a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFact:
    """One image. ``mine`` tells whether the project of the credentials owns it; ``size`` in bytes, ``min_disk`` in
    GB, ``min_ram`` in MB; ``properties`` are the custom ones, sorted by key.

    Source: image API v2, "Show image".
    """

    id: str
    name: str
    owner: str
    mine: bool
    status: str
    visibility: str
    protected: bool
    size: int | None = None
    min_disk: int | None = None
    min_ram: int | None = None
    checksum: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageProbe(Probe[ImageFact]):
    """The image record."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = ImageFact

    @property
    def key(self) -> str:
        return "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A project that an image is shared with. Whatever the status, it has access."""

    project: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersFact:
    """The members, sorted by project. Empty for an image that is not ``shared``: the API refuses to list them then."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersProbe(Probe[MembersFact]):
    """The members of an image of ours. Only the owner can see them all: of other images they stay unseen."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = MembersFact

    @property
    def key(self) -> str:
        return "members"


IMAGE = ImageProbe()
MEMBERS = MembersProbe()
