"""Restarting a Windows guest from within."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from imagegate.model import Facts, Probe
from imagegate.probes.registry import RegistryFact
from imagegate.probes.sysprep import REBOOT_SIGNS
from imagegate.probes.windows import WINDOWS
from imagegate.steps.windows import CommandLine, WindowsStep


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartGuest(WindowsStep):
    """Restart the guest, which ends what runs on it, and wait ``patience_s`` at most until it has booted later than
    ``since`` (the guest's own clock, when this was planned)."""

    no_way_back: ClassVar[str] = "a restart cannot be taken back: start what ran before and did not start by itself"

    since: datetime

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (WINDOWS, *REBOOT_SIGNS)

    def basis(self, seen: Facts) -> object:
        return tuple(seen[sign].present for sign in REBOOT_SIGNS)

    def simulate(self, seen: Facts) -> Facts:
        was = seen[WINDOWS]
        booted = max(self.since, was.now, was.booted_at) + timedelta(seconds=1)
        seen = seen.with_fact(WINDOWS, replace(was, booted_at=booted, now=booted))
        for sign in REBOOT_SIGNS:
            seen = seen.with_fact(sign, RegistryFact(present=False))
        return seen

    def done(self, seen: Facts) -> bool:
        return seen[WINDOWS].booted_at > self.since

    def action(self, seen: Facts) -> CommandLine:
        return CommandLine(line="shutdown /r /t 5")  # the session that asks for it ends in good order first
