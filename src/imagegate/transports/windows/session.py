"""One exchange with a Windows guest: a shell of WinRM, through pywinrm, and the commands that run in it.

::

    with connect(host, deadline=…, stop=…) as session:      Lost if there is no shell
        output = session.run(Send(line=…))                  Lost if the command was certainly not begun

Between two commands of a shell the first is acknowledged with the signal ``terminate``, as MS-WSMV (2.2.4.38) demands;
after the last one the shell is closed, which ends it too. A command that is not done is terminated first, since on
Windows it may outlive its shell.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
import stamina
from spnego.exceptions import SpnegoError
from winrm.exceptions import WinRMError, WinRMOperationTimeoutError, WinRMTransportError
from winrm.protocol import Protocol

from imagegate.errors import Owner
from imagegate.inventory import Auth, Host
from imagegate.transports.text import clean
from imagegate.transports.windows.diagnose import Known, Trouble, diagnose, interrupted, late
from imagegate.transports.windows.script import Send
from imagegate.transports.windows.wire import PORTS, SafeTransport, Unacceptable, Wire

MAX_STREAM = 8 << 20
"""Bytes of one output stream of one command after which it is ended."""

MAX_TOTAL = 16 << 20
"""Bytes of all output of an exchange."""

_OPERATION_S = 20
_ANSWER_S = 5.0
_LATE_S = 1.0
_GRACE_S = 5.0
_ATTEMPTS = 3
_PAUSE_S = 0.5
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 0.8
_MUCH = 64 << 10
_IDLE_S = 600
_PIECE = 64 << 10
_UTF8 = 65001

T = TypeVar("T")
_log = logging.getLogger(__name__)

_EXPECTED = (
    Unacceptable,
    WinRMError,
    WinRMTransportError,
    WinRMOperationTimeoutError,
    requests.RequestException,
    SpnegoError,
    OSError,
    # what the parsing of pywinrm and requests_ntlm trips over when an answer is not what Windows sends
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


class Lost(Exception):
    """There is no answer; ``trouble`` says why. ``begun``: a command may have run on the guest."""

    def __init__(self, trouble: Trouble, *, begun: bool = False) -> None:
        self.trouble = trouble
        self.begun = begun
        super().__init__(trouble.reason)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Output:
    """What a command wrote before it ended, or before ``trouble``. It may hold contents: it has no readable ``repr``.

    ``code`` is its exit code, None where its end was not seen. ``overflow``: it wrote too much, and was cut; the
    session goes on.
    """

    stdout: bytes
    stderr: bytes
    code: int | None
    trouble: Trouble | None = None
    overflow: bool = False


class Session:
    """A shell on ``host``, until ``deadline`` (of ``time.monotonic``); ``stop`` ends it early. For one thread, but for
    ``abort``."""

    def __init__(self, host: Host, *, deadline: float, stop: threading.Event) -> None:
        self._host = host
        self._deadline = deadline
        self._stop = stop
        self._granted_s = deadline - time.monotonic()
        self._shell: str | None = None
        self._command: str | None = None
        self._ended = True
        self._received = 0
        try:
            self._wire = Wire(host, until=deadline + _GRACE_S, stop=stop)
        except OSError as error:
            said = clean(error.strerror or str(error), 120)
            raise _user_lost(host, f"ca_file {host.ca_file} holds no certificates that can be read: {said}") from None
        except ValueError:
            raise _user_lost(host, f"{clean(host.address)} is no name that a host can have") from None
        self._watchdog = threading.Timer(self._granted_s + _GRACE_S, self._wire.abort)
        self._watchdog.daemon = True

    @property
    def requests(self) -> int:
        """HTTP requests so far, those of the login among them."""
        return self._wire.requests

    def open(self) -> None:
        """Create the shell. Raises ``Lost``."""
        self._protocol = _protocol(self._host, self._wire)
        self._watchdog.start()
        self._shell = self._ask(
            partial(self._protocol.open_shell, noprofile=True, codepage=_UTF8, idle_timeout=f"PT{_IDLE_S}S")
        )
        if not self._shell:
            raise Lost(Trouble(reason=f"{self._host.name}: WinRM gave no shell"))

    def run(self, send: Send) -> Output:
        """Run a command until it ends, the deadline comes, or it has written too much. Raises ``Lost`` only if it was
        not begun, or nobody knows."""
        shell = self._shell
        if not shell:
            raise Lost(interrupted(self._host))
        self._acknowledge(shell)
        self._command = command = self._ask(
            partial(self._protocol.run_command, shell, send.line, console_mode_stdin=False), begins=True
        )
        self._ended = False
        if not command:
            raise Lost(Trouble(reason=f"{self._host.name}: WinRM does not say which command it began"), begun=True)
        refusal = self._feed(shell, command, send.stdin) if send.stdin is not None else None
        output = self._receive(shell, command)
        silent = output.trouble is None and not output.stdout and not output.stderr
        return replace(output, trouble=refusal) if silent and refusal is not None else output

    def _feed(self, shell: str, command: str, data: bytes) -> Trouble | None:
        """Send ``data`` as standard input. A command that has ended already refuses it; what it wrote tells why."""
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            last = start + _PIECE >= len(data)
            try:
                self._ask(partial(self._protocol.send_command_input, shell, command, piece, end=last))
            except Lost as lost:
                return lost.trouble
        return None

    def _receive(self, shell: str, command: str) -> Output:
        """The output until the end. WinRM answers as soon as it has anything, be it one line: a pause after each answer
        lets more come together, so that it takes a handful of requests."""
        stdout, stderr = bytearray(), bytearray()

        def output(code: int | None, trouble: Trouble | None = None, *, overflow: bool = False) -> Output:
            return Output(stdout=bytes(stdout), stderr=bytes(stderr), code=code, trouble=trouble, overflow=overflow)

        pause_s = _FIRST_PAUSE_S
        while True:
            if time.monotonic() >= self._deadline:
                return output(None, late(self._host, self._granted_s))
            try:
                out, err, code, done = self._ask(partial(self._protocol.get_command_output_raw, shell, command))
            except _NothingYet:
                out, err, code, done = b"", b"", -1, False
            except Lost as lost:
                return output(None, lost.trouble)
            stdout += out
            stderr += err
            self._received += len(out) + len(err)
            if max(len(stdout), len(stderr)) > MAX_STREAM or self._received > MAX_TOTAL:
                del stdout[MAX_STREAM:], stderr[MAX_STREAM:]
                trouble = Trouble(reason=f"{self._host.name}: a command wrote more than {MAX_STREAM >> 20} MiB")
                return output(None, trouble, overflow=self._received <= MAX_TOTAL)
            if done:
                self._ended = True
                return output(code)
            if len(out) + len(err) < _MUCH:
                self._stop.wait(max(min(pause_s, self._deadline - time.monotonic()), 0))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _acknowledge(self, shell: str) -> None:
        command, self._command = self._command, None
        if command:
            self._ask(partial(self._protocol.cleanup_command, shell, command))

    def _ask(self, call: Callable[[], T], *, begins: bool = False) -> T:
        """One operation. Raises ``Lost``, or ``_NothingYet`` where the guest says that it needs more time."""
        asked = time.monotonic()
        if asked >= self._deadline:
            raise Lost(late(self._host, self._granted_s))
        left_s = self._deadline - asked
        self._protocol.operation_timeout_sec = int(max(1, min(_OPERATION_S, left_s)))
        self._wire.patience_s = min(self._protocol.operation_timeout_sec + _ANSWER_S, left_s + _LATE_S)
        try:
            return call()
        except WinRMOperationTimeoutError:
            nothing_yet = True
            trouble = late(self._host, time.monotonic() - asked)
        except _EXPECTED as error:
            nothing_yet = False
            trouble = self._diagnose(error, asked)
        if nothing_yet and not begins:
            raise _NothingYet(trouble)
        raise Lost(trouble, begun=begins and not trouble.untouched)

    def _diagnose(self, error: BaseException, asked: float) -> Trouble:
        if isinstance(error, requests.ReadTimeout) and time.monotonic() >= self._deadline:
            return late(self._host, self._granted_s)
        known = Known(
            accepted=self._wire.accepted,
            offers=self._wire.offers,
            waited_s=time.monotonic() - asked,
            stopped=self._stop.is_set(),
        )
        trouble = diagnose(self._host, error, known)
        secret = self._protocol.transport.password
        return replace(trouble, reason=trouble.reason.replace(secret, "***")) if secret else trouble

    def abort(self) -> None:
        """Give up, from another thread."""
        self._wire.abort()

    def close(self) -> None:
        """End what is under way on the guest, its shell and the connection; never raises for the guest's faults."""
        shell, self._shell = self._shell, None
        if shell and not self._stop.is_set():
            self._deadline = time.monotonic() + _GRACE_S / 2
            command = self._command
            if command and not self._ended:
                self._try(partial(self._protocol.cleanup_command, shell, command))
            self._try(partial(self._protocol.close_shell, shell, close_session=False))
        self._watchdog.cancel()
        self._wire.close()

    def _try(self, call: Callable[[], Any]) -> None:
        try:
            self._ask(call)
        except (Lost, _NothingYet) as lost:
            _log.debug("%s while it was left", lost)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _NothingYet(Lost):
    """The guest needs more time than one operation has."""


def connect(host: Host, *, deadline: float, stop: threading.Event, opened: Callable[[Session], None]) -> Session:
    """A session with a shell. Connections that are refused or reset are tried again: nothing ran yet.

    ``opened`` gets each session before it does anything, so that it can be aborted. Raises ``Lost``.
    """
    for attempt in stamina.retry_context(
        on=lambda error: isinstance(error, Lost) and error.trouble.fleeting and not stop.is_set(),
        attempts=_ATTEMPTS,
        timeout=max(deadline - time.monotonic(), 0.001),
        wait_initial=_PAUSE_S,
        wait_max=4 * _PAUSE_S,
        wait_jitter=_PAUSE_S,
    ):
        with attempt:
            session = Session(host, deadline=deadline, stop=stop)
            opened(session)
            try:
                session.open()
            except BaseException:
                session.close()
                raise
            return session
    raise AssertionError("unreachable")


def _protocol(host: Host, wire: Wire) -> Protocol:
    """What pywinrm calls a protocol. The password is in the hands of its transport alone. Raises ``Lost``."""
    address = f"[{host.address.replace('%', '%25')}]" if ":" in host.address else host.address
    logins = logging.getLogger("spnego")
    if logins.level == logging.NOTSET:
        logins.setLevel(logging.INFO)  # at DEBUG it logs what a password can be guessed from
    options: dict[str, Any] = {
        "endpoint": f"{host.scheme}://{address}:{host.port or PORTS[host.scheme]}/wsman",
        "username": host.user,
        "server_cert_validation": "validate",  # what it is validated with, the wire knows
        "ca_trust_path": None,
        "proxy": None,
        "message_encryption": "always" if host.scheme == "http" else "auto",
    }
    password = _password(host)
    try:
        protocol = Protocol(transport=host.auth.value, password="", **options)
        protocol.transport = SafeTransport(wire, auth_method=host.auth.value, password=password, **options)
    except WinRMError as error:
        raise _user_lost(host, clean(str(error), 200)) from None
    return protocol


def _password(host: Host) -> str:
    """From the environment. Raises ``Lost``."""
    if host.auth is Auth.KERBEROS:
        from winrm.transport import HAVE_KERBEROS  # noqa: PLC0415 - where it is asked for

        if not HAVE_KERBEROS:
            raise _user_lost(host, "auth: kerberos needs more software: pip install imagegate[kerberos]")
        return ""
    if not host.user or not host.password_env:
        raise _user_lost(host, "WinRM needs user and password_env in imagegate's own inventory")
    password = os.environ.get(host.password_env)
    if not password:
        raise _user_lost(host, f"the environment variable {host.password_env}, which holds its password, is not set")
    return password


def _user_lost(host: Host, what: str) -> Lost:
    return Lost(Trouble(reason=f"{host.name}: {what}", owner=Owner.USER))
