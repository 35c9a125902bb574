"""The proof of an image: two servers are made from it, and may share no identity. Both are always removed again.

Order: find the image, make both servers, wait until both are ACTIVE, look at both guests over SSH, compare, remove
whatever this run made. The servers carry the run's id in their metadata, so that one is found and removed even where
the answer to its creation was lost.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.clones import DIGEST, LETTERS, A, B, address_of, compare
from imagegate.errors import Owner, UsageError
from imagegate.inventory import Host, Inventory, address_mistake
from imagegate.model import Facts, Kind, Observation, Probe, Seen, Target, Unseen
from imagegate.probes.identity import Identity
from imagegate.probes.image import ImageFact
from imagegate.report.words import plural
from imagegate.result import ExitCode, PolicyInfo, Result, ScopeInfo, Story
from imagegate.run import new_run_id
from imagegate.shielded import Shielded
from imagegate.transports import Discovery, Transport
from imagegate.transports.openstack.actions import create_server, delete_server, find_flavor
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, parse_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.servers import get_server, list_servers
from imagegate.transports.openstack.transport import OpenStack

MARK = "imagegate_prove"
"""The metadata key of the servers that ``prove`` makes; its value is the run's id."""

_PAUSE_S = 0.5
_CALL_S = 60.0
_LOOK_S = 20.0
_SAY_S = 15.0
_LOST_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boots:
    """How servers are made from an image and reached: the policy's ``prove``, and the options of the same names.

    ``volume_size`` in GB makes them boot from a volume of that size, which goes with the server; ``timeout_s`` is how
    long booting may take until SSH answers; ``removal_s`` how long removing may take.
    """

    flavor: str
    network: str | None = None
    key_name: str | None = None
    user: str | None = None
    volume_size: int | None = None
    address_from: str = "addresses"
    ssh_port: int | None = None
    ssh_config: Path | None = None
    identity_file: Path | None = None
    via: str | None = None
    check_host_keys: bool = False
    timeout_s: float = 600.0
    removal_s: float = 180.0


@dataclass(slots=True, kw_only=True)
class Clone:
    """One server of the proof, as far as it came. ``problem`` says what went wrong with it, ``owner`` whose fault;
    ``asked`` that it may have been made."""

    letter: str
    name: str
    asked: bool = False
    id: str | None = None
    status: str | None = None
    address: str | None = None
    removed: bool = False
    problem: str | None = None
    owner: Owner = Owner.TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that could not be removed."""

    id: str | None
    name: str
    reason: str


def _linux(inventory: Inventory, run_key: bytes) -> Transport:
    from imagegate.transports.linux import LinuxTransport  # noqa: PLC0415 - only when a guest is up

    return LinuxTransport(inventory, run_key=run_key)


@dataclass(slots=True, kw_only=True)
class Proof:
    """One proof. Not to be used twice. ``say`` is told what happens; ``guests`` makes what looks at the clones."""

    image: str
    boots: Boots
    clouds: Mapping[str, tuple[str, ...] | None]
    policy: PolicyInfo | None = None
    say: Callable[[str], None] = lambda _: None
    guests: Callable[[Inventory, bytes], Transport] = _linux
    openstack: OpenStack = field(default_factory=OpenStack)
    run_id: str = field(init=False)
    started: datetime = field(init=False)
    _clones: tuple[Clone, ...] = field(init=False)
    _left: list[Left] = field(init=False, default_factory=list)
    _seen: dict[Probe[Any], Observation] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.started = datetime.now(UTC)
        self.run_id = new_run_id(self.started)
        prefix = f"ig-prove-{self.run_id.lower()}"
        self._clones = tuple(Clone(letter=letter, name=f"{prefix}-{letter}") for letter in LETTERS)

    def run(self) -> Result:
        """Make, look, compare, remove. Raises ``UserError`` for what the operator has to put right, before anything is
        made; everything else ends up in the result."""
        try:
            return self._run()
        finally:
            self.openstack.close()

    def _run(self) -> Result:
        discovery = self.openstack.discover(self.clouds, what=("images", "servers"))
        found = self._find(discovery)
        if found is None:
            return self._result(discovery, None, interrupted=False)
        target, region, image = found
        if region.compute is None:
            raise UsageError(f"region {region.name} of {region.cloud} has no compute service: nothing can be booted")
        try:
            flavor = find_flavor(region.compute, self.boots.flavor, Deadline.after(_CALL_S))
        except (ApiError, RecordError) as error:
            raise UsageError(f"--flavor {self.boots.flavor}: {error}") from error
        interrupted = False
        with Shielded(lambda: self.say("removing what was made; once more to leave it behind")) as shield:
            try:
                with shield.open():
                    self._make(region.compute, image, flavor.id or flavor.name)
                    self._wait(region.compute)
                    self._look(region, image)
            except KeyboardInterrupt:
                interrupted = True
                self._blame("interrupted before it was looked at", Owner.USER)
            finally:
                self._remove(region.compute)
        return self._result(discovery, target, interrupted=interrupted)

    # what there is

    def _find(self, discovery: Discovery) -> tuple[Target, Region, ImageFact] | None:
        """The image, its region and its record. None if it cannot be known whether there is one."""
        images = [target for target in discovery.targets if target.kind is Kind.IMAGE]
        named = [target for target in images if target.id == self.image]
        named = named or [target for target in images if target.name == self.image]
        if not named:
            if all(catalog.complete for catalog in discovery.catalogs if catalog.what == "images"):
                raise UsageError(f"no image is called {self.image} (by id or by name)")
            return None
        if len(named) > 1:
            places = ", ".join(f"{one.id} ({one.cloud}/{one.region})" for one in named)
            raise UsageError(f"{self.image} is the name of {len(named)} images: name one by its id: {places}")
        (target,) = named
        region = self.openstack.region(target.cloud, target.region)
        if region is None or region.image is None:
            return None
        try:
            record = get_image(region.image, target.id, Deadline.after(_CALL_S))
            image = parse_image(record, region.project)
        except (ApiError, RecordError) as error:
            raise UsageError(f"image {target.id} cannot be read: {error}") from error
        if image.status != "active":
            raise UsageError(f"image {image.name} is {image.status}: only an active image can be booted")
        if (dict(image.properties).get("os_type") or "").casefold() == "windows":
            raise UsageError(f"image {image.name} is a Windows image: prove looks at Linux guests only")
        return target, region, image

    # what is made

    def _make(self, compute: Service, image: ImageFact, flavor: str) -> None:
        for clone in self._clones:
            self.say(f"making the server {clone.name}")
            clone.asked = True
            try:
                clone.id = create_server(compute, self._body(clone, image, flavor), Deadline.after(_CALL_S))
            except ApiError as error:
                clone.asked = error.executed
                clone.problem = f"the server could not be made: {error.reason}"
                return

    def _body(self, clone: Clone, image: ImageFact, flavor: str) -> dict[str, Any]:
        boots = self.boots
        body: dict[str, Any] = {
            "name": clone.name,
            "imageRef": image.id,
            "flavorRef": flavor,
            "metadata": {MARK: self.run_id},
        }
        if boots.network is not None:
            body["networks"] = [{"uuid": boots.network}]
        if boots.key_name is not None:
            body["key_name"] = boots.key_name
        if boots.volume_size is not None:
            body["block_device_mapping_v2"] = [
                {
                    "uuid": image.id,
                    "source_type": "image",
                    "destination_type": "volume",
                    "boot_index": 0,
                    "volume_size": boots.volume_size,
                    "delete_on_termination": True,
                }
            ]
        return body

    def _wait(self, compute: Service) -> None:
        """Until both servers are ACTIVE and have an address, or one of them never will."""
        if any(clone.problem for clone in self._clones):
            return
        self.say("waiting until both servers are ACTIVE")
        deadline = Deadline.after(self.boots.timeout_s)
        while not all(clone.address for clone in self._clones):
            for clone in self._clones:
                self._poll(compute, clone)
            if any(clone.problem for clone in self._clones):
                return
            if deadline.left <= 0:
                for clone in self._clones:
                    if clone.address is None:
                        where = f"{clone.status or 'unknown'}" if clone.status != "ACTIVE" else self._no_address()
                        clone.problem = f"not up within {deadline.seconds:g} s: {where}"
                return
            time.sleep(_PAUSE_S)

    def _poll(self, compute: Service, clone: Clone) -> None:
        if clone.id is None or clone.address is not None:
            return
        try:
            record = get_server(compute, clone.id, Deadline.after(_CALL_S))
        except ApiError as error:
            if error.status == 404:
                clone.problem = "the server is gone: somebody else removed it"
            return  # any other failure may pass, and the deadline is watched
        clone.status = str(record.get("status"))
        if clone.status == "ERROR":
            fault = record.get("fault")
            said = fault.get("message") if isinstance(fault, dict) else None
            clone.problem = f"the server is in status ERROR: {str(said or 'no reason given')[:500]}"
        elif clone.status == "ACTIVE":
            clone.address = address_of(record, self.boots.address_from)

    def _no_address(self) -> str:
        return f"ACTIVE, but without an address in {self.boots.address_from} (see --address-from)"

    # what is seen

    def _look(self, region: Region, image: ImageFact) -> None:
        if any(clone.problem for clone in self._clones):
            return
        user = self.boots.user or dict(image.properties).get("login_username") or None
        hosts = {clone.name: self._host(clone, user) for clone in self._clones}
        for clone in self._clones:
            clone.problem = address_mistake(hosts[clone.name])
        if any(clone.problem for clone in self._clones):
            return
        eyes = self.guests(Inventory(hosts=hosts), secrets.token_bytes(32))
        try:
            self.say("waiting until both guests answer over SSH")
            deadline, told = Deadline.after(self.boots.timeout_s), time.monotonic()
            while True:
                waiting = [clone for clone in self._clones if not self._look_at(eyes, region, clone)]
                if not waiting or deadline.left <= 0:
                    return
                if time.monotonic() - told > _SAY_S:
                    told = time.monotonic()
                    self.say(f"still waiting for {waiting[0].name}: {waiting[0].problem}")
                time.sleep(_PAUSE_S)
        finally:
            eyes.close()

    def _host(self, clone: Clone, user: str | None) -> Host:
        boots = self.boots
        return Host(
            name=clone.name,
            address=clone.address or "",
            user=user,
            port=boots.ssh_port,
            via=boots.via,
            ssh_config=boots.ssh_config,
            identity_file=boots.identity_file,
            host_key_checking=boots.check_host_keys,
            sudo=False,
        )

    def _look_at(self, eyes: Transport, region: Region, clone: Clone) -> bool:
        """Whether the guest has been seen: all of it in one exchange, with one and the same host."""
        probe = Identity(of=clone.letter)
        if isinstance(self._seen.get(probe), Seen):
            return True
        target = Target(
            kind=Kind.INSTANCE, id=clone.id or "", name=clone.name, cloud=region.cloud, region=region.name,
            guest=clone.name,
        )  # fmt: skip
        seen = eyes.look(target, [probe], timeout_s=_LOOK_S, fresh=True).observation(probe)
        if isinstance(seen, Seen):
            self._seen[probe] = seen
            clone.problem = None
            return True
        if isinstance(seen, Unseen):
            clone.problem, clone.owner = seen.reason, seen.owner
        return False

    def _blame(self, reason: str, owner: Owner) -> None:
        for clone in self._clones:
            if clone.problem is None and Identity(of=clone.letter) not in self._seen:
                clone.problem, clone.owner = reason, owner

    # what is removed

    def _remove(self, compute: Service) -> None:
        """Remove every server of this run, those too whose creation gave no answer, and wait until they are gone."""
        self.say("removing the servers")
        deadline = Deadline.after(self.boots.removal_s)
        why: dict[str, str] = {}
        try:
            names = self._ours(compute, deadline)
            waiting = dict(names)
            asked: set[str] = set()
            while waiting:
                for ident in list(waiting):
                    try:
                        if ident not in asked:
                            delete_server(compute, ident, Deadline.after(min(_CALL_S, max(deadline.left, 1))))
                            asked.add(ident)
                        get_server(compute, ident, Deadline.after(min(_CALL_S, max(deadline.left, 1))))
                        why[ident] = "asked to go, but still there"
                    except ApiError as error:
                        if error.status == 404:
                            del waiting[ident]
                        else:
                            why[ident] = error.reason
                if waiting and deadline.left <= 0:
                    break
                if waiting:
                    time.sleep(_PAUSE_S)
        except KeyboardInterrupt:
            names = {clone.id: clone.name for clone in self._clones if clone.id is not None}
            waiting = dict(names)
            why = dict.fromkeys(names, "interrupted while it was being removed")
        for clone in self._clones:
            clone.removed = clone.id is not None and clone.id in names and clone.id not in waiting
        self._left += [
            Left(id=ident, name=name, reason=why.get(ident, "not removed")) for ident, name in waiting.items()
        ]

    def _ours(self, compute: Service, deadline: Deadline) -> dict[str, str]:
        """The servers of this run, by id: those we know, and those that the list shows to be ours."""
        ours = {clone.id: clone.name for clone in self._clones if clone.id is not None}
        lost = [clone.name for clone in self._clones if clone.asked and clone.id is None]
        patience = Deadline.after(_LOST_S)  # a request without an answer may still be on its way
        while lost:
            listing = list_servers(compute, deadline)
            for ident, record in listing.records.items():
                metadata = record.get("metadata")
                if isinstance(metadata, dict) and metadata.get(MARK) == self.run_id:
                    ours[ident] = str(record.get("name"))
            lost = [name for name in lost if name not in ours.values()]
            if lost and patience.left <= 0:
                if listing.problem:
                    reason = f"whether it was made is not known, the servers cannot be listed: {listing.problem}"
                    self._left += [Left(id=None, name=name, reason=reason) for name in lost]
                break
            if lost:
                time.sleep(_PAUSE_S)
        return ours

    # what came of it

    def _result(self, discovery: Discovery, target: Target | None, *, interrupted: bool) -> Result:
        finished = datetime.now(UTC)
        for clone in self._clones:
            reason = f"clone {clone.letter}: {clone.problem or 'was not looked at'}"
            self._seen.setdefault(Identity(of=clone.letter), Unseen(reason=reason, at=finished, owner=clone.owner))
        facts = Facts(self._seen, finished)
        region = (None, None) if target is None else (target.cloud, target.region)
        catalogs = tuple(c for c in discovery.catalogs if target is None or (c.cloud, c.region) == region)
        relaxed = "the clones: their SSH host keys were taken as they came, nobody can know those of a new server"
        return Result(
            run_id=self.run_id,
            command="prove",
            started=self.started,
            finished=finished,
            complete=not interrupted and target is not None,
            interrupted=interrupted,
            policy=self.policy or PolicyInfo(name="prove", version=1, title=None, digest=DIGEST),
            checks_digest=DIGEST,
            scope=ScopeInfo(
                selected=int(target is not None),
                seen=int(A in facts and B in facts),
                catalogs=catalogs,
                relaxed=() if self.boots.check_host_keys or target is None else (relaxed,),
                warnings=discovery.warnings,
                requests=self.openstack.requests,
            ),
            auditors=discovery.auditors,
            findings=[] if target is None else compare(target, facts, today=finished.date()),
            plans=(),
            facts={} if target is None else {target.key: facts},
            story=self._story(target),
        )

    def _story(self, target: Target | None) -> Story:
        made = [clone for clone in self._clones if clone.id is not None]
        record = {
            "image": None if target is None else {"id": target.id, "name": target.name},
            "flavor": self.boots.flavor,
            "servers": [
                {
                    "clone": clone.letter, "id": clone.id, "name": clone.name, "address": clone.address,
                    "status": clone.status, "removed": clone.removed,
                }
                for clone in self._clones
            ],
            "left": [{"id": one.id, "name": one.name, "reason": one.reason} for one in self._left],
        }  # fmt: skip
        lines = [f"clone {c.letter}: server {c.name} ({c.id}) at {c.address or 'no address'}" for c in made]
        lines += [f"clone {c.letter}: {c.problem}" for c in self._clones if c.problem]
        lines += [f"NOT REMOVED: server {one.name} ({one.id or 'id unknown'}): {one.reason}" for one in self._left]
        lines += [f"remove it by hand: openstack server delete {one.id}" for one in self._left if one.id]
        if made and not self._left:
            lines.append(f"{plural(len(made), 'server')} made and removed again")
        left = "something that was made could not be removed" if self._left else None
        return Story(
            key="prove", record=record, lines=tuple(lines), code=ExitCode.FIX_FAILED if left else None, meaning=left
        )
