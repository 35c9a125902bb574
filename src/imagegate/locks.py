"""Who may change a target: one run at a time, on this machine and for this user.

The locks are advisory (``flock``) and belong to the process: a killed run holds nothing. Within a process they keep
the writes to one target apart as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.errors import StepRefused, UsageError
from imagegate.model import Target
from imagegate.progress import Progress, Silent

_PAUSE_S = 0.2
_LONGEST_NOTE = 4096


def state_folder() -> Path:
    """Where the locks of this user are (``XDG_STATE_HOME`` moves it)."""
    from platformdirs import user_state_path  # noqa: PLC0415 - only where something is changed

    return user_state_path("imagegate") / "locks"


class Locks:
    """The locks of one run. With ``folder`` None nothing is locked.

    ``timeout_s`` is how long to wait for another run that changes the same target.
    """

    def __init__(
        self, folder: Path | None, *, run_id: str = "-", timeout_s: float = 60.0, progress: Progress | None = None
    ) -> None:
        self.folder = folder
        self._run_id = run_id
        self._timeout_s = timeout_s
        self._progress = progress or Silent()

    @contextlib.contextmanager
    def hold(self, target: Target, cancelled: threading.Event) -> Iterator[None]:
        """Hold ``target``. Raises ``StepRefused``, which says who holds it, when the time is over or ``cancelled``."""
        if self.folder is None:
            yield
            return
        path = self.folder / f"{hashlib.sha256(target.key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.lock"
        descriptor = self._acquire(path, target, cancelled)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # by who holds it alone: whoever waits for this file notices and makes another
            os.close(descriptor)

    def _acquire(self, path: Path, target: Target, cancelled: threading.Event) -> int:
        end = time.monotonic() + self._timeout_s
        told = False
        while True:
            try:
                descriptor, holder = _try(path)
            except OSError as error:
                hint = "XDG_STATE_HOME names another folder"
                raise StepRefused(
                    f"{target.name} cannot be locked: {path}: {error.strerror or error}; {hint}"
                ) from error
            if descriptor is not None:
                self._sign(descriptor, target)
                return descriptor
            if not told:
                self._progress.waiting(target, holder)
                told = True
            left = end - time.monotonic()
            if left <= 0:
                raise StepRefused(
                    f"{target.name} is being changed by {holder}: nothing was written (waited {self._timeout_s:g} s)"
                )
            if cancelled.wait(min(_PAUSE_S, left)):
                raise StepRefused(f"{target.name}: interrupted while waiting for {holder}")

    def _sign(self, descriptor: int, target: Target) -> None:
        note = {
            "target": target.key, "run": self._run_id, "pid": os.getpid(), "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)


@contextlib.contextmanager
def hold_run(folder: Path, name: str, *, why: str) -> Iterator[str | None]:
    """Hold the file ``name`` in the folder of a run; yields None, or who holds it: then it is not held here.

    A killed process holds nothing. ``UsageError`` where the folder cannot be written; ``why`` says what is kept there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written, {why}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield os.pread(descriptor, _LONGEST_NOTE, 0).decode("utf-8", "replace").strip() or "another process"
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield None
    finally:
        os.close(descriptor)


def _try(path: Path) -> tuple[int | None, str]:
    """The descriptor of the locked file, or None and who holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(descriptor, _LONGEST_NOTE, 0))
            os.close(descriptor)
            return None, holder
        except BaseException:
            os.close(descriptor)
            raise
        if _is_at(path, descriptor):
            return descriptor, ""
        os.close(descriptor)  # the one who held it took the file away in between


def _is_at(path: Path, descriptor: int) -> bool:
    mine = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _holder(note: bytes) -> str:
    try:
        raw: dict[str, Any] = json.loads(note)
        return f"run {raw['run']} (pid {raw['pid']} on {raw['host']}) since {raw['since']}"
    except (ValueError, KeyError, TypeError):  # it is being written at this moment
        return "another run of imagegate"
