"""What only a person can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from imagegate.model import Facts, Level, Phase, Probe, Source, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual(Step):
    """Printed in the plan, never carried out: ``summary`` tells a person what to do."""

    source: ClassVar[Source] = Source.POLICY

    level: Level = Level.MANUAL
    phase: Phase = Phase.CONTENT

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return ()

    def basis(self, seen: Facts) -> object:
        return None

    def simulate(self, seen: Facts) -> Facts:
        return seen

    def done(self, seen: Facts) -> bool:
        return False
