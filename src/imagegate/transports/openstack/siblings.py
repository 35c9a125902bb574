"""The images of one owner in one region, by name and by family."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from imagegate.dates import family, moment
from imagegate.leaving import LEAVING
from imagegate.probes.catalog import GenerationsFact, NamesakesFact
from imagegate.probes.image import ImageFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import list_images
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.paging import Listing


@dataclass(slots=True, kw_only=True)
class _Index:
    problem: str | None
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    active: list[tuple[datetime, str, str]] = field(default_factory=list)
    families: dict[str | None, dict[str, list[tuple[datetime, str, str]]]] = field(default_factory=dict)

    def generations(self, rule: str | None) -> dict[str, list[tuple[datetime, str, str]]]:
        """The active images by family, oldest first; put together once for each rule."""
        if rule not in self.families:
            made: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
            for one in sorted(self.active):
                made[family(one[2], rule)].append(one)
            self.families[rule] = made
        return self.families[rule]


class Siblings:
    """An index of a listing: the images of ``project``; made when it is first asked. A record that cannot be read may
    be any image's sibling: it makes every answer an ApiError, as a listing does that was not read to its end."""

    def __init__(self, listing: Listing, project: str) -> None:
        self._unread = f"the catalog was not read to its end: {listing.problem}" if listing.problem else None
        self._rows = [
            (ident, record.get("name"), record.get("status"), record.get("created_at"))
            for ident, record in listing.records.items()
            if record.get("owner") == project and record.get("status") not in LEAVING
        ]

    @cached_property
    def _index(self) -> _Index:
        index = _Index(problem=self._unread)
        for ident, said, status, created in self._rows:
            name = "" if said is None else said
            if not isinstance(name, str):
                index.problem = index.problem or f"image {ident} has a name that is no text"
                continue
            index.names[name].append(ident)
            at = moment(created) if isinstance(created, str) else None
            if status == "active" and at is None:
                index.problem = index.problem or f"image {ident} does not say when it was created"
            elif status == "active" and at is not None:
                index.active.append((at, ident, name))
        if index.problem is not None:
            raise ApiError(index.problem)
        return index

    def namesakes(self, image: ImageFact) -> NamesakesFact:
        """The other images of this one's name."""
        return _others(self._index.names.get(image.name, ()), image)

    def generations(self, image: ImageFact, rule: str | None) -> GenerationsFact:
        """The generations after this one."""
        at = moment(image.created_at)
        if at is None:
            raise ApiError("the image does not say when it was created")
        known = self._index.generations(rule).get(family(image.name, rule), [])
        newer = [one for one in known[bisect_right(known, (at, image.id, image.name)) :] if one[1] != image.id]
        return GenerationsFact(newer=len(newer), newest=newer[-1][2] if newer else None)

    def newest(self, name: str) -> tuple[str, str] | None:
        """Id and name of the newest active image of the family of ``name``."""
        known = self._index.generations(None).get(family(name))
        return known[-1][1:] if known else None


def read_siblings(service: Service, project: str, deadline: Deadline) -> Siblings:
    """The index of a region whose images were not listed."""
    return Siblings(list_images(service, deadline), project)


def ask_for_namesakes(service: Service, image: ImageFact, name: str, project: str, deadline: Deadline) -> NamesakesFact:
    """The images of ours called ``name`` but for ``image``, as the image API says right now.

    The API's filter reads a name with a colon as an operator: then all images of ours are listed.
    """
    only = {"owner": project} if ":" in name else {"owner": project, "name": name}
    listing = list_images(service, deadline, only)
    if listing.problem:
        raise ApiError(f"the images of this name: {listing.problem}")
    if name == image.name and image.id not in listing.records:
        raise ApiError("the list of the images of this name lacks the image itself")
    return _others(
        (
            ident
            for ident, one in listing.records.items()
            if (one.get("name") or "", one.get("owner")) == (name, project) and one.get("status") not in LEAVING
        ),
        image,
    )


def _others(found: Iterable[str], image: ImageFact) -> NamesakesFact:
    return NamesakesFact(images=tuple(sorted(ident for ident in found if ident != image.id)))
