"""What a stand-in for Windows remembers, as JSON in its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Power = Literal["on", "off"]
Language = Literal["en", "ko", "ja"]

OEM_CODE_PAGES: dict[Language, int] = {"en": 437, "ko": 949, "ja": 932}


@dataclass(slots=True, kw_only=True)
class Account:
    """A local account; its SID is the machine's and ``rid``."""

    name: str
    rid: int
    enabled: bool = True
    password_required: bool = True
    password_expires: bool = True


@dataclass(slots=True, kw_only=True)
class Package:
    """An AppX package that ``users`` people have installed."""

    full_name: str
    name: str
    users: int = 1
    framework: bool = False
    system: bool = False


@dataclass(slots=True, kw_only=True)
class Value:
    """A value of the registry: ``data`` is a number of REG_DWORD and REG_QWORD, a list of REG_MULTI_SZ, else a text."""

    type: str
    data: str | int | list[str]


@dataclass(slots=True, kw_only=True)
class State:
    """Everything about one Windows that is neither a file on its drive nor, with Wine, in its registry.

    Times are those of the guest's own clock, in seconds since the epoch; that clock is ``clock_offset_s`` ahead of
    ours, and its zone ``zone_s`` ahead of UTC. ``utf8`` tells whether code page 65001 is
    honoured when a shell asks for it. ``liars`` maps names of :mod:`imagegate.sandbox.windows.liars` to how often each
    still lies, None for always. ``registry`` is empty where
    Wine keeps it; keys are full paths.
    """

    name: str
    user: str
    machine_sid: str
    booted_at: float
    product: str = "Microsoft Windows Server 2019 Standard"
    version: str = "10.0.17763"
    language: Language = "en"
    utf8: bool = True
    elevated: bool = True
    power: Power = "on"
    boots: int = 1
    clock_offset_s: float = 0
    zone_s: float = 32400
    accounts: list[Account] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    provisioned: list[str] = field(default_factory=list)
    appx_supported: bool = True
    services: dict[str, str] = field(default_factory=dict)
    """Names and states of services, as ``running`` or ``stopped``; their start types stand in the registry."""
    rearm: int = 5
    disk_size: int = 53_684_989_952
    disk_free: int = 31_138_512_896
    sysprep_s: float = 0.3
    sysprep_running: bool = False
    liars: dict[str, int | None] = field(default_factory=dict)
    registry: dict[str, dict[str, Value]] = field(default_factory=dict)

    @property
    def oem_code_page(self) -> int:
        """The console's code page where nothing else is asked for."""
        return OEM_CODE_PAGES[self.language]

    def to_json(self) -> str:
        """The state as text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> State:
        """The state that :meth:`to_json` wrote."""
        found: dict[str, Any] = json.loads(text)
        found["accounts"] = [Account(**item) for item in found["accounts"]]
        found["packages"] = [Package(**item) for item in found["packages"]]
        found["registry"] = {
            key: {name: Value(**value) for name, value in values.items()} for key, values in found["registry"].items()
        }
        return cls(**found)
