"""A file on a guest: what it is, and what kind of content it has, never the content itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from imagegate.model import Probe, Source


class FileKind(StrEnum):
    """The type of a directory entry, its own, not that of what a link points to."""

    ABSENT = "absent"
    REGULAR = "regular"
    LINK = "link"
    DIRECTORY = "directory"
    DEVICE = "device"
    FIFO = "fifo"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact:
    """What a look at a path shows.

    ``size`` in bytes; ``mode`` the permission bits in octal, as ``0444``; ``link_to`` the text of a link and
    ``resolved`` where it leads in the end; ``mount_point`` that something is mounted on this very path; ``content``
    the class that the probe's classifier gave the content; ``digest`` a digest keyed per run, for comparing only.
    """

    kind: FileKind
    size: int | None = None
    mode: str | None = None
    uid: int | None = None
    gid: int | None = None
    link_to: str | None = None
    resolved: str | None = None
    mount_point: bool = False
    content: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Probe[FileFact]):
    """Look at ``path`` without following a link in its last part.

    ``read`` bytes at most are fetched of a regular file, given to the classifier ``classify`` as they arrive, and
    forgotten: only the class, the size and a keyed digest stay.
    """

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = FileFact

    path: str
    read: int = 0
    classify: Literal["machine-id"] | None = None

    @property
    def key(self) -> str:
        return f"file:{self.path}"
