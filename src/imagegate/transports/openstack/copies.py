"""The images of one project in one region, found by what makes them copies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from imagegate.copies import how_found, origin_of
from imagegate.leaving import LEAVING
from imagegate.probes.copies import Content, CopiesFact, CopiesProbe, Copy
from imagegate.probes.image import ImageFact
from imagegate.templates import fill
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError, optional_number, optional_text
from imagegate.transports.openstack.images import parse_image, properties
from imagegate.transports.openstack.paging import Listing

Row = Mapping[str, Any]
_TOLD = ("id", "name", "status", "checksum")


def parse_content(record: Row) -> Content:
    """What a record says of the image's data. RecordError names the first field of another type."""
    return Content(
        size=optional_number(record, "size"),
        checksum=optional_text(record, "checksum"),
        hash_algo=optional_text(record, "os_hash_algo"),
        hash_value=optional_text(record, "os_hash_value"),
        disk_format=optional_text(record, "disk_format"),
        container_format=optional_text(record, "container_format"),
    )


class Index:
    """A listing of the images of ``project``, by each thing that a rule for copies asks for. Thread-safe.

    A listing that was not read to its end answers nothing, and neither does one with a record whose name or checksum
    cannot be read: it may be anybody's copy.
    """

    def __init__(self, listing: Listing, region: str, project: str) -> None:
        self._project = project
        self._problem = None
        if listing.problem:
            self._problem = f"the images of region {region} were not read to their end: {listing.problem}"
        self._records = {ident: record for ident, record in listing.records.items() if record.get("owner") == project}
        self._rows: dict[str, Row] = {}
        for ident, record in self._records.items():
            row = {**properties(record), **{key: record.get(key) for key in _TOLD}}
            self._rows[ident] = row
            for key in _TOLD:
                if row[key] is not None and not isinstance(row[key], str):
                    self._problem = self._problem or f"image {ident} of region {region} has a {key} that is no text"
        self._by: dict[str, dict[str, list[str]]] = {}

    def record(self, ident: str) -> Row | None:
        """The raw record of an image, None if it is not there."""
        return self._records.get(ident)

    def named(self, name: str) -> list[str]:
        """The ids of the images of this name that are there to stay, sorted. ApiError where that is not certain."""
        if self._problem:
            raise ApiError(self._problem)
        return sorted(
            ident for ident in self._under("name").get(name, ()) if self._rows[ident]["status"] not in LEAVING
        )

    def fact(self, image: ImageFact, home: str, source: Content, probe: CopiesProbe) -> CopiesFact:
        """What there is of ``image``. ApiError where that is not certain."""
        if self._problem:
            raise ApiError(self._problem)
        found: list[Copy] = []
        for ident in sorted(set(self._candidates(image, source, probe))):
            how = how_found(image, source, probe, self._rows[ident])
            if how is not None:
                try:
                    there = parse_image(self._records[ident], self._project)
                    found.append(Copy(image=there, content=parse_content(self._records[ident]), how=how))
                except RecordError as error:
                    raise ApiError(f"image {ident} of region {probe.region}: {error}") from error
        fact = CopiesFact(home=home, source=source, images=tuple(found))
        origin = self._records.get(origin_of(image, probe.link) or "")
        if origin is None:
            return fact
        try:
            return replace(fact, origin=parse_content(origin))
        except RecordError:
            return fact

    def _candidates(self, image: ImageFact, source: Content, probe: CopiesProbe) -> Iterator[str]:
        yield from (copy for original, copy in probe.declared if original == image.id and copy in self._rows)
        yield from self._under(probe.link).get(image.id, ())
        if probe.checksum and source.checksum:
            yield from self._under("checksum").get(source.checksum, ())
        if probe.named:
            wanted = image.name if probe.name is None else fill(probe.name, image)
            yield from self._under("name").get(wanted or "", ())

    def _under(self, key: str) -> dict[str, list[str]]:
        if key not in self._by:
            made: dict[str, list[str]] = defaultdict(list)
            for ident, row in self._rows.items():
                value = row.get(key)
                if isinstance(value, str):
                    made[value].append(ident)
            self._by[key] = made
        return self._by[key]
