"""How an image stands among the others of its owner in its region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesakesFact:
    """``images``: ids of the owner's other images of the same name in the region, sorted; not those being deleted.

    Source: image API v2, "List images".
    """

    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesakesProbe(Probe[NamesakesFact]):
    """The other images that are called as this one, or ``name`` if that is given. Of other projects' images it stays
    unseen: only the owner sees all of its images."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = NamesakesFact

    name: str | None = None

    @property
    def key(self) -> str:
        return "namesakes" if self.name is None else f"namesakes:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationsFact:
    """``newer``: how many active images of the same family (``dates.family``) the owner has in the region that were
    created after this one; ``newest`` is the name of the last of them."""

    newer: int
    newest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationsProbe(Probe[GenerationsFact]):
    """The later generations of an image of ours, as the catalog was listed when the run began. Of other projects'
    images it stays unseen. ``generation`` is the rule of its families, None the usual one."""

    source: ClassVar[Source] = Source.IMAGE
    fact: ClassVar[type] = GenerationsFact

    generation: str | None = None

    @property
    def key(self) -> str:
        return "generations" if self.generation is None else f"generations:{self.generation}"


NAMESAKES = NamesakesProbe()
GENERATIONS = GenerationsProbe()
