"""How long, how much and how often: the bounds of every conversation with a cloud."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds; the defaults suit NHN Cloud and upstream OpenStack.

    ``page`` is the largest page asked for: the upper bound of upstream Glance and Nova (``api_limit_max``,
    ``max_limit``) and, since 2026-05-27, of NHN Cloud. A server that grants less cuts it down. ``stall_s`` is the
    longest silence while the data of an image is moved; so many ``copies`` are made at once.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    token_s: float = 30.0
    catalog_s: float = 600.0
    attempts: int = 4
    wait_initial_s: float = 0.5
    wait_max_s: float = 30.0
    concurrency: int = 16
    page: int = 1000
    records: int = 200_000
    body_bytes: int = 64 * 1024 * 1024
    stall_s: float = 120.0
    copies: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment of the monotonic clock; ``seconds`` is what was granted, for messages."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """``seconds`` from now."""
        return cls(at=time.monotonic() + seconds, seconds=seconds)

    @property
    def left(self) -> float:
        """Seconds that are left; 0 or less when it has passed."""
        return self.at - time.monotonic()
