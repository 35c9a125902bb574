"""One child process with input, a deadline and caps on its output.

testinfra's own ``run_local`` has none of these: it waits for ever and keeps all output.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from imagegate.errors import ToolError

MAX_OUTPUT = 4 << 20
"""Bytes of standard output after which a process is ended."""

_MAX_ERRORS = 64 << 10
_CHUNK = 1 << 16
_GLANCE_S = 0.5
_GRACE_S = 3.0


class End(Enum):
    """How a process came to its end."""

    EXIT = auto()
    DEADLINE = auto()
    SILENCE = auto()
    OVERFLOW = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outcome:
    """What a process left. ``stdout`` may hold contents of files: an outcome has no readable ``repr``."""

    end: End
    code: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    stdin: bytes,
    deadline: float,
    silence_s: float | None = None,
    stop: threading.Event | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run ``argv`` in a process group of its own until ``deadline`` (of ``time.monotonic``).

    The whole group is killed at the deadline, after ``silence_s`` seconds without any output, when there is more output
    than ``MAX_OUTPUT``, when ``stop`` is set, and when the caller is interrupted. Raises ``OSError`` if the program
    cannot be started.
    """
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        bufsize=0,
        start_new_session=True,
    )
    end = End.DEADLINE
    try:
        end, stdout, stderr = _converse(process, stdin, deadline, silence_s, stop)
    finally:
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        _reap(process, kill=end is not End.EXIT)
    code = -signal.SIGKILL if process.returncode is None else process.returncode
    return Outcome(end=end, code=code, stdout=stdout, stderr=stderr)


def _converse(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    deadline: float,
    silence_s: float | None,
    stop: threading.Event | None,
) -> tuple[End, bytes, bytes]:
    """Feed and listen until both output streams end, or the process is gone and nothing more comes."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ToolError("a process was started without its streams")
    outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    stdout, stderr = outputs.values()
    feeder = process.stdin.fileno()
    os.set_blocking(feeder, False)
    speak_by = None if silence_s is None else time.monotonic() + silence_s
    rest = memoryview(stdin)
    end = End.EXIT
    with selectors.DefaultSelector() as selector:
        for fd in outputs:
            selector.register(fd, selectors.EVENT_READ)
        selector.register(feeder, selectors.EVENT_WRITE)
        while any(fd in selector.get_map() for fd in outputs):
            now = time.monotonic()
            if now >= deadline:
                end = End.DEADLINE
                break
            if stop is not None and stop.is_set():
                end = End.STOPPED
                break
            if speak_by is not None and now >= speak_by and not stdout:
                end = End.SILENCE
                break
            ready = selector.select(min(_GLANCE_S, deadline - now))
            if not ready and process.poll() is not None:
                break  # a daemon that it left behind holds the streams open
            for key, _ in ready:
                if key.fd == feeder:
                    rest = _feed(feeder, rest)
                    if not rest:
                        selector.unregister(feeder)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fd)
                elif key.fd == process.stdout.fileno():
                    stdout += chunk
                elif len(stderr) < _MAX_ERRORS:
                    stderr += chunk
            if len(stdout) > MAX_OUTPUT:
                end = End.OVERFLOW
                break
    return end, bytes(stdout), bytes(stderr[:_MAX_ERRORS])


def _feed(fd: int, rest: memoryview) -> memoryview:
    try:
        return rest[os.write(fd, rest[:_CHUNK]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return rest[:0]  # it reads no more; its output says why


def _reap(process: subprocess.Popen[bytes], *, kill: bool) -> None:
    """Collect the process; kill its group first, or if it does not end by itself soon."""
    if not kill:
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            kill = True
    if kill and process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # gone meanwhile; or root's, under sudo
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
