"""One region of one cloud: its services, and the catalogs read from them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imagegate.errors import Owner
from imagegate.model import Observation, Seen, Unseen
from imagegate.probes.image import IMAGE
from imagegate.probes.server import FLAVOR, SERVER, FlavorFact
from imagegate.transports import CatalogScope
from imagegate.transports.openstack.copies import Index
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError, Sets
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.identity import Projects
from imagegate.transports.openstack.images import image_target, list_images, parse_image, said
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.merging import Found
from imagegate.transports.openstack.paging import Listing
from imagegate.transports.openstack.servers import (
    embedded_flavor,
    flavor_id,
    get_flavor,
    image_id,
    list_flavors,
    list_servers,
    parse_flavor,
    parse_server,
    server_target,
)
from imagegate.transports.openstack.siblings import Siblings, read_siblings
from imagegate.transports.openstack.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What one list held: targets with what was seen of each, and how complete it is."""

    scope: CatalogScope
    found: tuple[Found, ...] = ()


@dataclass(slots=True, kw_only=True)
class Region:
    """The services of one region, as the token of ``project`` sees them. A service that is not there is None.

    ``deployments`` tells of ``images`` and ``servers`` whose they are. ``also`` tells how much was seen of our images
    when they were listed to find copies.
    """

    cloud: str
    name: str
    project: str
    image: Service | None
    compute: Service | None
    projects: Projects
    volume: Service | None = None
    deployments: dict[str, str | None] = field(default_factory=dict)
    flavors: dict[str, FlavorFact] = field(default_factory=dict)
    lists_images: bool = True
    listed: Siblings | None = None
    also: CatalogScope | None = None
    sources: Sources = field(init=False)
    _asked: threading.Lock = field(default_factory=threading.Lock)
    _own: Index | None = None
    _own_begun: float = 0.0
    _listing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.sources = Sources(self.project)

    def place(self, what: str) -> tuple[str, str]:
        """The deployment and the region that ``images`` or ``servers`` of here are in: equal for entries that see the
        same ones. A deployment that is not known is the entry's own."""
        return self.deployments.get(what) or f"entry {self.cloud}", self.name

    def service(self, name: str) -> Service | None:
        """The service called ``image``, ``compute`` or ``volume``."""
        return {"image": self.image, "compute": self.compute, "volume": self.volume}[name]

    def scope(self, what: str, *, pages: int = 0, count: int = 0, reason: str | None) -> CatalogScope:
        """How much of a list was seen; incomplete if there is a ``reason``."""
        return CatalogScope(
            what=what,
            cloud=self.cloud,
            region=self.name,
            project=self.project,
            pages=pages,
            count=count,
            complete=reason is None,
            reason=reason,
            owner=None if reason is None else Owner.TARGET,
        )

    def flavor(self, record: Mapping[str, Any], deadline: Deadline) -> FlavorFact:
        """The flavor of a server's record: embedded, from the list, or asked for once. ApiError or RecordError."""
        embedded = embedded_flavor(record)
        if embedded is not None:
            return embedded
        ident = flavor_id(record)
        if ident is None:
            raise RecordError("record's 'flavor' has neither an id nor a name")
        with self._asked:
            if ident not in self.flavors:
                if self.compute is None:
                    raise ApiError("there is no compute service")
                self.flavors[ident] = parse_flavor(get_flavor(self.compute, ident, deadline))
            return self.flavors[ident]

    def siblings(self, deadline: Deadline) -> Siblings:
        """Our images by name and family, as the catalog was listed; listed now if it was not. ApiError."""
        with self._asked:
            if self.listed is None:
                if self.image is None:
                    raise ApiError(f"region {self.name} has no image service")
                self.listed = read_siblings(self.image, self.project, deadline)
            return self.listed

    def own_images(self, *, since: float | None) -> Index:
        """Our images, to find copies among: listed when first asked for, and again where the list was begun before the
        moment ``since`` (of the monotonic clock). Who comes meanwhile waits and shares the answer. ApiError."""
        with self._listing:
            if self._own is None or (since is not None and self._own_begun < since):
                if self.image is None:
                    raise ApiError(f"region {self.name} has no image service")
                begun = time.monotonic()
                deadline = Deadline.after(self.image.limits.catalog_s)
                listing = list_images(self.image, deadline, {"owner": self.project})
                self._own, self._own_begun = Index(listing, self.name, self.project), begun
                count = len(listing.records)
                self.also = self.also or self.scope("images", pages=listing.pages, count=count, reason=listing.problem)
            return self._own


def start_reading(
    region: Region, pool: Executor, deadline: Deadline, *, images: bool, servers: bool
) -> list[Future[Listing]]:
    """Begin reading the lists of a region: images (if wanted and there), servers and flavors (likewise)."""
    started: list[Future[Listing]] = []
    if images and region.image is not None and region.lists_images:
        started.append(pool.submit(list_images, region.image, deadline))
    if servers and region.compute is not None:
        started.append(pool.submit(list_servers, region.compute, deadline))
        started.append(pool.submit(list_flavors, region.compute, deadline))
    return started


def image_catalog(region: Region, listing: Listing, sets: Sets) -> Catalog:
    """The images of a list. A record that cannot be read is a target all the same, with an unseen fact."""
    at = datetime.now(UTC)
    found: list[Found] = []
    deployment = region.deployments.get("images")
    for record in listing.records.values():
        target = image_target(
            record, cloud=region.cloud, region=region.name, project=region.project, sets=sets, deployment=deployment
        )
        seen = observe_image(record, region.project, at)
        if isinstance(seen, Seen):
            region.sources.learn(record, seen.value)
        found.append((target, {IMAGE: seen}))
    region.listed = Siblings(listing, region.project)
    scope = region.scope("images", pages=listing.pages, count=len(found), reason=listing.problem)
    return Catalog(scope=scope, found=tuple(found))


def server_catalog(region: Region, listing: Listing, sets: Sets, *, flavors: Listing, deadline: Deadline) -> Catalog:
    """The servers of a list, joined with their flavors and with the ``os_type`` of their images. After the images."""
    region.flavors.update(_flavors(flavors))
    at = datetime.now(UTC)
    found: list[Found] = []
    failed: dict[str | None, Unseen] = {}
    silent: set[str] = set()
    for record in listing.records.values():
        flavor = _join_flavor(region, record, failed, at, deadline)
        target = server_target(
            record,
            cloud=region.cloud,
            region=region.name,
            flavor=flavor.value.name if isinstance(flavor, Seen) else None,
            image_os=_image_os(region, record, silent, deadline),
            sets=sets,
            deployment=region.deployments.get("servers"),
        )
        found.append((target, {SERVER: observe_server(record, flavor, at), FLAVOR: flavor}))
    scope = region.scope("servers", pages=listing.pages, count=len(found), reason=listing.problem)
    return Catalog(scope=scope, found=tuple(found))


def observe_image(record: Mapping[str, Any], project: str, at: datetime) -> Observation:
    """The image fact of a record, or why there is none."""
    try:
        return Seen(value=parse_image(record, project), at=at)
    except RecordError as error:
        return Unseen(reason=str(error), at=at)


def observe_server(record: Mapping[str, Any], flavor: Observation, at: datetime) -> Observation:
    """The server fact of a record, or why there is none."""
    try:
        return Seen(value=parse_server(record, flavor.value.name if isinstance(flavor, Seen) else None), at=at)
    except RecordError as error:
        return Unseen(reason=str(error), at=at)


def observe_flavor(region: Region, record: Mapping[str, Any], at: datetime, deadline: Deadline) -> Observation:
    """The flavor of a server's record, or why it is not known."""
    try:
        return Seen(value=region.flavor(record, deadline), at=at)
    except ApiError as error:
        reason = "it is not in the flavor list, and the compute API does not know it" if error.status == 404 else None
        return Unseen(reason=f"flavor: {reason or error.reason}", at=at, owner=error.fault)
    except RecordError as error:
        return Unseen(reason=str(error), at=at)


def _join_flavor(
    region: Region, record: Mapping[str, Any], failed: dict[str | None, Unseen], at: datetime, deadline: Deadline
) -> Observation:
    """As ``observe_flavor``, but a flavor that could not be had once is not asked for again."""
    try:
        ident = flavor_id(record)
    except RecordError:
        ident = None
    if ident is not None and ident in failed:
        return failed[ident]
    seen = observe_flavor(region, record, at, deadline)
    if isinstance(seen, Unseen):
        failed[ident] = seen
    return seen


def _flavors(listing: Listing) -> Iterator[tuple[str, FlavorFact]]:
    for ident, record in listing.records.items():
        try:
            yield ident, parse_flavor(record)
        except RecordError:
            continue  # the servers that have it will say that their flavor is not known


def _image_os(region: Region, record: Mapping[str, Any], silent: set[str], deadline: Deadline) -> str | None:
    """The ``os_type`` of the server's image: from the list, else asked for once per image (``silent``: in vain)."""
    try:
        ident = image_id(record)
    except RecordError:
        return None
    if ident is None:
        return None
    if region.sources.listed(ident) is None and _says_os(record):
        return None
    if region.image is None or ident in silent:
        return None
    try:
        image, _ = region.sources.image(region.image, ident, deadline, fresh=False)
    except (ApiError, RecordError):  # the target's os stays unseen, which rules about it turn into unknown
        silent.add(ident)
        return None
    return said(image, "os_type")


def _says_os(record: Mapping[str, Any]) -> bool:
    metadata = record.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("os_type"))
