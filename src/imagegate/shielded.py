"""Work that must be tidied up behind, whatever signal comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Shielded:
    """Inside, SIGINT and SIGTERM raise ``KeyboardInterrupt`` only where the shield is ``open``.

    Elsewhere the first signal is told to ``asked`` and goes no further; the second raises, wherever it comes. A signal
    that comes between two open stretches is raised at the next. In other threads than the main one nothing is changed.
    """

    def __init__(self, asked: Callable[[], None]) -> None:
        self._asked = asked
        self._open = False
        self._signals = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let signals interrupt."""
        self._open = True
        try:
            if self._signals:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self._open:
            self._signals = 0
            self._open = False
            raise KeyboardInterrupt
        if self._signals > 1:
            raise KeyboardInterrupt
        self._asked()
