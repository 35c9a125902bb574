r"""What is sent to a Windows guest: lines for ``cmd.exe``, and PowerShell that reads its program from standard input.

A line is made of sections: ``echo NONCE INDEX& reg query "KEY" <nul& … echo NONCE end``. Exit codes tell nothing and
are not asked for: the output of a section shows what was there, or it shows nothing. ``&`` alone joins the sections:
it is what every ``cmd.exe`` does alike.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

MAX_LINE = 8000
"""Characters; cmd.exe takes 8191 (Microsoft: "Command prompt line string limitation")."""

_QUOTED = re.compile(r"[^\"%^&|<>!\x00-\x1f\x7f]+")
_BOOT = '& ([ScriptBlock]::Create((@($input) -join "`n")))'


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One command: its line, and what is sent to its standard input, None for nothing."""

    line: str
    stdin: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the PowerShell program. ``words`` are texts, or bytes that it takes in Base64 itself."""

    verb: str
    words: tuple[str, ...] = ()


def program() -> str:
    """The PowerShell program, ``guest.ps1``."""
    return resources.files(__package__).joinpath("guest.ps1").read_text(encoding="ascii")


def quotable(text: str) -> bool:
    """Whether ``cmd.exe`` leaves ``text`` between double quotes as it is."""
    return bool(_QUOTED.fullmatch(text)) and not text.endswith("\\")


def section(nonce: str, index: int, command: str) -> str:
    """One section of a line."""
    return f"echo {nonce} {index}& {command} <nul& "


def lines(nonce: str, commands: Sequence[str]) -> list[str]:
    """``commands`` as lines of at most ``MAX_LINE`` characters, each ending with ``NONCE end``. A section's index is
    that of its command."""
    done: list[str] = []
    end = f"echo {nonce} end"
    current = ""
    for index, command in enumerate(commands):
        text = section(nonce, index, command)
        if current and len(current) + len(text) + len(end) > MAX_LINE:
            done.append(current + end)
            current = ""
        current += text
    return [*done, current + end] if current else done


def reg_query(path: str) -> str:
    """List the values and subkeys of a key."""
    return f'reg query "{path}"'


def sc_query(name: str) -> str:
    """The state of a service."""
    return f'sc query "{name}"'


TASKS = "schtasks /query /xml ONE"
GROUPS = "whoami /groups /fo csv /nh"
CODE_PAGE = "chcp"


def powershell(nonce: str, requests: Iterable[Request]) -> Send:
    """Start PowerShell once for all ``requests``, whose indices are their places."""
    text = "".join(
        f"{index} {request.verb}{''.join(' ' + _wire(word) for word in request.words)}\n"
        for index, request in enumerate(requests)
    )
    call = f"Invoke-Imagegate '{nonce}' @'\n{text}'@\n"
    boot = base64.b64encode(_BOOT.encode("utf-16-le")).decode("ascii")
    return Send(
        line=f"powershell -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {boot}",
        stdin=(program() + call).replace("\n", "\r\n").encode("ascii"),
    )


def _wire(word: str) -> str:
    return base64.b64encode(word.encode("utf-8")).decode("ascii") or "-"
