"""How our own projects stand towards an image that another project shares with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source
from imagegate.probes.image import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipFact:
    """The rows of our projects (those of the credentials that see the image) among its members, sorted by project; none
    where it is not shared with them: our own only, public, private."""

    members: tuple[Member, ...]

    def of(self, project: str) -> Member | None:
        """The row of ``project``, None where it is no member or none of ours."""
        return next((member for member in self.members if member.project == project), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipProbe(Probe[MembershipFact]):
    """Our own rows among the members of an image. A member can see its own row and no other, the owner all of them."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = MembershipFact

    @property
    def key(self) -> str:
        return "membership"


MEMBERSHIP = MembershipProbe()
