"""From cloud names to regions with catalogs; whatever cannot be seen ends up in the scope, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from imagegate.awaiting import as_done, result_of
from imagegate.errors import Owner
from imagegate.transports import Auditor, CatalogScope
from imagegate.transports.openstack.clouds import Cloud
from imagegate.transports.openstack.deployment import deployment_of
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


Reading = tuple[Region, list[Future[Listing]]]
"""A region, and its lists on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of clouds.yaml that a run names, logged in to or not.

    ``identity`` is the deployment of its Identity API, ``regions`` are those asked for (None: all), ``project`` is None
    where nothing tells it.
    """

    cloud: str
    identity: str | None
    regions: frozenset[str] | None
    project: str | None

    def covers(self, region: str) -> bool:
        """Whether the run asks this entry for ``region``."""
        return self.regions is None or region.casefold() in self.regions


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a look at all clouds found, in the order in which they were named."""

    entries: list[Entry] = field(default_factory=list)
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

    All clouds and regions at once, in so many threads as the limits allow requests to one cloud; a region's lists begin
    as soon as its own login is there, however long another cloud takes over its own. A KeyboardInterrupt ends the
    requests under way and goes on.
    """
    deadline = Deadline.after(limits.catalog_s)
    found = Survey()
    with (
        ThreadPoolExecutor(max_workers=limits.concurrency, thread_name_prefix="imagegate-openstack") as pool,
        _awaited(clouds.values(), pool),
    ):
        logins = {pool.submit(log_in, cloud, limits=limits, deadline=deadline): name for name, cloud in clouds.items()}
        views: dict[str, _View] = {}
        for done in as_done(logins):
            name = logins[done]
            view = views[name] = _View(cloud=clouds[name])
            try:
                view.login = done.result()
            except ApiError as error:
                view.absent = _lost(clouds[name], wanted[name], what, only, error)
                continue
            regions, view.absent = _regions(
                view.cloud, view.login, wanted[name], what=what, only=only, others=others, limits=limits
            )
            view.started = [(region, _start(region, pool, deadline, what if listed else ())) for region in regions]
        ordered = [views[name] for name in clouds]
        for view in ordered:
            found.entries.append(_entry(view, wanted[view.cloud.name]))
            found.regions += [region for region, _ in view.started]
            found.catalogs += [Catalog(scope=scope) for scope in view.absent]
            if view.login is not None:
                found.auditors.append(view.login.auditor)
        if listed:
            _finish(found, [each for view in ordered for each in view.started], what, deadline)
    return found


@contextmanager
def _awaited(clouds: Collection[Cloud], pool: Executor) -> Iterator[None]:
    """What ends this early, Ctrl-C above all, ends the requests under way: nobody waits for their answers any more."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for cloud in clouds:
            cloud.requests.abort()
        raise


@dataclass(slots=True, kw_only=True)
class _View:
    cloud: Cloud
    login: Login | None = None
    absent: list[CatalogScope] = field(default_factory=list)
    started: list[Reading] = field(default_factory=list)


def _entry(view: _View, regions: Sequence[str] | None) -> Entry:
    return Entry(
        cloud=view.cloud.name,
        identity=deployment_of(view.cloud.auth_url, ""),
        regions=None if regions is None else frozenset(region.casefold() for region in regions),
        project=view.cloud.project if view.login is None else view.login.project,
    )


def _start(region: Region, pool: Executor, deadline: Deadline, what: Sequence[str]) -> list[Future[Listing]]:
    return start_reading(region, pool, deadline, images="images" in what, servers="servers" in what)


def _finish(found: Survey, started: Sequence[Reading], what: Sequence[str], deadline: Deadline) -> None:
    sets = Sets()
    images = "images" in what
    for region, pending in started:
        lists: list[Future[Listing]] = list(pending)
        image_list = result_of(lists.pop(0)) if images and region.image and region.lists_images else None
        if image_list is not None:
            found.catalogs.append(image_catalog(region, image_list, sets))
        if lists:
            server_list, flavors = map(result_of, lists)
            found.catalogs.append(server_catalog(region, server_list, sets, flavors=flavors, deadline=deadline))


def _lost(
    cloud: Cloud, wanted: Sequence[str] | None, what: Sequence[str], only: Only, error: ApiError
) -> list[CatalogScope]:
    """A cloud that could not be logged in to: all of its regions are incomplete."""
    regions = (EVERYWHERE,) if wanted is None else wanted
    return [
        replace(_scope(cloud.name, region, cloud.project, one, error.reason), owner=error.fault)
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
            region.deployments[one] = endpoint.deployment
            if kind == "image":
                region.image = service(kind, endpoint.region, image_root(endpoint.url))
            else:
                region.compute = service(kind, endpoint.region, endpoint.url)
    for region in regions.values():  # servers ask for the os_type of their images, whatever is listed
        image = login.endpoint("image", region.name)
        if region.image is None and image is not None:
            region.image = service("image", image.region, image_root(image.url))
            region.deployments["images"] = image.deployment
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
