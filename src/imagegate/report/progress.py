"""What is shown while a run works: a bar on a terminal, a line now and then elsewhere.

Targets that keep a run waiting are named, the slowest first: below the bar after some seconds, in a log less and less
often.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imagegate.model import Step, Target
from imagegate.report.lines import Line, is_live, line, show
from imagegate.report.safe import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, TaskID

    from imagegate.report.lines import Out

_FEW = 20
_QUARTERS = 4
_SAME_REASON = 10
_LINES = 100
_PATIENCE_S = 5.0
_LOG_PATIENCE_S = 15.0
_SLOWEST = 3
_NAME = 30
_WIDE = 60


@dataclass(slots=True)
class _Move:
    """How far a lengthy step has told that it is."""

    quarters: int = 0
    task: TaskID | None = None


class TerminalProgress:
    """Shows the progress of a run on ``console``. Thread-safe; ``close`` (or ``with``) puts the terminal right.

    Targets that could not be seen are a line each; of many with one reason only the first are named. ``clock`` gives
    seconds; ``wait(event, seconds)`` waits so long, and says whether the event came.
    """

    def __init__(
        self,
        console: Out,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._console = console
        self._clock = clock
        self._wait = wait
        self._pending: dict[str, tuple[str, float]] = {}
        self._watch_over: threading.Event | None = None
        self._lock = threading.RLock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._total = 0
        self._count = 0
        self._reasons: Counter[str] = Counter()
        self._named = 0
        self._moving: dict[tuple[str, str], _Move] = {}
        self._transfers: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def looking(self, total: int) -> None:
        """Start counting."""
        with self._lock:
            self.close()
            self._total, self._count, self._named = total, 0, 0
            self._reasons.clear()
            if total and is_live(self._console):
                self._bar = _bar(self._console, self.waiting_for)
                self._task = self._bar.add_task("", total=total)
                self._bar.start()

    def began(self, target: Target) -> None:
        """Remember since when the target is waited for."""
        with self._lock:
            self._pending[target.key] = (target.name, self._clock())
            if self._watch_over is None and not is_live(self._console):
                self._watch_over = threading.Event()
                self._watch(self._watch_over)

    def waiting_for(self, patience_s: float = _PATIENCE_S) -> str:
        """Who keeps the run waiting for longer than that, the slowest first; nothing if nobody does."""
        with self._lock:
            now = self._clock()
            late = [(name, now - since) for name, since in self._pending.values() if now - since >= patience_s]
        if not late:
            return ""
        late.sort(key=lambda each: -each[1])
        named = ", ".join(f"{visible(name, _NAME)} ({seconds:.0f} s)" for name, seconds in late[:_SLOWEST])
        return f"waiting for {named}{f' and {len(late) - _SLOWEST:,} more' if len(late) > _SLOWEST else ''}"

    def _watch(self, over: threading.Event) -> None:
        """In a log, tell of who is waited for; after 15 s, 30 s, 1 min, 2 min … of one wait."""

        def watch() -> None:
            patience = _LOG_PATIENCE_S
            while not self._wait(over, patience):
                if told := self.waiting_for(_LOG_PATIENCE_S):
                    self._say(line(0, f"{told}; looked at {self._count:,} of {self._total:,}"))
                    patience *= 2

        threading.Thread(target=watch, name="imagegate-progress", daemon=True).start()

    def looked(self, target: Target, reason: str | None) -> None:
        """Count one target; name it if something of it could not be seen."""
        with self._lock:
            self._count += 1
            self._pending.pop(target.key, None)
            if reason is not None:
                self._unseen(target, reason)
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=self._count)
            elif self._total > _FEW and self._at_a_quarter():
                percent = 100 * self._count // self._total
                self._say(line(0, f"looked at {self._count:,} of {self._total:,} targets ({percent} %)"))
            if self._count == self._total:
                self.close()

    def _unseen(self, target: Target, reason: str) -> None:
        self._reasons[reason] += 1
        if self._reasons[reason] <= _SAME_REASON and self._named < _LINES:
            self._named += 1
            self._say(line(0, ("could not be seen", "magenta"), f" {visible(target.name)}: {reason}"))

    def _at_a_quarter(self) -> bool:
        before = (self._count - 1) * _QUARTERS // self._total
        return self._count * _QUARTERS // self._total > before

    def applying(self, target: Target, step: Step) -> None:
        """A step begins: only a long one is worth a line of its own."""
        if step.patience_s:
            self._say(line(0, f"{visible(target.name)}: {visible(step.summary)} …"))

    def moved(self, target: Target, step: Step, done: int, total: int) -> None:
        """Data moves: a bar for each lengthy step on a terminal, a line for each quarter elsewhere."""
        with self._lock:
            what = f"{visible(target.name)}: {visible(step.summary)}"
            move = self._moving.setdefault((target.key, step.summary), _Move())
            if is_live(self._console):
                if self._transfers is None:
                    self._transfers = _transfers(self._console)
                    self._transfers.start()
                if move.task is None:
                    move.task = self._transfers.add_task(what, total=total)
                self._transfers.update(move.task, completed=done)
            elif total and done * _QUARTERS // total > move.quarters:
                move.quarters = done * _QUARTERS // total
                self._say(line(0, f"{what} … {100 * done // total} % of {_mebibytes(total)}"))

    def applied(self, target: Target, step: Step, problem: str | None) -> None:
        """A step came to its end."""
        with self._lock:
            move = self._moving.pop((target.key, step.summary), None)
            if self._transfers is not None and move is not None and move.task is not None:
                self._transfers.remove_task(move.task)
            if not self._moving:
                self._end_transfers()
        end = ("done", "green") if problem is None else (f"failed: {problem}", "bold red")
        self._say(line(0, f"{visible(target.name)}: {visible(step.summary)} … ", end))

    def waiting(self, target: Target, holder: str) -> None:
        """Somebody else holds a target."""
        self._say(line(0, f"{visible(target.name)}: waiting for {visible(holder)} …"))

    def close(self) -> None:
        """Take the bar away and say how many unnamed targets there were; idempotent."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
            self._moving.clear()
            self._pending.clear()
            if self._watch_over is not None:
                self._watch_over.set()
                self._watch_over = None
            self._end_transfers()
            unnamed = sum(self._reasons.values()) - self._named
            self._reasons.clear()
            self._named = 0
            if unnamed:
                self._say(line(0, ("could not be seen", "magenta"), f" … and {unnamed:,} more"))

    def _end_transfers(self) -> None:
        if self._transfers is not None:
            self._transfers.stop()
            self._transfers = None

    def _say(self, text: Line) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # nobody reads: that must not cost the run
            show([text], self._console)


def _bar(console: Console, waiting_for: Callable[[], str]) -> Progress:
    from rich.progress import (  # noqa: PLC0415 - only for terminals
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text  # noqa: PLC0415

    class Bar(Progress):
        """The bar, and below it who is waited for."""

        def get_renderables(self) -> Iterator[RenderableType]:
            yield from super().get_renderables()
            if told := waiting_for():
                yield Text(told, style="dim", no_wrap=True, overflow="ellipsis")

    wide = console.width >= _WIDE
    words = TextColumn("looking at targets" if wide else "looking")
    columns = (words, BarColumn(bar_width=40 if wide else 8), MofNCompleteColumn(), TimeElapsedColumn())
    return Bar(*columns, console=console, transient=True, refresh_per_second=5)


def _transfers(console: Console) -> Progress:
    from rich.progress import (  # noqa: PLC0415 - only for terminals
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, refresh_per_second=5)


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
