"""Which back end a stand-in has."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from imagegate.sandbox.paths import Progress
from imagegate.sandbox.windows import places, prefixes
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.model import ModelBackEnd
from imagegate.sandbox.windows.places import Kept
from imagegate.sandbox.windows.running import Command
from imagegate.sandbox.windows.wine import WineBackEnd, WineRegistry


class BackEnd(Protocol):
    """What runs the commands of a machine that is on."""

    def open(self) -> None:
        """Switch on what is behind it."""

    def run(self, command: Command, line: str, *, code_page: int, console_mode: bool, folder: str) -> None:
        """Start ``line`` as ``cmd /c`` would; returns at once."""

    def spawn(self, line: str, folder: str) -> int:
        """Start a program that outlives the session; its pid. Raises FileNotFoundError."""

    def close(self) -> None:
        """End all that runs."""


def machine(folder: Path, kept: Kept) -> Machine:
    """The machine in a folder, its registry where its back end keeps it."""
    made = Machine(folder, places.drive(folder, kept.backend))
    if kept.backend == "wine":
        made.registry = WineRegistry(folder / places.PREFIX)
    return made


def opened(folder: Path, kept: Kept) -> tuple[Machine, BackEnd]:
    """A machine and what runs its commands."""
    made = machine(folder, kept)
    return made, WineBackEnd(made, folder / places.PREFIX) if kept.backend == "wine" else ModelBackEnd(made)


def prepare(folder: Path, kept: Kept, progress: Progress) -> None:
    """Make what must be there before the machine is filled."""
    if kept.backend == "wine":
        prefixes.make(folder / places.PREFIX, progress)
    else:
        places.drive(folder, kept.backend).mkdir()


def end_remains(folder: Path, kept: Kept) -> None:
    """End what is left of a machine whose process is gone."""
    if kept.backend == "wine":
        prefixes.end(folder / places.PREFIX)
