"""Processes that outlive us, known by pid and start time, so that a recycled pid is never touched."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OWNER_VARIABLE = "IMAGEGATE_SANDBOX_ROOT"
"""Stands in the environment of every process of a sandbox: its root folder."""

SOCKET_DESCRIPTOR = 3
"""The number under which a started process finds its listening socket."""

_POLL = 0.02
_STATE, _THREADS, _START_TIME = 2, 19, 21  # fields of /proc/PID/stat, from 0


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """One process of this boot of the machine: a pid alone could be somebody else's by now."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether this very process still runs; collects it when it was our child and has ended."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return _start_time(self.pid) == self.started


def identify(pid: int) -> Process | None:
    """The process that has this pid now."""
    started = _start_time(pid)
    return None if started is None else Process(pid, started)


def _start_time(pid: int) -> int | None:
    """Clock ticks since boot; None for a process that has ended, zombies included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = ["", "", *stat.rpartition(")")[2].split()]
    # A zombie whose other threads are still ending holds its ports and files until they have.
    ended = fields[_STATE] == "X" or (fields[_STATE] == "Z" and int(fields[_THREADS]) <= 1)
    return None if ended else int(fields[_START_TIME])


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, listener: socket.socket | None = None
) -> Process:
    """Start a process in a session of its own; it keeps nothing of ours but ``listener``."""
    actions: list[tuple[int, int] | tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    with contextlib.ExitStack() as stack:
        if listener is not None:
            high = fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 10)
            stack.callback(os.close, high)
            actions.append((os.POSIX_SPAWN_DUP2, high, SOCKET_DESCRIPTOR))
        pid = os.posix_spawn(
            command[0], list(command), dict(environment), file_actions=actions, setsid=True, setsigmask=()
        )
    # A child that has ended already is a zombie until is_alive() collects it, so its pid is still its own.
    return identify(pid) or Process(pid, -1)


def stop(processes: Iterable[Process], *, patience: float = 5) -> None:
    """End them all: SIGTERM, then, for who has not gone after ``patience`` seconds, SIGKILL."""
    left = _signal(processes, signal.SIGTERM)
    kill(wait_gone(left, patience))


def kill(processes: Iterable[Process], *, patience: float = 10) -> None:
    """End them with SIGKILL and wait until they are gone."""
    wait_gone(_signal(processes, signal.SIGKILL), patience)


def wait_gone(processes: Iterable[Process], patience: float) -> list[Process]:
    """Wait until they have ended; returns those that still run after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    left = [process for process in processes if process.is_alive()]
    while left and time.monotonic() < deadline:
        time.sleep(_POLL)
        left = [process for process in left if process.is_alive()]
    return left


def _signal(processes: Iterable[Process], number: signal.Signals) -> list[Process]:
    sent = []
    for process in processes:
        if process.is_alive():
            with contextlib.suppress(ProcessLookupError):  # it ended in between
                os.kill(process.pid, number)
            sent.append(process)
    return sent


def belonging_to(root: Path) -> list[Process]:
    """Every process started for the sandbox at ``root``, by the mark in its environment or by its root mount."""
    mark = f"{OWNER_VARIABLE}={root}".encode()
    return [
        process
        for entry, process in _others()
        if mark in _read(entry / "environ").split(b"\0") or _lives_in(entry, f"upperdir={root}/")
    ]


def rooted_in(upper: Path) -> list[Process]:
    """Every process whose root folder is an overlay with this upper layer: those inside a guest."""
    return [process for entry, process in _others() if _lives_in(entry, f"upperdir={upper},")]


def _others() -> Iterator[tuple[Path, Process]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            process = identify(int(entry.name))
            if process is not None:
                yield entry, process


def _lives_in(entry: Path, layer: str) -> bool:
    """Whether the process's root folder is an overlay with this layer."""
    for line in _read(entry / "mountinfo").splitlines():
        fields = line.split(b" ")
        if fields[4] == b"/":
            return layer.encode() in fields[-1]
    return False


def _read(path: Path) -> bytes:
    """The file's content; empty for processes that have ended or belong to somebody else."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def memory(process: Process) -> int:
    """Resident memory in MiB; 0 for a process that has ended."""
    for line in _read(Path(f"/proc/{process.pid}/status")).splitlines():
        if line.startswith(b"VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0
