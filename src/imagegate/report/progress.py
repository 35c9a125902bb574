"""What is shown while a run works: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imagegate.model import Step, Target
from imagegate.report.lines import Line, PlainOut, line, show
from imagegate.report.safe import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from imagegate.report.lines import Out

_FEW = 20
_QUARTERS = 4
_SAME_REASON = 10
_LINES = 100


@dataclass(slots=True)
class _Move:
    """How far a lengthy step has told that it is."""

    quarters: int = 0
    task: TaskID | None = None


class TerminalProgress:
    """Shows the progress of a run on ``console``. Thread-safe; ``close`` (or ``with``) puts the terminal right.

    Targets that could not be seen are a line each; of many with one reason only the first are named.
    """

    def __init__(self, console: Out) -> None:
        self._console = console
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
            if total and not isinstance(self._console, PlainOut) and self._console.is_terminal:
                self._bar = _bar(self._console)
                self._task = self._bar.add_task("", total=total)
                self._bar.start()

    def looked(self, target: Target, reason: str | None) -> None:
        """Count one target; name it if something of it could not be seen."""
        with self._lock:
            self._count += 1
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
            if not isinstance(self._console, PlainOut) and self._console.is_terminal:
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


def _bar(console: Console) -> Progress:
    from rich.progress import (  # noqa: PLC0415 - only for terminals
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("looking at targets"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, refresh_per_second=5)


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
