"""Services of a Windows guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.model import Facts, Probe, Step
from imagegate.probes.service import Service, ServiceStart
from imagegate.steps.windows import CommandLine, WindowsAction, WindowsStep


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServiceStart(WindowsStep):
    """Set the start type of a service that is there. Whether it runs now stays as it is."""

    no_way_back: ClassVar[str] = "there was no such service before"

    service: Service
    start: ServiceStart

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.service,)

    def basis(self, seen: Facts) -> object:
        return (seen[self.service].present, seen[self.service].start)

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(self.service, replace(seen[self.service], start=self.start))

    def done(self, seen: Facts) -> bool:
        return seen[self.service].start == self.start

    def action(self, seen: Facts) -> WindowsAction:
        return CommandLine(line=set_start(self.service.name, self.start))

    def inverse(self, before: Facts) -> Step | None:
        was = before[self.service].start
        if was is None:
            return None
        return replace(
            self,
            start=was,
            summary=f"set the start type of {self.service.name} to {was}",
            why=f"takes back: {self.summary}",
            undo=set_start(self.service.name, self.start),
            then=None,
        )


def set_start(name: str, start: ServiceStart) -> str:
    """The line that sets a start type; ``sc`` wants the space behind the equals sign."""
    return f"sc config {name} start= {start}"
