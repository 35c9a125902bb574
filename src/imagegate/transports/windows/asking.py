"""From probes to what a guest is asked: commands for ``cmd.exe``, and requests for PowerShell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from imagegate.model import Probe
from imagegate.probes.answer_file import AnswerFile
from imagegate.probes.identity import WindowsIdentity
from imagegate.probes.registry import Registry
from imagegate.probes.service import Service
from imagegate.probes.task import TasksOf
from imagegate.probes.windows import (
    AccountsProbe,
    AppxProbe,
    FreeSpace,
    RearmProbe,
    ShellCommand,
    WindowsProbe,
)
from imagegate.probes.windows_file import SETUP_LOGS, WindowsFile
from imagegate.transports.text import clean
from imagegate.transports.windows import script
from imagegate.transports.windows.script import Request

MAX_ANSWER_FILE = 1 << 20
MAX_TAIL = 1 << 20

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"

_ROOTS = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCU": "HKEY_CURRENT_USER",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
_FILE = re.compile(r"[A-Za-z]:(?:\\[^\\/:*?\"<>|\x00-\x1f\x7f]+)+")
_DRIVE = re.compile(r"[A-Za-z]:")
_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SERVICE = re.compile(r"[^\\/]{1,256}")
_LOGS = {path.casefold() for path in SETUP_LOGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What answers a set of probes; each command and each request once."""

    commands: tuple[str, ...]
    requests: tuple[Request, ...]


def ask(probes: Iterable[Probe[Any]]) -> Questions:
    """All that ``probes`` need. The code page and the groups come first: they tell how to read the rest, and whether
    it may be believed; the scheduled tasks, by far the longest, last."""
    wanted = dict.fromkeys((script.CODE_PAGE, script.GROUPS))
    requests: dict[Request, None] = {}
    for probe in probes:
        wanted.update(dict.fromkeys(commands_of(probe)))
        request = request_of(probe)
        if request is not None:
            requests[request] = None
    tasks = [script.TASKS] if script.TASKS in wanted else []
    return Questions(commands=(*(c for c in wanted if c != script.TASKS), *tasks), requests=tuple(requests))


def commands_of(probe: Probe[Any]) -> tuple[str, ...]:
    """The commands whose output tells about ``probe``."""
    match probe:
        case Registry():
            return tuple(script.reg_query(path) for path in lineage(probe.path))
        case Service():
            return (script.reg_query(key_of(probe)), script.sc_query(probe.name))
        case TasksOf():
            return (script.TASKS,)
    return ()


def request_of(probe: Probe[Any]) -> Request | None:
    """The request to PowerShell that tells about ``probe``."""
    match probe:
        case WindowsFile():
            return Request(verb="file", words=(probe.path, "1" if probe.sha256 else "0", str(probe.tail), "0"))
        case AnswerFile():
            return Request(verb="file", words=(probe.path, "1", "0", str(MAX_ANSWER_FILE)))
        case FreeSpace():
            return Request(verb="space", words=(probe.drive,))
        case ShellCommand():
            return Request(verb="command", words=(probe.name,))
        case WindowsProbe():
            return Request(verb="windows")
        case AccountsProbe():
            return Request(verb="accounts")
        case AppxProbe():
            return Request(verb="appx")
        case RearmProbe():
            return Request(verb="rearm")
        case WindowsIdentity():
            return Request(verb="identity")
    return None


def key_of(service: Service) -> str:
    """The registry key of a service."""
    return rf"{SERVICES}\{service.name}"


def lineage(path: str) -> tuple[str, ...]:
    """A key, its parent and its grandparent, as far as they exist."""
    parts = path.split("\\")
    return tuple("\\".join(parts[:length]) for length in range(len(parts), max(len(parts) - 3, 0), -1))


def full(path: str) -> str:
    """A key as ``reg query`` spells it, small: names of keys know no case."""
    root, backslash, rest = path.partition("\\")
    return (_ROOTS.get(root.upper(), root) + backslash + rest).casefold()


def unfit(probe: Probe[Any]) -> str | None:
    """Why the Windows transport cannot look at ``probe``; None if it can."""
    match probe:
        case Registry():
            parts = probe.path.split("\\")
            fit = parts[0].upper() in _ROOTS and all(parts) and script.quotable(probe.path) and probe.name != ""
            return None if fit else f"{clean(probe.path)} is no registry key that can be asked for"
        case Service():
            fit = script.quotable(probe.name) and bool(_SERVICE.fullmatch(probe.name))
            return None if fit else f"{clean(probe.name)} is no name of a service that can be asked for"
        case WindowsFile() | AnswerFile():
            return _unfit_file(probe)
        case FreeSpace():
            return None if _DRIVE.fullmatch(probe.drive) else f"{clean(probe.drive)} is no drive"
        case ShellCommand() | TasksOf():
            name = probe.name if isinstance(probe, ShellCommand) else probe.program
            return None if _COMMAND.fullmatch(name) else f"{clean(name)} is no name of a command"
        case WindowsProbe() | AccountsProbe() | AppxProbe() | RearmProbe() | WindowsIdentity():
            return None
    return f"the Windows transport cannot look at {clean(probe.key)}"


def _unfit_file(probe: WindowsFile | AnswerFile) -> str | None:
    path = probe.path
    if not _FILE.fullmatch(path) or any(part in {".", ".."} for part in path.split("\\")):
        return f"{clean(path)} is no plain absolute path of Windows"
    if isinstance(probe, AnswerFile) or probe.tail == 0:
        return None
    if path.casefold() not in _LOGS:
        return f"{clean(path)}: text is read of setup logs only"
    return None if 0 < probe.tail <= MAX_TAIL else f"{clean(path)}: at most {MAX_TAIL} bytes of a log are read"
