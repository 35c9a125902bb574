"""What a run tells about itself while it works."""

from __future__ import annotations

from typing import Protocol

from imagegate.model import Step, Target


class Progress(Protocol):
    """Called from the thread that runs the engine or from its workers; must be quick and must not raise."""

    def looking(self, total: int) -> None:
        """``total`` targets are about to be looked at."""

    def began(self, target: Target) -> None:
        """A look that may take a while begins; ``looked`` tells its end."""

    def looked(self, target: Target, reason: str | None) -> None:
        """A target was looked at; ``reason`` says why (part of) it could not be seen."""

    def applying(self, target: Target, step: Step) -> None:
        """A step is about to be applied."""

    def moved(self, target: Target, step: Step, done: int, total: int) -> None:
        """A lengthy step has moved ``done`` of ``total`` bytes; called often."""

    def applied(self, target: Target, step: Step, problem: str | None) -> None:
        """A step came to its end; ``problem`` says what went wrong."""

    def waiting(self, target: Target, holder: str) -> None:
        """Somebody else is changing the target: we wait for them."""


class Silent:
    """Progress for those who do not want any."""

    def looking(self, total: int) -> None:
        """Say nothing."""

    def began(self, target: Target) -> None:
        """Say nothing."""

    def looked(self, target: Target, reason: str | None) -> None:
        """Say nothing."""

    def applying(self, target: Target, step: Step) -> None:
        """Say nothing."""

    def moved(self, target: Target, step: Step, done: int, total: int) -> None:
        """Say nothing."""

    def applied(self, target: Target, step: Step, problem: str | None) -> None:
        """Say nothing."""

    def waiting(self, target: Target, holder: str) -> None:
        """Say nothing."""
