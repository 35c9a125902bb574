"""The back end without Wine: every command is a thread that runs the model's programs."""

from __future__ import annotations

import itertools
import threading

from imagegate.sandbox.windows import cmd
from imagegate.sandbox.windows.machine import words
from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.running import Command, Terminated
from imagegate.sandbox.windows.surroundings import surroundings

_BROKEN = 250
_PIDS = itertools.count(4120, 4)


class ModelBackEnd:
    """Runs commands on a machine whose registry is part of its state."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def run(self, command: Command, line: str, *, code_page: int, console_mode: bool, folder: str) -> None:
        """Start ``line`` in the shell's code page. In console mode standard input has no end."""
        console = surroundings(self._machine, command.write, command.error, code_page)
        console.read = command.never_read if console_mode else command.read
        if self._machine.drive.exists(folder):
            console.folder = folder
        threading.Thread(target=self._work, args=(command, console, line), daemon=True).start()

    def _work(self, command: Command, console: Console, line: str) -> None:
        code = _BROKEN
        try:
            code = cmd.run(self._machine, console, line)
        except Terminated:
            code = 1
        finally:  # whatever goes wrong stands in the peer's log, and nobody waits for the command
            command.finish(code)

    def spawn(self, line: str, folder: str) -> int:
        """Start a program that outlives the session. Raises FileNotFoundError."""
        given = words.split(line)
        if not given or cmd.named(self._machine, given[0], folder) is None:
            raise FileNotFoundError(line)
        console = surroundings(self._machine, _nowhere, _nowhere, self._machine.state.oem_code_page)
        console.folder = folder
        threading.Thread(target=cmd.execute, args=(self._machine, console, line), daemon=True).start()
        return next(_PIDS)

    def open(self) -> None:
        """Nothing is behind it."""

    def close(self) -> None:
        """Threads end with the process."""


def _nowhere(_data: bytes) -> None:
    """Output that nobody sees."""
