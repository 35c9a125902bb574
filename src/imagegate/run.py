"""One run from options to result: what the command line, pytest and other programs call.

::

    run = Run(options)
    pairs = run.discover()          # reads the policy, asks the clouds what there is; looks at no guest
    result = run.execute(pairs)     # look, judge, plan, with consent mend; then a Result, whatever happened
    run.close()
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imagegate.catalogue import Catalogue, load_catalogue, packaged_root
from imagegate.engine import MAX_ROUNDS, Engine, Settings
from imagegate.errors import Owner, UsageError
from imagegate.evidence import EvidenceStore
from imagegate.journal import JOURNAL, Journal
from imagegate.judge import Pair
from imagegate.locks import Locks, state_folder
from imagegate.model import Facts, Finding, Kind, Source, Target, Unseen, Verdict
from imagegate.options import Clouds, Options, narrows, wanted_clouds
from imagegate.permissions import Granted, granted, uses
from imagegate.plan import NOT_CONFIRMED, Grant, Plan
from imagegate.policy import load_policy
from imagegate.policy_info import policy_info
from imagegate.policy_model import Policy, Rule, select
from imagegate.probes.waivers import WAIVERS, WaiversFact
from imagegate.progress import Progress, Silent
from imagegate.recording import read_recording, write_recording
from imagegate.recover import pay_debts
from imagegate.result import Result, ScopeInfo, Unreachable
from imagegate.shielded import Shielded
from imagegate.targets import join, named
from imagegate.transports import CatalogScope, Discovery, Transport

if TYPE_CHECKING:
    from imagegate.runs.baseline import Base

Consent = Callable[[Sequence[Plan]], bool]
"""Shown the plans that are about to be applied; False refuses all of them."""


def new_run_id(started: datetime) -> str:
    """A name for a run, and for the folder of its reports: names sort by time."""
    return f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(slots=True)
class Run:
    """One run. Not to be used twice."""

    options: Options
    progress: Progress = field(default_factory=Silent)
    run_id: str = field(init=False)
    started: datetime = field(init=False)
    catalogue: Catalogue = field(init=False)
    policy: Policy = field(init=False)
    discovery: Discovery = field(init=False, default_factory=Discovery)
    engine: Engine = field(init=False)
    result: Result | None = field(init=False, default=None)
    _targets: list[Target] = field(init=False, default_factory=list)
    _warnings: list[str] = field(init=False, default_factory=list)
    _missing: list[str] = field(init=False, default_factory=list)
    _unselected: list[str] = field(init=False, default_factory=list)
    _idle_rules: tuple[int, ...] = field(init=False, default=())
    _relaxed: tuple[str, ...] = field(init=False, default=())
    _owed: tuple[str, ...] = field(init=False, default=())
    _base: Base | None = field(init=False, default=None)
    _granted: tuple[Granted, ...] = field(init=False, default=())
    _narrowed: bool = field(init=False, default=False)
    _total: int = field(init=False, default=0)
    _requests: Callable[[], int] = field(init=False, default=lambda: 0)
    _also: Callable[[], tuple[CatalogScope, ...]] = field(init=False, default=lambda: ())

    def __post_init__(self) -> None:
        self.started = datetime.now(UTC)
        self.run_id = new_run_id(self.started)

    @property
    def folder(self) -> Path | None:
        """Where this run's reports and journal go."""
        return None if self.options.report_dir is None else self.options.report_dir / self.run_id

    def discover(self) -> list[Pair]:
        """Read catalogue, policy and inventory, ask the clouds what there is, and pair checks with targets.

        Raises ``UserError`` for anything that the operator has to put right. A cloud that does not answer is no
        error: it stands in the scope.
        """
        options = self.options
        self.catalogue = load_catalogue([*(options.roots or (packaged_root(),)), *options.checks_dirs])
        self.policy = load_policy(options.policy, self.catalogue.checks, today=self.started.date())
        self._check_names()
        self._check_recordable()
        self._base = self._load_base()
        transports = self._replay() if options.facts is not None else self._connect()
        self.engine = Engine(
            transports={source: transport for transport in transports for source in transport.sources},
            settings=Settings(
                today=self.started.date(),
                look_workers=options.look_workers,
                look_timeout_s=options.look_timeout_s,
            ),
            evidence=EvidenceStore(None if options.report_dir is None else options.report_dir / "evidence"),
            journal=Journal(None if self.folder is None else self.folder / JOURNAL),
            locks=Locks(state_folder(), run_id=self.run_id, timeout_s=options.lock_timeout_s, progress=self.progress),
            progress=self.progress,
            gaps=self._gaps(),
        )
        pairs = self._select()
        self.engine.require(pairs)
        self._total = len(pairs)
        return pairs

    def _check_names(self) -> None:
        for check in self.options.check_ids:
            if check not in self.catalogue.entries:
                known = ", ".join(self.catalogue.entries)
                raise UsageError(f"--check {check}: no such check; there are {known}")

    def _load_base(self) -> Base | None:
        name, folder = self.options.baseline, self.options.report_dir
        if name is None:
            return None
        if folder is None:
            raise UsageError("--baseline: there is no report folder that runs are kept in")
        from imagegate.runs.baseline import load_base  # noqa: PLC0415 - only where it is asked for

        base = load_base(
            folder, name, policy=self.policy.name, command=self.options.command, say=self._warnings.append
        )  # fmt: skip
        if base.head is not None and base.head.policy != self.policy.name:
            self._warnings.append(f"the baseline, run {base.head.id}, was judged by the policy {base.head.policy}")
        return base

    def compared(self, result: Result) -> Result:
        """The result with what is new in it against the baseline, if one was asked for."""
        if self._base is None:
            return result
        from imagegate.report.build import head  # noqa: PLC0415 - only where it is asked for
        from imagegate.runs.baseline import against  # noqa: PLC0415
        from imagegate.runs.brief import head_of  # noqa: PLC0415

        return replace(result, baseline=against(self._base, head_of(head(result)), result.findings))

    def _check_recordable(self) -> None:
        path = self.options.record_facts
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--record-facts {path}: {error.strerror}") from error
        place = path if path.exists() and not path.is_file() else path.parent
        if path.is_dir() or not os.access(place, os.W_OK):
            raise UsageError(f"--record-facts {path}: cannot be written")

    def _replay(self) -> list[Transport]:
        assert self.options.facts is not None  # noqa: S101 - the caller asked
        if self.options.fix_level is not None:
            raise UsageError("--fix cannot change recorded facts: leave out --facts or --fix")
        idle = {"--cloud": self.options.clouds, "--region": self.options.regions, "--inventory": self.options.inventory}
        if given := [name for name, value in idle.items() if value]:
            raise UsageError(f"{', '.join(given)}: recorded facts are judged whole: leave out --facts or {given[0]}")
        self.discovery, recording = read_recording(self.options.facts)
        self._targets = list(self.discovery.targets)
        self.discovery = replace(self.discovery, catalogs=(*self.discovery.catalogs, *self._not_recorded()))
        return [recording]

    def _not_recorded(self) -> list[CatalogScope]:
        """Catalogs that this policy needs and the recording, perhaps made with another one, does not hold."""
        kinds = {"images": Kind.IMAGE, "servers": Kind.INSTANCE}
        lost: list[CatalogScope] = []
        for what in self._catalogs():
            held = [(c.cloud, c.region.casefold()) for c in self.discovery.catalogs if c.what == what]
            places = [(c, r) for c, regions in (self.policy.scope.clouds or {}).items() for r in regions or ("*",)]
            gone = [
                (c, r)
                for c, r in places
                if (c not in {cloud for cloud, _ in held} if r == "*" else (c, r.casefold()) not in held)
            ]
            if what == "images" and not (places or held or any(t.kind is kinds[what] for t in self._targets)):
                gone = [("*", "*")]
            lost += [
                CatalogScope(
                    what=what, cloud=c, region=r, project=None, pages=0, count=0, complete=False,
                    reason="the recording does not hold it", owner=Owner.USER,
                )
                for c, r in gone
            ]  # fmt: skip
        return lost

    def _connect(self) -> list[Transport]:
        transports: list[Transport] = []
        self._targets = []
        what = self._catalogs()
        clouds = wanted_clouds(self.options, self.policy.scope.clouds, cloud_of_environment())
        self._narrowed = not self.options.images and narrows(clouds, self.policy.scope.clouds)
        if self._narrowed:
            self._warnings.append("--cloud or --region leaves out a part of the policy's scope.clouds: no whole audit")
        if not clouds and "images" in what:
            raise UsageError(
                f"{self.options.policy}: the policy has rules for images, but no cloud is named: "
                "use --cloud NAME, scope.clouds in the policy, or OS_* variables"
            )
        if clouds:
            transports.append(self._ask_clouds(clouds, what))
        if self.options.inventory is not None:
            transports.append(self._read_inventory(self.options.inventory))
        return transports

    def _catalogs(self) -> list[str]:
        kinds = {rule.selector.kind for rule in self.policy.rules}
        if self._gate:
            return ["servers"]
        if self.options.images:
            return ["images"]
        return [what for what, kind in (("images", Kind.IMAGE), ("servers", Kind.INSTANCE)) if kind in kinds]

    def _ask_clouds(self, clouds: Clouds, what: Sequence[str]) -> Transport:
        from imagegate.transports.openstack import Limits, OpenStack  # noqa: PLC0415 - only when a cloud is used

        cloud = OpenStack(Limits(catalog_s=self.options.catalog_timeout_s))
        self.discovery = cloud.discover(clouds, what=what, only=self._regions_of_rules(), others=self._others())
        self._targets = list(self.discovery.targets)
        self._requests = lambda: cloud.requests
        self._also = lambda: cloud.also
        return cloud

    def _others(self) -> list[str]:
        """An inventory names servers of any region: they are looked up wherever there is a compute service."""
        return [] if self.options.inventory is None else ["servers"]

    def _regions_of_rules(self) -> dict[str, set[str]]:
        """Regions that the rules about one kind of target keep to; no entry where one of them names none."""
        regions: dict[str, set[str]] = {}
        for what, kind in (("images", Kind.IMAGE), ("servers", Kind.INSTANCE)):
            named = [rule.selector.values("region") for rule in self.policy.rules if rule.selector.kind is kind]
            if named and all(named) and not self._gate:
                regions[what] = {region for values in named for region in values}
        return regions

    def _read_inventory(self, path: Path) -> Transport:
        from imagegate.inventory import load_inventory  # noqa: PLC0415 - only when guests are reached
        from imagegate.transports.guests import Guests  # noqa: PLC0415

        inventory = load_inventory(path)
        self._targets, warnings = join(self._targets, inventory.hosts)
        self._warnings.extend(warnings)
        self._relaxed = tuple(f"{host.name}: {host.relaxed}" for host in inventory.hosts.values() if host.relaxed)
        return Guests(inventory, run_key=secrets.token_bytes(32))

    @property
    def _gate(self) -> bool:
        return self.options.command == "gate" or bool(self.options.instances)

    def _gaps(self) -> dict[Source, str]:
        lost = [c for c in self.discovery.catalogs if c.what == "servers" and not c.complete]
        if not lost:
            return {}
        places = "; ".join(f"the servers of {c.cloud}/{c.region} could not all be seen: {c.reason}" for c in lost)
        return {Source.COMPUTE: places}

    def _select(self) -> list[Pair]:
        targets = self._targets
        gate = self._gate
        if gate:
            complete = Source.COMPUTE not in self.engine.gaps
            targets, self._missing = named(targets, self.options.instances, complete=complete)
        if self.options.images:
            targets = [target for target in targets if target.id in self.options.images]
            self._missing = sorted(set(self.options.images) - {target.id for target in targets})
        selection = select(self.policy, targets)
        if gate or self.options.images:
            chosen = {pair.target.key for pair in selection.pairs}
            self._unselected = [target.name for target in targets if target.key not in chosen]
        else:
            self._idle_rules = tuple(rule.index for rule in selection.rules_without_targets)
            self._refuse_idle_rules(selection.rules_without_targets)
        pairs = list(selection.pairs)
        if not (gate or self.options.images):
            pairs.extend(self._fleet_pairs())
        return pairs

    def _refuse_idle_rules(self, rules: Sequence[Rule]) -> None:
        if rules and self.policy.strict_rules and not (self._lost or self._narrowed):
            places = ", ".join(map(str, rules))
            raise UsageError(f"{self.options.policy}: strict_rules is set and these match no target: {places}")

    def _fleet_pairs(self) -> list[Pair]:
        target = Target(kind=Kind.POLICY, id=self.policy.name, name=self.policy.name)
        return [
            Pair(check=required.check, target=target, params=required.params, rule=None)
            for required in self.policy.fleet
            if self.policy.waivers or self.policy.attestations
        ]

    def execute(self, pairs: Sequence[Pair], consent: Consent | None = None) -> Result:
        """Look at, judge and plan ``pairs`` (some or all of what ``discover`` returned); mend what is granted.

        SIGINT and SIGTERM end the work, not the report: what was done so far is in the result, which is kept in
        ``result`` too, since a signal that comes when all is done goes to whoever handles signals outside.
        """
        with Shielded(self.engine.cancelled.set) as shield:
            self.result = result = self._execute(pairs, consent, shield)
        if not result.interrupted:
            shield.pass_on()
        return result

    def _execute(self, pairs: Sequence[Pair], consent: Consent | None, shield: Shielded) -> Result:
        wanted = [pair for pair in pairs if not self.options.check_ids or pair.check.id in self.options.check_ids]
        plain = [pair for pair in wanted if pair.target.kind is not Kind.POLICY]
        fleet = [pair for pair in wanted if pair.target.kind is Kind.POLICY]
        limit: str | None = None
        interrupted = False
        try:
            self._pay_debts(plain)
            with shield.open():
                self.engine.look(plain)
        except KeyboardInterrupt:
            interrupted = True
        self.engine.judge(plain)
        whole = len(wanted) == self._total and not (interrupted or self._lost or self._narrowed)
        self._judge_fleet(plain, fleet, complete=whole and not (self._gate or self.options.images))
        grant = self._grant()
        limit = self.engine.plan(plain + fleet, grant, changed_targets=self.policy.limits.changed_targets)
        if grant.level is None or limit is not None:
            limit = None if grant.level is None else limit
        elif not interrupted:
            interrupted = self._mend(plain, grant, consent, shield)
        result = self.compared(self._result(wanted, limit, interrupted=interrupted))
        return result if self.options.record_facts is None else self._record(result, self.options.record_facts)

    def _pay_debts(self, pairs: Sequence[Pair]) -> None:
        """A run that may mend puts back first what runs that were killed owe its targets."""
        if self.options.fix_level is None or self.options.report_dir is None:
            return
        targets = {pair.target.key: pair.target for pair in pairs}
        recovery = pay_debts(self.options.report_dir, targets, self.engine, self.run_id)
        self._warnings += [*recovery.paid, *recovery.owed, *recovery.unread]
        self._owed = recovery.owed

    def _record(self, result: Result, path: Path) -> Result:
        """What goes wrong here must not cost the report of what was seen and done."""
        try:
            write_recording(path, self.discovery, self._targets, self.engine.facts)
        except (OSError, ValueError) as error:
            return replace(result, problems=(f"the facts could not be written: {path}: {error}",))
        return result

    def _mend(self, pairs: Sequence[Pair], grant: Grant, consent: Consent | None, shield: Shielded) -> bool:
        """Returns whether it was interrupted. A signal ends it behind the steps under way, however many come."""
        plans = [plan for plan in self.engine.plans.values() if plan.granted]
        if not plans:
            return False
        try:
            with shield.open():
                agreed = consent is None or consent(plans)
            if not agreed:
                self.engine.refuse(NOT_CONFIRMED)
                return False
            # what was not shown when somebody was asked needs a new run
            self.engine.mend(pairs, grant, rounds=MAX_ROUNDS if consent is None else 1)
        except KeyboardInterrupt:
            return True
        return self.engine.cancelled.is_set()

    def _grant(self) -> Grant:
        return Grant(
            level=self.options.fix_level,
            ceiling=self.policy.fix.ceiling,
            never=self.policy.fix.never,
            named_checks=frozenset(self.options.check_ids),
            named_targets=frozenset(self.options.instances),
        )

    def _judge_fleet(self, plain: Sequence[Pair], pairs: Sequence[Pair], *, complete: bool) -> None:
        used = uses(self.policy, plain, list(self.engine.findings.values()))
        fact = WaiversFact(waivers=used, complete=complete, most=self.policy.limits.waiver_targets)
        self._granted = granted(self.policy, fact, self.started.date())
        for pair in pairs:
            self.engine.facts[pair.target.key] = Facts({}, self.started).with_fact(WAIVERS, fact)
        self.engine.judge(pairs)

    def _result(self, wanted: Sequence[Pair], limit: str | None, *, interrupted: bool) -> Result:
        findings = [self.engine.findings[pair.key] for pair in wanted]
        deselected = self._total - len(wanted)
        return Result(
            run_id=self.run_id,
            command=self.options.command,
            started=self.started,
            finished=datetime.now(UTC),
            complete=not (deselected or interrupted or self._lost or self._narrowed),
            interrupted=interrupted,
            policy=policy_info(self.policy),
            checks_digest=self.catalogue.digest,
            scope=self._scope(findings, deselected),
            auditors=self.discovery.auditors,
            findings=findings,
            plans=tuple(self.engine.plans.values()),
            facts=self.engine.facts,
            facts_before=self.engine.facts_before,
            limit=limit,
            owed=self._owed,
            fail_on=self.options.fail_on,
            max_unknown=self.options.max_unknown,
            explanations={name: entry.sections for name, entry in self.catalogue.entries.items()},
            fail_on_new=self.options.fail_on_new,
            granted=self._granted,
        )

    @property
    def _lost(self) -> bool:
        return any(not catalog.complete for catalog in self.discovery.catalogs)

    def _scope(self, findings: Sequence[Finding], deselected: int) -> ScopeInfo:
        targets = {finding.target.key: finding.target for finding in findings if finding.target.kind is not Kind.POLICY}
        judged = {f.target.key for f in findings if f.verdict is not Verdict.UNKNOWN}
        images = [target for target in self.discovery.targets if target.kind is Kind.IMAGE]
        return ScopeInfo(
            selected=len(targets),
            seen=len(judged & targets.keys()),
            unreachable=tuple(_unreachable(targets, self.engine.facts)),
            catalogs=(*self.discovery.catalogs, *self._also()),
            images=len(images),
            images_from_several=sum(len(image.seen_from) > 1 for image in images),
            rules_without_targets=self._idle_rules,
            strict_rules=self.policy.strict_rules,
            missing=tuple(self._missing),
            unselected=tuple(self._unselected),
            relaxed=self._relaxed,
            warnings=(*self.discovery.warnings, *self._warnings, *_blind_spots(findings, self.engine.facts)),
            deselected=deselected,
            requests=self._requests(),
        )

    def close(self) -> None:
        """End all connections; idempotent."""
        if hasattr(self, "engine"):
            self.engine.close()


def cloud_of_environment() -> str | None:
    """The cloud that ``OS_*`` variables choose, None if there is none."""
    if not any(name.startswith("OS_") for name in os.environ):
        return None
    from imagegate.transports.openstack import default_cloud  # noqa: PLC0415 - only when a cloud may be used

    return default_cloud()


def _blind_spots(findings: Sequence[Finding], facts: Mapping[str, Facts]) -> list[str]:
    """What checks would have used but could not see, once per reason; what they need makes them unknown instead."""
    spots: dict[str, None] = {}
    for finding in findings:
        if finding.check.uses and finding.verdict is not Verdict.UNKNOWN and finding.target.key in facts:
            for probe in finding.check.uses:
                look = facts[finding.target.key].observation(probe)
                if isinstance(look, Unseen):
                    place = f"{finding.target.cloud}: " if finding.target.cloud else ""
                    spots[f"{place}{finding.check.id} did without {probe.key}: {look.reason}"] = None
    return list(spots)


def _unreachable(targets: Mapping[str, Target], facts: Mapping[str, Facts]) -> list[Unreachable]:
    lost = []
    for key, target in targets.items():
        seen = facts.get(key)
        looks = [] if seen is None else [o for probe, o in seen.items() if probe.source is Source.GUEST]
        reasons = [look.reason for look in looks if isinstance(look, Unseen)]
        if reasons and len(reasons) == len(looks):
            lost.append(Unreachable(target=target.name, reason=reasons[0]))
    return lost
