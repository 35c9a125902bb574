"""What only a person at the cloud's console has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleFact:
    """Whether the box was ticked. No API tells: this is never seen."""

    ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleBox(Probe[ConsoleFact]):
    """A tick box of the console: ``name`` says which."""

    source: ClassVar[Source] = Source.CONSOLE
    fact: ClassVar[type] = ConsoleFact

    name: str

    @property
    def key(self) -> str:
        return f"console:{self.name}"
