"""PowerShell, as far as imagegate uses it: one program and its requests, answered from the state."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import imagegate
from imagegate.sandbox.windows.machine.boot import CRYPTOGRAPHY
from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.drive import SYSTEM, BadPathError
from imagegate.sandbox.windows.machine.machine import Machine

_PROGRAM = Path(imagegate.__file__).parent / "transports" / "windows" / "guest.ps1"
"""Read, not imported: the package around it needs a quarter of a second."""
_BOOT = '& ([ScriptBlock]::Create((@($input) -join "`n")))'
_OPTIONS = ("-nologo", "-noprofile", "-noninteractive", "-executionpolicy", "bypass", "-encodedcommand")
_CALL = re.compile(r"Invoke-Imagegate '([^'\r\n]+)' @'\r\n((?:[^\r\n]*\r\n)*?)'@\r\n")
_REQUEST = re.compile(r"\d+(?: [A-Za-z0-9+/=-]+)+")
_WORDS = {"file": 4, "windows": 0, "space": 1, "accounts": 0, "identity": 0, "appx": 0, "rearm": 0, "command": 1,
          "write": 2, "delete": 1, "start": 2, "remove-appx": 1}  # fmt: skip
_EXTENSIONS = ("", ".exe", ".bat", ".cmd", ".ps1", ".com")

Field = tuple[str, str | bytes]


class ThrownError(Exception):
    """The message of an exception that a request throws."""


def powershell(machine: Machine, console: Console, words: list[str]) -> int:
    """The program: takes exactly the command line and the program that imagegate sends; refuses the rest."""
    if not ours(words):
        return _refuse(console, "The stand-in for Windows answers imagegate's own program only.")
    text = console.read().decode("ascii", "replace")
    if machine.lies("clixml"):
        return _refuse(console, "Attempted to perform an unauthorized operation.")
    program = _PROGRAM.read_text(encoding="ascii").replace("\n", "\r\n")
    call = _CALL.fullmatch(text.removeprefix(program)) if text.startswith(program) else None
    if call is None:
        return _refuse(console, "The stand-in for Windows was sent another program than imagegate's.")
    nonce, requests = call.groups()
    for line in requests.split("\r\n"):
        if not line:
            continue
        if not _REQUEST.fullmatch(line):
            return _refuse(console, f"The stand-in for Windows cannot read the request {line[:80]!r}.")
        index, verb, *wire = line.split(" ")
        try:
            given = [_text(word) for word in wire]
            fields = answer(machine, verb, given)
        except ThrownError as problem:
            fields = [("error", str(problem))]
        for name, value in fields:
            console.print(f"{nonce} {index} {name} {_wire(value)}")
        console.print(f"{nonce} {index} end")
    console.print(f"{nonce} done")
    return 0


def ours(words: list[str]) -> bool:
    """Whether a command line is imagegate's: then the program follows on standard input."""
    return [word.lower() for word in words[:-1]] == list(_OPTIONS) and _decoded(words[-1]) == _BOOT


def _refuse(console: Console, text: str) -> int:
    """As PowerShell writes an error to a standard error that is no console."""
    lines = "".join(f'<S S="Error">{escape(line)}_x000D__x000A_</S>' for line in (text, "    + CategoryInfo : "))
    schema = "http://schemas.microsoft.com/powershell/2004/04"
    console.complain(f'#< CLIXML\n<Objs Version="1.1.0.1" xmlns="{schema}">{lines}</Objs>')
    return 1


def _decoded(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode("utf-16-le")
    except ValueError:
        return ""


def _text(word: str) -> str:
    if word == "-":
        return ""
    try:
        return base64.b64decode(word, validate=True).decode("utf-8")
    except ValueError as problem:
        raise ThrownError(
            "The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding "
            "characters, or an illegal character among the padding characters."
        ) from problem


def _wire(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode("ascii")


def answer(machine: Machine, verb: str, words: list[str]) -> list[Field]:
    """The fields that answer one request."""
    if verb not in _WORDS:
        raise ThrownError(f"unknown request {verb}")
    if len(words) != _WORDS[verb]:
        raise ThrownError("Index was outside the bounds of the array.")
    try:
        return _VERBS[verb](machine, *words)
    except BadPathError as problem:
        raise ThrownError(str(problem)) from problem


def _file(machine: Machine, path: str, digest: str, tail: str, whole: str) -> list[Field]:
    place = machine.drive.find(path)
    if place is None:
        return [("kind", "absent")]
    if place.is_symlink():
        return [("kind", "link")]
    if place.is_dir():
        return [("kind", "directory")]
    content = place.read_bytes()
    moment = place.stat().st_mtime + machine.state.clock_offset_s
    fields: list[Field] = [("kind", "regular"), ("size", str(len(content))), ("modified", _moment(moment))]
    if digest == "1":
        fields.append(("sha256", hashlib.sha256(content).hexdigest()))
    if int(tail) > 0:
        fields.append(("tail", content[-int(tail) :]))
    if int(whole) > 0 and len(content) <= int(whole):
        fields.append(("whole", content))
    return fields


def _moment(seconds: float) -> str:
    """Seven digits of a second, as .NET has them."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _windows(machine: Machine) -> list[Field]:
    state = machine.state
    return [
        ("version", state.version),
        ("product", state.product),
        ("booted", _moment(state.booted_at)),
        ("now", _moment(machine.now())),
    ]


def _space(machine: Machine, drive: str) -> list[Field]:
    if drive.upper().rstrip("\\") != "C:":
        raise ThrownError(
            f"Could not find the drive '{drive.upper()}\\'. The drive might not be ready or might not be mapped."
        )
    return [("free", str(machine.state.disk_free)), ("size", str(machine.state.disk_size))]


def _row(*values: object) -> str:
    return "\t".join(str(int(value)) if isinstance(value, bool) else str(value) for value in values)


def _accounts(machine: Machine) -> list[Field]:
    return [
        ("account", _row(item.name, item.rid, item.enabled, item.password_required, item.password_expires))
        for item in machine.state.accounts
    ]


def _identity(machine: Machine) -> list[Field]:
    state = machine.state
    values = (machine.registry.listing(CRYPTOGRAPHY) or ({}, []))[0]
    guid = values.get("MachineGuid")
    return [
        *([("sid", state.machine_sid)] if state.accounts else []),
        *([("guid", str(guid.data))] if guid is not None else []),
        ("name", state.name),
    ]


def _appx(machine: Machine) -> list[Field]:
    state = machine.state
    if not state.appx_supported:
        return [("supported", "0")]
    if not state.elevated:
        raise ThrownError("The requested operation requires elevation.")
    provisioned: list[Field] = [("provisioned", name) for name in state.provisioned]
    packages: list[Field] = [
        ("package", _row(item.full_name, item.name, item.users, item.framework, item.system)) for item in state.packages
    ]
    return [("supported", "1"), *provisioned, *packages]


def _rearm(machine: Machine) -> list[Field]:
    return [("remaining", str(machine.state.rearm))]


def _command(machine: Machine, name: str) -> list[Field]:
    for extension in _EXTENSIONS:
        path = f"{SYSTEM}\\{name}{extension}"
        place = machine.drive.find(path)
        if place is not None and place.is_file():
            return [("present", "1"), ("path", f"{SYSTEM}\\{place.name}")]
    return [("present", "0")]


def _write(machine: Machine, path: str, content: str) -> list[Field]:
    try:
        data = base64.b64decode(content, validate=True)
    except ValueError as problem:
        raise ThrownError("Invalid length for a Base-64 char array or string.") from problem
    if machine.drive.exists(path):
        raise ThrownError(f"The file '{path}' already exists.")
    folder = machine.drive.find(path.rpartition("\\")[0] + "\\")
    if folder is None or not folder.is_dir():
        raise ThrownError(f"Could not find a part of the path '{path}'.")
    machine.drive.write(path, data)
    return [("written", str(len(data)))]


def _delete(machine: Machine, path: str) -> list[Field]:
    place = machine.drive.find(path)
    if place is not None and place.is_dir():
        raise ThrownError(f"Access to the path '{path}' is denied.")
    machine.drive.remove(path)
    return [("deleted", "1")]


def _start(machine: Machine, folder: str, line: str) -> list[Field]:
    if not machine.drive.exists(folder):
        raise ThrownError("Win32_Process.Create returned 9")  # path not found
    try:
        pid = machine.host.spawn(line, machine.drive.full(folder))
    except FileNotFoundError as problem:
        raise ThrownError("Win32_Process.Create returned 9") from problem
    return [("pid", str(pid))]


def _remove_appx(machine: Machine, name: str) -> list[Field]:
    with machine.changing() as state:
        if not state.elevated:
            raise ThrownError("Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))")
        found = next((item for item in state.packages if item.full_name.casefold() == name.casefold()), None)
        if found is None:
            raise ThrownError(f"Deployment failed with HRESULT: 0x80073CF1, Package was not found. {name}")
        if found.system:
            raise ThrownError(
                "Deployment failed with HRESULT: 0x80073CFA, Removal failed. This app is part of Windows and cannot "
                "be uninstalled on a per-user basis."
            )
        state.packages.remove(found)
    return [("removed", "1")]


_VERBS: dict[str, Callable[..., list[Field]]] = {
    "file": _file,
    "windows": _windows,
    "space": _space,
    "accounts": _accounts,
    "identity": _identity,
    "appx": _appx,
    "rearm": _rearm,
    "command": _command,
    "write": _write,
    "delete": _delete,
    "start": _start,
    "remove-appx": _remove_appx,
}
