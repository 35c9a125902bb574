"""The compute API: servers and flavors of one region, and what their records say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from imagegate.model import Kind, Target
from imagegate.probes.server import FlavorFact, ServerFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import (
    RecordError,
    Sets,
    known,
    optional_boolean,
    optional_code,
    optional_text,
    pairs,
    text,
)
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.paging import Listing, Page, Query, read_list

_FLAVOR_NAME = re.compile(r"([a-z]+\d+)\.c\d+m\d+")
"""NHN Cloud's flavor names: ``<type>.c<virtual CPUs>m<GB>``."""


def list_servers(service: Service, deadline: Deadline) -> Listing:
    """Every server of the project."""
    return _list(service, "servers", deadline)


def list_flavors(service: Service, deadline: Deadline) -> Listing:
    """Every flavor that the project can use."""
    return _list(service, "flavors", deadline)


def get_server(service: Service, ident: str, deadline: Deadline) -> dict[str, Any]:
    """One server's record. ApiError with status 404 if it is gone."""
    return _get(service, "server", ident, deadline)


def get_flavor(service: Service, ident: str, deadline: Deadline) -> dict[str, Any]:
    """One flavor's record. ApiError with status 404 if it is gone or not for this project."""
    return _get(service, "flavor", ident, deadline)


def parse_server(record: Mapping[str, Any], flavor_name: str | None) -> ServerFact:
    """The fact of one record. RecordError names the first field that is missing or of another type.

    ``power_state`` and ``task_state`` are None where the record lacks them; ``flavor_name`` comes from the join.
    """
    return ServerFact(
        id=text(record, "id"),
        name=text(record, "name"),
        status=text(record, "status"),
        power_state=optional_code(record, "OS-EXT-STS:power_state"),
        task_state=optional_text(record, "OS-EXT-STS:task_state"),
        vm_state=optional_text(record, "OS-EXT-STS:vm_state"),
        flavor_id=flavor_id(record),
        flavor_name=flavor_name,
        image_id=image_id(record),
        created=optional_text(record, "created"),
        updated=optional_text(record, "updated"),
        launched_at=optional_text(record, "OS-SRV-USG:launched_at"),
        locked=optional_boolean(record, "locked"),
        protected=optional_boolean(record, "NHN-EXT-ATTR:protect"),
        metadata=pairs(_metadata(record)),
    )


def image_id(record: Mapping[str, Any]) -> str | None:
    """The image that a server was made from; None where it has none (``""``: booted from a volume)."""
    image = record.get("image")
    if image is None or image == "":
        return None
    if not isinstance(image, dict):
        raise RecordError("record's 'image' is neither an object nor empty")
    return text(image, "id")


def flavor_id(record: Mapping[str, Any]) -> str | None:
    """The id of a server's flavor; None where the flavor is embedded (compute API 2.47 and later)."""
    flavor = record.get("flavor")
    if not isinstance(flavor, dict):
        raise RecordError("record lacks 'flavor'" if flavor is None else "record's 'flavor' is not an object")
    return optional_text(flavor, "id")


def embedded_flavor(record: Mapping[str, Any]) -> FlavorFact | None:
    """The flavor that is part of a server's record (compute API 2.47 and later), None where there is but an id."""
    flavor = record.get("flavor")
    if not isinstance(flavor, dict) or not isinstance(flavor.get("original_name"), str):
        return None
    return flavor_fact(optional_text(flavor, "id"), flavor["original_name"])


def parse_flavor(record: Mapping[str, Any]) -> FlavorFact:
    """The fact of one flavor. RecordError names what is missing."""
    return flavor_fact(text(record, "id"), text(record, "name"))


def flavor_fact(ident: str | None, name: str) -> FlavorFact:
    """A flavor, its type read from the name."""
    match = _FLAVOR_NAME.fullmatch(name)
    return FlavorFact(id=ident, name=name, type=match[1] if match else None)


def server_target(
    record: Mapping[str, Any],
    *,
    cloud: str,
    region: str,
    flavor: str | None,
    image_os: str | None,
    sets: Sets,
    deployment: str | None = None,
) -> Target:
    """The target of a record with an id. ``flavor`` and ``image_os`` come from the join, None where it failed; a field
    that cannot be read is ``unseen``, never absent."""
    unseen: set[str] = set()
    singles = dict(_singles(record, unseen))
    try:
        metadata = dict(pairs(_metadata(record)))
    except RecordError:
        metadata = {}
        unseen.add("metadata")
    os_type = (metadata.get("os_type") or image_os or "").strip().casefold()
    for name, value in (("flavor", flavor), ("os", os_type or None)):
        if value is None:
            unseen.add(name)
        else:
            singles[name] = value
    attributes = sets.attributes([("region", region), *singles.items()])
    attributes |= sets.attributes(known("metadata", metadata.items(), unseen))
    owner = record.get("tenant_id")
    return Target(
        kind=Kind.INSTANCE,
        id=str(record["id"]),
        name=singles.get("name", ""),
        cloud=cloud,
        region=region,
        owner=owner if isinstance(owner, str) and owner else None,
        deployment=deployment,
        seen_from=(cloud,),
        attributes=attributes,
        unseen=sets.of(*unseen),
    )


def _singles(record: Mapping[str, Any], unseen: set[str]) -> Iterator[tuple[str, str]]:
    for name in ("id", "name", "status"):
        try:
            yield name, text(record, name)
        except RecordError:
            unseen.add(name)


def _metadata(record: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = record.get("metadata")
    if not isinstance(metadata, dict):
        raise RecordError("record lacks 'metadata'" if metadata is None else "record's 'metadata' is not an object")
    return metadata


def _list(service: Service, what: str, deadline: Deadline) -> Listing:
    linked = False

    def fetch(query: Query) -> Page:
        nonlocal linked
        answer = service.read(f"/{what}/detail{'?' + urlencode(query) if query else ''}", deadline)
        records = answer.get(what) if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise ApiError(f"the answer has no list of {what}")
        links = answer.get(f"{what}_links")
        has_next = isinstance(links, list) and any(
            isinstance(link, dict) and link.get("rel") == "next" for link in links
        )
        last = records[-1] if records else None
        marker = last.get("id") if isinstance(last, dict) else None
        # NHN Cloud shows no links: then only an empty page, or one with nothing new, is the end. Where a server has
        # shown a link once, a page without one is the last. A link's host may be that of a proxy: only the marker
        # goes into the next request.
        if not isinstance(marker, str) or (linked and not has_next):
            return Page(records=records, more=None)
        linked = linked or has_next
        return Page(records=records, more={**query, "marker": marker}, announced=has_next)

    firsts: list[Query] = [{"limit": str(service.limits.page)}, {"limit": "100"}, {}]
    return read_list(fetch, firsts, most=service.limits.records)


def _get(service: Service, what: str, ident: str, deadline: Deadline) -> dict[str, Any]:
    answer = service.read(f"/{what}s/{quote(ident, safe='')}", deadline)
    record = answer.get(what) if isinstance(answer, dict) else None
    if not isinstance(record, dict) or record.get("id") != ident:
        raise ApiError(f"the answer is not the record of this {what}")
    return record
