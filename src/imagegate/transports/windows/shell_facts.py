"""From the fields that ``guest.ps1`` writes to facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from imagegate.model import Probe
from imagegate.probes.windows import (
    AccountsFact,
    AccountsProbe,
    AppxFact,
    AppxPackage,
    AppxProbe,
    FreeSpace,
    FreeSpaceFact,
    LocalAccount,
    RearmFact,
    RearmProbe,
    ShellCommand,
    ShellCommandFact,
    WindowsFact,
    WindowsProbe,
)
from imagegate.probes.windows_file import WindowsFileFact
from imagegate.transports.text import clean
from imagegate.transports.windows.frames import Fields
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.text import decoded

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6})[0-9]Z")
_VERSION = re.compile(r"[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,6}(?:\.[0-9]{1,6})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_SIZE = 1 << 63
_MAX_COUNT = 1 << 32
_MAX_REARMS = 1001
_CLOCK_SLACK = timedelta(minutes=5)
_MAX_LINE = 500


def one(fields: Fields, name: str) -> bytes:
    """The only value of ``name``. Raises ``Unclear``."""
    values = fields.get(name, ())
    if len(values) != 1:
        raise Unclear(f"PowerShell's answer lacks {name}")
    return values[0]


def file(fields: Fields, *, sha256: bool, tail: int) -> WindowsFileFact:
    """A file. Raises ``Unclear`` where something that was asked for is missing."""
    match _text(fields, "kind"):
        case "absent":
            return WindowsFileFact(kind="absent")
        case "directory":
            return WindowsFileFact(kind="directory")
        case "link":
            return WindowsFileFact(kind="link")
        case "regular":
            size = _number(fields, "size", _MAX_SIZE)
            return WindowsFileFact(
                kind="regular",
                size=size,
                modified=_time(fields, "modified"),
                sha256=_digest(fields) if sha256 else None,
                tail=_tail(one(fields, "tail"), size, tail) if tail else None,
            )
    raise Unclear("PowerShell's answer names no kind of file")


def decode(probe: Probe[Any], fields: Fields, code_page: int | None) -> Any:
    """The fact about a probe that is neither a file nor an answer file. Raises ``Unclear``."""
    match probe:
        case WindowsProbe():
            return _windows(fields, code_page)
        case FreeSpace():
            size = _number(fields, "size", _MAX_SIZE)
            return FreeSpaceFact(free=_number(fields, "free", size + 1), size=size)
        case AccountsProbe():
            return _accounts(fields)
        case AppxProbe():
            return _appx(fields)
        case RearmProbe():
            return RearmFact(remaining=_number(fields, "remaining", _MAX_REARMS + 1))
        case ShellCommand():
            present = _number(fields, "present", 2) == 1
            path = clean(_text(fields, "path")) if present and "path" in fields else None
            return ShellCommandFact(present=present, path=path or None)
    raise Unclear(f"the Windows transport cannot look at {clean(probe.key)}")


def _windows(fields: Fields, code_page: int | None) -> WindowsFact:
    version = _text(fields, "version")
    if not _VERSION.fullmatch(version):
        raise Unclear("PowerShell's answer names no version of Windows")
    booted, now = _time(fields, "booted"), _time(fields, "now")
    if booted > now + _CLOCK_SLACK:
        raise Unclear("its clock says that it booted in the future")
    product = clean(_text(fields, "product"), 200)
    return WindowsFact(version=version, product=product, booted_at=booted, now=now, code_page=code_page)


def _accounts(fields: Fields) -> AccountsFact:
    accounts: dict[int, LocalAccount] = {}
    for row in _rows(fields, "account", 5):
        rid = _whole(row[1], _MAX_COUNT, "account")
        if rid in accounts:
            raise Unclear("two accounts of one number were listed")
        enabled, required, expires = (_whole(word, 2, "account") == 1 for word in row[2:])
        accounts[rid] = LocalAccount(
            name=clean(row[0], 100),
            rid=rid,
            enabled=enabled,
            password_required=required,
            password_expires=expires,
        )
    if not accounts:
        raise Unclear("it lists no local account (is it a domain controller?)")
    return AccountsFact(accounts=tuple(accounts[rid] for rid in sorted(accounts)))


def _appx(fields: Fields) -> AppxFact:
    if _number(fields, "supported", 2) == 0:
        return AppxFact(packages=(), supported=False)
    everyone = {name.decode("utf-8", "replace").casefold() for name in fields.get("provisioned", ())}
    packages: dict[str, AppxPackage] = {}
    for full_name, name, users, framework, system in _rows(fields, "package", 5):
        if not full_name or full_name in packages:
            raise Unclear("an AppX package was listed without a name, or twice")
        packages[full_name] = AppxPackage(
            full_name=clean(full_name),
            name=clean(name),
            users=_whole(users, _MAX_COUNT, "package"),
            provisioned=name.casefold() in everyone,
            framework=_whole(framework, 2, "package") == 1,
            system=_whole(system, 2, "package") == 1,
        )
    installed = sorted(name for name, package in packages.items() if package.users)
    return AppxFact(packages=tuple(packages[name] for name in installed))


def _tail(raw: bytes, size: int, asked: int) -> str:
    """The end of a log, as clean lines; the first one, of which the beginning is missing, left out."""
    if len(raw) > asked or (len(raw) < asked and len(raw) < size):
        raise Unclear(f"{min(size, asked)} bytes of it are promised, but {len(raw)} came")
    text, _ = decoded(raw, None)
    lines = text.replace("\ufeff", "").splitlines()
    if len(raw) < size and len(lines) > 1:
        del lines[0]
    return "\n".join(clean(line, _MAX_LINE) for line in lines if line.strip())


def _digest(fields: Fields) -> str:
    digest = _text(fields, "sha256")
    if not _SHA256.fullmatch(digest):
        raise Unclear("PowerShell's answer holds no digest")
    return digest


def _rows(fields: Fields, name: str, width: int) -> list[list[str]]:
    rows = [value.decode("utf-8", "replace").split("\t") for value in fields.get(name, ())]
    if any(len(row) != width for row in rows):
        raise Unclear(f"PowerShell's answer has a row of {name} that is not whole")
    return rows


def _text(fields: Fields, name: str) -> str:
    return one(fields, name).decode("utf-8", "replace")


def _number(fields: Fields, name: str, below: int) -> int:
    return _whole(_text(fields, name), below, name)


def _whole(word: str, below: int, name: str) -> int:
    """A whole number from 0 to ``below``. Raises ``Unclear``."""
    if not re.fullmatch(r"[0-9]{1,20}", word, re.ASCII) or (value := int(word)) >= below:
        raise Unclear(f"PowerShell's answer has a {name} that makes no sense")
    return value


def _time(fields: Fields, name: str) -> datetime:
    match = _TIME.fullmatch(_text(fields, name))
    try:
        moment = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        moment = None
    if moment is None or not 1970 <= moment.year <= 9998:
        raise Unclear(f"PowerShell's answer has a time {name} that makes no sense")
    return moment.replace(tzinfo=UTC)
