"""How the waivers of the policy fared in an audit: looked at when all other findings are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """One waiver or attestation (``what``) of the policy: ``used`` counts the findings it stood beside, ``line`` is
    its place in the policy file."""

    what: str
    check: str
    until: date
    used: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiversFact:
    """All waivers and attestations, in the order of the policy. ``complete`` is False when not everything was
    judged, so that an unused one proves nothing."""

    waivers: tuple[WaiverUse, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiversProbe(Probe[WaiversFact]):
    """The use of waivers; the engine answers it itself."""

    source: ClassVar[Source] = Source.POLICY
    fact: ClassVar[type] = WaiversFact

    @property
    def key(self) -> str:
        return "waivers"


WAIVERS = WaiversProbe()
