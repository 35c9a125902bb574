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
from imagegate.sandbox.paths import SERVICES, Progress, plain, quiet

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
    roster.publish(root, {name: _windows().read(machine(root, name)).password for name in known(root)})
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
