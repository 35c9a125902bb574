"""Where the stand-ins in a Wine prefix ask the model: one connection for each program that runs."""

from __future__ import annotations

import hmac
import secrets
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

from imagegate.sandbox.windows import cmd
from imagegate.sandbox.windows.machine import sysprep, words
from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.surroundings import surroundings

_MAX_HEADER = 100_000
KEEP, SYSPREP_BEGIN, SYSPREP_END = "keep", "sysprep-begin", "sysprep-end"


class Forwarding(socketserver.ThreadingTCPServer):
    """Answers the stand-ins of one prefix; ``kept`` is set once the program that keeps it alive has come."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, machine: Machine) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.machine = machine
        self.token = secrets.token_hex(16)
        self.kept = threading.Event()
        self.plans: dict[str, sysprep.Plan] = {}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A stand-in that was killed is nothing to tell."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def environment(self) -> dict[str, str]:
        """What the stand-ins find us by."""
        return {"IMAGEGATE_PEER_PORT": str(self.server_address[1]), "IMAGEGATE_PEER_TOKEN": self.token}


class _Handler(socketserver.StreamRequestHandler):
    server: Forwarding

    def handle(self) -> None:
        (size,) = struct.unpack("<I", self._exactly(4))
        if size > _MAX_HEADER:
            return
        token, page, folder, program, line, _ = self._exactly(size).decode("utf-8").split("\0")
        if not hmac.compare_digest(token, self.server.token):
            return
        console = surroundings(self.server.machine, self._frames("O"), self._frames("E"), int(page))
        console.folder, console.read = folder, self._input
        if program == KEEP:
            self.server.kept.set()
            self.connection.recv(1)  # until one of us goes away
            return
        code = self._call(program.lower().rpartition(".")[0] or program, console, words.split(line)[1:])
        self._frame("X", struct.pack("<I", code & 0xFFFFFFFF), length=0)

    def _call(self, program: str, console: Console, given: list[str]) -> int:
        machine = self.server.machine
        if program == SYSPREP_BEGIN:
            return self._begin(console, given)
        if program == SYSPREP_END:
            sysprep.finish(machine, self.server.plans.pop("").order, done=given == ["done"])
            return 0
        return cmd.call(machine, console, program, given)

    def _begin(self, console: Console, given: list[str]) -> int:
        machine = self.server.machine
        if machine.lies("silent-success"):
            return 0
        plan = sysprep.begin(machine, console, given)
        if isinstance(plan, int):
            return plan
        self.server.plans[""] = plan
        state = machine.state
        ahead = round(state.clock_offset_s + state.zone_s)
        wait = round(state.sysprep_s * 1000)
        console.write(f"{plan.outcome} {wait} {plan.state} {int(plan.order.generalize)} {ahead}".encode())
        return 0

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("a stand-in went away")
        return data

    def _frame(self, kind: str, data: bytes, *, length: int | None = None) -> None:
        self.wfile.write(kind.encode() + struct.pack("<I", len(data) if length is None else length) + data)

    def _frames(self, kind: str) -> Callable[[bytes], None]:
        return lambda data: self._frame(kind, data)

    def _input(self) -> bytes:
        self._frame("I", b"")
        parts: list[bytes] = []
        while True:
            (size,) = struct.unpack("<I", self._exactly(4))
            if size == 0:
                return b"".join(parts)
            parts.append(self._exactly(size))
