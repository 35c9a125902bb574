"""What callers ask for and get."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Backend = Literal["auto", "wine", "model"]
Scheme = Literal["https", "http"]

AUTH = frozenset({"negotiate", "basic"})
"""What WinRM offers by default; ``ntlm`` names the same NTLM as other servers do. Basic is for TLS only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsSpec:
    """A stand-in for a Windows instance.

    ``backend`` is what answers its commands: ``wine`` (real cmd, reg and files), ``model``, or ``auto``: Wine where it
    is installed. ``faults`` are named deviations from a healthy machine (:mod:`imagegate.sandbox.windows.faults`),
    ``liars`` named lies (:mod:`imagegate.sandbox.windows.liars`). ``password`` None: a random one. ``port`` None: a
    free one. ``sysprep_s`` is how long sysprep takes, in seconds.
    """

    name: str
    user: str = "Administrator"
    password: str | None = field(default=None, repr=False)
    address: str = "127.0.0.1"
    port: int | None = None
    backend: Backend = "auto"
    scheme: Scheme = "https"
    auth: frozenset[str] = AUTH
    faults: frozenset[str] = frozenset()
    liars: frozenset[str] = frozenset()
    max_shells: int = 30
    sysprep_s: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsInstance:
    """A stand-in that was started; ``pid`` is None while its power is off. ``ca_file`` is for https only."""

    name: str
    folder: Path
    address: str
    port: int
    scheme: Scheme
    backend: Backend
    user: str
    password: str = field(repr=False)
    ca_file: Path | None
    pid: int | None

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"{self.scheme}://{self.address}:{self.port}/wsman"
