"""The image API v2: the catalog of one region, and what its records say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from imagegate.model import Kind, Target
from imagegate.probes.image import RECORD_FIELDS, ImageFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import (
    RecordError,
    Sets,
    boolean,
    known,
    optional_number,
    optional_text,
    pairs,
    text,
    words,
)
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.paging import Listing, Page, Query, read_list

_OLDEST_FIRST = {"sort_key": "created_at", "sort_dir": "asc"}
"""What is created while the list is read comes last, and is seen."""
_ANY_ANSWER = {"member_status": "all"}
"""By default only images of other projects are listed that ours has accepted; it has access to all of them."""


def image_root(url: str) -> str:
    """The service's root without the version, for an endpoint with or without ``/v2`` (NHN Cloud's has none)."""
    return url.rstrip("/").removesuffix("/v2")


def list_images(service: Service, deadline: Deadline, only: Query | None = None) -> Listing:
    """Every image that the project can use: those with ``os_hidden`` too, and those shared with it that it has not
    accepted, or has rejected. ``only`` are filters of the API."""
    page = str(service.limits.page)
    wanted = only or {}

    def fetch(query: Query) -> Page:
        return _page(service, query, deadline)

    sizes: list[Query] = [{**wanted, "limit": page, **_OLDEST_FIRST}, {**wanted, "limit": "100"}, wanted]
    firsts = [*({**query, **_ANY_ANSWER} for query in sizes), *sizes]
    listing = read_list(fetch, firsts, most=service.limits.records)
    if listing.problem:
        return listing
    hides: Query = {**wanted, "limit": page, "os_hidden": "true"}
    hidden = read_list(fetch, [{**hides, **_ANY_ANSWER}, hides], most=service.limits.records)
    if hidden.refused == 400:
        return listing  # a server that does not know os_hidden hides nothing
    for ident, record in hidden.records.items():
        listing.records.setdefault(ident, record)
    listing.pages += hidden.pages
    if hidden.problem:
        listing.blame(f"hidden images: {hidden.problem}")
    return listing


def get_image(service: Service, ident: str, deadline: Deadline) -> dict[str, Any]:
    """One image's record. ApiError with status 404 if it is gone or was never visible."""
    record = service.read(f"/v2/images/{quote(ident, safe='')}", deadline)
    if not isinstance(record, dict) or record.get("id") != ident:
        raise ApiError("the answer is not the record of this image")
    return record


def parse_image(record: Mapping[str, Any], project: str) -> ImageFact:
    """The fact of one record. RecordError names the first field that is missing or of another type."""
    owner = text(record, "owner", null="")
    return ImageFact(
        id=text(record, "id"),
        name=text(record, "name", null=""),
        owner=owner,
        mine=owner == project,
        status=text(record, "status"),
        visibility=text(record, "visibility"),
        protected=boolean(record, "protected"),
        size=optional_number(record, "size"),
        min_disk=optional_number(record, "min_disk"),
        min_ram=optional_number(record, "min_ram"),
        checksum=optional_text(record, "checksum"),
        created_at=optional_text(record, "created_at"),
        updated_at=optional_text(record, "updated_at"),
        tags=words(record.get("tags") or [], "tags"),
        properties=pairs(properties(record)),
    )


def properties(record: Mapping[str, Any]) -> dict[str, Any]:
    """The custom properties: flat keys, and those of a nested ``properties`` object where there is one (NHN Cloud
    documents both forms); a flat key wins."""
    flat = {key: value for key, value in record.items() if key not in RECORD_FIELDS}
    nested = flat.get("properties")
    if isinstance(nested, dict):
        del flat["properties"]
        return {**nested, **flat}
    return flat


def said(image: ImageFact, name: str) -> str | None:
    """The custom property ``name``; None where it is absent, empty or null (which facts show as JSON)."""
    value = dict(image.properties).get(name)
    return None if value in {None, "", "null"} else value


def image_target(
    record: Mapping[str, Any], *, cloud: str, region: str, project: str, sets: Sets, deployment: str | None = None
) -> Target:
    """The target of a record with an id, as ``project`` sees it through the entry ``cloud``. A field that cannot be
    read is ``unseen``, never absent."""
    unseen: set[str] = set()
    singles = dict(_singles(record, unseen))
    attributes = sets.attributes([("region", region), *singles.items()])
    attributes |= sets.attributes(known("property", pairs(properties(record)), unseen))
    if singles.get("owner") == project:
        attributes["owner"] = sets.of(project, "self")
    try:
        attributes["tag"] = sets.of(*words(record.get("tags") or [], "tags"))
    except RecordError:
        unseen.add("tag")
    return Target(
        kind=Kind.IMAGE,
        id=str(record["id"]),
        name=singles.get("name", ""),
        cloud=cloud,
        region=region,
        owner=singles.get("owner") or None,
        deployment=deployment,
        seen_from=(cloud,),
        attributes=attributes,
        unseen=sets.of(*unseen),
    )


def _singles(record: Mapping[str, Any], unseen: set[str]) -> Iterator[tuple[str, str]]:
    for name, null in (("id", None), ("name", ""), ("owner", ""), ("visibility", None), ("status", None)):
        try:
            yield name, text(record, name, null=null)
        except RecordError:
            unseen.add(name)


def _page(service: Service, query: Query, deadline: Deadline) -> Page:
    answer = service.read(f"/v2/images{'?' + urlencode(query) if query else ''}", deadline)
    records = answer.get("images") if isinstance(answer, dict) else None
    if not isinstance(records, list):
        raise ApiError("the answer has no list of images")
    following = answer.get("next")
    return Page(records=records, more=_next_query(service, following) if following else None)


def _next_query(service: Service, following: Any) -> Query:
    """The query of ``next``. Its path is not used: Glance behind a prefix does not know the prefix. Another host or
    another resource is refused, since the token would follow."""
    if not isinstance(following, str):
        raise ApiError("the answer's 'next' is not a string")
    try:
        own, link = urlsplit(service.url), urlsplit(following)
    except ValueError as error:
        raise ApiError("the answer's 'next' is not a URL") from error
    if (link.netloc and link.netloc.casefold() != own.netloc.casefold()) or not link.path.endswith("/images"):
        raise ApiError("the answer's 'next' leads to another host or resource: refused")
    query = dict(parse_qsl(link.query, keep_blank_values=True))
    if not query:
        raise ApiError("the answer's 'next' has no query")
    return query
