"""The pure-model back end: a small, strict ``cmd.exe`` and the programs of the model."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from imagegate.sandbox.windows.machine import programs, tasks, words
from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.drive import SYSPREP, SYSTEM, BadPathError
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.powershell import ours, powershell
from imagegate.sandbox.windows.machine.sysprep import sysprep, toast_sysprep

MAX_LINE = 8191
Program = Callable[[Machine, Console, list[str]], int]

PROGRAMS: dict[str, Program] = {
    "chcp": programs.chcp,
    "hostname": programs.hostname,
    "ipconfig": programs.ipconfig,
    "powershell": powershell,
    "reg": programs.reg,
    "sc": programs.sc,
    "schtasks": tasks.schtasks,
    "shutdown": programs.shutdown,
    "sysprep": sysprep,
    "toastsysprep": toast_sysprep,
    "whoami": programs.whoami,
}
SILENT = frozenset({"ipconfig", "powershell", "sc", "schtasks", "shutdown", "sysprep", "whoami"})
"""What Wine has as stubs that succeed and say nothing; so does the liar ``silent-success``."""

_ON_PATH = {"toastsysprep": "ToastSysprep.bat"}
_OWN_FOLDER = {"sysprep": SYSPREP}
_VARIABLES = {
    "windir": r"C:\Windows",
    "systemroot": r"C:\Windows",
    "systemdrive": "C:",
    "programfiles": r"C:\Program Files",
    "temp": r"C:\Users\Administrator\AppData\Local\Temp",
    "comspec": r"C:\Windows\system32\cmd.exe",
}
_VARIABLE = re.compile(r"%([^%\s]+)%")
_NO_INPUT = re.compile(r"\s*<\s*nul\s*$", re.IGNORECASE)
_PUNCTUATION = frozenset("|<>^()")


def expanded(line: str) -> str:
    """Known variables in place; unknown ones stay as they are, as on a command line (not as in a batch file)."""
    return _VARIABLE.sub(lambda found: _VARIABLES.get(found[1].lower(), found[0]), line)


def run(machine: Machine, console: Console, line: str) -> int:
    """Run a command line as ``cmd /c`` does; the exit code of its last command."""
    if len(line) > MAX_LINE:
        console.complain(console.say("too-long"))
        return 1
    steps = _parsed(expanded(line))
    if steps is None:  # rather loud than wrong: nothing of the line is run
        console.complain(f"The stand-in for Windows does not know this syntax: {line.strip()[:200]}")
        return 255
    code = 0
    for step in steps:
        typed = None if step.typed is None else console.encode(step.typed)
        with _reading(console, console.read if typed is None else partial(bytes, typed)):
            code = _command(machine, console, step.command)
    return code


@dataclass(frozen=True, slots=True)
class _Step:
    """One command; ``typed`` is its standard input, None for that of the line."""

    command: str
    typed: str | None = None


def _parsed(line: str) -> list[_Step] | None:
    commands = _split(line, "&")
    if len(commands) > 1 and not commands[-1].strip():
        del commands[-1]
    steps = [_step(command) for command in commands]
    known = [step for step in steps if step is not None]
    return known if len(known) == len(steps) else None


def _step(text: str) -> _Step | None:
    """A command that reads nothing, what ``echo`` writes, or its line's input; None for other syntax."""
    stages = _split(text, "|")
    if len(stages) > 2 or (len(stages) == 2 and not stages[0].lstrip().lower().startswith("echo ")):
        return None
    command = _NO_INPUT.sub(" ", stages[-1]).lstrip()
    typed = "" if _NO_INPUT.search(stages[-1]) else stages[0].lstrip()[5:] + "\n" if len(stages) == 2 else None
    outside = "".join("".join([*stages[:-1], command]).split('"')[::2])
    plain = not any(letter in _PUNCTUATION for letter in outside) and command.count('"') % 2 == 0
    return _Step(command, typed) if command.strip() and plain else None


@contextlib.contextmanager
def _reading(console: Console, read: Callable[[], bytes]) -> Iterator[None]:
    old, console.read = console.read, read
    try:
        yield
    finally:
        console.read = old


def _split(line: str, separator: str) -> list[str]:
    """The parts between separators that no double quotes protect."""
    parts = [""]
    quoted = False
    for letter in line:
        quoted ^= letter == '"'
        if letter == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _command(machine: Machine, console: Console, text: str) -> int:
    name = re.split(r"[\s/\"]", text, maxsplit=1)[0].lower()
    if name == "echo":
        console.print(text[5:])
        return 0
    if name == "cd":
        return _change_folder(machine, console, words.split(text)[1:])
    if name == "exit":
        given = words.split(text)[1:]
        return int(given[-1]) if given and given[-1].lstrip("-").isdigit() else 0
    if name == "ver":
        console.print(f"\nMicrosoft Windows [Version {machine.state.version}.0]")
        return 0
    return execute(machine, console, text)


def _change_folder(machine: Machine, console: Console, given: list[str]) -> int:
    if given and given[0].lower() == "/d":
        given = given[1:]
    if not given:
        console.print(console.folder)
        return 0
    path = " ".join(given)
    try:
        place = machine.drive.find(path, console.folder)
    except BadPathError:
        place = None
    if place is None or not place.is_dir():
        console.complain(console.say("no-path"))
        return 1
    console.folder = machine.drive.full(path, console.folder)
    return 0


def execute(machine: Machine, console: Console, line: str) -> int:
    """Run one program, found on the path or by its own."""
    given = words.split(line)
    name = named(machine, given[0], console.folder) if given else None
    if name is None:
        console.complain(console.say("unknown-command", given[0] if given else ""))
        return 1
    return call(machine, console, name, given[1:])


def call(machine: Machine, console: Console, name: str, given: list[str]) -> int:
    """Run the program called ``name``, unless it only pretends to."""
    if name in SILENT and machine.lies("silent-success"):
        if name == "powershell" and ours(given):
            console.read()
        return 0
    if name == "cmd":
        return _nested(machine, console, given)
    if name == "powershell" and [word.lower() for word in given[-2:]] == ["-command", "toastsysprep"]:
        return execute(machine, console, "ToastSysprep")
    return PROGRAMS[name](machine, console, given)


def _nested(machine: Machine, console: Console, given: list[str]) -> int:
    switches = [word.lower() for word in given]
    place = switches.index("/c") if "/c" in switches else 0
    if "/c" not in switches or any(word not in ("/d", "/q", "/s") for word in switches[:place]):
        console.complain(f"The stand-in for Windows does not know this use of cmd: {' '.join(given)[:200]}")
        return 255
    return run(machine, console, " ".join(given[place + 1 :]))


def named(machine: Machine, word: str, folder: str) -> str | None:
    """Which program a word at the start of a command means; None when there is none."""
    head, _, tail = word.replace("/", "\\").rpartition("\\")
    name = tail.lower().removesuffix(".exe").removesuffix(".com").removesuffix(".bat")
    if name not in PROGRAMS and name != "cmd":
        return None
    file = _ON_PATH.get(name, f"{name}.exe")
    home = _OWN_FOLDER.get(name, SYSTEM)
    if head:
        return name if machine.drive.exists(f"{head}\\{file}", folder) else None
    if name in _OWN_FOLDER:  # not on the path
        return name if machine.drive.full("", folder).lower() == home.lower() else None
    if name in _ON_PATH:
        return name if machine.drive.exists(f"{home}\\{file}") else None
    return name
