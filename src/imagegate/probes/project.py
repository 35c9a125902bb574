"""Whether the projects that an image is shared with exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberProjectsFact:
    """``missing``: member projects that the identity API says do not exist."""

    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberProjectsProbe(Probe[MemberProjectsFact]):
    """Ask the identity API for each member project. Most roles may not ask (403): then it stays unseen."""

    source: ClassVar[Source] = Source.IDENTITY
    fact: ClassVar[type] = MemberProjectsFact

    @property
    def key(self) -> str:
        return "member-projects"


MEMBER_PROJECTS = MemberProjectsProbe()
