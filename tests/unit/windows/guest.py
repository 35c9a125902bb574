"""A guest of text: a session without a network. It answers commands and requests from tables."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from imagegate.transports.windows import script
from imagegate.transports.windows.script import Send
from imagegate.transports.windows.session import Output

ELEVATED = b'"High Mandatory Level","Label","S-1-16-12288",""\r\n'
Fields = dict[str, str | bytes | list[str]]


def output(stdout: bytes = b"", stderr: bytes = b"", code: int | None = 0, **more) -> Output:
    return Output(stdout=stdout, stderr=stderr, code=code, **more)


@dataclass
class Guest:
    """``says`` are the outputs of commands, ``knows`` the fields of PowerShell's answers by verb. ``lines`` and
    ``requests`` are what it was asked. ``change`` may change an output before it is heard."""

    says: dict[str, bytes] = field(default_factory=dict)
    knows: dict[str, Fields | None] = field(default_factory=dict)
    errors: bytes = b""
    lines: list[str] = field(default_factory=list)
    requests: list[tuple[str, ...]] = field(default_factory=list)
    change: Callable[[Send, Output], Output] = lambda _send, heard: heard

    def run(self, send: Send) -> Output:
        self.lines.append(send.line)
        return self.change(send, self._shell(send.stdin) if send.stdin is not None else self._console(send.line))

    def _console(self, line: str) -> Output:
        told = b""
        says = {script.CODE_PAGE: b"Active code page: 65001\r\n", script.GROUPS: ELEVATED} | self.says
        for part in line.split("& "):
            if part.startswith("echo "):
                told += part.removeprefix("echo ").encode() + b"\r\n"
            else:
                told += says.get(part.removesuffix(" <nul"), b"")
        return output(told, self.errors)

    def _shell(self, stdin: bytes) -> Output:
        text = stdin.decode("ascii")
        call = re.search(r"Invoke-Imagegate '(\w+)' @'\r\n(.*)'@\r\n", text, re.DOTALL)
        assert call
        told = []
        for line in call[2].splitlines():
            index, verb, *words = line.split(" ")
            self.requests.append((verb, *("" if word == "-" else base64.b64decode(word).decode() for word in words)))
            fields = self.knows.get(verb)
            if fields is None:
                continue
            for name, given in fields.items():
                for value in given if isinstance(given, list) else [given]:
                    raw = value if isinstance(value, bytes) else value.encode()
                    told.append(f"{call[1]} {index} {name} {base64.b64encode(raw).decode()}")
            told.append(f"{call[1]} {index} end")
        told.append(f"{call[1]} done")
        return output("".join(f"{line}\r\n" for line in told).encode())
