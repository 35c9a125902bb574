"""Who is in a sandbox: the inventory of its guests, and the file with the passwords of those that have one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from imagegate.sandbox import net, ssh
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.model import Guest
from imagegate.sandbox.paths import locked, write_private
from imagegate.sandbox.processes import Process

LINUX_RECORD = "guest.json"
WINDOWS_RECORD = "windows.json"
HOST_KEY = "host_key.pub"
PASSWORDS = "windows.env"
"""Shell lines that set the variables that the inventory names; for the owner's eyes only."""

_CERTIFICATE = "ca.pem"
_SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept about a guest: how to reach it, and its process while it is powered on."""

    guest: Guest
    process: Process | None = None


def folder(root: Path, name: str) -> Path:
    """Where all of a guest is."""
    return root / "guests" / name


def known(root: Path, kind: str) -> tuple[str, ...]:
    """The names of the guests with this kind of record."""
    return tuple(sorted(path.parent.name for path in (root / "guests").glob(f"*/{kind}")))


def made_for(root: Path, name: str, server: str) -> None:
    """Note that a guest is booted for the server with this id."""
    write_private(folder(root, name) / _SERVER, server)


def server_of(root: Path, name: str) -> str | None:
    """The id of the server that the guest was booted for; None for guests that came with the sandbox."""
    file = folder(root, name) / _SERVER
    return file.read_text(encoding="utf-8") if file.exists() else None


def forget(root: Path, name: str) -> None:
    """Remove the folder of a guest that is off."""
    shutil.rmtree(folder(root, name))


def load(root: Path, name: str, kind: str) -> Record:
    """The record of a guest."""
    kept = json.loads((folder(root, name) / kind).read_text(encoding="utf-8"))
    return Record(guest=Guest(**kept["guest"]), process=Process(**kept["process"]) if kept["process"] else None)


def store(root: Path, record: Record, kind: str) -> None:
    """Keep the record of a guest."""
    write_private(folder(root, record.guest.name) / kind, json.dumps(asdict(record)))


def reserve(root: Path, guest: Guest) -> Guest:
    """Make the folder of a new guest, and give it an address of its own."""
    with locked(root / "guests"):
        place = folder(root, guest.name)
        if place.exists():
            message = f"The sandbox at {root} has a guest {guest.name!r} already."
            raise SandboxUsageError(message)
        network_file = root / "guests" / "network"
        if not network_file.exists():
            network_file.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(network_file, json.dumps({"network": net.free_network(), "next": 2}))
        numbers = json.loads(network_file.read_text())
        address = f"{numbers['network']}.{numbers['next']}"
        write_private(network_file, json.dumps({**numbers, "next": numbers["next"] + 1}))
        place.mkdir()
    if not net.is_free(address, guest.port):
        message = f"{address}:{guest.port} is taken by another program."
        raise SandboxError(message)
    return replace(guest, address=address)


def variable(name: str) -> str:
    """The environment variable that holds the password of the Windows guest ``name``."""
    return f"SANDBOX_{re.sub('[^A-Z0-9]', '_', name.upper())}_PASSWORD"


def publish(root: Path, passwords: dict[str, str] | None = None) -> None:
    """Write the inventory of all guests, and the files by which they are reached; ``passwords`` by name, where those
    of Windows guests change."""
    with locked(root / ssh.CONFIG):
        linux = [
            (load(root, name, LINUX_RECORD).guest, (folder(root, name) / HOST_KEY).read_text())
            for name in known(root, LINUX_RECORD)
        ]
        windows = {name: _entry(root, name) for name in known(root, WINDOWS_RECORD)}
        ssh.publish(root, linux, windows)
        if passwords is not None:
            lines = (f"export {variable(name)}={shlex.quote(text)}\n" for name, text in sorted(passwords.items()))
            write_private(root / PASSWORDS, "".join(lines))


def _entry(root: Path, name: str) -> dict[str, object]:
    guest = load(root, name, WINDOWS_RECORD).guest
    return {
        "address": guest.address,
        "port": guest.port,
        "transport": "winrm",
        "os": "windows",
        "user": guest.user,
        "password_env": variable(name),
        "ca_file": str(root / _CERTIFICATE),
    }
