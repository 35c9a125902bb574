"""Steps on a Windows guest: data that the Windows transport turns into command lines and PowerShell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from imagegate.model import Facts, Source, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """One line for ``cmd.exe``, run as the elevated user of the inventory; exit code 0 is success.

    Where ``upload`` is given, its bytes are written to a new file first, whose path takes the place of ``{upload}``
    in the line, and which is removed afterwards.
    """

    line: str
    upload: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A program started so that it outlives the session: ``line`` is its full command line, ``folder`` where it
    starts. Only that it was started is known; what came of it, fresh facts tell."""

    line: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAppx:
    """Remove the AppX package ``full_name`` for all users."""

    full_name: str


WindowsAction = CommandLine | Detached | RemoveAppx


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsStep(Step):
    """A step that is one action on a Windows guest."""

    source: ClassVar[Source] = Source.GUEST

    def action(self, seen: Facts) -> WindowsAction:
        """What is done, made from fresh facts."""
        raise NotImplementedError
