"""The proof of an image: two servers are made from it, and may share no identity. Both are always removed again.

Order: find the image, remove what earlier proofs have left that were killed (``prove_clean``), make both servers
(``prove_servers``; what is made is written down first, ``prove_state``), wait until both are ACTIVE, look at both
guests, compare (``clones``), remove whatever this run made.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.errors import Owner, UsageError
from imagegate.inventory import Host, Inventory, Via, address_mistake
from imagegate.model import Kind, Observation, Probe, Seen, Target, Unseen
from imagegate.pauses import Waiting
from imagegate.probes.identity import Identity, WindowsIdentity
from imagegate.probes.image import ImageFact
from imagegate.prove_clean import Cleaned, clean
from imagegate.prove_report import again, tell
from imagegate.prove_servers import CALL_S, MARK, Boots, Clone, Left, Servers, body_of, named_for
from imagegate.prove_state import ProveState, at_work, unfinished, write_prove
from imagegate.result import PolicyInfo, Result
from imagegate.run import new_run_id
from imagegate.shielded import Shielded
from imagegate.transports import Discovery, Transport
from imagegate.transports.openstack.actions import find_flavor
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, parse_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.transport import OpenStack

__all__ = ["MARK", "Boots", "Proof", "compute_of"]

PATIENCE = "removing what was made; once more to leave it behind"
"""What somebody is told who interrupts the removal."""

_LOOK_S = 20.0


def _guests(inventory: Inventory, run_key: bytes) -> Transport:
    from imagegate.transports.guests import Guests  # noqa: PLC0415 - only when a guest is up

    return Guests(inventory, run_key)


@dataclass(slots=True, kw_only=True)
class Proof:
    """One proof. Not to be used twice. ``say`` is told what happens; ``guests`` makes what looks at the clones.

    ``shield``: one that its maker keeps up until the result is reported.

    ``report_dir`` None: nothing is kept, and what a kill leaves behind is not found.
    """

    image: str
    boots: Boots
    clouds: Mapping[str, tuple[str, ...] | None]
    policy: PolicyInfo | None = None
    report_dir: Path | None = None
    say: Callable[[str], None] = lambda _: None
    guests: Callable[[Inventory, bytes], Transport] = _guests
    openstack: OpenStack = field(default_factory=OpenStack)
    shield: Shielded | None = None
    run_id: str = field(init=False)
    started: datetime = field(init=False)
    clones: tuple[Clone, ...] = field(init=False)
    left: list[Left] = field(init=False, default_factory=list)
    cleaned: list[Cleaned] = field(init=False, default_factory=list)
    notes: list[str] = field(init=False, default_factory=list)
    seen: dict[Probe[Any], Observation] = field(init=False, default_factory=dict)
    windows: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.started = datetime.now(UTC)
        self.run_id = new_run_id(self.started)
        self.clones = named_for(self.run_id)

    def run(self) -> Result:
        """Make, look, compare, remove. Raises ``UserError`` for what the operator has to put right, before anything is
        made; everything else ends up in the result."""
        own = Shielded(lambda: self.say(PATIENCE))
        try:
            with own if self.shield is None else contextlib.nullcontext(self.shield) as shield:
                return self._run(shield)
        finally:
            self.openstack.close()

    def _run(self, shield: Shielded) -> Result:
        with shield.open():
            discovery = self.openstack.discover(self.clouds, what=("images", "servers"))
            found = self._find(discovery)
        if found is None:
            return tell(self, discovery, None, interrupted=False)
        target, region, image = found
        if region.compute is None:
            raise UsageError(f"region {region.name} of {region.cloud} has no compute service: nothing can be booted")
        try:
            with shield.open():
                flavor = find_flavor(region.compute, self.boots.flavor, Deadline.after(CALL_S))
        except (ApiError, RecordError) as error:
            raise UsageError(f"--flavor {self.boots.flavor}: {error}") from error
        folder = None if self.report_dir is None else self.report_dir / self.run_id
        interrupted = False
        with contextlib.ExitStack() as held:
            if folder is not None:
                held.enter_context(at_work(folder))
            servers = Servers(
                region.compute, self.clones, self.run_id, keep=lambda: self._keep(folder, region, image), say=self.say
            )
            try:
                with shield.open():
                    self._clean_up()
                    bodies = {
                        clone.name: body_of(clone, image.id, flavor.id or flavor.name, self.boots, self.run_id)
                        for clone in self.clones
                    }
                    servers.make(bodies)
                    servers.wait(self.boots.address_from, self.boots.timeout_s)
                    self._look(region, image)
            except KeyboardInterrupt:
                interrupted = True
                self._blame("interrupted before it was looked at", Owner.USER)
            finally:
                self.left += servers.remove(self.boots.removal_s, shield)
        return tell(self, discovery, target, interrupted=interrupted)

    def _keep(self, folder: Path | None, region: Region, image: ImageFact) -> None:
        if folder is not None:
            made = tuple(clone.made for clone in self.clones)
            state = ProveState(run=self.run_id, cloud=region.cloud, region=region.name, image=image.id, servers=made)
            write_prove(folder, state)

    # what earlier runs have left

    def _clean_up(self) -> None:
        """Remove what killed proofs have left in the clouds of this one, and name what is elsewhere. What goes wrong
        here is told, and costs nobody this proof."""
        for folder, state in () if self.report_dir is None else unfinished(self.report_dir, self.run_id):
            if isinstance(state, UsageError):
                self.notes.append(f"what run {folder.name} has left is not known: {state}")
            elif not self._asked_for(state):
                place = f"{state.cloud}/{state.region}"
                self.notes.append(f"run {state.run} has left servers in {place}: {again(state.run, folder.parent)}")
            else:
                self._clean(folder)

    def _asked_for(self, state: ProveState) -> bool:
        regions = self.clouds.get(state.cloud, ())
        return regions is None or state.region in regions

    def _clean(self, folder: Path) -> None:
        try:
            cleaned = clean(folder, self._compute, seconds=self.boots.removal_s, say=self.say)
        except (ApiError, UsageError, OSError) as error:
            self.notes.append(f"what run {folder.name} has left was not removed: {error}")
            return
        self.cleaned.append(cleaned)
        for line in cleaned.lines:
            self.say(line)

    def _compute(self, cloud: str, region: str) -> Service:
        return compute_of(self.openstack, cloud, region)

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
            record = get_image(region.image, target.id, Deadline.after(CALL_S))
            image = parse_image(record, region.project)
        except (ApiError, RecordError) as error:
            raise UsageError(f"image {target.id} cannot be read: {error}") from error
        if image.status != "active":
            raise UsageError(f"image {image.name} is {image.status}: only an active image can be booted")
        self.windows = (dict(image.properties).get("os_type") or "").casefold() == "windows"
        if self.windows and not os.environ.get(self.boots.password_env or ""):
            variable = self.boots.password_env or "NAME"
            raise UsageError(
                f"image {image.name} is a Windows image: --password-env {variable} must name a variable that holds the "
                "password which servers from it have"
            )
        return target, region, image

    # what is seen

    def _look(self, region: Region, image: ImageFact) -> None:
        if any(clone.problem for clone in self.clones):
            return
        user = self.boots.user or dict(image.properties).get("login_username") or None
        host = self._windows_host if self.windows else self._host
        hosts = {clone.name: host(clone, user) for clone in self.clones}
        for clone in self.clones:
            clone.problem = address_mistake(hosts[clone.name])
        if any(clone.problem for clone in self.clones):
            return
        eyes = self.guests(Inventory(hosts=hosts), secrets.token_bytes(32))
        try:
            waiting = Waiting(self.boots.timeout_s, self.say)
            while True:
                unseen = [clone for clone in self.clones if not self._look_at(eyes, region, clone)]
                if not unseen or waiting.left <= 0:
                    return
                over = "WinRM" if self.windows else "SSH"
                waiting.pause(f"waiting until both guests answer over {over}: {unseen[0].name}: {unseen[0].problem}")
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

    def _windows_host(self, clone: Clone, user: str | None) -> Host:
        boots = self.boots
        return Host(
            name=clone.name,
            address=clone.address or "",
            transport=Via.WINRM,
            os="windows",
            user=user or "Administrator",
            port=boots.winrm_port,
            password_env=boots.password_env,
            ca_file=boots.ca_file,
            certificate_checking=boots.ca_file is not None or boots.check_host_keys,
        )

    def probe_of(self, clone: Clone) -> Probe[Any]:
        """What is looked at on a clone."""
        return WindowsIdentity(of=clone.letter) if self.windows else Identity(of=clone.letter)

    def _look_at(self, eyes: Transport, region: Region, clone: Clone) -> bool:
        """Whether the guest has been seen: all of it in one exchange, with one and the same host."""
        probe = self.probe_of(clone)
        if isinstance(self.seen.get(probe), Seen):
            return True
        target = Target(
            kind=Kind.INSTANCE, id=clone.id or "", name=clone.name, cloud=region.cloud, region=region.name,
            guest=clone.name,
        )  # fmt: skip
        seen = eyes.look(target, [probe], timeout_s=_LOOK_S, fresh=True).observation(probe)
        if isinstance(seen, Seen):
            self.seen[probe] = seen
            clone.problem = None
            return True
        if isinstance(seen, Unseen):
            clone.problem, clone.owner = seen.reason, seen.owner
        return False

    def _blame(self, reason: str, owner: Owner) -> None:
        for clone in self.clones:
            if clone.problem is None and self.probe_of(clone) not in self.seen:
                clone.problem, clone.owner = reason, owner

    @property
    def both_seen(self) -> bool:
        """Whether there is something to compare."""
        return all(isinstance(self.seen.get(self.probe_of(clone)), Seen) for clone in self.clones)


def compute_of(openstack: OpenStack, cloud: str, region: str) -> Service:
    """The compute API of a cloud's region, logged in to where that was not done yet. ApiError, UsageError."""
    found = openstack.region(cloud, region) or openstack.reach(cloud, region, what=("servers",))
    if found.compute is None:
        raise ApiError(f"region {region} of {cloud} has no compute service")
    return found.compute
