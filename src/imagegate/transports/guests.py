"""All guests of an inventory, each through the transport that its entry asks for."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from imagegate.inventory import Inventory, Via
from imagegate.model import Facts, Probe, Source, Step, Target

if TYPE_CHECKING:
    from imagegate.transports import Transport


class Guests:
    """Hands each target to the Linux or to the Windows transport. Thread-safe, as these are."""

    sources = frozenset({Source.GUEST})
    remote = True

    def __init__(self, inventory: Inventory, run_key: bytes) -> None:
        from imagegate.transports.linux import LinuxTransport  # noqa: PLC0415 - each only where it is used

        self._windows_hosts = frozenset(name for name, host in inventory.hosts.items() if host.transport is Via.WINRM)
        self._linux: Transport = LinuxTransport(inventory, run_key=run_key)
        self._windows: Transport | None = None
        if self._windows_hosts:
            from imagegate.transports.windows import WindowsTransport  # noqa: PLC0415

            self._windows = WindowsTransport(inventory, run_key=run_key)

    def _of(self, target: Target) -> Transport:
        return self._windows if self._windows is not None and target.guest in self._windows_hosts else self._linux

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Never: a look is an exchange with the guest."""
        return False

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """Look at ``target`` in one exchange."""
        return self._of(target).look(target, probes, timeout_s=timeout_s, fresh=fresh)

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """Carry out one step on the guest."""
        self._of(target).apply(target, step, seen, timeout_s=timeout_s)

    def close(self) -> None:
        """End both transports."""
        self._linux.close()
        if self._windows is not None:
            self._windows.close()
