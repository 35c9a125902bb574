"""Answers the probes of one target."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from imagegate.errors import Owner
from imagegate.model import Kind, Observation, Probe, Seen, Target, Unseen
from imagegate.probes.catalog import GenerationsProbe, NamesakesProbe
from imagegate.probes.copies import Content, CopiesFact, CopiesProbe, Copy
from imagegate.probes.image import IMAGE, MEMBERS, ImageFact, Member
from imagegate.probes.membership import MEMBERSHIP, MembershipFact
from imagegate.probes.origin import ORIGIN
from imagegate.probes.project import MEMBER_PROJECTS, MemberProjectsFact
from imagegate.probes.server import FLAVOR, SERVER
from imagegate.probes.source_image import SOURCE_IMAGE
from imagegate.transports.openstack.copies import parse_content
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.members import look_at_members, look_at_membership
from imagegate.transports.openstack.origin import origin_of
from imagegate.transports.openstack.region import Region, observe_flavor, observe_image, observe_server
from imagegate.transports.openstack.servers import get_server
from imagegate.transports.openstack.siblings import ask_for_namesakes


class Look:
    """One look at one target. ``views`` are its region as its own entry sees it, then as others of the same deployment
    do: only answers to shared images are asked of those. ``known`` is what need not be asked for; what is learned is
    added to it. ``fresh`` forbids what the region knows already, names of other images in the listing too.
    ``elsewhere`` gives other regions of the cloud, or raises ApiError."""

    def __init__(
        self,
        target: Target,
        views: Sequence[Region],
        known: dict[Probe[Any], Observation],
        deadline: Deadline,
        *,
        fresh: bool,
        elsewhere: Callable[[str], Region] | None = None,
    ) -> None:
        self.known = known
        self._target = target
        self._region = views[0]
        self._views = views
        self._deadline = deadline
        self._fresh = fresh
        self._since = time.monotonic() if fresh else None
        self._elsewhere = elsewhere

    def at(self, probe: Probe[Any]) -> Observation:
        """The observation of ``probe``; a failed call is Unseen with its reason."""
        if probe not in self.known:
            now = datetime.now(UTC)
            try:
                self._ask(probe, now)
            except ApiError as error:
                self.known[probe] = self._unseen(error, now)
        return self.known[probe]

    def _ask(self, probe: Probe[Any], now: datetime) -> None:
        kind = self._target.kind
        if kind is Kind.IMAGE and probe in (IMAGE, MEMBERS, MEMBER_PROJECTS, MEMBERSHIP):
            self._ask_image_api(probe, now)
        elif kind is Kind.IMAGE and isinstance(probe, NamesakesProbe | GenerationsProbe):
            self._ask_for_siblings(probe, now)
        elif kind is Kind.IMAGE and isinstance(probe, CopiesProbe):
            self._ask_for_copies(probe, now)
        elif kind is Kind.INSTANCE and probe == SOURCE_IMAGE:
            server, region = self._value(SERVER), self._region
            service = self._service(region.image, "image")
            source = region.sources.of(server, service, region.listed, self._deadline, fresh=self._fresh)
            self.known[SOURCE_IMAGE] = Seen(value=source, at=now)
        elif kind is Kind.INSTANCE and probe in (SERVER, FLAVOR):
            self._ask_compute_api(now)
        elif kind is Kind.INSTANCE and probe == ORIGIN:
            self.known[ORIGIN] = self._origin(now)
        else:
            raise ApiError(f"{probe.key} is nothing that the API of a cloud tells of an {kind}", fault=Owner.TOOL)

    def _ask_image_api(self, probe: Probe[Any], now: datetime) -> None:
        service = self._service(self._region.image, "image")
        if probe == IMAGE:
            record = get_image(service, self._target.id, self._deadline)
            self.known[IMAGE] = observe_image(record, self._region.project, now)
        elif probe == MEMBERS:
            image = self._value(IMAGE)
            self.known[MEMBERS] = Seen(value=look_at_members(service, image, self._deadline), at=now)
        elif probe == MEMBERSHIP:
            self.known[MEMBERSHIP] = Seen(value=MembershipFact(members=self._our_answers()), at=now)
        else:
            projects = [member.project for member in self._value(MEMBERS).members]
            missing = self._region.projects.missing(projects, self._deadline) if projects else ()
            self.known[MEMBER_PROJECTS] = Seen(value=MemberProjectsFact(missing=missing), at=now)

    def _our_answers(self) -> tuple[Member, ...]:
        """The rows of our projects: the owner sees them all, a member its own."""
        image = self._value(IMAGE)
        if image.visibility != "shared":
            return ()
        if image.mine:
            ours = {view.project for view in self._views} - {image.owner}
            return tuple(row for row in self._value(MEMBERS).members if row.project in ours) if ours else ()
        seeing = [view for view in self._views if view is self._region or view.cloud in self._target.seen_from]
        asked = {view.project: self._service(view.image, "image") for view in reversed(seeing)}
        rows = (look_at_membership(asked[project], image, project, self._deadline) for project in sorted(asked))
        return tuple(row for row in rows if row is not None)

    def _ask_for_siblings(self, probe: NamesakesProbe | GenerationsProbe, now: datetime) -> None:
        image = self._value(IMAGE)
        if not image.mine:
            raise ApiError(f"owned by project {image.owner or '(none)'}: only its owner sees all its images")
        if isinstance(probe, GenerationsProbe):
            value: object = self._region.siblings(self._deadline).generations(image, probe.generation)
        elif self._fresh or probe.name is not None:
            service = self._service(self._region.image, "image")
            name = image.name if probe.name is None else probe.name
            value = ask_for_namesakes(service, image, name, self._region.project, self._deadline)
        else:
            value = self._region.siblings(self._deadline).namesakes(image)
        self.known[probe] = Seen(value=value, at=now)

    def _ask_for_copies(self, probe: CopiesProbe, now: datetime) -> None:
        image = self._value(IMAGE)
        if not image.mine:
            raise ApiError(f"owned by project {image.owner or '(none)'}: only its owner sees all its images")
        home = self._region.name
        if probe.region.casefold() == home.casefold():
            self.known[probe] = Seen(value=CopiesFact(home=home, source=self._content(image)), at=now)
            return
        if self._elsewhere is None:
            raise ApiError(f"region {probe.region} was not reached")
        region = self._elsewhere(probe.region)
        index = region.own_images(since=self._since)
        fact = index.fact(image, home, self._content(image), probe)
        if probe.members:
            service = self._service(region.image, "image")
            fact = replace(fact, images=tuple(self._with_members(service, copy) for copy in fact.images))
        self.known[probe] = Seen(value=fact, at=now)

    def _content(self, image: ImageFact) -> Content:
        service = self._service(self._region.image, "image")
        record = None if self._fresh else self._region.own_images(since=None).record(image.id)
        try:
            return parse_content(record or get_image(service, image.id, self._deadline))
        except RecordError as error:
            raise ApiError(str(error)) from error

    def _with_members(self, service: Service, copy: Copy) -> Copy:
        return replace(copy, members=look_at_members(service, copy.image, self._deadline).members)

    def _ask_compute_api(self, now: datetime) -> None:
        """Both facts come from one record."""
        service = self._service(self._region.compute, "compute")
        record = get_server(service, self._target.id, self._deadline)
        flavor = observe_flavor(self._region, record, now, self._deadline)
        self.known[FLAVOR] = flavor
        self.known[SERVER] = observe_server(record, flavor, now)

    def _origin(self, now: datetime) -> Observation:
        server, region = self._value(SERVER), self._region
        service = self._service(region.image, "image") if server.image_id is not None else None
        fact = origin_of(server, region.sources, service, self._deadline, fresh=self._fresh)
        return Seen(value=fact, at=now)

    def _value(self, probe: Probe[Any]) -> Any:
        seen = self.at(probe)
        if isinstance(seen, Unseen):
            raise ApiError(f"{probe.key}: {seen.reason}", fault=seen.owner)
        return seen.value

    def _service(self, service: Service | None, kind: str) -> Service:
        if service is None:
            raise ApiError(f"region {self._region.name} has no {kind} service")
        return service

    def _unseen(self, error: ApiError, now: datetime) -> Unseen:
        kind = "server" if self._target.kind is Kind.INSTANCE else "image"
        reason = f"{kind} {self._target.id} is gone (HTTP 404)" if error.status == 404 else error.reason
        return Unseen(reason=reason, at=now, owner=error.fault)
