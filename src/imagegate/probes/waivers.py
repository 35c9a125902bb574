"""How the waivers of the policy fared in an audit: looked at when all other findings are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """One waiver or attestation (``what``) of the policy: ``used`` counts the findings it stood beside, ``matches`` the
    targets that it is about, ``line`` is its place in the policy file."""

    what: str
    check: str
    until: date
    used: int
    matches: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiversFact:
    """All waivers and attestations, in the order of the policy. ``complete`` is False when not everything was
    judged, so that an unused one proves nothing. A waiver may match ``most`` targets."""

    waivers: tuple[WaiverUse, ...]
    complete: bool
    most: int


class WaiverState(StrEnum):
    """What is to be said of a waiver or an attestation; the first that holds counts."""

    EXPIRED = "expired"
    UNUSED = "unused"
    OVER_BROAD = "over-broad"
    ENDING_SOON = "ending soon"
    IN_FORCE = "in force"


ENDING_SOON_DAYS = 14
"""What soon means where the policy does not say."""


def waiver_state(use: WaiverUse, fact: WaiversFact, *, today: date, ending_soon_days: int) -> WaiverState:
    """What is to be said of ``use`` on ``today`` (UTC). Only waivers are over-broad: an attestation is a person's word
    about what only persons can see, on any number of targets. Pure."""
    if use.until < today:
        return WaiverState.EXPIRED
    if use.used == 0 and fact.complete:
        return WaiverState.UNUSED
    if use.what == "waiver" and use.matches > fact.most:
        return WaiverState.OVER_BROAD
    soon = use.until <= today + timedelta(days=ending_soon_days)
    return WaiverState.ENDING_SOON if soon else WaiverState.IN_FORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiversProbe(Probe[WaiversFact]):
    """The use of waivers; the engine answers it itself."""

    source: ClassVar[Source] = Source.POLICY
    fact: ClassVar[type] = WaiversFact

    @property
    def key(self) -> str:
        return "waivers"


WAIVERS = WaiversProbe()
