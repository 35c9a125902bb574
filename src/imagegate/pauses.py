"""How long to wait between two looks at something that is on its way: briefly at first, then longer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_S = 0.2
LONGEST_S = 5.0
GROWTH = 1.5
JITTER = 0.25
"""The part of a pause that is left to chance, so that many who wait for one service do not ask it all at once."""
SAY_S = 15.0


@dataclass(slots=True, kw_only=True)
class Pauses:
    """Pauses that grow by ``GROWTH`` from ``first_s`` to ``longest_s`` seconds; each is shorter by up to ``JITTER``."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S

    def next(self, left_s: float) -> float:
        """The next pause in seconds: never beyond the ``left_s`` seconds until the deadline, never negative."""
        pause = self.first_s * random.uniform(1 - JITTER, 1)  # noqa: S311 - no secret
        self.first_s = min(self.first_s * GROWTH, self.longest_s)
        return max(min(pause, left_s), 0.0)


class Waiting:
    """A wait of ``seconds`` at most, of which ``say`` is told: at once when there is news, else every ``SAY_S``."""

    def __init__(self, seconds: float, say: Callable[[str], None]) -> None:
        self.seconds = seconds
        self._say = say
        self._pauses = Pauses()
        self._begun = time.monotonic()
        self._told: str | None = None
        self._told_at = self._begun

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 or less when it has passed."""
        return self._begun + self.seconds - time.monotonic()

    def pause(self, news: str) -> None:
        """Tell ``news`` where that is due, and sleep for a while. A signal's exception ends the sleep."""
        now = time.monotonic()
        if news != self._told or now - self._told_at >= SAY_S:
            waited = now - self._begun
            so_far = f" ({waited:.0f} s of {self.seconds:g} s)" if news == self._told else ""
            self._told, self._told_at = news, now
            self._say(news + so_far)
        time.sleep(self._pauses.next(self.left))
