"""How our own project stands towards an image that another project shares with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipFact:
    """``project`` is that of the credentials; ``status`` its answer (pending, accepted, rejected), None where the image
    is not shared with it (our own, public, private); ``since`` when that was last changed, as the API writes it."""

    project: str
    status: str | None
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipProbe(Probe[MembershipFact]):
    """Our own row among the members of another project's image: the only one that a member can see."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = MembershipFact

    @property
    def key(self) -> str:
        return "membership"


MEMBERSHIP = MembershipProbe()
