"""The only place that orders look, judge, plan, apply and verify. Knows nothing of pytest, files or terminals."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from imagegate.awaiting import as_done, result_of
from imagegate.errors import Owner, StepError, StepRefused
from imagegate.evidence import EvidenceStore, guest_part
from imagegate.eyes import INTERRUPTED, Eyes, all_unseen
from imagegate.journal import Journal
from imagegate.judge import Pair, judge
from imagegate.locks import Locks
from imagegate.mend import Hands, Outcome, apply_plan, write
from imagegate.model import (
    Facts,
    Finding,
    Probe,
    RemedyState,
    Seen,
    Source,
    Step,
    Target,
    Unseen,
    Verdict,
)
from imagegate.pairs import by_target, probes_by_target, union
from imagegate.plan import Grant, Plan, make_plan, needs_a_person, over_limit, refuse_all
from imagegate.probes.server import SERVER
from imagegate.progress import Progress, Silent
from imagegate.settle import Work, not_begun, settle
from imagegate.shield import Debt, Shield
from imagegate.transports import Carrier, Transport, Watch

MAX_ROUNDS = 3
"""How often a target is planned and mended in one run before it counts as not converging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``today`` is a UTC date; deadlines are per target, in seconds; ``mend_workers`` targets are changed at once."""

    today: date
    look_workers: int = 32
    look_timeout_s: float = 60.0
    mend_workers: int = 8
    executor: Callable[[int], Executor] = ThreadPoolExecutor


@dataclass(slots=True)
class Engine:
    """One run over a set of pairs. Make one per run; ``facts`` and ``findings`` grow as it works;
    ``facts_before`` keeps what targets looked like that were mended.

    ``gaps`` says, for sources that were lost as a whole, why: it stands in the findings of targets that nobody can
    look up any more. ``cancelled`` may be set from anywhere: looks that have not begun stay undone, mending stops
    before the next step.
    """

    transports: Mapping[Source, Transport]
    settings: Settings
    evidence: EvidenceStore
    journal: Journal
    locks: Locks = field(default_factory=lambda: Locks(None))
    progress: Progress = field(default_factory=Silent)
    gaps: Mapping[Source, str] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    facts: dict[str, Facts] = field(default_factory=dict)
    facts_before: dict[str, Facts] = field(default_factory=dict)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    _required: dict[str, tuple[Probe[Any], ...]] = field(default_factory=dict)

    def require(self, pairs: Sequence[Pair]) -> None:
        """Say what the policy requires, judged in this run or not: what is seen of it right before the power goes is
        the evidence of later runs."""
        self._required = {key: probes for key, (_, probes) in probes_by_target(pairs).items()}

    def look(self, pairs: Sequence[Pair]) -> None:
        """Look at every target of ``pairs`` once, each with the union of what its checks need.

        On KeyboardInterrupt the looks under way are given up and the interrupt goes on; targets that were not looked
        at have no facts and are judged unknown.
        """
        wanted = probes_by_target(pairs)
        try:
            self._look(pairs, wanted)
        except BaseException:
            self.cancelled.set()
            for key in wanted:
                if key not in self.facts:
                    self.facts[key] = all_unseen(wanted[key][1], INTERRUPTED, Owner.USER)
            raise

    def _look(self, pairs: Sequence[Pair], wanted: Mapping[str, tuple[Target, tuple[Probe[Any], ...]]]) -> None:
        self.progress.looking(len(wanted))
        needed = {probe for pair in pairs for probe in pair.check.needs}
        eyes = self._eyes
        far = [key for key in wanted if not eyes.at_hand(*wanted[key])]
        distant = set(far)
        for key in (key for key in wanted if key not in distant):
            self._looked(wanted[key][0], self.look_at(*wanted[key], fresh=False), needed)
        if not far:
            return
        with self.settings.executor(min(self.settings.look_workers, len(far))) as executor:
            futures = {executor.submit(self._look_afar, *wanted[key]): key for key in far}
            try:
                for future in as_done(futures):
                    self._looked(wanted[futures[future]][0], future.result(), needed)
            except BaseException:
                self.cancelled.set()
                executor.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise

    def _look_afar(self, target: Target, probes: Collection[Probe[Any]]) -> Facts:
        self.progress.began(target)
        return self.look_at(target, probes, fresh=False)

    def _looked(self, target: Target, facts: Facts, needed: Collection[Probe[Any]]) -> None:
        self.facts[target.key] = facts
        lost = ((p, o) for p, o in facts.items() if isinstance(o, Unseen) and p in needed)
        unseen = next((o.reason for p, o in lost if p.source is not Source.CONSOLE), None)
        self.progress.looked(target, unseen)

    def look_at(self, target: Target, probes: Collection[Probe[Any]], *, fresh: bool) -> Facts:
        """Look at one target. A guest whose server is off is not contacted: its address may be another's by now."""
        return self._eyes.look_at(target, probes, fresh=fresh)

    @property
    def _eyes(self) -> Eyes:
        return Eyes(
            transports=self.transports,
            evidence=self.evidence,
            gaps=self.gaps,
            cancelled=self.cancelled,
            today=self.settings.today,
            timeout_s=self.settings.look_timeout_s,
        )

    def judge(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Judge ``pairs`` on what was seen, in their order."""
        nothing = Facts({}, datetime.now(UTC))
        found = [judge(pair, self.facts.get(pair.target.key, nothing), today=self.settings.today) for pair in pairs]
        self.findings.update({pair.key: finding for pair, finding in zip(pairs, found, strict=True)})
        return found

    def plan(self, pairs: Sequence[Pair], grant: Grant, *, changed_targets: int) -> str | None:
        """Plan for every target with a fail. Returns why nothing may be applied (the limit), else None."""
        for key, mine in by_target(pairs).items():
            findings = [self.findings[pair.key] for pair in mine]
            if any(finding.verdict is Verdict.FAIL or needs_a_person(finding) for finding in findings):
                self.plans[key] = make_plan(mine[0].target, findings, self.facts[key], grant)
        self._set_remedies()
        problem = over_limit(self.plans.values(), changed_targets)
        if problem is not None:
            self.refuse(problem)
        return problem

    def refuse(self, reason: str) -> None:
        """Refuse everything that is planned."""
        self.plans = {key: refuse_all(plan, reason) for key, plan in self.plans.items()}
        self._set_remedies()

    def _set_remedies(self) -> None:
        for key, finding in self.findings.items():
            plan = self.plans.get(key[1])
            if plan is not None and (
                needs_a_person(finding) or (finding.verdict is Verdict.FAIL and not finding.waived)
            ):
                self.findings[key] = finding.with_remedy(plan.remedy(key[0]))

    def mend(self, pairs: Sequence[Pair], grant: Grant, *, rounds: int = MAX_ROUNDS) -> None:
        """Apply what was planned and granted, look again and judge every check of each changed target again.

        Where the changes themselves bring something to light, it is planned and mended again, in ``rounds`` at most.
        """
        mine = by_target(pairs)
        granted = [plan for plan in self.plans.values() if plan.granted]
        self._all(granted, lambda plan: self._mend_target(plan, mine[plan.target.key], grant, rounds))

    def carry_out(self, plans: Sequence[Plan], grant: Grant) -> dict[str, Outcome]:
        """Apply ``plans`` that no finding is behind (an undo): the outcomes by target key. As ``mend`` otherwise; what
        was not begun at a KeyboardInterrupt has no outcome."""
        outcomes: dict[str, Outcome] = {}

        def one(plan: Plan) -> None:
            key = plan.target.key
            try:
                with self.locks.hold(plan.target, self.cancelled):
                    outcomes[key] = apply_plan(plan, self._hands(plan.target, (), grant))
            except StepRefused as error:
                outcomes[key] = Outcome(failed=plan.granted[0].step, reason=str(error))

        with contextlib.suppress(KeyboardInterrupt):
            self._all([plan for plan in plans if plan.granted], one)
        return outcomes

    def pay(self, target: Target, debt: Debt, *, still: Callable[[], bool]) -> str | None:
        """Put back what an earlier run owes ``target``, if that is ``still`` so. Returns why it could not be done."""
        try:
            with self.locks.hold(target, self.cancelled):
                if still():
                    return Shield(target, self._hands(target, (), Grant()), write, debt).put_back()
        except StepRefused as error:
            return str(error)
        return None

    def _all(self, plans: Sequence[Plan], work: Callable[[Plan], None]) -> None:
        """Several targets at once; on KeyboardInterrupt the steps under way are finished."""
        if not plans:
            return
        with self.settings.executor(min(self.settings.mend_workers, len(plans))) as executor:
            futures = [executor.submit(work, plan) for plan in plans]
            interrupt: BaseException | None = None
            for future in futures:
                while True:
                    try:
                        result_of(future)
                        break
                    except KeyboardInterrupt as error:  # finish the steps under way, then report what was done
                        if interrupt is not None:
                            raise
                        interrupt = error
                        self.cancelled.set()
            if interrupt is not None:
                raise interrupt

    def _mend_target(self, plan: Plan, pairs: Sequence[Pair], grant: Grant, rounds: int) -> None:
        try:
            with self.locks.hold(plan.target, self.cancelled):
                self._mend_held(plan, pairs, grant, rounds)
        except StepRefused as error:
            for pair in pairs:
                self.findings[pair.key] = not_begun(self.findings[pair.key], str(error))

    def _mend_held(self, plan: Plan, pairs: Sequence[Pair], grant: Grant, rounds: int) -> None:
        target = plan.target
        probes = union(pairs)
        done: list[Step] = []
        outcome = Outcome()
        self.facts_before[target.key] = self.facts[target.key]
        first = {check: plan.remedy(check) for planned in plan.granted for check in planned.checks}
        attempts = {check: remedy.steps for check, remedy in first.items() if remedy.state is RemedyState.PLANNED}
        left: set[Step] = set()
        for _ in range(rounds):
            for check, steps in attempts.items():
                granted = (planned.step for planned in plan.granted if check in planned.checks)
                attempts[check] = tuple(dict.fromkeys((*(step for step in steps if step not in left), *granted)))
            outcome = apply_plan(plan, self._hands(target, probes, grant))
            done.extend(outcome.done)
            left = {planned.step for planned in plan.granted}.difference(outcome.done)
            self.facts[target.key] = self.look_at(target, probes, fresh=True)
            after = [judge(pair, self.facts[target.key], today=self.settings.today) for pair in pairs]
            plan = make_plan(target, [f for f in after if f.check.id in attempts], self.facts[target.key], grant)
            stopped = outcome.failed is not None and not outcome.overtaken
            if stopped or outcome.unrestored is not None or not plan.granted:
                break
        work = Work(done=tuple(done), outcome=outcome)
        for pair, finding in zip(pairs, after, strict=True):
            before = self.findings[pair.key]
            self.findings[pair.key] = settle(before, finding, work, attempts.get(pair.check.id))

    def _hands(self, target: Target, probes: Collection[Probe[Any]], grant: Grant) -> Hands:
        every = dict.fromkeys((*probes, *self._required.get(target.key, ())))
        guest_probes = [probe for probe in every if probe.source is Source.GUEST]
        held: list[Facts] = []

        def apply(step: Step, seen: Facts) -> None:
            transport = self.transports.get(step.source)
            if transport is None:
                raise StepError(f"{step.subject}: nothing can carry this out", changed=False)
            looks = map(seen.observation, step.reads)
            if step.source is Source.GUEST and any(isinstance(one, Seen) and one.origin for one in looks):
                raise StepRefused(f"{step.subject}: the instance is off: start it, then run again")
            if not step.lengthy:
                transport.apply(target, step, seen, timeout_s=self.settings.look_timeout_s)
            elif isinstance(transport, Carrier):
                told = partial(self.progress.moved, target, step)
                transport.carry(target, step, seen, Watch(moved=told, cancelled=self.cancelled))
            else:
                raise StepError(f"{step.subject}: nothing can carry this out", changed=False)

        def before_power() -> None:
            if guest_probes:
                seen = self.look_at(target, guest_probes, fresh=True)
                when = f"{seen.at:%Y-%m-%d %H:%M:%S} UTC"
                held.append(guest_part(seen, f"seen at {when}, right before the instance was stopped"))

        def after_power() -> None:
            server = self.look_at(target, [SERVER], fresh=True)
            if held and SERVER in server:
                self.evidence.save(target, held[-1], server[SERVER])

        return Hands(
            look=lambda wanted: self.look_at(target, wanted, fresh=True),
            apply=apply,
            journal=self.journal,
            progress=self.progress,
            cancelled=self.cancelled,
            before_power=before_power,
            after_power=after_power,
            no_lifting=grant.no_lifting,
        )

    def close(self) -> None:
        """End all transports."""
        for transport in dict.fromkeys(self.transports.values()):
            transport.close()
