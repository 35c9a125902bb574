"""testinfra's backends, with input, a deadline and a cap on the output.

They are constructed directly, one per exchange: ``testinfra.get_host`` caches by address, so that a host which was
made anew would be reached through what is known of the old one. Only ``run`` is used: each property of testinfra's
modules is a round trip. Results carry no output, since testinfra logs them whole.
"""

from __future__ import annotations

import os
import shlex
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from testinfra.backend.base import BaseBackend, CommandResult  # type: ignore[import-untyped]
from testinfra.backend.chroot import ChrootBackend  # type: ignore[import-untyped]
from testinfra.backend.docker import DockerBackend  # type: ignore[import-untyped]
from testinfra.backend.local import LocalBackend  # type: ignore[import-untyped]
from testinfra.backend.podman import PodmanBackend  # type: ignore[import-untyped]
from testinfra.backend.ssh import SshBackend  # type: ignore[import-untyped]

from imagegate.errors import ToolError
from imagegate.inventory import Host, Via
from imagegate.transports.linux import process
from imagegate.transports.linux.process import Outcome


class Converses(Protocol):
    """What all backends here can do."""

    def converse(
        self, command: str, *, stdin: bytes, deadline: float, silence_s: float | None, stop: threading.Event
    ) -> Outcome:
        """Run ``command`` on the guest with ``stdin``; see ``process.run`` for the limits and errors."""


class _Bounded(BaseBackend):  # type: ignore[misc]
    """Replaces ``run_local``, through which all these backends start their one process."""

    _limits: Mapping[str, Any]
    _outcome: Outcome | None

    def converse(
        self, command: str, *, stdin: bytes, deadline: float, silence_s: float | None, stop: threading.Event
    ) -> Outcome:
        self._limits = {"stdin": stdin, "deadline": deadline, "silence_s": silence_s, "stop": stop}
        self._outcome = None
        try:
            self.run(command)
        except RuntimeError:  # testinfra's answer to exit code 255, which may be the command's own
            if self._outcome is None:
                raise
        if self._outcome is None:
            raise ToolError(f"testinfra's backend {self.NAME} ran nothing")
        return self._outcome

    def run_local(self, command: str, *args: str) -> CommandResult:
        argv = self._argv(shlex.split(self.quote(command, *args)))
        self._outcome = process.run(argv, env={**os.environ, "LC_ALL": "C"}, **self._limits)
        return CommandResult(self, self._outcome.code, b"", b"", b"")

    def _argv(self, argv: list[str]) -> Sequence[str]:
        return argv


class _Ssh(_Bounded, SshBackend):  # type: ignore[misc]
    pass


class _Local(_Bounded, LocalBackend):  # type: ignore[misc]
    pass


class _Chroot(_Bounded, ChrootBackend):  # type: ignore[misc]
    """Root's rights are needed outside, where testinfra would take them inside."""

    elevate = False

    def _argv(self, argv: list[str]) -> Sequence[str]:
        return ["sudo", "-n", *argv] if self.elevate and os.geteuid() != 0 else argv


class _Container(_Bounded):
    """``exec`` without ``-i`` has no standard input."""

    def _argv(self, argv: list[str]) -> Sequence[str]:
        return [argv[0], "exec", "-i", *argv[2:]]


class _Docker(_Container, DockerBackend):  # type: ignore[misc]
    pass


class _Podman(_Container, PodmanBackend):  # type: ignore[misc]
    pass


def ssh(host: Host, *, config: str, options: str, connect_s: int) -> Converses:
    """A backend for one exchange over ssh, with a configuration file and further ``-o`` options."""
    address = urllib.parse.quote(host.address, safe="")
    spec = f"[{address}]" if host.port is None else f"[{address}]:{host.port}"
    if host.user is not None:
        spec = f"{urllib.parse.quote(host.user, safe='')}@{spec}"
    backend: Converses = _Ssh(
        spec,
        ssh_config=config,
        ssh_identity_file=None if host.identity_file is None else str(host.identity_file),
        timeout=connect_s,
        controlpersist=0,
        ssh_extra_args=options,
    )
    return backend


def other(host: Host) -> Converses:
    """A backend for one exchange with a guest that is not reached over the network."""
    backend: Converses
    if host.transport is Via.CHROOT:
        chroot = _Chroot(host.address)
        chroot.elevate = host.sudo
        backend = chroot
    elif host.transport is Via.LOCAL:
        backend = _Local()
    elif host.transport in {Via.DOCKER, Via.PODMAN}:
        kind = _Docker if host.transport is Via.DOCKER else _Podman
        backend = kind(f"{host.user or '0'}@{host.address}")
    else:
        raise ToolError(f"no backend for transport {host.transport}")
    return backend
