"""Changes to the AppX packages of a Windows guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.model import Facts, Probe
from imagegate.probes.windows import APPX, AppxFact
from imagegate.steps.windows import RemoveAppx, WindowsStep


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAppxPackage(WindowsStep):
    """Take the package ``full_name`` from all users that have it."""

    no_way_back: ClassVar[str] = "the package and its users' data were not kept"

    full_name: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (APPX,)

    def basis(self, seen: Facts) -> object:
        return tuple(package for package in seen[APPX].packages if package.full_name == self.full_name)

    def simulate(self, seen: Facts) -> Facts:
        left = tuple(package for package in seen[APPX].packages if package.full_name != self.full_name)
        return seen.with_fact(APPX, replace(seen[APPX], packages=left))

    def done(self, seen: Facts) -> bool:
        return not any(package.users for package in seen[APPX].packages if package.full_name == self.full_name)

    def action(self, seen: Facts) -> RemoveAppx:
        return RemoveAppx(full_name=self.full_name)

    def kept(self, seen: Facts) -> Facts:
        return WindowsStep.kept(self, seen).reduced(APPX, self._lean)

    def _lean(self, fact: AppxFact) -> AppxFact:
        """What a journal keeps: what else is installed is nobody's business."""
        return replace(fact, packages=tuple(one for one in fact.packages if one.full_name == self.full_name))
