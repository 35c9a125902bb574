"""Carrying out the action of one step."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable
from functools import partial

from imagegate.steps.windows import CommandLine, Detached, RemoveAppx, WindowsAction
from imagegate.transports.text import clean
from imagegate.transports.windows.listening import Runs, consult
from imagegate.transports.windows.script import MAX_LINE, Request, Send
from imagegate.transports.windows.session import Lost, Output
from imagegate.transports.windows.text import decoded

_log = logging.getLogger(__name__)

_FOLDER = r"C:\Windows\Temp"
_UPLOAD = "{upload}"
_MAX_UPLOAD = 256 << 10
_REMOVAL_S = 15.0

Converse = Callable[[float, Callable[[Runs], None]], None]
"""Opens a session for so many seconds, hands it over, and ends it. Raises ``Lost`` if there is none."""


class Failed(Exception):
    """The action did not succeed; the message says why. ``changed`` is False only if nothing can have changed."""

    def __init__(self, reason: str, *, changed: bool) -> None:
        self.changed = changed
        super().__init__(reason)


def act(action: WindowsAction, converse: Converse, limit_s: float) -> None:
    """Carry out ``action`` within ``limit_s``. Raises ``Failed``."""
    match action:
        case CommandLine(upload=None):
            _check(action.line)
            _in(converse, limit_s, partial(_command, action.line))
        case CommandLine():
            _with_upload(action, converse, limit_s)
        case Detached():
            request = Request(verb="start", words=(action.folder, action.line))
            _in(converse, limit_s, partial(_done, request, "pid"))
        case RemoveAppx():
            request = Request(verb="remove-appx", words=(action.full_name,))
            _in(converse, limit_s, partial(_done, request, "removed"))


def _in(converse: Converse, limit_s: float, carry_out: Callable[[Runs], None]) -> None:
    try:
        converse(limit_s, carry_out)
    except Lost as lost:
        raise Failed(lost.trouble.reason, changed=lost.begun) from None


def _with_upload(action: CommandLine, converse: Converse, limit_s: float) -> None:
    """Write the file, run the line, remove the file: in one session, or, where that one is lost, in another."""
    content = action.upload or b""
    path = rf"{_FOLDER}\imagegate-{secrets.token_hex(16)}.tmp"
    if len(content) > _MAX_UPLOAD:
        raise Failed(f"it has more than {_MAX_UPLOAD >> 10} KiB to send", changed=False)
    _check(line := action.line.replace(_UPLOAD, path))
    begun: list[str] = []
    removed: list[str] = []

    def carry_out(session: Runs) -> None:
        begun.append("write")
        try:
            text = base64.b64encode(content).decode("ascii")
            fields = _request(Request(verb="write", words=(path, text)), "written", session)
            if fields != str(len(content)):
                raise Failed("the file that was sent did not arrive whole", changed=True)
            begun.append("command")
            _command(line, session)
        finally:
            _remove(path, session, removed)

    failure: Failed | None = None
    try:
        _in(converse, limit_s, carry_out)
    except Failed as failed:
        failure = failed
    if begun and not removed:
        try:
            converse(_REMOVAL_S, lambda session: _remove(path, session, removed))
        except Lost as lost:
            _log.debug("%s: %s", path, lost.trouble.reason)
    left = f"; {path} may still be there" if begun and not removed else ""
    if failure is not None:
        changed = bool(left) or (failure.changed and "command" in begun)
        raise Failed(f"{failure}{left}", changed=changed)
    if left:
        raise Failed(f"it was done, but a temporary file could not be removed{left}", changed=True)


def _remove(path: str, session: Runs, removed: list[str]) -> None:
    try:
        _request(Request(verb="delete", words=(path,)), "deleted", session)
    except (Failed, Lost) as error:
        _log.debug("%s: %s", path, error)
    else:
        removed.append(path)


def _check(line: str) -> None:
    if len(line) > MAX_LINE or any(ord(char) < 32 for char in line):
        raise Failed("its command line is too long, or has control characters", changed=False)


def _command(line: str, session: Runs) -> None:
    output = session.run(Send(line=line))
    if output.code == 0:
        return
    if output.code is None:
        raise Failed("its end was not seen" if output.trouble is None else output.trouble.reason, changed=True)
    raise Failed(f"failed with exit code {output.code}: {_said(output) or 'it gave no reason'}", changed=True)


def _said(output: Output) -> str:
    return clean(decoded(output.stderr, None)[0]) or clean(decoded(output.stdout, None)[0])


def _done(request: Request, field: str, session: Runs) -> None:
    _request(request, field, session)


def _request(request: Request, field: str, session: Runs) -> str:
    """The value of ``field`` in PowerShell's answer, which proves that it was done."""
    answers, _, reason = consult(session, (request,))
    fields = answers.get(request)
    if fields is None:
        raise Failed(reason, changed=True)
    if "error" in fields:
        raise Failed(f"PowerShell says: {clean(fields['error'][0]) or 'nothing'}", changed=True)
    values = fields.get(field, [])
    if len(values) != 1 or not values[0]:
        raise Failed("PowerShell does not say that it was done", changed=True)
    return values[0].decode("utf-8", "replace")
