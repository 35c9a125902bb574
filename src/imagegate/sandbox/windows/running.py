"""A command that runs in a shell: what it writes until somebody receives it, what it is sent, how it ends."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

Streams = tuple[bytes, bytes]


class ClosedError(Exception):
    """The command takes no more input."""


class Terminated(BaseException):
    """Raised inside a command of the model that was ended from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Output, and the exit code when there is none left and none will come."""

    output: Streams
    exit_code: int | None


class Command:
    """One command, its streams and its end. Thread-safe."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.on_input: Callable[[bytes, bool], None] | None = None
        self.on_terminate: Callable[[], None] | None = None
        self._changed = threading.Condition()
        self._output = (bytearray(), bytearray())
        self._input = bytearray()
        self._input_ended = False
        self._exit_code: int | None = None
        self._told = False
        self.terminated = False

    def write(self, data: bytes, stream: int = 0) -> None:
        """Output of the command: 0 is standard output, 1 standard error."""
        with self._changed:
            if self.terminated:
                raise Terminated
            self._output[stream].extend(data)
            self._changed.notify_all()

    def error(self, data: bytes) -> None:
        """Output to standard error."""
        self.write(data, 1)

    def finish(self, code: int) -> None:
        """The command has ended."""
        with self._changed:
            self._exit_code = code
            self._changed.notify_all()

    def send(self, data: bytes, *, end: bool) -> None:
        """Input for the command. Raises ClosedError."""
        with self._changed:
            if self._input_ended or self._exit_code is not None:
                raise ClosedError
            self._input.extend(data)
            self._input_ended = end
            self._changed.notify_all()
        if self.on_input is not None:
            self.on_input(data, end)

    def read(self) -> bytes:
        """All the input, once it has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._input_ended or self.terminated)
            if self.terminated:
                raise Terminated
            return bytes(self._input)

    def never_read(self) -> bytes:
        """The input of a command in console mode, which has no end: waits until the command is ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.terminated)
        raise Terminated

    def receive(self, timeout_s: float, limit: int) -> Received | None:
        """At most ``limit`` bytes of output, waited for; None when nothing came. Told its end, a command is over."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not any(self._output) and self._exit_code is None:
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    return None
            taken = []
            for buffer in self._output:
                part = bytes(buffer[:limit])
                del buffer[:limit]
                limit -= len(part)
                taken.append(part)
            over = self._exit_code is not None and not any(self._output)
            self._told |= over
            return Received(output=(taken[0], taken[1]), exit_code=self._exit_code if over else None)

    @property
    def over(self) -> bool:
        """Whether its end has been told."""
        return self._told

    def terminate(self) -> None:
        """End it."""
        with self._changed:
            self.terminated = True
            self._changed.notify_all()
        if self.on_terminate is not None:
            self.on_terminate()
