"""The kernel command line of a guest, one option at a time: other options may hold secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelOptionFact:
    """``not-booted``: the root is reached through chroot, there is no command line to look at."""

    state: Literal["absent", "present", "not-booted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelOption(Probe[KernelOptionFact]):
    """Whether the option ``name`` (``systemd.machine_id``) stands on the kernel command line; never its value."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = KernelOptionFact

    name: str

    @property
    def key(self) -> str:
        return f"kernel-option:{self.name}"
