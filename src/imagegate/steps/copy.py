"""A copy of an image in another region: the cloud has no call for it, so its data goes through this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.copies import MARKER, Blueprint, Terms, blueprint, finished, ours, proved
from imagegate.errors import StepRefused
from imagegate.model import Facts, Probe, Source, Step
from imagegate.probes.copies import CopiesFact, CopiesProbe, Copy
from imagegate.probes.image import IMAGE, MEMBERS, ImageFact, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyImage(Step):
    """Copy the image to the region of ``probe`` as ``terms`` want it, in place of what an earlier run left unfinished.

    What the copy has to be follows from the facts right before: other steps of the plan may rename the source.
    """

    source: ClassVar[Source] = Source.IMAGE
    no_way_back: ClassVar[str] = "deleting a copy is for people: it may be in use by now"
    lengthy: ClassVar[bool] = True

    probe: CopiesProbe
    terms: Terms

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, *((MEMBERS,) if self.terms.members_of_source else ()), self.probe)

    def basis(self, seen: Facts) -> object:
        """The source's data, and what is in the region already."""
        fact = seen[self.probe]
        there = tuple((copy.image.id, copy.image.status, ours(copy.image)) for copy in fact.images)
        return (seen[IMAGE].id, seen[IMAGE].status, fact.source, there, self._shared_with(seen))

    def kept(self, seen: Facts) -> Facts:
        """Without properties and tags, imagegate's own mark aside: people put passwords there."""
        return Step.kept(self, seen).reduced(IMAGE, _lean).reduced(self.probe, _lean_copies)

    def _shared_with(self, seen: Facts) -> tuple[str, ...]:
        if not self.terms.members_of_source:
            return ()
        return tuple(member.project for member in seen[MEMBERS].members)

    def plan(self, seen: Facts) -> Blueprint:
        """What the copy has to be; ``StepRefused`` where the record lacks what a template needs."""
        made = blueprint(seen[IMAGE], seen[self.probe].home, self.terms, self._shared_with(seen))
        if made is None:
            raise StepRefused(f"{self.subject}: the record lacks what the policy's templates need")
        return made

    def unfinished(self, seen: Facts) -> tuple[Copy, ...]:
        """What earlier runs began and did not end."""
        return tuple(copy for copy in seen[self.probe].images if ours(copy.image) and copy.how in {"link", "declared"})

    def simulate(self, seen: Facts) -> Facts:
        image, fact, made = seen[IMAGE], seen[self.probe], self.plan(seen)
        properties = {**dict(made.properties), self.terms.link: image.id}
        there = replace(
            image,
            id=f"copy of {image.id}",
            name=made.name,
            visibility="shared" if made.members else "private",
            protected=made.protected,
            properties=tuple(sorted(properties.items())),
        )
        members = None
        if self.probe.members:
            members = tuple(Member(project=project, status="pending") for project in made.members or ())
        copy = Copy(image=there, content=fact.source, how="link", members=members)
        left = tuple(one for one in fact.images if finished(one.image) or not ours(one.image))
        return seen.with_fact(
            self.probe, CopiesFact(home=fact.home, source=fact.source, images=(*left, copy), origin=fact.origin)
        )

    def done(self, seen: Facts) -> bool:
        return proved(seen[self.probe])


def _lean(image: ImageFact) -> ImageFact:
    mark = tuple(pair for pair in image.properties if pair[0] == MARKER)
    return replace(image, properties=mark, tags=())


def _lean_copies(fact: CopiesFact) -> CopiesFact:
    return replace(fact, images=tuple(replace(copy, image=_lean(copy.image)) for copy in fact.images))
