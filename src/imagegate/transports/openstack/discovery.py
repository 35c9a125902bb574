"""From cloud names to regions with catalogs; whatever cannot be seen ends up in the scope, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from imagegate.errors import Owner
from imagegate.transports import Auditor, CatalogScope
from imagegate.transports.openstack.clouds import Cloud
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import Sets
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.identity import Projects, identity_root
from imagegate.transports.openstack.images import image_root
from imagegate.transports.openstack.limits import Deadline, Limits
from imagegate.transports.openstack.login import Login, log_in
from imagegate.transports.openstack.paging import Listing
from imagegate.transports.openstack.region import Catalog, Region, image_catalog, server_catalog, start_reading

EVERYWHERE = "*"
"""Stands for the region in a scope where not even the regions could be learned."""

CLOSED = {"us1": "NHN Cloud closed its region US1 on 2026-03-31: take it out of the policy"}
"""Regions that no longer exist, in lower case. Source: release notes of NHN Cloud."""

Only = Mapping[str, Collection[str]]
"""Regions, folded to lower case, that one of ``images`` and ``servers`` is read in; without an entry, in all."""

_VOLUMES = ("volumev3", "volumev2", "block-storage")
"""What block storage is called in service catalogs; NHN Cloud has ``volumev2``."""

_SERVICES = {"images": "image", "servers": "compute"}


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a look at all clouds found."""

    regions: list[Region] = field(default_factory=list)
    catalogs: list[Catalog] = field(default_factory=list)
    auditors: list[Auditor] = field(default_factory=list)


def survey(
    clouds: Mapping[str, Cloud],
    wanted: Mapping[str, Sequence[str] | None],
    *,
    what: Sequence[str],
    only: Only,
    others: Collection[str],
    limits: Limits,
    listed: bool = True,
) -> Survey:
    """Log in to each cloud and read ``what`` (``images``, ``servers``) of its wanted regions (None: all there are).

    ``only`` narrows one of ``what`` to some regions; of those in ``others`` the remaining regions are read too, but
    only where the service catalog has them. With ``listed`` False the lists themselves are not read.
    """
    deadline = Deadline.after(limits.catalog_s)
    found = Survey()
    with ThreadPoolExecutor(max_workers=limits.concurrency, thread_name_prefix="imagegate-openstack") as pool:
        logins = {name: pool.submit(log_in, cloud, limits=limits, deadline=deadline) for name, cloud in clouds.items()}
        for name, pending in logins.items():
            try:
                login = pending.result()
            except ApiError as error:
                found.catalogs += _lost(name, wanted[name], what, only, error)
                continue
            found.auditors.append(login.auditor)
            regions, absent = _regions(
                clouds[name], login, wanted[name], what=what, only=only, others=others, limits=limits
            )
            found.regions += regions
            found.catalogs += [Catalog(scope=scope) for scope in absent]
        if listed:
            _read(found, pool, what, deadline)
    return found


def _read(found: Survey, pool: Executor, what: Sequence[str], deadline: Deadline) -> None:
    sets = Sets()
    images, servers = "images" in what, "servers" in what
    started = [
        (region, start_reading(region, pool, deadline, images=images, servers=servers)) for region in found.regions
    ]
    for region, pending in started:
        lists: list[Future[Listing]] = list(pending)
        image_list = lists.pop(0).result() if images and region.image and region.lists_images else None
        if image_list is not None:
            found.catalogs.append(image_catalog(region, image_list, sets))
        if lists:
            server_list, flavors = (one.result() for one in lists)
            found.catalogs.append(server_catalog(region, server_list, sets, flavors=flavors, deadline=deadline))


def _lost(cloud: str, wanted: Sequence[str] | None, what: Sequence[str], only: Only, error: ApiError) -> list[Catalog]:
    """A cloud that could not be logged in to: all of its regions are incomplete."""
    regions = (EVERYWHERE,) if wanted is None else wanted
    return [
        Catalog(scope=replace(_scope(cloud, region, None, one, error.reason), owner=error.fault))
        for region in regions
        for one in what
        if region == EVERYWHERE or _asked(region, one, only)
    ]


def _regions(
    cloud: Cloud,
    login: Login,
    wanted: Sequence[str] | None,
    *,
    what: Sequence[str],
    only: Only,
    others: Collection[str],
    limits: Limits,
) -> tuple[list[Region], list[CatalogScope]]:
    gate = threading.BoundedSemaphore(limits.concurrency)

    def service(kind: str, name: str, url: str) -> Service:
        return Service(name=f"{kind} service of {name}", url=url, session=cloud.session, limits=limits, gate=gate)

    root = identity_root(cloud.auth_url)
    identity = Service(name="identity service", url=root, session=cloud.session, limits=limits, gate=gate)
    projects = Projects(identity, version=login.version, own=login.project)
    absent: list[CatalogScope] = []
    regions: dict[str, Region] = {}
    for one in what:
        kind = _SERVICES[one]
        there = login.regions(kind)
        if not there and wanted is None:
            reason = f"the service catalog has no {kind} service"
            absent.append(_scope(cloud.name, EVERYWHERE, login.project, one, reason))
        for asked in there if wanted is None else wanted:
            endpoint = login.endpoint(kind, asked)
            if not _asked(asked, one, only) and (endpoint is None or one not in others):
                continue
            if endpoint is None:
                absent.append(
                    _scope(cloud.name, login.spelled(asked), login.project, one, _missing(login, kind, asked))
                )
                continue
            region = regions.setdefault(
                endpoint.region.casefold(),
                Region(
                    cloud=cloud.name,
                    name=endpoint.region,
                    project=login.project,
                    image=None,
                    compute=None,
                    projects=projects,
                ),
            )
            if kind == "image":
                region.image = service(kind, endpoint.region, image_root(endpoint.url))
            else:
                region.compute = service(kind, endpoint.region, endpoint.url)
    for region in regions.values():  # servers ask for the os_type of their images, whatever is listed
        image = login.endpoint("image", region.name)
        if region.image is None and image is not None:
            region.image = service("image", image.region, image_root(image.url))
            region.lists_images = False
        volumes = next(filter(None, (login.endpoint(kind, region.name) for kind in _VOLUMES)), None)
        if volumes is not None:
            region.volume = service("block storage", volumes.region, volumes.url)
    return list(regions.values()), absent


def open_region(cloud: Cloud, name: str, *, what: Sequence[str], limits: Limits) -> Region:
    """A region that nobody has asked for yet, for ``what`` (``images``, ``servers``); nothing is listed. ApiError where
    the service catalog lacks one of them there."""
    login = log_in(cloud, limits=limits, deadline=Deadline.after(limits.token_s))
    found, absent = _regions(cloud, login, [name], what=what, only={}, others=(), limits=limits)
    if absent:
        raise ApiError(absent[0].reason or "")
    return found[0]


def _asked(region: str, one: str, only: Only) -> bool:
    return one not in only or region.casefold() in only[one]


def _missing(login: Login, kind: str, asked: str) -> str:
    everywhere = sorted({endpoint.region for endpoint in login.endpoints})
    if asked.casefold() not in {region.casefold() for region in everywhere}:
        closed = f"; {CLOSED[asked.casefold()]}" if asked.casefold() in CLOSED else ""
        return f"region {asked} is not in the service catalog (it has {', '.join(everywhere) or 'none'}){closed}"
    there = ", ".join(login.regions(kind)) or "no region"
    return f"the service catalog has no {kind} service in region {asked} (it has one in {there})"


def _scope(cloud: str, region: str, project: str | None, what: str, reason: str) -> CatalogScope:
    return CatalogScope(
        what=what,
        cloud=cloud,
        region=region,
        project=project,
        pages=0,
        count=0,
        complete=False,
        reason=reason,
        owner=Owner.TARGET,
    )
