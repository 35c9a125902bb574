"""What tells a booted guest from every other one, and one boot of it from the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFact:
    """The identity set of a booted Linux guest. No identity itself is in it.

    ``machine_id`` and ``dbus_id`` are digests, keyed per run, of the ids in ``/etc/machine-id`` and
    ``/var/lib/dbus/machine-id`` (links followed); None where there is none, and ``machine_state`` and ``dbus_state``
    are the class of the content (``absent`` for a missing file). ``host_keys`` are the fingerprints of the public SSH
    host keys as ``ssh-keygen -l`` prints them, with their types before; ``dhcp`` keyed digests of the ids by which its
    DHCP clients are known.
    """

    machine_id: str | None
    machine_state: str
    dbus_id: str | None
    dbus_state: str
    host_keys: tuple[str, ...]
    host_name: str
    dhcp: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Probe[IdentityFact]):
    """The identity set of a guest; ``of`` is the letter of the clone where several stand side by side."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = IdentityFact

    of: str

    @property
    def key(self) -> str:
        return f"identity of clone {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsIdentityFact:
    """The identity set of a booted Windows. No identity itself is in it, but for its name on the network.

    ``sid`` is a digest, keyed per run, of the SID that all local accounts have in common (the machine's), None where
    they have none in common: a domain controller has no local accounts. ``machine_guid`` is one of the registry's
    MachineGuid, None where there is none.
    """

    sid: str | None
    machine_guid: str | None
    host_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsIdentity(Probe[WindowsIdentityFact]):
    """The identity set of a Windows guest; ``of`` is the letter of the clone."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = WindowsIdentityFact

    of: str

    @property
    def key(self) -> str:
        return f"identity of clone {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFact:
    """``boot`` is a digest, keyed per run, of the kernel's boot id: another one means that the guest was restarted."""

    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot(Probe[BootFact]):
    """The boot of a Linux guest."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = BootFact

    @property
    def key(self) -> str:
        return "boot"


BOOT = Boot()
