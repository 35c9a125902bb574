"""An image of the catalog and the projects it is shared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source

WITHHELD = "(withheld)"
"""Stands for the value of a property or metadata key that is named like a secret."""

_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|credential|private_?key|api_?key|access_?key", re.IGNORECASE)


def like_a_secret(key: str) -> bool:
    """Whether a property or metadata key is named like a secret."""
    return _SECRET.search(key) is not None


RECORD_FIELDS = frozenset(
    {
        *("id", "name", "owner", "status", "visibility", "protected", "size", "virtual_size", "min_disk", "min_ram"),
        *("checksum", "created_at", "updated_at", "tags", "container_format", "disk_format", "os_hash_algo"),
        *("os_hash_value", "os_hidden", "direct_url", "locations", "stores", "self", "file", "schema"),
    }
)
"""Fields of an image that are not custom properties (image API v2, "Show image")."""


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
    """A project that an image is shared with. Whatever the status, it has access. ``since`` is when the row was last
    changed, as the API writes it."""

    project: str
    status: str
    since: str | None = None


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
