"""Changes to a Windows guest's registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.model import Facts, Probe, Step
from imagegate.probes.registry import Registry, RegistryFact
from imagegate.steps.windows import CommandLine, WindowsStep


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRegistryNumber(WindowsStep):
    """Make ``value`` a DWORD of ``number``, whatever it was."""

    no_way_back: ClassVar[str] = "there was no DWORD before: put back, or delete, what was there with reg.exe"

    value: Registry
    number: int

    def __post_init__(self) -> None:
        if self.value.name is None or not 0 <= self.number < 2**32:
            raise ValueError(f"{self.value.key} = {self.number} is no DWORD value")

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.value,)

    def basis(self, seen: Facts) -> object:
        return seen[self.value]

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(self.value, RegistryFact(present=True, type="REG_DWORD", number=self.number))

    def done(self, seen: Facts) -> bool:
        return seen[self.value].present and seen[self.value].number == self.number

    def action(self, seen: Facts) -> CommandLine:
        return CommandLine(line=f'reg add "{self.value.path}" /v "{self.value.name}" /t REG_DWORD /d {self.number} /f')

    def inverse(self, before: Facts) -> Step | None:
        was = before[self.value]
        if was.type != "REG_DWORD" or was.number is None or not 0 <= was.number < 2**32:
            return None
        return replace(
            self,
            number=was.number,
            summary=f"set {self.value.name} to {was.number}",
            why=f"takes back: {self.summary}",
            undo=f"set it to {self.number}",
            then=None,
        )
