"""The back end with Wine: real ``cmd``, ``reg``, files and exit codes; what Wine has not is the model's."""

from __future__ import annotations

import codecs
import ntpath
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.processes import OWNER_VARIABLE
from imagegate.sandbox.windows import cmd, prefixes
from imagegate.sandbox.windows.forwarding import Forwarding
from imagegate.sandbox.windows.machine import words
from imagegate.sandbox.windows.machine.console import effective
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.registry import full_key
from imagegate.sandbox.windows.machine.state import Value
from imagegate.sandbox.windows.running import Command, Terminated

_SCRIPTS = r"C:\ProgramData\imagegate"
_LINE = re.compile(r"    (.*?)    (REG_\w+)(?:    (.*))?")
_START_LIMIT = 60
_CMD = re.compile(r'\s*(?:"?[a-z]:\\windows\\system32\\)?cmd(?:\.exe)?"?\s+(?:/[dqs]\s+)*/c\s+"(.*)"\s*', re.IGNORECASE)


class WineRegistry:
    """The registry of a Wine prefix, read and written by Wine's own ``reg`` and ``regedit``."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def listing(self, key: str) -> tuple[dict[str, Value], list[str]] | None:
        full = full_key(key)
        if full is None:
            return None
        done = self._run("reg", "query", full)
        if done.returncode:
            return None
        values: dict[str, Value] = {}
        subkeys: list[str] = []
        for line in done.stdout.decode("utf-8", "replace").split("\r\n"):
            found = _LINE.fullmatch(line)
            if found:
                name, kind, data = found.groups()
                values["" if name == "(Default)" else name] = _value(kind, data or "")
            elif line.casefold().startswith(full.casefold() + "\\"):
                subkeys.append(line[len(full) + 1 :])
        return values, subkeys

    def put(self, key: str, name: str, value: Value) -> None:
        self.load({key: {name: value}})

    def create(self, key: str) -> None:
        self.load({key: {}})

    def delete(self, key: str, name: str | None = None) -> bool:
        full = full_key(key)
        which = [] if name is None else ["/v", name]
        return full is not None and self._run("reg", "delete", full, *which, "/f").returncode == 0

    def load(self, keys: Mapping[str, Mapping[str, Value]]) -> None:
        text = ""
        for key, values in keys.items():
            text += f"\r\n[{full_key(key)}]\r\n"
            text += "".join(f"{_quoted(name)}={_exported(value)}\r\n" for name, value in values.items())
        self._import(text)

    def clear(self, signs: Iterable[tuple[str, str | None]]) -> None:
        text = ""
        for key, name in signs:
            full = full_key(key)
            text += f"\r\n[-{full}]\r\n" if name is None else f"\r\n[{full}]\r\n{_quoted(name)}=-\r\n"
        self._import(text)

    def _import(self, text: str) -> None:
        content = f"Windows Registry Editor Version 5.00\r\n{text}".encode("utf-16-le")
        with tempfile.NamedTemporaryFile(dir=self._prefix / "drive_c", suffix=".reg") as file:
            file.write(codecs.BOM_UTF16_LE + content)
            file.flush()
            done = self._run("regedit", "/S", f"C:\\{Path(file.name).name}")
        if done.returncode:
            raise SandboxError(f"Wine's regedit failed: {done.stderr.decode(errors='replace')[-500:]}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            prefixes.command(*arguments), env=prefixes.environment(self._prefix), cwd=self._prefix / "drive_c",
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if text else "@"


def _exported(value: Value) -> str:
    if value.type == "REG_DWORD" and isinstance(value.data, int):
        return f"dword:{value.data:08x}"
    if value.type == "REG_SZ" and isinstance(value.data, str):
        return '"' + value.data.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value.data, int):
        return _hex(11, value.data.to_bytes(8, "little"))
    if isinstance(value.data, list):
        return _hex(7, "".join(f"{item}\0" for item in [*value.data, ""]).encode("utf-16-le"))
    if value.type == "REG_BINARY":
        return _hex(3, bytes.fromhex(value.data))
    return _hex(2, f"{value.data}\0".encode("utf-16-le"))


def _hex(kind: int, data: bytes) -> str:
    return f"hex({kind:x}):" + ",".join(f"{byte:02x}" for byte in data)


def _value(kind: str, data: str) -> Value:
    if kind == "REG_DWORD":  # Wine 8 shows "(null)" for a REG_QWORD
        return Value(type=kind, data=int(data, 16))
    return Value(type=kind, data=data.split("\\0") if kind == "REG_MULTI_SZ" else data)


class WineBackEnd:
    """Runs commands in the prefix of a machine."""

    def __init__(self, machine: Machine, prefix: Path) -> None:
        self._machine = machine
        self._prefix = prefix
        self._forwarding: Forwarding | None = None

    def open(self) -> None:
        """Start Wine, and keep it running: a program that had to start it would hold on to its own output."""
        forwarding = self._forwarding = Forwarding(self._machine)
        keeper = self._start(prefixes.command(r"C:\windows\system32\keep.exe"), subprocess.DEVNULL)
        if not forwarding.kept.wait(_START_LIMIT):
            keeper.kill()
            raise SandboxError(f"Wine did not start in {self._prefix} within {_START_LIMIT} s.")
        self._machine.drive.make_folder(_SCRIPTS)

    def run(self, command: Command, line: str, *, code_page: int, console_mode: bool, folder: str) -> None:
        """Start ``line`` in the shell's code page. In console mode standard input has no end."""
        page, _ = effective(self._machine.state, code_page)
        if len(line) > cmd.MAX_LINE:
            command.error(b"The command line is too long.\r\n")
            command.finish(1)
            return
        script = self._script(line, folder)
        process = self._start(prefixes.command("cmd", "/c", script), subprocess.PIPE, page)
        command.on_terminate = lambda: _kill(process)
        threading.Thread(target=self._work, args=(command, process, script), daemon=True).start()
        feeder = command.never_read if console_mode else command.read
        threading.Thread(target=_feed, args=(process, feeder), daemon=True).start()

    def spawn(self, line: str, folder: str) -> int:
        """Start a program that outlives the session. Raises FileNotFoundError."""
        inner = _CMD.fullmatch(line)
        given = words.split(line)
        drive = self._machine.drive
        if inner is None and (not given or not (drive.exists(given[0], folder) or drive.exists(given[0] + ".exe"))):
            raise FileNotFoundError(line)
        script = self._script(inner[1] if inner else line, folder)
        return self._start(prefixes.command("cmd", "/c", script), subprocess.DEVNULL).pid

    def close(self) -> None:
        """The power goes."""
        prefixes.end(self._prefix)
        if self._forwarding is not None:
            self._forwarding.shutdown()
            self._forwarding.server_close()

    def _script(self, line: str, folder: str) -> str:
        """Wine's cmd gets a line whole only from a batch file, where a percent sign counts twice."""
        drive = self._machine.drive
        start = folder if drive.exists(folder) else "C:\\"
        text = f'@echo off\r\ncd /d "{start}"\r\n{cmd.expanded(line).replace("%", "%%")}\r\n'
        handle, name = tempfile.mkstemp(suffix=".bat", dir=drive.make_folder(_SCRIPTS))
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        return ntpath.join(_SCRIPTS, Path(name).name)

    def _start(self, arguments: list[str], pipe: int, page: int | None = None) -> subprocess.Popen[bytes]:
        settings = prefixes.environment(self._prefix)
        settings |= self._forwarding.environment if self._forwarding is not None else {}
        settings["IMAGEGATE_CODE_PAGE"] = str(page or self._machine.state.oem_code_page)
        settings |= {name: os.environ[name] for name in (OWNER_VARIABLE,) if name in os.environ}
        return subprocess.Popen(
            arguments, env=settings, cwd=self._prefix / "drive_c", stdin=pipe, stdout=pipe, stderr=pipe,
            start_new_session=True,
        )  # fmt: skip

    def _work(self, command: Command, process: subprocess.Popen[bytes], script: str) -> None:
        if process.stdout is None or process.stderr is None:
            raise SandboxError("Wine was started without pipes")
        pumps = [
            threading.Thread(target=_pump, args=(stream, command, number), daemon=True)
            for number, stream in enumerate((process.stdout, process.stderr))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        command.finish(process.wait())
        self._machine.drive.remove(script)


def _pump(stream: IO[bytes], command: Command, number: int) -> None:
    with stream:
        while data := os.read(stream.fileno(), 65536):
            try:
                command.write(data, number)
            except Terminated:
                return


def _feed(process: subprocess.Popen[bytes], read: Callable[[], bytes]) -> None:
    if process.stdin is None:
        raise SandboxError("Wine was started without pipes")
    try:
        with process.stdin:
            process.stdin.write(read())
    except (Terminated, BrokenPipeError):
        return


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
