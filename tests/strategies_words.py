"""Hypothesis strategies for the words, numbers and times that facts are made of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

TODAY = date(2026, 11, 22)

#: Text as guests and APIs send it: empty, long, of any script, with control characters.
foreign = st.one_of(
    st.sampled_from(("", " ", "0", "-", "\x00", "\n", "ACTIVE", "shared", "a" * 300)), st.text(max_size=20)
)
maybe = foreign | st.none()
numbers = st.integers(min_value=-(2**70), max_value=2**70)
days = st.dates(min_value=TODAY - timedelta(days=40), max_value=TODAY + timedelta(days=40))
moments = st.integers(0, 4 * 86_400).map(lambda second: datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=second))
times = st.sampled_from(("2026-01-31T09:00:00Z", "2026-11-20T09:00:00")) | maybe
pairs_of_text = st.lists(st.tuples(foreign, foreign), max_size=3).map(tuple)
