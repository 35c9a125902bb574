"""Pauses grow, are never the same twice, and end at the deadline; whoever waits is told what for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate import pauses
from imagegate.pauses import FIRST_S, GROWTH, JITTER, LONGEST_S, Pauses, Waiting


@given(st.integers(1, 60), st.floats(0, 1e6))
def test_a_pause_is_within_its_bounds_and_never_beyond_the_deadline(count, left):
    growing = Pauses()
    for number in range(count):
        whole = min(FIRST_S * GROWTH**number, LONGEST_S)
        assert min(whole * (1 - JITTER), left) <= growing.next(left) * (1 + 1e-9)
        assert growing.first_s <= LONGEST_S
    assert growing.next(left) <= min(left, LONGEST_S)
    assert growing.next(-left) == 0.0


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pauses, "time", clock)
    return clock


def test_news_is_told_at_once_and_the_same_now_and_then_with_the_time_that_passed(clock):
    said = []
    waiting = Waiting(60, said.append)
    while clock.now < 40:
        waiting.pause("queued" if clock.now < 5 else "saving")
    assert said[:2] == ["queued", "saving"]
    assert len(said) in {3, 4}  # the pauses differ by chance, and news is told between two of them
    assert all(line.startswith("saving (") and line.endswith(" s of 60 s)") for line in said[2:])
    while waiting.left > 0:
        waiting.pause("saving")
    assert clock.now == 60
