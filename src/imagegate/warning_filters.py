"""Python's warning filters belong to the whole process: two threads that change them would undo each other's."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE = threading.Lock()


@contextmanager
def recorded_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """All warnings inside end up in the list and nowhere else. One thread at a time."""
    with _ONE, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
