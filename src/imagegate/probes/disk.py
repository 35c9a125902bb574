"""How much room a guest's file system has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpaceFact:
    """``free_kb``: whole KiB that are free to ordinary users, as ``df`` shows them."""

    free_kb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace(Probe[DiskSpaceFact]):
    """The file system that holds ``path``."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = DiskSpaceFact

    path: str = "/"

    @property
    def key(self) -> str:
        return f"disk-space:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUseFact:
    """Whole KiB of a file system: ``used_kb`` of ``size_kb``, as ``df`` shows them."""

    used_kb: int
    size_kb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse(Probe[DiskUseFact]):
    """How much of the file system that holds ``path`` is used: no check needs it, reports of captures tell it."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = DiskUseFact

    path: str = "/"

    @property
    def key(self) -> str:
        return f"disk-use:{self.path}"
