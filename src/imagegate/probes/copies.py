"""The copies of an image in another region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source
from imagegate.probes.image import ImageFact, Member

How = Literal["declared", "link", "checksum", "name"]
"""What makes an image a copy of another, the strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the image API says of an image's data: ``size`` in bytes, ``checksum`` (MD5) and the hash by ``hash_algo``
    in hex.

    Source: image API v2, "Show image", attributes checksum, os_hash_algo, os_hash_value.
    """

    size: int | None = None
    checksum: str | None = None
    hash_algo: str | None = None
    hash_value: str | None = None
    disk_format: str | None = None
    container_format: str | None = None

    @property
    def known(self) -> bool:
        """Whether another image's data can be compared with it."""
        return bool(self.checksum or (self.hash_algo and self.hash_value))

    def same(self, other: Content) -> bool | None:
        """Whether both have the same data; None where no checksum of one kind is known of both."""
        pairs = []
        if self.hash_algo and self.hash_algo == other.hash_algo:
            pairs.append((self.hash_value, other.hash_value))
        pairs.append((self.checksum, other.checksum))
        told = [(one.lower(), two.lower()) for one, two in pairs if one and two]
        if None not in {self.size, other.size} and self.size != other.size:
            return False
        return all(one == two for one, two in told) if told else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An image that may be a copy, and ``how`` it was found. ``members`` are None where nobody asked for them."""

    image: ImageFact
    content: Content
    how: How
    members: tuple[Member, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesFact:
    """What a region has of an image.

    ``home`` is the region of the image itself, ``source`` its data; ``images`` are the candidates, sorted by id; none
    where the region is its own. ``origin`` is the data of the image there that this one says it is a copy of.
    """

    home: str
    source: Content
    images: tuple[Copy, ...] = ()
    origin: Content | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesProbe(Probe[CopiesFact]):
    """The images of the same project in ``region`` that are copies by one of these rules.

    ``declared``: pairs of ids, source and copy; ``linked``: the property ``link`` holds the source's id (those that
    imagegate has not finished are found by it anyway); ``checksum``: the same MD5; ``named``: the same name, or what
    the template ``name`` gives. With ``members`` those of the copies are asked for, too. The region's images are listed
    whether or not anything else of the run looks at it; a region that is not there, or whose list was not read to its
    end, is unseen.
    """

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = CopiesFact

    region: str
    link: str
    linked: bool = False
    checksum: bool = False
    named: bool = False
    name: str | None = None
    declared: tuple[tuple[str, str], ...] = ()
    members: bool = False

    @property
    def key(self) -> str:
        return f"copies:{self.region}"
