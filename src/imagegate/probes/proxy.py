"""Whether a guest's environment sends link-local requests through a proxy; never which proxy: its URL may hold a
password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source

Bypass = Literal["unset", "none", "address", "network"]
"""What ``no_proxy`` spares: it is not set; nothing of 169.254.0.0/16; 169.254.169.254 alone; all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFile:
    """One file: whether it sets a proxy, and what it spares of it."""

    path: str
    proxy: bool
    bypass: Bypass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFact:
    """The files that set a proxy or ``no_proxy``, in the order in which a login reads them."""

    files: tuple[ProxyFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyProbe(Probe[ProxyFact]):
    """The proxy variables in ``files``, paths or shell patterns that match paths."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = ProxyFact

    files: tuple[str, ...] = (
        "/etc/environment", "/etc/profile", "/etc/profile.d/*.sh", "/etc/bash.bashrc", "/etc/bashrc",
        "/etc/systemd/system.conf", "/etc/systemd/system.conf.d/*.conf",
    )  # fmt: skip

    @property
    def key(self) -> str:
        return "proxy"


PROXY = ProxyProbe()
