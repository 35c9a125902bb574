"""Capture an instance as an image that complies: gate, mend, re-check, ask, wait, comply, audit; one report for all.

The order, and what holds between the steps:

1. What can be told beforehand is (``capture_foresee``): the API for the flavor's type, a free name, rules of the policy
   that are about it.
2. The gate judges the instance and, with consent, mends it. Only a gate that is green goes on.
3. Right before the request the instance is looked at again: its record, its boot, its files and all verdicts must be
   what they were.
4. The request is written down first (``capture_state``), and sent once. Where its answer is lost, the catalog tells.
5. The image is waited for (``capture_image``), made to comply (nobody uses it yet: up to DISRUPTIVE is granted), and
   audited.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.capture_foresee import foresee, the_way
from imagegate.capture_image import CALL_S, Reached, Wait, find_image, read_image, service_of
from imagegate.capture_left import LeftBehind, left_behind
from imagegate.capture_report import tell
from imagegate.capture_state import LOCK, State, read_state, write_state
from imagegate.capturing import MARK, Stop, Way, birth, changed, fit, foreseen, rules_for, standing
from imagegate.catalogue import Catalogue, load_catalogue, packaged_root
from imagegate.engine import Engine
from imagegate.errors import UsageError, UserError
from imagegate.judge import Pair, judge
from imagegate.locks import hold_run
from imagegate.model import Level, Observation, Probe, Seen, Source, Target, Unseen
from imagegate.options import Options
from imagegate.policy import load_policy
from imagegate.policy_model import Policy
from imagegate.probes.disk import DiskUse
from imagegate.probes.identity import BOOT, BootFact
from imagegate.probes.image import ImageFact
from imagegate.probes.server import FLAVOR, SERVER
from imagegate.probes.volume import VolumeFact
from imagegate.progress import Progress, Silent
from imagegate.report.write import write_reports
from imagegate.result import ExitCode, Result
from imagegate.run import Consent, Run, new_run_id
from imagegate.shielded import Shielded
from imagegate.transports.openstack.actions import create_image, upload_volume
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.servers import get_server
from imagegate.transports.openstack.transport import OpenStack

PATIENCE = "finishing what is under way"
"""What somebody is told who interrupts what cannot be interrupted."""

_LOST_S = 30.0
"""How long the catalog may take to show an image whose request got no answer."""
_AGAIN_S = 1.0
_ROOT = DiskUse(path="/")
_FORCE = " (may volumes in use be uploaded there? Cinder's own setting for it, enable_force_upload, is off by default)"

Confirm = Callable[[Sequence[str]], bool]
"""Shown what is about to be captured; False refuses it."""


@dataclass(slots=True, kw_only=True)
class Capture:
    """One capture, fresh or gone on with. Not to be used twice.

    ``state`` says what is wanted and how far it came. ``plan`` shows everything and does nothing. ``consent`` and
    ``confirm`` ask a person; None where the command line is the consent. ``timeout_s`` is how long the image may take.
    ``shield``: one that its maker keeps up until the result is reported.
    """

    state: State
    report_dir: Path
    plan: bool = False
    timeout_s: float = 3600.0
    look_timeout_s: float = 60.0
    catalog_timeout_s: float = 600.0
    consent: Consent | None = None
    confirm: Confirm | None = None
    shield: Shielded | None = None
    say: Callable[[str], None] = lambda _: None
    progress: Progress = field(default_factory=Silent)
    started: datetime = field(init=False, default_factory=lambda: datetime.now(UTC))
    catalogue: Catalogue = field(init=False)
    policy: Policy = field(init=False)
    planned: list[str] = field(init=False, default_factory=list)
    image: ImageFact | None = field(init=False, default=None)
    left: LeftBehind = field(init=False, default_factory=LeftBehind)
    source_gb: int | None = field(init=False, default=None)
    stop: Stop | None = field(init=False, default=None)
    interrupted: bool = field(init=False, default=False)
    runs: list[Run] = field(init=False, default_factory=list)
    bound: dict[str, str | None] = field(init=False, default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """What came of the runs so far, also of one that was interrupted right behind its last step."""
        return [run.result for run in self.runs if run.result is not None]

    @property
    def folder(self) -> Path:
        """Where the report and the state are."""
        return self.report_dir / self.state.run

    @property
    def report_id(self) -> str:
        """Whose report this is: that of a run is not replaced by what would be done if it was gone on with."""
        return f"{self.state.run}-plan" if self.plan and self.resumed else self.state.run

    @property
    def resumed(self) -> bool:
        """Whether this is another attempt at a capture that did not come to its end."""
        return self.state.attempt > 1

    @property
    def unfinished(self) -> bool:
        """Whether something was begun that can be gone on with, or cleaned up."""
        if self.state.stage == "done" or (self.plan and not self.resumed):
            return False
        return self.state.stage not in {"gate", "refused"} or self.interrupted or self.plan or bool(self.left.changed)

    def run(self) -> Result:
        """Go as far as it goes. Raises ``UserError`` only while nothing was asked for, and where another process is at
        work on this capture."""
        own = Shielded(lambda: self.say(PATIENCE))
        with own if self.shield is None else contextlib.nullcontext(self.shield) as shield:
            with shield.open():
                self.catalogue = load_catalogue([packaged_root(), *map(Path, self.state.checks_dirs)])
                self.policy = load_policy(self.state.policy, self.catalogue.checks, today=self.started.date())
            if self.state.policy_digest not in {"", self.policy.digest}:
                raise UsageError(f"{self.state.policy} is not what it was when this capture was begun: capture anew")
            self.state = replace(self.state, policy_digest=self.policy.digest)
            with contextlib.nullcontext() if self.plan and not self.resumed else self._alone():
                return self._run(shield)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes that go on with one capture could ask for two images."""
        with hold_run(self.folder, LOCK, why="where a capture notes how far it came") as holder:
            if holder is not None:
                raise UsageError(f"run {self.state.run} is still at work ({holder}): wait until it has ended")
            if self.resumed and read_state(self.folder).attempt >= self.state.attempt:
                raise UsageError(f"run {self.state.run} was gone on with meanwhile: look at its report, or resume it")
            yield

    def _run(self, shield: Shielded) -> Result:
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
        except OSError as error:
            self.stop = Stop(_unwritten(error, self.folder), self._asked(ExitCode.FIX_FAILED, ExitCode.USAGE))
        if self.stop is not None and self.state.stage == "gate" and not self.plan:
            self._refuse()
        self.left = left_behind(self.report_dir, self.state)
        return tell(self)

    def _asked(self, yes: ExitCode, no: ExitCode) -> ExitCode:
        return no if self.state.stage in {"gate", "refused"} else yes

    def _reach(self, stage: str, **more: Any) -> None:
        """Write down what is certain from now on, before anything follows."""
        state = replace(self.state, stage=stage, **more)
        if not self.plan:
            write_state(self.folder, state)
        self.state = state

    def _refuse(self) -> None:
        """Where that cannot be written, the stage on disk is the gate still: a resume begins with it either way."""
        try:
            self._reach("refused")
        except OSError as error:
            self.say(_unwritten(error, self.folder))

    def _go(self) -> None:
        if self.resumed and self.plan:
            self._tell_what_exists()
            return
        if self.resumed:
            self._reach(self.state.stage)  # the number of the attempt names the folders of what follows
        if self.state.stage == "asking":
            self._resume_asking()
        if self.state.stage in {"gate", "refused"}:
            self._reach("gate")
            self._fresh()
        if self.state.stage in {"made", "active", "done"} and not self.plan:
            self._finish()

    def _tell_what_exists(self) -> None:
        if self.state.stage in {"gate", "refused"}:
            self.planned = ["begin again with the gate"]
            return
        with Reached(self.state) as region:
            ident = self.state.image or find_image(region, self.state, 0, self.say)
            self.state = replace(self.state, image=ident)
            if ident is None:
                self.planned = ["look for the image once more; if there is none, begin again with the gate"]
                return
            try:
                self.image = read_image(region, ident)
            except ApiError as error:
                raise Stop(f"image {ident} cannot be seen: {error.reason}", ExitCode.FIX_FAILED) from error
        waits = ["wait until it is active"] if self.state.stage in {"asking", "made"} else []
        self.planned = [*waits, "put back what is owed, make the image comply, audit it"]

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
            way, volume = the_way(region, before)
            self.source_gb = None if volume is None else volume.size
            self.planned = foresee(
                self.policy, self.state.name, region,
                instance=target, way=way, volume=volume, flavor=before[FLAVOR].name, timeout_s=self.timeout_s,
            )  # fmt: skip
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
            unseen = (c for c in judged.scope.catalogs if not c.complete)
            lost = [f"the {c.what} of {c.cloud}/{c.region} could not all be seen: {c.reason}" for c in unseen]
            stands = [*standing(judged.findings), *lost]
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
        self._reach(self.state.stage, cloud=region.cloud, region=region.name, server=target.id)
        return target, region

    def _boot(self, engine: Engine, target: Target) -> BootFact | None:
        """The boot of the guest, None where it cannot be looked at (it is off, or no Linux guest). The same look tells
        how much of its root file system is used."""
        if target.guest is None:
            return None
        seen = engine.look_at(target, [BOOT, _ROOT], fresh=True)
        self._note_root(seen.observation(_ROOT))
        boot = seen.observation(BOOT)
        return boot.value if isinstance(boot, Seen) and boot.origin is None else None

    def _note_root(self, seen: Observation | None) -> None:
        """What was seen last stands, also when the instance is off later."""
        if isinstance(seen, Seen):
            told = {"used": seen.value.used_kb * 1024, "size": seen.value.size_kb * 1024}
            self.state = replace(self.state, root={**told, "at": f"{seen.at:%Y-%m-%dT%H:%M:%SZ}"})
        elif isinstance(seen, Unseen) and "used" not in (self.state.root or {}):
            self.state = replace(self.state, root={"unseen": seen.reason})

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
                service = service_of(region.compute)
                ident = create_image(service, target.id, name, {MARK: self.state.run}, Deadline.after(CALL_S))
            else:
                ident = upload_volume(
                    service_of(region.volume), volume, name,
                    visibility=wanted.visibility, protected=wanted.protected, deadline=Deadline.after(CALL_S),
                )  # fmt: skip
        except ApiError as error:
            if not error.executed:
                self._reach("gate")
                hint = _FORCE if volume is not None and volume.status == "in-use" and error.status == 400 else ""
                raise Stop(f"the cloud refused the capture: {error.reason}{hint}", ExitCode.FIX_FAILED) from error
            self.say(f"the answer was lost ({error.reason}): looking for the image")
        ident = ident or find_image(region, self.state, _LOST_S, self.say)
        if ident is None:
            raise Stop("whether the image was made is not known: the catalog does not show it", ExitCode.FIX_FAILED)
        self.state = replace(self.state, image=ident)  # known to whoever reads this, even if it cannot be written down
        self._reach("made")

    def _resume_asking(self) -> None:
        """A run that was killed while it asked: the catalog tells whether the image was made."""
        with Reached(self.state) as region:
            ident = find_image(region, self.state, _AGAIN_S, self.say)
            server = get_server(service_of(region.compute), self.state.server or "", Deadline.after(CALL_S))
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
        with Reached(self.state) as region:
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
            write_reports(replace(judged, complete=False), self.report_dir)  # of one image: no audit to compare with
            if judged.interrupted:
                raise KeyboardInterrupt
            self.image = read_image(region, self.state.image or "")
            self._reach("done")

    def _wait(self, region: Region) -> None:
        wait = Wait(region, self.state.image or "", timeout_s=self.timeout_s, say=self.say)
        try:
            wait.until_active()
        finally:
            self.image = wait.image

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
        self.runs.append(made)
        return made

    def _keep(self, judged: Result) -> None:
        """The gate's own report: a capture that is gone on with later has but this to show of it."""
        if self.plan:
            return
        path = write_reports(judged, self.report_dir)
        gate = {"run": judged.run_id, "exit_code": int(judged.exit_code), "report": f"{path.name}/report.json"}
        self.state = replace(self.state, gate=gate)
        write_state(self.folder, self.state)


def _unwritten(error: OSError, folder: Path) -> str:
    return f"how far it came cannot be written down: {error.filename or folder}: {error.strerror or error}"


def begin(**wanted: Any) -> State:
    """A new capture, of which nothing has been done yet; ``wanted`` are fields of ``State``."""
    return State(run=new_run_id(datetime.now(UTC)), stage="gate", policy_digest="", **wanted)
