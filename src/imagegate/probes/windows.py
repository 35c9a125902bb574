"""A Windows guest as a whole: its version and boot, space, accounts, packages, licensing, commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsFact:
    """``version`` as ``10.0.17763``; ``product`` as Windows calls itself; ``booted_at`` and ``now`` by the guest's own
    clock, in UTC; ``code_page`` that of its console."""

    version: str
    product: str
    booted_at: datetime
    now: datetime
    code_page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsProbe(Probe[WindowsFact]):
    """Which Windows this is, and when it booted."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = WindowsFact

    @property
    def key(self) -> str:
        return "windows"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpaceFact:
    """In bytes."""

    free: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpace(Probe[FreeSpaceFact]):
    """The space on ``drive`` (``C:``)."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = FreeSpaceFact

    drive: str = "C:"

    @property
    def key(self) -> str:
        return f"free-space:{self.drive}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccount:
    """A local account. ``rid`` is the last part of its SID (500 is the built-in administrator); the rest of the SID
    is the machine's identity and is not kept."""

    name: str
    rid: int
    enabled: bool
    password_required: bool
    password_expires: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFact:
    """By RID."""

    accounts: tuple[LocalAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsProbe(Probe[AccountsFact]):
    """The local accounts."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = AccountsFact

    @property
    def key(self) -> str:
        return "accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppxPackage:
    """An AppX package that somebody has installed. ``users`` counts them; ``provisioned`` tells whether every new user
    gets it too; ``framework`` packages and those that are part of Windows (``system``) do not disturb sysprep."""

    full_name: str
    name: str
    users: int
    provisioned: bool
    framework: bool = False
    system: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppxFact:
    """By full name. ``supported`` is False on versions of Windows without AppX: then there are none."""

    packages: tuple[AppxPackage, ...]
    supported: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AppxProbe(Probe[AppxFact]):
    """The AppX packages of all users, compared with what is provisioned."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = AppxFact

    @property
    def key(self) -> str:
        return "appx"


@dataclass(frozen=True, slots=True, kw_only=True)
class RearmFact:
    """``remaining`` is how often the licensing state can still be reset."""

    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RearmProbe(Probe[RearmFact]):
    """The licensing service's rearm count (WMI SoftwareLicensingService, RemainingWindowsReArmCount)."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = RearmFact

    @property
    def key(self) -> str:
        return "rearm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommandFact:
    """``path`` is where PowerShell finds the command; None where it is a function or an alias."""

    present: bool
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommand(Probe[ShellCommandFact]):
    """Whether PowerShell knows the command ``name`` (``Get-Command``)."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = ShellCommandFact

    name: str

    @property
    def key(self) -> str:
        return f"command:{self.name}"


WINDOWS = WindowsProbe()
ACCOUNTS = AccountsProbe()
APPX = AppxProbe()
REARM = RearmProbe()
