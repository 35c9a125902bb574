"""A value or a key of a Windows guest's registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFact:
    """What a look shows. ``type`` as ``REG_SZ``; ``text`` of a string value, ``number`` of a DWORD or QWORD.

    ``present`` is False only where the key above it was listed and does not hold it: that ``reg query`` failed is no
    proof of absence. Of other types, and where the probe asks for a key, only the presence is kept.
    """

    present: bool
    type: str | None = None
    text: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry(Probe[RegistryFact]):
    r"""The value ``name`` of the key ``path`` (``HKLM\SYSTEM\Setup``); with ``name`` None, the key itself."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = RegistryFact

    path: str
    name: str | None = None

    @property
    def key(self) -> str:
        return f"registry:{self.path}" + ("" if self.name is None else f":{self.name}")
