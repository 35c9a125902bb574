"""Stand-ins for Windows instances among the guests of a sandbox: booted, powered off and on, found again.

The machine itself is that of :mod:`imagegate.sandbox.windows`, in the folder ``guests/NAME/machine``; all of them have
certificates of one authority, the sandbox's.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

from imagegate.sandbox import roster
from imagegate.sandbox.errors import SandboxUsageError
from imagegate.sandbox.model import Guest, WindowsGuestSpec
from imagegate.sandbox.paths import SERVICES, Progress, locked, plain, quiet

PORT = 5986
"""WinRM's own for HTTPS; each guest has an address of its own."""

_RECORD = roster.WINDOWS_RECORD


def require(specs: Sequence[WindowsGuestSpec]) -> None:
    """Raise for specs that ask for what there is not."""
    from imagegate.sandbox.windows import faults, liars  # noqa: PLC0415 - as in _windows

    for spec in specs:
        faults.check(spec.faults)
        liars.check(spec.liars)


def known(root: Path) -> tuple[str, ...]:
    """The names of the sandbox's Windows guests."""
    return roster.known(root, _RECORD)


def machine(root: Path, name: str) -> Path:
    """The folder of the machine, for ``sandbox.windows``."""
    return roster.folder(root, name) / "machine"


def read(root: Path, name: str) -> Guest:
    """How to reach a guest."""
    return roster.load(root, name, _RECORD).guest


def is_up(root: Path, name: str) -> bool:
    """Whether the guest is on and its WinRM takes connections."""
    up: bool = _windows().is_up(machine(root, name))
    return up


def is_running(root: Path, name: str) -> bool:
    """Whether the guest is powered on."""
    on: bool = _windows().is_on(machine(root, name))
    return on


def boot_all(root: Path, specs: Sequence[WindowsGuestSpec], progress: Progress = quiet) -> tuple[Guest, ...]:
    """Make guests, list them with the others, and boot them beside each other.

    Where one powers itself off, Nova is told, as a hypervisor would.
    """
    if not specs:
        return ()
    root = plain(root)
    guests = [
        roster.reserve(root, Guest(name=spec.name, address="", port=PORT, user="Administrator", os="windows"))
        for spec in specs
    ]
    for guest in guests:
        roster.store(root, roster.Record(guest=guest), _RECORD)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda guest, spec: _boot(root, guest, spec, progress), guests, specs))
    _publish(root)
    return tuple(guests)


def _boot(root: Path, guest: Guest, spec: WindowsGuestSpec, progress: Progress) -> None:
    windows = _windows()
    asked = windows.WindowsSpec(
        name=guest.name,
        user=guest.user,
        address=guest.address,
        port=guest.port,
        backend=spec.backend,
        faults=frozenset(spec.faults),
        liars=frozenset(spec.liars),
    )
    told = [sys.executable, str(SERVICES / "guest_off.py"), str(root), guest.name]
    windows.start(machine(root, guest.name), asked, owner=root, authority=root, on_power_off=told, progress=progress)


def pack(root: Path, name: str, file: Path) -> bool:
    """Write the disk of a guest to ``file``; whether it could: what is behind Wine is not packed."""
    windows = _windows()
    if windows.read(machine(root, name)).backend != "model":
        return False
    windows.pack(machine(root, name), file)
    return True


def is_capture(file: Path) -> bool:
    """Whether the file is what :func:`pack` writes."""
    found: bool = _windows().is_disk(file)
    return found


def boot_copy(root: Path, name: str, server: str, file: Path) -> Guest:
    """Boot a guest called ``name`` for the server with this id from a captured disk, with an address of its own."""
    root = plain(root)
    guest = roster.reserve(root, Guest(name=name, address="", port=PORT, user="Administrator", os="windows"))
    windows = _windows()
    spec = windows.WindowsSpec(
        name=name, user=guest.user, address=guest.address, port=guest.port, backend="model"
    )  # fmt: skip
    told = [sys.executable, str(SERVICES / "guest_off.py"), str(root), name]
    try:
        roster.made_for(root, name, server)
        windows.start(machine(root, name), spec, owner=root, authority=root, on_power_off=told, disk=file)
    except BaseException:
        windows.stop(machine(root, name))
        roster.forget(root, name)
        raise
    with locked(root / roster.PASSWORDS):
        roster.store(root, roster.Record(guest=guest), _RECORD)
        _list(root)
    return guest


def remove(root: Path, name: str) -> None:
    """Take a guest away."""
    root = plain(root)
    with locked(root / roster.PASSWORDS):  # whoever lists the guests meanwhile sees none that is half gone
        _windows().stop(machine(root, name))
        roster.forget(root, name)
    _publish(root)


def _publish(root: Path) -> None:
    with locked(root / roster.PASSWORDS):
        _list(root)


def _list(root: Path) -> None:
    roster.publish(root, {name: _windows().read(machine(root, name)).password for name in known(root)})


def power_on(root: Path, name: str) -> None:
    """Boot a guest; nothing to do when it is on."""
    _windows().power_on(machine(root, name))


def halt(root: Path, name: str) -> None:
    """Power a guest off and wait until it is; nothing to do when it is."""
    _windows().power_off(machine(root, name))


def halt_all(root: Path) -> None:
    """Power all Windows guests off, and end what is left of those that died."""
    for name in known(root):
        with contextlib.suppress(SandboxUsageError):  # it was never made
            halt(root, name)


def _windows() -> ModuleType:
    """Imported where it is used: it needs cryptography and pyspnego, and importing the sandbox must be cheap."""
    from imagegate.sandbox import windows  # noqa: PLC0415

    return windows
