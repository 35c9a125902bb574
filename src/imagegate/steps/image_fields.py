"""Changes to what an image's record says: its name, properties, tags and minimums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from imagegate.errors import StepRefused
from imagegate.model import Facts, Probe, Step
from imagegate.probes.catalog import NAMESAKES, NamesakesFact, NamesakesProbe
from imagegate.probes.image import IMAGE, WITHHELD, ImageFact
from imagegate.steps.call import Call
from imagegate.steps.image import ImageStep, patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(ImageStep):
    """Give the image another name, which no other image of the owner in the region has right before the write."""

    name: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, NAMESAKES, self._taken)

    @property
    def _taken(self) -> NamesakesProbe:
        return NamesakesProbe(name=self.name)

    def basis(self, seen: Facts) -> object:
        """Who has the new name is not known to a plan, but it is right before the write: ``StepRefused`` if it is
        taken, ``Unobserved`` if that cannot be seen."""
        if seen.observation(self._taken) is not None and (others := seen[self._taken].images):
            raise StepRefused(f"the name {self.name} is taken by image {others[0]}: nothing was written")
        return (seen[IMAGE].id, seen[IMAGE].name)

    def simulate(self, seen: Facts) -> Facts:
        after = seen.with_fact(IMAGE, replace(seen[IMAGE], name=self.name))
        return after.with_fact(NAMESAKES, NamesakesFact()) if NAMESAKES in seen else after

    def done(self, seen: Facts) -> bool:
        return seen[IMAGE].name == self.name

    def call(self, seen: Facts) -> Call:
        return replace(patch(seen, "replace", "name", self.name), claim=self.name)

    def inverse(self, before: Facts) -> Step | None:
        """Those who choose it by its name are told again: ``then`` stays."""
        was = before[IMAGE].name
        return replace(
            self,
            name=was,
            summary=f"rename the image to {was}",
            why=f"takes back: {self.summary}",
            undo=f"rename it to {self.name}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProperty(ImageStep):
    """Set a custom property, or (``value`` None) remove it."""

    no_way_back: ClassVar[str] = "it is named like a secret: what it said was never kept, and cannot come back"

    key: str
    value: str | None

    def basis(self, seen: Facts) -> object:
        return (seen[IMAGE].id, self._now(seen))

    def _now(self, seen: Facts) -> str | None:
        return dict(seen[IMAGE].properties).get(self.key)

    def simulate(self, seen: Facts) -> Facts:
        left = {key: value for key, value in seen[IMAGE].properties if key != self.key}
        if self.value is not None:
            left[self.key] = self.value
        return seen.with_fact(IMAGE, replace(seen[IMAGE], properties=tuple(sorted(left.items()))))

    def done(self, seen: Facts) -> bool:
        return self._now(seen) == self.value

    def call(self, seen: Facts) -> Call:
        if self.value is None:
            return patch(seen, "remove", self.key)
        return patch(seen, "add" if self._now(seen) is None else "replace", self.key, self.value)

    def inverse(self, before: Facts) -> Step | None:
        was = self._now(before)
        if was == WITHHELD:
            return None
        return replace(
            self,
            value=was,
            summary=_edit(self.key, was),
            why=f"takes back: {self.summary}",
            undo=_edit(self.key, self.value),
            then=None,
        )

    def _lean(self, image: ImageFact) -> ImageFact:
        mine = tuple(pair for pair in image.properties if pair[0] == self.key)
        return replace(image, properties=mine, tags=())


def _edit(key: str, value: str | None) -> str:
    return f"remove property {key}" if value is None else f"set property {key} to {value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTag(ImageStep):
    """Put a tag on the image, or (``there`` False) take it off; other tags are left alone.

    ``tag`` is one that ``properties.addable`` takes: others would not arrive as they are.
    """

    tag: str
    there: bool = True

    def basis(self, seen: Facts) -> object:
        return (seen[IMAGE].id, self.tag in seen[IMAGE].tags)

    def simulate(self, seen: Facts) -> Facts:
        tags = {*seen[IMAGE].tags} - {self.tag} | ({self.tag} if self.there else set())
        return seen.with_fact(IMAGE, replace(seen[IMAGE], tags=tuple(sorted(tags))))

    def done(self, seen: Facts) -> bool:
        return (self.tag in seen[IMAGE].tags) is self.there

    def call(self, seen: Facts) -> Call:
        return Call(
            service="image",
            method="PUT" if self.there else "DELETE",
            path=f"/v2/images/{quote(seen[IMAGE].id, safe='')}/tags/{quote(self.tag, safe='')}",
            body=None,
            accepts=frozenset({200, 204}),
            already=frozenset() if self.there else frozenset({404}),
        )

    def inverse(self, before: Facts) -> Step | None:
        was = self.tag in before[IMAGE].tags
        return replace(
            self,
            there=was,
            summary=f"{'add' if was else 'remove'} tag {self.tag}",
            why=f"takes back: {self.summary}",
            undo=f"{'add' if self.there else 'remove'} tag {self.tag}",
            then=None,
        )

    def _lean(self, image: ImageFact) -> ImageFact:
        return replace(image, properties=(), tags=tuple(tag for tag in image.tags if tag == self.tag))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMinimum(ImageStep):
    """Set the smallest root disk (``min_disk``, GB) or memory (``min_ram``, MB) of servers made from the image."""

    field: Literal["min_disk", "min_ram"]
    value: int

    def basis(self, seen: Facts) -> object:
        return (seen[IMAGE].id, getattr(seen[IMAGE], self.field))

    def simulate(self, seen: Facts) -> Facts:
        changed: dict[str, Any] = {self.field: self.value}
        return seen.with_fact(IMAGE, replace(seen[IMAGE], **changed))

    def done(self, seen: Facts) -> bool:
        return bool(getattr(seen[IMAGE], self.field) == self.value)

    def call(self, seen: Facts) -> Call:
        return patch(seen, "replace", self.field, self.value)

    def inverse(self, before: Facts) -> Step | None:
        """A minimum that was not set is 0: the API takes nothing else for it."""
        was: int = getattr(before[IMAGE], self.field) or 0
        return replace(
            self,
            value=was,
            summary=f"set {self.field} to {was}",
            why=f"takes back: {self.summary}",
            undo=f"set {self.field} to {self.value}",
            then=None,
        )
