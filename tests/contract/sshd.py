"""Real OpenSSH servers on loopback for the tests here: own keys, own configuration, nothing of the user's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
UsePAM no
StrictModes no
UseDNS no
LogLevel ERROR
KexAlgorithms curve25519-sha256
{extra}
"""


def missing() -> str | None:
    """Why no server can be started here."""
    if not Path("/usr/sbin/sshd").exists():
        return "needs /usr/sbin/sshd (apt-get install openssh-server)"
    if os.geteuid() != 0:
        return "needs root, so that sshd lets the tests log in without the user's own files"
    return None


def skip_or_fail(reason: str | None) -> None:
    """A peer that is missing: skip at home, fail on CI."""
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)


def keygen(path: Path) -> Path:
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@dataclass
class Server:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default=Path("/dev/null"))

    def start(self, extra: str = "") -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "config"
        config.write_text(CONFIG.format(port=self.port, folder=self.folder, extra=extra))
        self.log = self.folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as peer:
                if peer.recv(4) == b"SSH-":
                    return
            time.sleep(0.02)
        raise AssertionError(f"sshd did not start: {self.log.read_text()}")

    def children(self) -> list[int]:
        assert self.process
        listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found[1:]

    def signal(self, number: int, *, sessions: bool = True) -> None:
        assert self.process
        for pid in [*(self.children() if sessions else []), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def trust(self, known_hosts: Path) -> None:
        kind, key = (self.folder / "host.pub").read_text().split()[:2]
        with known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{self.port} {kind} {key}\n")


class Site:
    """Servers, one client key, one known_hosts and one ssh_config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = keygen(folder / "client")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()
        self.config = folder / "ssh_config"
        self.config.write_text(
            f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
            f"IdentityFile {self.key}\nIdentitiesOnly yes\nKexAlgorithms curve25519-sha256\n"
        )
        self.servers: list[Server] = []

    def server(self, extra: str = "", *, trusted: bool = True) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder = self.folder / f"server{len(self.servers)}"
        folder.mkdir()
        server = Server(folder=folder, port=port)
        keygen(folder / "host")
        shutil.copy(self.folder / "client.pub", folder / "authorized")
        if trusted:
            server.trust(self.known_hosts)
        self.servers.append(server)
        server.start(extra)
        return server

    def close(self) -> None:
        for server in self.servers:
            server.stop()
