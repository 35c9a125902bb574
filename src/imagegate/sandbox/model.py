"""What callers hand to the sandbox and get from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

User = Literal["root", "ubuntu"]
DbusState = Literal["file", "link", "absent"]
Backend = Literal["auto", "model", "wine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A public image of the cloud's operator, from which servers are made."""

    name: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """A guest to boot.

    ``machine_id`` and ``dbus`` are the state of ``/etc/machine-id`` and ``/var/lib/dbus/machine-id`` once the guest
    is up: ``id`` (a random one), ``empty``, ``uninitialized``, ``missing`` or the content itself. With ``volume_gb``
    its server boots from a volume of that size, which block storage captures.
    """

    name: str
    user: User = "root"
    machine_id: str = "id"
    dbus: DbusState = "link"
    flavor: str = "m2.c1m2"
    image_name: str = "Debian Bookworm"
    metadata: Mapping[str, str] = field(default_factory=dict)
    volume_gb: int | None = None

    @property
    def image(self) -> BaseImage:
        """What its server is made from."""
        return BaseImage(name=self.image_name, properties=(("os_type", "linux"),))

    @property
    def server_metadata(self) -> dict[str, str]:
        """The metadata of its server."""
        return {"os_type": "linux", "image_name": self.image_name, **self.metadata}


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsGuestSpec:
    """A Windows instance to offer: a WS-Man peer, and a server record as NHN Cloud has it.

    ``image_name`` and ``release_date`` are those of its base image (None: the image has no such property).
    ``backend`` is what answers its commands: ``wine``, ``model``, or ``auto``: Wine where it is installed. ``faults``
    are planted before anybody looks, ``liars`` lie from the start (``sandbox.windows`` says which there are).
    """

    name: str
    flavor: str = "c2.c2m4"
    image_name: str = "Windows 2016 STD (2019.04.25) EN"
    release_date: str | None = "2019.04.25"
    backend: Backend = "auto"
    faults: tuple[str, ...] = ()
    liars: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    volume_gb: int | None = None

    @property
    def image(self) -> BaseImage:
        """What its server is made from."""
        dated = {} if self.release_date is None else {"release_date": self.release_date}
        properties = {**self._described, **dated, "nhncloud_product": "compute"}
        return BaseImage(name=self.image_name, properties=tuple(properties.items()))

    @property
    def server_metadata(self) -> dict[str, str]:
        """The metadata of its server, with the keys of NHN Cloud's."""
        return {"image_name": self.image_name, **self._described, **self.metadata}

    @property
    def _described(self) -> dict[str, str]:
        product, _, _ = self.image_name.partition(" (")
        return {
            "description": self.image_name.rpartition(")")[0] + ")" if ")" in self.image_name else self.image_name,
            "os_type": "Windows",
            "os_distro": "Windows",
            "os_version": product.removeprefix("Windows "),
            "os_architecture": "amd64",
            "login_username": "Administrator",
        }


AnySpec = GuestSpec | WindowsGuestSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A guest and how to reach it."""

    name: str
    address: str
    port: int
    user: str
    os: Literal["linux", "windows"] = "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox."""

    root: Path
    clouds_yaml: Path
    inventory: Path | None
    ports: Mapping[str, int]
    projects: Mapping[str, str]
    """Project names and ids."""
    pids: Mapping[str, int]
    guests: tuple[Guest, ...]
    passwords: Path | None = None
    """Shell lines that set the passwords of the Windows guests; None where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service: ``state`` is running, stopped (on request) or dead."""

    name: str
    port: int
    state: Literal["running", "stopped", "dead"]
    pid: int | None
    memory_mib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStatus:
    """One guest, and whether it runs."""

    guest: Guest
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A sandbox as it is now; ``phase`` is absent, starting, up or broken (something has died: start it again)."""

    root: Path
    phase: Literal["absent", "starting", "up", "broken"]
    services: tuple[ServiceStatus, ...] = ()
    guests: tuple[GuestStatus, ...] = ()
    clouds_yaml: Path | None = None
    inventory: Path | None = None
    passwords: Path | None = None
    no_guests_reason: str | None = None
    """Why this machine cannot boot guests; None when it can."""


def render_status(status: Status) -> str:
    """The status as text for a terminal."""
    lines = [f"sandbox {status.root}: {status.phase}"]
    for service in status.services:
        detail = f"pid {service.pid}, {service.memory_mib} MiB" if service.state == "running" else service.state
        lines.append(f"  {service.name:<12} 127.0.0.1:{service.port:<6} {detail}")
    for item in status.guests:
        guest = item.guest
        place = f"{guest.user}@{guest.address}:{guest.port}"
        lines.append(f"  guest {guest.name:<12} {place:<28} {'up' if item.up else 'down'}")
    if status.clouds_yaml is not None:
        lines.append(f"  clouds: export OS_CLIENT_CONFIG_FILE={status.clouds_yaml}")
    if status.inventory is not None:
        lines.append(f"  guests: --inventory {status.inventory}")
    if status.passwords is not None:
        lines.append(f"  passwords of Windows guests: . {status.passwords}")
    if status.no_guests_reason is not None:
        lines.append(f"  no real guests here: {status.no_guests_reason}")
    if status.phase == "broken":
        lines.append("  something has died; `imagegate sandbox up` cleans it away and starts again")
    return "\n".join(lines)
