"""A file on a Windows guest: what it is, how old, never its content, setup logs aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from imagegate.model import Probe, Source

SETUP_LOGS = frozenset(
    {
        r"C:\Windows\System32\Sysprep\Panther\setuperr.log",
        r"C:\Windows\System32\Sysprep\Panther\setupact.log",
    }
)
"""The only files of which text is kept: sysprep writes what it did into them, never what it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsFileFact:
    """``size`` in bytes; ``modified`` by the guest's own clock, in UTC; ``sha256`` in hex where it was asked for;
    ``tail`` the last text of a setup log, its lines cleaned of control characters."""

    kind: Literal["absent", "regular", "directory", "link"]
    size: int | None = None
    modified: datetime | None = None
    sha256: str | None = None
    tail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsFile(Probe[WindowsFileFact]):
    r"""Look at ``path`` (``C:\…``). ``sha256`` asks for a digest, ``tail`` for so many bytes from the end (setup logs
    only)."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = WindowsFileFact

    path: str
    sha256: bool = False
    tail: int = 0

    @property
    def key(self) -> str:
        return f"file:{self.path}"
