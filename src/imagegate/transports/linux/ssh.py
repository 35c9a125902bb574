"""The OpenSSH client's configuration, its control sockets, and the order of contacts through a jump host.

The first contact with a host is a connection of its own; from the second on (a fix follows, or is verified) a
multiplex master is kept. So an audit, which contacts each host once, pays for no extra process, and a fix does not log
in for every step. Connections to jump hosts are shared from the start: a hundred guests behind one bastion would run
into its ``MaxStartups``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imagegate.inventory import Host
from imagegate.transports.linux import backends

CONNECT_S = 20
"""Seconds that TCP connection and the server's greeting may take, at most; the look's deadline may be shorter."""

_PERSIST_S = 60
_LONGEST_SOCKET = 40 + 1 + 17  # %C, a letter, and the suffix that ssh appends while it makes the socket
_SUN_PATH = 104

_CONFIG = """\
# Made by imagegate. The first value that ssh finds counts, and the command line comes before this file.
BatchMode yes
ClearAllForwardings yes
ConnectTimeout {connect}
ForwardAgent no
ForwardX11 no
LogLevel INFO
PermitLocalCommand no
RemoteCommand none
RequestTTY no
ServerAliveCountMax 3
ServerAliveInterval 10
StrictHostKeyChecking yes
UpdateHostKeys no
# for jump hosts
ControlMaster auto
ControlPath {socket}
ControlPersist {persist}
{includes}
"""
_UNCHECKED = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null")


@dataclass(slots=True)
class _Gate:
    """Lets the first contact through a jump host go alone, so that the others can share its connection."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    passed: bool = False


@dataclass(slots=True)
class _Contact:
    """What is known of one host. ``socket`` is None before the second contact."""

    seen: bool = False
    socket: Path | None = None


class Ssh:
    """Makes backends for hosts that are reached over ssh. Thread-safe; ``close`` ends what runs in the background."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._configs: dict[Path | None, Path] = {}
        self._contacts: dict[str, _Contact] = {}
        self._gates: dict[str, _Gate] = {}
        self._sockets = 0
        self._finalizer: weakref.finalize[[Path], Ssh] | None = None

    def backend(self, host: Host, *, remaining_s: float) -> tuple[backends.Converses, bool]:
        """A backend for one exchange, and whether it goes through a connection that may exist already."""
        with self._lock:
            config = self._config(host.ssh_config)
            contact = self._contacts.setdefault(host.name, _Contact())
            if contact.seen and contact.socket is None and _fits(config.parent):
                self._sockets += 1
                contact.socket = config.parent / f"t{self._sockets}"
            contact.seen = True
        backend = backends.ssh(
            host,
            config=str(config),
            options=_options(host, contact.socket),
            connect_s=max(1, min(CONNECT_S, int(remaining_s))),
        )
        return backend, contact.socket is not None

    def drop(self, host: Host) -> None:
        """Forget a connection that is kept: it may be dead. The next contact is one of its own."""
        with self._lock:
            contact = self._contacts.pop(host.name, None)
        if contact is not None and contact.socket is not None:
            _end_masters([contact.socket])
            contact.socket.unlink(missing_ok=True)

    @contextlib.contextmanager
    def turn(self, host: Host, deadline: float) -> Iterator[None]:
        """Hold while one exchange with ``host`` runs: the first through its jump host goes alone."""
        if host.via is None:
            yield
            return
        with self._lock:
            gate = self._gates.setdefault(host.via, _Gate())
        if gate.passed or not gate.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            yield
            return
        try:
            if not gate.passed:
                yield
                return
        finally:
            gate.passed = True
            gate.lock.release()
        yield

    def close(self) -> None:
        """End all masters and remove the sockets; idempotent."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._folder, self._finalizer = None, None
            self._configs.clear()
            self._contacts.clear()
            self._gates.clear()

    def _config(self, include: Path | None) -> Path:
        """The configuration file for hosts whose own one is ``include``; None is the user's and the system's."""
        if self._folder is None:
            self._folder = _private_folder()
            self._finalizer = weakref.finalize(self, _remove, self._folder)
        if include not in self._configs:
            includes = [include] if include is not None else ["~/.ssh/config", "/etc/ssh/ssh_config"]
            path = self._folder / f"c{len(self._configs)}"
            path.write_text(
                _CONFIG.format(
                    connect=CONNECT_S,
                    socket=f"{self._folder}/j%C" if _fits(self._folder) else "none",
                    persist=_PERSIST_S,
                    includes="\n".join(f'Include "{name}"' for name in includes),
                )
            )
            self._configs[include] = path
        return self._configs[include]


def _options(host: Host, socket: Path | None) -> str:
    if socket is None:
        options = ["ControlMaster=no", "ControlPath=none"]
    else:
        options = ["ControlMaster=auto", f"ControlPath={socket}", f"ControlPersist={_PERSIST_S}"]
    if host.via is not None:
        options.append(f"ProxyJump={host.via}")
    if host.identity_file is not None:
        options.append("IdentitiesOnly=yes")
    if not host.host_key_checking:
        options += _UNCHECKED
    return " ".join(f"-o {shlex.quote(option)}" for option in options)


def _private_folder() -> Path:
    """A new folder that only this user may enter, with a path short enough for sockets where there is one."""
    folder = Path(tempfile.mkdtemp(prefix="ig-"))
    if _fits(folder) or not os.access("/tmp", os.W_OK):  # noqa: S108  # mkdtemp makes the name safe
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp"))


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 1 + _LONGEST_SOCKET < _SUN_PATH


def _remove(folder: Path) -> None:
    _end_masters([path for path in folder.iterdir() if path.is_socket()])
    shutil.rmtree(folder, ignore_errors=True)


def _end_masters(sockets: list[Path]) -> None:
    """Ask the masters behind ``sockets`` to end, all at the same time."""
    askers = [
        subprocess.Popen(
            ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "master"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for socket in sockets
    ]
    for asker in askers:
        try:
            asker.wait(3)
        except subprocess.TimeoutExpired:
            asker.kill()
            asker.wait()
