"""One stand-in for Windows: its state and drive, shared by the processes that change it."""

from __future__ import annotations

import contextlib
import fcntl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from imagegate.sandbox.paths import write_private
from imagegate.sandbox.windows.machine.drive import Drive
from imagegate.sandbox.windows.machine.registry import ModelRegistry, Registry
from imagegate.sandbox.windows.machine.state import State

_STATE = "state.json"
_LOCK = "state.lock"


class Host(Protocol):
    """What the machine runs on, as its programs see it."""

    def spawn(self, line: str, folder: str) -> int:
        """Start a program that outlives the session; its pid. Raises FileNotFoundError."""

    def power(self, action: str, delay_s: float = 0) -> None:
        """``off`` or ``reboot``, after a delay."""


class Machine:
    """The machine in ``folder``. ``registry`` and ``host`` are set by who runs it."""

    registry: Registry
    host: Host

    def __init__(self, folder: Path, drive: Path | None = None) -> None:
        self.folder = folder
        self.drive = Drive(drive or folder / "drive_c")
        self._lock = threading.RLock()
        self._open: State | None = None
        self.registry = ModelRegistry(self.changing)

    @contextlib.contextmanager
    def changing(self) -> Iterator[State]:
        """The state, to be changed; written back at the end, other processes waiting meanwhile."""
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            with (self.folder / _LOCK).open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                text = (self.folder / _STATE).read_text(encoding="utf-8")
                self._open = State.from_json(text)
                try:
                    yield self._open
                    changed = self._open.to_json()
                finally:
                    self._open = None
                if changed != text:
                    write_private(self.folder / _STATE, changed)

    def create(self, state: State) -> None:
        """Write the first state."""
        write_private(self.folder / _STATE, state.to_json())

    @property
    def state(self) -> State:
        """The state as it is now; changes to it are lost."""
        with self._lock:
            return self._open or State.from_json((self.folder / _STATE).read_text(encoding="utf-8"))

    def now(self) -> float:
        """The time by the guest's clock."""
        return time.time() + self.state.clock_offset_s

    def lies(self, liar: str) -> bool:
        """Whether it lies this time; one more of its times is used up."""
        left = self.state.liars.get(liar, 0)
        if left is None:
            return True
        if not left:
            return False
        with self.changing() as state:
            left = state.liars.get(liar, 0) or 0
            if left > 1:
                state.liars[liar] = left - 1
            else:
                state.liars.pop(liar, None)
        return left > 0
