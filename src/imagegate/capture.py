"""Capture an instance as an image that complies: gate, mend, re-check, ask, wait, comply, audit; one report for all.

The order, and what holds between the steps:

1. What can be told beforehand is: the API for the flavor's type, a free name, rules of the policy that are about it.
2. The gate judges the instance and, with consent, mends it. Only a gate that is green goes on.
3. Right before the request the instance is looked at again: its record, its boot, its files and all verdicts must be
   what they were.
4. The request is written down first (``capture_state``), and sent once. Where its answer is lost, the catalog tells.
5. The image is waited for, made to comply (nobody uses it yet, so that up to DISRUPTIVE is granted), and audited.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from imagegate.capture_report import size_of, tell
from imagegate.capture_state import State, write_state
from imagegate.capturing import MARK, Stop, Way, birth, changed, fit, foreseen, root_volume, rules_for, standing, way_of
from imagegate.catalogue import Catalogue, load_catalogue, packaged_root
from imagegate.dates import moment
from imagegate.engine import Engine
from imagegate.errors import UsageError, UserError
from imagegate.judge import Pair, judge
from imagegate.model import Facts, Level, Probe, Seen, Source, Target, Unseen, Verdict
from imagegate.options import Options
from imagegate.policy import load_policy
from imagegate.policy_model import Policy
from imagegate.probes.catalog import NAMESAKES
from imagegate.probes.identity import BOOT, BootFact
from imagegate.probes.image import IMAGE, ImageFact
from imagegate.probes.server import FLAVOR, SERVER, ServerFact
from imagegate.probes.volume import VolumeFact
from imagegate.progress import Progress, Silent
from imagegate.report.write import write_reports
from imagegate.result import ExitCode, Result
from imagegate.run import Consent, Run, new_run_id
from imagegate.shielded import Shielded
from imagegate.transports.openstack.actions import create_image, get_volume, upload_volume
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, list_images, parse_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.servers import get_server
from imagegate.transports.openstack.siblings import ask_for_namesakes
from imagegate.transports.openstack.transport import OpenStack

_CALL_S = 60.0
_PAUSE_S = 1.0
_SAY_S = 15.0
_LOST_S = 30.0
_COMING = frozenset({"queued", "saving", "importing", "uploading"})
_SKEW = timedelta(minutes=5)
"""How far our clock and the cloud's may be apart."""
_NAME = "catalog-name-conforms"

Confirm = Callable[[Sequence[str]], bool]
"""Shown what is about to be captured; False refuses it."""


@dataclass(slots=True, kw_only=True)
class Capture:
    """One capture, fresh or gone on with. Not to be used twice.

    ``state`` says what is wanted and how far it came. ``plan`` shows everything and does nothing. ``consent`` and
    ``confirm`` ask a person; None where the command line is the consent. ``timeout_s`` is how long the image may take.
    """

    state: State
    report_dir: Path
    plan: bool = False
    timeout_s: float = 3600.0
    look_timeout_s: float = 60.0
    catalog_timeout_s: float = 600.0
    consent: Consent | None = None
    confirm: Confirm | None = None
    say: Callable[[str], None] = lambda _: None
    progress: Progress = field(default_factory=Silent)
    started: datetime = field(init=False, default_factory=lambda: datetime.now(UTC))
    catalogue: Catalogue = field(init=False)
    policy: Policy = field(init=False)
    planned: list[str] = field(init=False, default_factory=list)
    image: ImageFact | None = field(init=False, default=None)
    source_gb: int | None = field(init=False, default=None)
    stop: Stop | None = field(init=False, default=None)
    interrupted: bool = field(init=False, default=False)
    results: list[Result] = field(init=False, default_factory=list)
    bound: dict[str, str | None] = field(init=False, default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the report and the state are."""
        return self.report_dir / self.state.run

    def run(self) -> Result:
        """Go as far as it goes. Raises ``UserError`` only while nothing was asked for."""
        self.catalogue = load_catalogue([packaged_root(), *map(Path, self.state.checks_dirs)])
        self.policy = load_policy(self.state.policy, self.catalogue.checks, today=self.started.date())
        if self.state.policy_digest not in {"", self.policy.digest}:
            raise UsageError(f"{self.state.policy} is not what it was when this capture was begun: capture anew")
        self.state = replace(self.state, policy_digest=self.policy.digest)
        with Shielded(lambda: self.say("finishing what is under way; once more to give up")) as shield:
            try:
                with shield.open():
                    self._go()
            except KeyboardInterrupt:
                self.interrupted = True
            except Stop as stop:
                self.stop = stop
            except (ApiError, RecordError) as error:
                self.stop = Stop(str(error), self._asked(ExitCode.FIX_FAILED, ExitCode.UNKNOWN))
            except UserError as error:
                if self.state.stage in {"gate", "refused"}:
                    raise
                self.stop = Stop(str(error), ExitCode.FIX_FAILED)
        if self.stop is not None and self.state.stage == "gate" and not self.plan:
            self._reach("refused")
        return tell(self)

    def _asked(self, yes: ExitCode, no: ExitCode) -> ExitCode:
        return no if self.state.stage in {"gate", "refused"} else yes

    def _reach(self, stage: str, **more: Any) -> None:
        """Write down what is certain from now on, before anything follows."""
        self.state = replace(self.state, stage=stage, **more)
        if not self.plan:
            write_state(self.folder, self.state)

    def _go(self) -> None:
        if self.state.attempt > 1:
            self._reach(self.state.stage)  # the number of the attempt names the folders of what follows
        if self.state.stage == "asking":
            self._resume_asking()
        if self.state.stage in {"gate", "refused"}:
            self._reach("gate")
            self._fresh()
        if self.state.stage in {"made", "active", "done"} and not self.plan:
            self._finish()

    # until the request

    def _fresh(self) -> None:
        gate = self._run_of("gate", instances=(self.state.instance,), command="gate")
        try:
            pairs = gate.discover()
            self._capture(gate, pairs)
        finally:
            gate.close()

    def _capture(self, gate: Run, pairs: Sequence[Pair]) -> None:
        target, region = self._place(gate, pairs)
        engine = gate.engine
        before = engine.look_at(target, [SERVER, FLAVOR], fresh=True)
        problem: Stop | None = None
        way: Way | None = None
        volume: VolumeFact | None = None
        try:
            way = way_of(before[FLAVOR])
            volume = self._volume(region, before[SERVER]) if way is Way.VOLUME else None
            self._foresee(region, target, before, way, volume)
        except (Stop, ApiError, RecordError) as error:
            problem = error if isinstance(error, Stop) else Stop(str(error), ExitCode.UNKNOWN)
        if self.plan or problem is not None:
            gate.options = replace(gate.options, fix_level=None)
        boot = self._boot(engine, target)
        judged = gate.execute(pairs, self.consent)
        self._keep(judged)
        if judged.interrupted:
            raise KeyboardInterrupt
        if problem is not None:
            raise problem
        if self.plan:
            return
        if judged.exit_code is not ExitCode.COMPLIANT or way is None:
            stands = standing(judged.findings)
            first = f": {stands[0]}" if stands else ""
            raise Stop(f"the gate does not let the instance pass{first}", judged.exit_code)
        if any(finding.remedy.done for finding in judged.findings):
            boot = self._boot(engine, target)
        self._check_again(engine, target, pairs, way, boot)
        if self.confirm is not None:
            if not self.confirm(self.planned):
                raise Stop("not confirmed")
            self._check_again(engine, target, pairs, way, boot)
        self._ask(region, target, way, volume)

    def _place(self, gate: Run, pairs: Sequence[Pair]) -> tuple[Target, Region]:
        """The instance and its region. ``UsageError`` or ``Stop`` where it is not known to a cloud."""
        found = {pair.target.key: pair.target for pair in pairs}
        if len(found) != 1:
            self._keep(gate.execute(pairs))
            if self.results[-1].scope.missing:
                raise Stop(f"the servers could not all be seen: {self.state.instance} is unknown", ExitCode.UNKNOWN)
            raise Stop(f"no rule of the policy is about the instance {self.state.instance}", ExitCode.NOTHING)
        (target,) = found.values()
        cloud = gate.engine.transports.get(Source.COMPUTE)
        region = cloud.region(target.cloud, target.region) if isinstance(cloud, OpenStack) else None
        if region is None or region.compute is None or region.image is None:
            raise UsageError(
                f"{target.name} is in no cloud that was asked: name the cloud with --cloud, or in the policy's scope"
            )
        self.state = replace(self.state, cloud=region.cloud, region=region.name, server=target.id)
        return target, region

    def _volume(self, region: Region, server: ServerFact) -> VolumeFact:
        if region.compute is None or region.volume is None:
            raise Stop(
                f"flavor {server.flavor_name} has its root disk on a volume, and the service catalog has no block "
                f"storage service in region {region.name}",
                ExitCode.UNKNOWN,
            )
        record = get_server(region.compute, server.id, Deadline.after(_CALL_S))
        listed = record.get("os-extended-volumes:volumes_attached")
        ids = [one["id"] for one in listed or () if isinstance(one, dict) and isinstance(one.get("id"), str)]
        volume = root_volume([get_volume(region.volume, one, server.id, Deadline.after(_CALL_S)) for one in ids])
        if volume.status not in {"in-use", "available"}:
            raise Stop(f"the root volume {volume.id} is {volume.status}: wait, then run again")
        return volume

    def _foresee(self, region: Region, target: Target, seen: Facts, way: Way, volume: VolumeFact | None) -> None:
        """What will be done, and ``Stop`` where it is clear already that it would not do."""
        name = self.state.name
        image = foreseen(name, cloud=region.cloud, region=region.name, project=region.project)
        rules = rules_for(self.policy, image)
        if not rules:
            raise Stop(f"no rule of the policy is about an image called {name}: it would be judged by nothing",
                       ExitCode.NOTHING)  # fmt: skip
        service = _service(region.image)
        fact = ImageFact(
            id="", name="", owner=region.project, mine=True, status="active", visibility="private", protected=False
        )
        others = ask_for_namesakes(service, fact, name, region.project, Deadline.after(_CALL_S))
        if others.images:
            raise Stop(f"the name {name} is taken in {region.name}: by image {', '.join(others.images)}")
        self._check_name(rules, image, Facts({}, self.started).with_fact(IMAGE, replace(fact, name=name))
                         .with_fact(NAMESAKES, others))  # fmt: skip
        wanted = birth(rules)
        self.source_gb = volume.size if volume is not None else None
        self.planned = [
            f"judge the instance {target.name} by the policy {self.policy.name}; mend it only with --fix",
            f"capture it as {name} through the {way} (flavor {seen[FLAVOR].name}"
            + (f", root volume {volume.id}, force {str(volume.status == 'in-use').lower()}" if volume else "")
            + ")",
        ]
        if way is Way.VOLUME:
            born = "protected" if wanted.protected else "not protected"
            self.planned.append(f"it is born {wanted.visibility} and {born}")
        checks = ", ".join(dict.fromkeys(pair.check.id for pair in rules))
        self.planned.append(f"wait until it is active, {self.timeout_s:g} s at most")
        self.planned.append(f"make it comply with, and audit it by: {checks}")

    def _check_name(self, rules: Sequence[Any], image: Target, facts: Facts) -> None:
        for rule in rules:
            if rule.check.id == _NAME and rule.unseen is None:
                pair = Pair(check=rule.check, target=image, params=rule.params, rule=rule.rule)
                found = judge(pair, facts, today=self.started.date())
                if found.verdict is Verdict.FAIL:
                    wants = "; ".join(f"{v.expected}" for v in found.violations)
                    raise Stop(f"the policy's {_NAME} would not let the name {self.state.name} pass: it wants {wants}")

    def _boot(self, engine: Engine, target: Target) -> BootFact | None:
        """The boot of the guest, None where it cannot be looked at (it is off, or no Linux guest)."""
        if target.guest is None:
            return None
        seen = engine.look_at(target, [BOOT], fresh=True).observation(BOOT)
        return seen.value if isinstance(seen, Seen) and seen.origin is None else None

    def _check_again(
        self, engine: Engine, target: Target, pairs: Sequence[Pair], way: Way, boot: BootFact | None
    ) -> None:
        """``Stop`` unless everything is as the gate saw it. What was judged must be what is captured."""
        self.say("looking once more, right before the capture")
        probes: dict[Probe[Any], None] = dict.fromkeys(
            probe for pair in pairs for probe in pair.check.looks(pair.params)
        )
        now = engine.look_at(target, [*probes, SERVER], fresh=True)
        server = now.observation(SERVER)
        if isinstance(server, Unseen) or server is None:
            raise Stop(f"the instance's record cannot be read again: {server and server.reason}", ExitCode.UNKNOWN)
        fit(server.value, way)
        today = self.started.date()
        if stands := standing([judge(pair, now, today=today) for pair in pairs]):
            raise Stop(f"since the gate looked something has changed: {stands[0]}", ExitCode.UNKNOWN)
        if keys := changed(engine.facts[target.key], now):
            raise Stop(f"since the gate looked these have changed: {', '.join(keys)}", ExitCode.UNKNOWN)
        if boot is not None and not server.value.is_off and (again := self._boot(engine, target)) != boot:
            word = "restarted" if again is not None else "not to be seen any more"
            raise Stop(f"since the gate looked the instance was {word}", ExitCode.UNKNOWN)
        self.bound = {"server": target.id, "updated": server.value.updated, "boot": boot.boot if boot else None}

    # the request

    def _ask(self, region: Region, target: Target, way: Way, volume: VolumeFact | None) -> None:
        name = self.state.name
        wanted = birth(
            rules_for(self.policy, foreseen(name, cloud=region.cloud, region=region.name, project=region.project))
        )
        self.say(f"capturing {target.name} as {name} through the {way}")
        self._reach("asking", way=way.value, asked_at=datetime.now(UTC).isoformat(timespec="seconds"))
        ident: str | None = None
        try:
            if volume is None:
                service = _service(region.compute)
                ident = create_image(service, target.id, name, {MARK: self.state.run}, Deadline.after(_CALL_S))
            else:
                ident = upload_volume(
                    _service(region.volume), volume, name,
                    visibility=wanted.visibility, protected=wanted.protected, deadline=Deadline.after(_CALL_S),
                )  # fmt: skip
        except ApiError as error:
            if not error.executed:
                self._reach("gate")
                raise Stop(f"the cloud refused the capture: {error.reason}", ExitCode.FIX_FAILED) from error
            self.say(f"the answer was lost ({error.reason}): looking for the image")
        ident = ident or self._find(region, _LOST_S)
        if ident is None:
            raise Stop("whether the image was made is not known: the catalog does not show it", ExitCode.FIX_FAILED)
        self._reach("made", image=ident)

    def _find(self, region: Region, patience_s: float) -> str | None:
        """The image of this run, as the catalog shows it: by its mark, or by its name where the API takes no mark."""
        patience = Deadline.after(patience_s)
        while True:
            listing = list_images(_service(region.image), Deadline.after(_CALL_S), {"owner": region.project})
            found = [ident for ident, record in listing.records.items() if self._ours(record)]
            if len(found) > 1:
                raise Stop(f"several images may be the one: {', '.join(found)}", ExitCode.FIX_FAILED)
            if found:
                return found[0]
            if patience.left <= 0:
                if listing.problem:
                    raise Stop(f"the images cannot all be listed: {listing.problem}", ExitCode.FIX_FAILED)
                return None
            time.sleep(_PAUSE_S)

    def _ours(self, record: dict[str, Any]) -> bool:
        if self.state.way == Way.COMPUTE.value:
            return bool(record.get(MARK) == self.state.run)
        made, asked = moment(str(record.get("created_at"))), moment(self.state.asked_at)
        return (
            record.get("name") == self.state.name and made is not None and asked is not None and made >= asked - _SKEW
        )

    def _resume_asking(self) -> None:
        """A run that was killed while it asked: the catalog tells whether the image was made."""
        with self._region() as region:
            ident = self._find(region, _PAUSE_S)
            server = get_server(_service(region.compute), self.state.server or "", Deadline.after(_CALL_S))
        if ident is not None:
            self._reach("made", image=ident)
        elif server.get("OS-EXT-STS:task_state"):
            task = server["OS-EXT-STS:task_state"]
            raise Stop(f"no image is there yet, and the instance has a task ({task}): wait, then resume again",
                       ExitCode.FIX_FAILED)  # fmt: skip
        else:
            self.say("nothing had been made: starting again with the gate")
            self._reach("gate")

    # after the request

    def _finish(self) -> None:
        with self._region() as region:
            if self.state.stage == "made":
                self._wait(region)
                self._reach("active")
            audit = self._run_of(
                "image", images=(self.state.image or "",), command="audit", fix_level=Level.DISRUPTIVE,
                clouds=(region.cloud,), regions=(region.name,),
            )  # fmt: skip
            try:
                self.say("making the image comply, and auditing it")
                judged = audit.execute(audit.discover())
            finally:
                audit.close()
            self.results.append(judged)
            if judged.interrupted:
                raise KeyboardInterrupt
            self.image = self._read(region)
            self._reach("done")

    def _wait(self, region: Region) -> None:
        deadline = Deadline.after(self.timeout_s)
        told, shown = "", time.monotonic()
        while True:
            try:
                self.image = self._read(region)
            except ApiError as error:
                if error.status == 404:
                    raise Stop(
                        f"image {self.state.image} is gone: the cloud gave its data up", ExitCode.FIX_FAILED
                    ) from error
                if deadline.left <= 0:
                    raise
            else:
                if self.image.status == "active":
                    self.say(f"image {self.image.id} is active, {size_of(self.image.size)}")
                    return
                if self.image.status not in _COMING:
                    raise Stop(f"image {self.image.id} is {self.image.status}: it will never be active",
                               ExitCode.FIX_FAILED)  # fmt: skip
                if self.image.status != told or time.monotonic() - shown > _SAY_S:
                    told, shown = self.image.status, time.monotonic()
                    self.say(f"image {self.image.id} is {told}")
            if deadline.left <= 0:
                raise Stop(f"image {self.state.image} is not active after {self.timeout_s:g} s", ExitCode.FIX_FAILED)
            time.sleep(min(_PAUSE_S, max(deadline.left, 0.01)))

    def _read(self, region: Region) -> ImageFact:
        record = get_image(_service(region.image), self.state.image or "", Deadline.after(_CALL_S))
        return parse_image(record, region.project)

    # pieces

    def _run_of(self, part: str, **more: Any) -> Run:
        """A run of the engine that belongs to this capture; its journal lies in a folder of its own."""
        state = self.state
        said: dict[str, Any] = {
            "policy": Path(state.policy),
            "clouds": state.clouds,
            "regions": state.regions,
            "inventory": None if state.inventory is None or part == "image" else Path(state.inventory),
            "checks_dirs": tuple(map(Path, state.checks_dirs)),
            "fix_level": None if state.fix_level is None else Level.parse(state.fix_level),
            "report_dir": self.report_dir,
            "look_timeout_s": self.look_timeout_s,
            "catalog_timeout_s": self.catalog_timeout_s,
        }
        made = Run(Options(**{**said, **more}), progress=self.progress)
        made.run_id = f"{state.run}-{part}" if state.attempt == 1 else f"{state.run}-{part}-{state.attempt}"
        return made

    def _keep(self, judged: Result) -> None:
        """The gate's own report: a capture that is gone on with later has but this to show of it."""
        self.results.append(judged)
        if self.plan:
            return
        path = write_reports(judged, self.report_dir)
        gate = {"run": judged.run_id, "exit_code": int(judged.exit_code), "report": f"{path.name}/report.json"}
        self.state = replace(self.state, gate=gate)
        write_state(self.folder, self.state)

    def _region(self) -> _Reached:
        return _Reached(self.state)


class _Reached:
    """The region of a capture, with connections that are closed at the end."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._cloud = OpenStack()

    def __enter__(self) -> Region:
        cloud, region = self._state.cloud or "", self._state.region or ""
        try:
            return self._cloud.reach(cloud, region)
        except BaseException:
            self._cloud.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._cloud.close()


def _service(service: Service | None) -> Service:
    if service is None:
        raise ApiError("a service of the region is gone from the service catalog")
    return service


def begin(**wanted: Any) -> State:
    """A new capture, of which nothing has been done yet; ``wanted`` are fields of ``State``."""
    return State(run=new_run_id(datetime.now(UTC)), stage="gate", policy_digest="", **wanted)
