"""Work that must be tidied up behind and reported, whatever signal comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Shielded:
    """Inside, SIGINT and SIGTERM raise ``KeyboardInterrupt`` only where the shield is ``open``.

    Elsewhere the first signal is told to ``asked``, further ones are counted, and none goes further: what is done there
    is short, and has to be whole. A signal that comes between two open stretches is raised at the next. Signals that
    are ignored stay so. In other threads than the main one nothing is changed.
    """

    def __init__(self, asked: Callable[[], object]) -> None:
        self._asked = asked
        self._pending: list[int] = []
        self._patience: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's `&` makes its children deaf to SIGINT
                    self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def pending(self) -> int:
        """How many signals have come that nobody was interrupted by."""
        return len(self._pending)

    @contextmanager
    def open(self, *, after: int = 0) -> Iterator[None]:
        """Let signals interrupt; with ``after`` only when more than so many are pending."""
        try:
            self._patience = after
            if self.pending > after:
                self._interrupt()
            yield
        finally:
            self._patience = None

    def pass_on(self) -> None:
        """Send the last signal that is pending again, for whoever handles it now that the shield is gone."""
        if self._pending:
            signal.raise_signal(self._pending[-1])

    def _came(self, number: int, _frame: FrameType | None) -> None:
        self._pending.append(number)
        if self._patience is not None and self.pending > self._patience:
            self._interrupt()
        if self.pending == 1:
            self._asked()

    def _interrupt(self) -> None:
        self._patience = None
        self._pending.clear()
        raise KeyboardInterrupt
