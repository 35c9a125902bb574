"""What a guest mounts at boot: /etc/fstab without what it says about the devices, which may be a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source
from imagegate.probes.file import FileKind

MARK = "#imagegate# "
"""Stands before a line that imagegate has commented out."""

Device = Literal["disk", "removable", "file", "bind", "network", "pseudo", "other"]
"""``disk``: a block device by path, id or label; ``pseudo``: no device at all (tmpfs, proc)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FstabEntry:
    """One line. ``mount_point`` is as written, blanks in octal."""

    line: int
    device: Device
    mount_point: str
    swap: bool = False
    nofail: bool = False
    noauto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FstabFact:
    """The lines of a regular file: ``entries`` are in force, ``parked`` are those that imagegate commented out."""

    kind: FileKind
    mounted_over: bool = False
    entries: tuple[FstabEntry, ...] = ()
    parked: tuple[FstabEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FstabProbe(Probe[FstabFact]):
    """The file ``path``, told line by line. Its text is taken apart as it arrives, and forgotten: options may hold
    credentials."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = FstabFact

    path: str = "/etc/fstab"

    @property
    def key(self) -> str:
        return f"fstab:{self.path}"


FSTAB = FstabProbe()
