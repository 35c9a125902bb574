"""The transport for OpenStack clouds: image, compute and identity API."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from imagegate.errors import StepBlocked, StepError, StepRefused, UsageError
from imagegate.model import Facts, Kind, Observation, Probe, Seen, Source, Step, Target, Unseen
from imagegate.probes.catalog import NAMESAKES, GenerationsProbe
from imagegate.probes.copies import CopiesProbe
from imagegate.probes.image import IMAGE, MEMBERS
from imagegate.probes.membership import MEMBERSHIP
from imagegate.probes.project import MEMBER_PROJECTS
from imagegate.steps.call import ApiStep
from imagegate.steps.copy import CopyImage
from imagegate.transports import CatalogScope, Discovery, Watch
from imagegate.transports.openstack.clouds import Cloud, open_clouds
from imagegate.transports.openstack.copying import Copier
from imagegate.transports.openstack.discovery import open_region, survey
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.limits import Deadline, Limits
from imagegate.transports.openstack.look import Look
from imagegate.transports.openstack.members import may_be_member
from imagegate.transports.openstack.merging import Observations
from imagegate.transports.openstack.places import together
from imagegate.transports.openstack.pool import Counter
from imagegate.transports.openstack.region import Region

_WHAT = ("images", "servers")


class OpenStack:
    """Looks at images and servers of OpenStack clouds, and changes them. Thread-safe after ``discover``.

    Clouds are those of openstacksdk's configuration (clouds.yaml, ``OS_*``), with Identity v2.0 or v3. Reads are
    retried on 429, 502, 503, 504 and broken connections; writes never. A rejected token is renewed once.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._counter = Counter()
        self._clouds: dict[str, Cloud] = {}
        self._regions: dict[tuple[str, str], Region] = {}
        self._known: dict[str, Observations] = {}
        self._claims: dict[tuple[str, str], str] = {}
        self._opened: dict[tuple[str, str], Region | ApiError] = {}
        self._spelt: dict[tuple[str, str], str] = {}
        self._listed: set[tuple[str, str]] = set()
        self._opening = threading.Lock()
        self._copying = threading.BoundedSemaphore(self._limits.copies)
        self._lock = threading.Lock()

    @property
    def sources(self) -> frozenset[Source]:
        """Image, compute and identity API."""
        return frozenset({Source.IMAGE, Source.COMPUTE, Source.IDENTITY})

    @property
    def remote(self) -> bool:
        """Always: a look may be a request."""
        return True

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent so far, those for tokens and retries included."""
        return self._counter.value

    @property
    def also(self) -> tuple[CatalogScope, ...]:
        """What was seen of regions that were read for copies alone, or could not be."""
        with self._opening:
            opened = dict(self._opened)
        found: list[CatalogScope] = []
        for (cloud, key), region in opened.items():
            if isinstance(region, ApiError):
                lost = CatalogScope(
                    what="images", cloud=cloud, region=self._spelt[cloud, key], project=None, pages=0, count=0,
                    complete=False, reason=region.reason, owner=region.fault,
                )  # fmt: skip
                found.append(lost)
            elif region.also is not None and (cloud, region.name) not in self._listed:
                found.append(region.also)
        return tuple(found)

    def discover(
        self,
        clouds: Mapping[str, Sequence[str] | None],
        *,
        what: Sequence[str] = _WHAT,
        only: Mapping[str, Collection[str]] | None = None,
        others: Collection[str] = (),
        listed: bool = True,
    ) -> Discovery:
        """Log in and list what the clouds hold.

        ``clouds`` names the regions wanted of each cloud, None for all that the service catalog has; ``what`` is
        ``images``, ``servers`` or both; ``only`` narrows one of them to some regions (``{"servers": ["KR1"]}``), and
        with ``others=["servers"]`` the remaining regions are read too, but not missed where they have no such service.
        What several of the clouds list is one target, if they are entries of one deployment.
        With ``listed`` False nothing is listed: targets that are known from elsewhere can then be looked at.
        Raises UsageError for an unknown cloud or a malformed configuration. Anything else that goes wrong makes a
        catalog incomplete, with a reason; it is never taken for an empty one.
        """
        if not clouds:
            return Discovery()
        if not set(what) <= set(_WHAT):
            raise UsageError(f"unknown kind of catalog: {', '.join(sorted(set(what) - set(_WHAT)))}")
        opened = open_clouds(clouds, limits=self._limits, counter=self._counter)
        self._clouds.update(opened)
        wanted = {name: _distinct(regions) for name, regions in clouds.items()}
        found = survey(opened, wanted, what=what, only=_folded(only), others=others, limits=self._limits, listed=listed)
        self._regions.update({(region.cloud, region.name): region for region in found.regions})
        self._listed |= {(one.scope.cloud, one.scope.region) for one in found.catalogs if one.scope.what == "images"}
        merged, doubts = together(found)
        self._known.update({target.key: observations for target, observations in merged})
        return Discovery(
            targets=tuple(target for target, _ in merged),
            catalogs=tuple(catalog.scope for catalog in found.catalogs),
            auditors=tuple(found.auditors),
            warnings=(*(note for cloud in opened.values() for note in cloud.warnings), *doubts),
        )

    def region(self, cloud: str | None, region: str | None) -> Region | None:
        """A region that ``discover`` reached, None if it did not."""
        return self._regions.get((cloud or "", region or ""))

    def reach(self, cloud: str, region: str, *, what: Sequence[str]) -> Region:
        """A region with its services for ``what``, without ``discover``: logs in, and lists nothing. UsageError for an
        unknown cloud, ApiError where it cannot be logged in to or has no such service."""
        if cloud not in self._clouds:
            self._clouds.update(open_clouds([cloud], limits=self._limits, counter=self._counter))
        return open_region(self._clouds[cloud], region, what=what, limits=self._limits)

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """What the listing told; members of images that cannot have any, or not for our eyes, follow from it, and so do
        our own membership of our own images, and siblings."""
        known = self._known.get(target.key, {})
        image = known.get(IMAGE)
        follows: tuple[Probe[Any], ...] = ()
        if isinstance(image, Seen):
            lists_members = image.value.mine and image.value.visibility == "shared"
            follows = () if lists_members else (MEMBERS, MEMBER_PROJECTS)
            if not (may_be_member(image.value) or (lists_members and self._views(target)[1:])):
                follows += (MEMBERSHIP,)
        region = self._regions.get((target.cloud or "", target.region or ""))
        if isinstance(image, Seen) and region is not None and region.listed is not None:
            follows += (NAMESAKES,)
            return all(
                probe in known
                or probe in follows
                or isinstance(probe, GenerationsProbe)
                or (isinstance(probe, CopiesProbe) and self._listed_for(region, probe))
                for probe in probes
            )
        return all(probe in known or probe in follows for probe in probes)

    def _listed_for(self, home: Region, probe: CopiesProbe) -> bool:
        away = self._opened.get((home.cloud, probe.region.casefold()))
        read = isinstance(away, ApiError) or (away is not None and away.also is not None)
        return home.also is not None and read and not probe.members

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """As ``Transport.look``. What the listing told is not asked for again unless ``fresh``."""
        now = datetime.now(UTC)
        region = self._regions.get((target.cloud or "", target.region or ""))
        if region is None:
            reason = f"cloud {target.cloud or '-'}, region {target.region or '-'} was not reached"
            lost: dict[Probe[Any], Observation] = {probe: Unseen(reason=reason, at=now) for probe in probes}
            return Facts(lost, now)
        with self._lock:
            known = {} if fresh else dict(self._known.get(target.key, {}))
        look = Look(
            target,
            self._views(target),
            known,
            Deadline.after(timeout_s),
            fresh=fresh,
            elsewhere=partial(self._region, region.cloud),
        )
        facts = Facts({probe: look.at(probe) for probe in probes}, now)
        with self._lock:
            self._known.setdefault(target.key, {}).update(
                {probe: seen for probe, seen in look.known.items() if isinstance(seen, Seen)}
            )
        return facts

    def _views(self, target: Target) -> list[Region]:
        """The region as ``target``'s own entry sees it (none if that was not reached), then as the other entries of its
        deployment do."""
        own = self._regions.get((target.cloud or "", target.region or ""))
        if own is None:
            return []
        what = "images" if target.kind is Kind.IMAGE else "servers"
        return [own, *self._beside(own, what)] if target.deployment is not None else [own]

    def _beside(self, own: Region, what: str) -> list[Region]:
        place = own.place(what)
        return [region for region in list(self._regions.values()) if region is not own and region.place(what) == place]

    def _region(self, cloud: str, name: str) -> Region:
        """A region of a cloud, whether or not this run is about it; each is opened once. ApiError."""
        key = (cloud, name.casefold())
        with self._opening:
            if key not in self._opened:
                self._spelt[key] = name
                known = next((r for (c, n), r in self._regions.items() if (c, n.casefold()) == key and r.image), None)
                try:
                    self._opened[key] = known or self._open_for_images(cloud, name)
                except ApiError as error:
                    self._opened[key] = error
            found = self._opened[key]
        if isinstance(found, ApiError):
            raise ApiError(found.reason, status=None, fault=found.fault)
        return found

    def _open_for_images(self, cloud: str, name: str) -> Region:
        return open_region(self._clouds[cloud], name, what=("images",), limits=self._limits)

    def carry(self, target: Target, step: Step, seen: Facts, watch: Watch) -> None:
        """As ``Carrier.carry``: copies an image to another region, so many at once as the limits say."""
        if not isinstance(step, CopyImage):
            raise StepError(f"{step.summary}: nothing can carry this out", changed=False)
        home = self._regions.get((target.cloud or "", target.region or ""))
        try:
            if home is None:
                raise ApiError(f"cloud {target.cloud or '-'}, region {target.region or '-'} was not reached")
            away = self._region(home.cloud, step.terms.region)
            self._claim_name(target, step, seen, away)
        except ApiError as error:
            raise StepError(f"{step.summary}: {error.reason}", changed=False) from error
        while not self._copying.acquire(timeout=0.5):
            if watch.cancelled.is_set():
                raise StepRefused(f"{step.summary}: interrupted before it began")
        try:
            Copier(home, away, step, seen, watch).run()
        finally:
            self._copying.release()

    def _claim_name(self, target: Target, step: CopyImage, seen: Facts, away: Region) -> None:
        """StepRefused where the copy's name is another image's there, or becomes one in this run. The list of the look
        right before tells."""
        name = step.plan(seen).name
        ours = {copy.image.id for copy in step.unfinished(seen)}
        if others := [ident for ident in away.own_images(since=None).named(name) if ident not in ours]:
            raise StepRefused(
                f"{step.summary}: its name there would be {name}, which is taken by image {others[0]}: nothing was "
                "written; the policy can give copies names of their own"
            )
        service = away.image.url if away.image else ""
        self._claim(service, name, target, step)

    def _claim(self, service: str, name: str, target: Target, step: Step) -> None:
        with self._lock:
            holder = self._claims.setdefault((service, name), target.key)
        if holder != target.key:
            raise StepRefused(f"{step.summary}: {holder} takes this name in the same run: nothing was written")

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """As ``Transport.apply``: one request, never repeated. A timeout, a broken connection or a 5xx may have changed
        the target; an answer 4xx has not. ``StepBlocked``: 403, and the image is protected."""
        if not isinstance(step, ApiStep):
            raise StepError(f"{step.summary}: not a call to a cloud's API", changed=False)
        call = step.call(seen)
        views = self._views(target)
        if call.project is not None:
            views = [region for region in views if region.project == call.project]
        service = views[0].service(call.service) if views else None
        if service is None:
            as_whom = f" as project {call.project}" if call.project is not None else ""
            raise StepError(
                f"{step.summary}: no {call.service} service of {target.cloud}/{target.region} was reached{as_whom}",
                changed=False,
            )
        if call.claim is not None:
            self._claim(service.url, call.claim, target, step)
        try:
            service.write(call, service.url + call.path, Deadline.after(timeout_s))
        except ApiError as error:
            if error.status == 403 and call.project is None and _protected(seen):
                raise StepBlocked(f"{step.summary}: {error.reason} (the image is protected)") from error
            raise StepError(f"{step.summary}: {error.reason}", changed=error.executed) from error
        finally:
            with self._lock:
                self._known.pop(target.key, None)

    def close(self) -> None:
        """End all connections, those of requests under way included; idempotent."""
        for cloud in self._clouds.values():
            cloud.requests.abort()
            cloud.requests.close()


def _folded(only: Mapping[str, Collection[str]] | None) -> dict[str, frozenset[str]]:
    return {what: frozenset(region.casefold() for region in regions) for what, regions in (only or {}).items()}


def _distinct(wanted: Sequence[str] | None) -> list[str] | None:
    return None if wanted is None else list({name.casefold(): name for name in reversed(wanted)}.values())[::-1]


def _protected(seen: Facts) -> bool:
    return IMAGE in seen and seen[IMAGE].mine and seen[IMAGE].protected
