"""What a run is measured against: an earlier run, and what became of each problem since. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Change(StrEnum):
    """What a fail that stands is, seen from the baseline."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """A fail that stands. ``worse``: something of it did not stand in the baseline, which for a new one is all of it.
    ``first_seen`` is the end of the first run that saw the check fail on the target, in UTC; None if nobody knows."""

    change: Change
    worse: bool
    first_seen: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A problem that stood in the baseline and stands no more.

    ``why`` is ``in-order`` for what is resolved; for the rest ``not-seen``, ``target-gone``, ``not-required``.
    ``resolved_after_s`` is the time to fix in seconds: from the end of the first run that saw it to the end of the
    first that saw it in order.
    """

    check: str
    severity: str
    fingerprint: str
    target: Mapping[str, Any]
    why: str
    first_seen: str | None
    resolved_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """``run`` None: there is no run to compare with, and all is new. ``fails`` are by check and target key."""

    run: str | None
    finished: datetime | None
    fails: Mapping[tuple[str, str], Since] = field(default_factory=dict)
    resolved: tuple[Former, ...] = ()
    not_resolved: tuple[Former, ...] = ()

    def count(self, change: Change) -> int:
        """How many fails that stand are so."""
        return sum(since.change is change for since in self.fails.values())
