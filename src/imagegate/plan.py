"""Findings → plan. Pure: nothing is looked at or changed here.

A plan is made for each target that has a fail, whether or not anything may be changed, and it is always shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imagegate.errors import Unobserved
from imagegate.model import (
    NO_REMEDY,
    Check,
    Facts,
    Finding,
    Fix,
    Level,
    Phase,
    Refusal,
    Remedy,
    RemedyState,
    Source,
    Step,
    Target,
    Verdict,
)

NO_FIX = "no --fix was given"
"""Why a step is not applied that is only shown."""
NOT_CONFIRMED = "not confirmed"
"""Why a step is not applied that somebody was shown and declined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What may be changed. ``level`` None means that no ``--fix`` was given: plan, apply nothing.

    ``ceiling`` and ``never`` come from the policy and only lower. DESTRUCTIVE steps also need the target and the check
    to be named on the command line.
    """

    level: Level | None = None
    ceiling: Level = Level.DESTRUCTIVE
    never: frozenset[str] = frozenset()
    named_checks: frozenset[str] = frozenset()
    named_targets: frozenset[str] = frozenset()

    def refuses(self, step: Step, check: Check, target: Target) -> str | None:
        """Why this step may not be applied, None if it may."""
        if step.level is Level.MANUAL:
            return "only a person can do this"
        if check.id in self.never:
            return f"the policy never fixes {check.id} (fix.never)"
        if step.level > self.ceiling:
            return f"{step.level}: the policy's fix.ceiling is {self.ceiling}"
        if self.level is None:
            return NO_FIX
        if step.level > self.level:
            return f"{step.level}: needs --fix-level {step.level}"
        if step.level is Level.DESTRUCTIVE and not (
            check.id in self.named_checks and self.named_targets & {target.name, target.id}
        ):
            return "destructive: needs the target and --check named on the command line"
        return None

    @property
    def no_lifting(self) -> str | None:
        """Why the protection of an image may not be lifted for a change that the cloud refuses otherwise."""
        if self.ceiling < Level.DISRUPTIVE:
            return f"the policy's fix.ceiling is {self.ceiling}"
        if self.level is None or self.level < Level.DISRUPTIVE:
            return f"needs --fix-level {Level.DISRUPTIVE}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step in its place: ``expects`` is the part of the facts that it was planned from, as it will be when all
    steps before it are done. ``checks`` are the ids of those it mends; ``refused`` says why it will not be applied."""

    step: Step
    checks: tuple[str, ...]
    expects: object
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFix:
    """A fix that a check could not plan, with the reason."""

    check: str
    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would mend one target: all its steps in order, and the fixes that were refused."""

    target: Target
    steps: tuple[PlannedStep, ...] = ()
    refusals: tuple[RefusedFix, ...] = ()

    @property
    def granted(self) -> tuple[PlannedStep, ...]:
        """The steps that may be applied."""
        return tuple(planned for planned in self.steps if planned.refused is None)

    def remedy(self, check: str) -> Remedy:
        """What this plan means for a finding of ``check``, before anything is applied."""
        mine = [planned for planned in self.steps if check in planned.checks]
        steps = tuple(planned.step for planned in mine)
        refusals = [refused.refusal for refused in self.refusals if refused.check == check]
        doable = [planned for planned in mine if planned.step.level is not Level.MANUAL]
        if refusals:
            return Remedy(state=RemedyState.REFUSED, steps=steps, reason="; ".join(r.reason for r in refusals))
        if not doable:
            return Remedy(state=RemedyState.MANUAL, steps=steps) if steps else NO_REMEDY
        blocked = [planned.refused for planned in doable if planned.refused is not None]
        if blocked and set(blocked) != {NO_FIX}:
            return Remedy(state=RemedyState.REFUSED, steps=steps, reason="; ".join(dict.fromkeys(blocked)))
        return Remedy(state=RemedyState.PLANNED, steps=steps)


@dataclass(slots=True)
class _Draft:
    steps: list[tuple[Step, Check]] = field(default_factory=list)
    refusals: list[RefusedFix] = field(default_factory=list)


def make_plan(target: Target, findings: Collection[Finding], seen: Facts, grant: Grant) -> Plan:
    """Plan what would mend ``target``, given its findings and the facts behind them.

    Waived fails are left alone. If one step of a check may not be applied, or a part of its fix is refused, none of its
    steps is: half a fix is no fix (steps for a person excepted). What nobody but a person can see, and nobody attested,
    gets the steps for a person that its check has. The power is not taken from a guest that is still to be changed.
    What is refused only for the sake of something that other checks mend first is planned on what those leave behind.
    Steps of several checks that do the same are one, for all their reasons. Steps are ordered by phase; each expects
    what the steps before it leave behind.
    """
    draft = _Draft()
    for finding in findings:
        if finding.verdict is Verdict.FAIL and not finding.waived:
            _draft_check(draft, finding, seen)
        elif needs_a_person(finding):
            _draft_by_hand(draft, finding, seen)
    for finding in findings:
        if any(fix.check == finding.check.id for fix in draft.refusals):
            _draft_behind_others(draft, finding, target, seen, grant)
    draft.steps = _once(draft.steps)
    refused = _refused_checks(draft, target, grant)
    return Plan(
        target=target,
        steps=_sequence(draft.steps, target, seen, grant, refused),
        refusals=tuple(draft.refusals),
    )


def needs_a_person(finding: Finding) -> bool:
    """Whether it is unknown because only a person can see it, and nobody has said so."""
    return finding.verdict is Verdict.UNKNOWN and finding.check.attestable and not finding.attested


def _draft_check(draft: _Draft, finding: Finding, seen: Facts) -> None:
    check = finding.check
    steps: list[tuple[Step, Check]] = []
    ahead = seen
    try:
        for item in check.plan(seen, finding.params):
            if isinstance(item, Refusal):
                draft.refusals.append(RefusedFix(check=check.id, refusal=item))
            elif problem := _broken_promise(item, check):
                draft.refusals.append(_refusal(check, item.subject, problem))
            else:
                hash(item), item.basis(seen)  # what was not seen could not be compared before the write either
                ahead = item.simulate(ahead)
                item.basis(ahead)
                steps.append((item, check))
    except Unobserved as error:
        draft.refusals.append(_refusal(check, error.subject, f"{error.subject} could not be seen: {error.reason}"))
    except Exception as error:  # noqa: BLE001 - a bug in one check's planner must not cost the other fixes
        draft.refusals.append(_refusal(check, check.id, f"the planner failed: {type(error).__name__}: {error}"))
    else:
        draft.steps.extend(steps)


def _draft_behind_others(draft: _Draft, finding: Finding, target: Target, seen: Facts, grant: Grant) -> None:
    """Plan a refused fix again, as if what other checks do about the very thing that it was refused for were done."""
    check = finding.check
    subjects = {fix.refusal.subject for fix in draft.refusals if fix.check == check.id}
    refused = {} if grant.level is None else _refused_checks(draft, target, grant)
    first = [
        step
        for step, other in sorted(draft.steps, key=lambda pair: pair[0].phase)
        if step.subject in subjects and step.level is not Level.MANUAL and other.id not in {check.id, *refused}
    ]
    if subjects != {step.subject for step in first}:
        return
    for step in first:
        seen = step.simulate(seen)
    behind = _Draft()
    _draft_check(behind, finding, seen)
    if behind.refusals or any(step.phase < first[-1].phase for step, _ in behind.steps):
        return
    draft.refusals = [fix for fix in draft.refusals if fix.check != check.id]
    kept = [(step, other) for step, other in draft.steps if other.id != check.id]
    draft.steps = [*kept, *((step, check) for step in first), *behind.steps]


def _draft_by_hand(draft: _Draft, finding: Finding, seen: Facts) -> None:
    check = finding.check
    try:
        for item in check.plan(seen, finding.params):
            if isinstance(item, Step) and item.level is Level.MANUAL:
                draft.steps.append((item, check))
    except Unobserved:
        return  # what it could have planned for itself depends on what was not seen
    except Exception as error:  # noqa: BLE001 - as above
        draft.refusals.append(_refusal(check, check.id, f"the planner failed: {type(error).__name__}: {error}"))


def _once(steps: Sequence[tuple[Step, Check]]) -> list[tuple[Step, Check]]:
    """Steps that differ in words alone become one and the same."""
    alike: dict[Step, list[Step]] = {}
    for step, _ in steps:
        alike.setdefault(_wordless(step), []).append(step)
    return [(_for_all(alike[_wordless(step)]), check) for step, check in steps]


def _wordless(step: Step) -> Step:
    return replace(step, why="", undo=None, then=None)


def _for_all(alike: Sequence[Step]) -> Step:
    reasons = list(dict.fromkeys(step.why for step in alike))
    return alike[0] if len(reasons) == 1 else replace(alike[0], why="; ".join(reasons))


def _broken_promise(step: Step, check: Check) -> str | None:
    if check.fix is Fix.NEVER and step.level is not Level.MANUAL:
        return f"the check plans a {step.level} step but declares that it is never fixed"
    if step.level is not Level.MANUAL and step.level > check.effort:
        return f"the check plans a {step.level} step but declares {check.effort} at most"
    if step.level is Level.SAFE and step.undo is None:
        return "the check plans a safe step without an undo"
    return None


def _refusal(check: Check, subject: str, reason: str) -> RefusedFix:
    return RefusedFix(check=check.id, refusal=Refusal(subject=subject, reason=reason))


def _refused_checks(draft: _Draft, target: Target, grant: Grant) -> dict[str, str]:
    refused: dict[str, str] = {}
    for fix in draft.refusals:
        refused.setdefault(fix.check, f"half a fix is none: {fix.refusal.reason}")
    for step, check in draft.steps:
        if step.level is not Level.MANUAL and (reason := grant.refuses(step, check, target)) is not None:
            refused.setdefault(check.id, reason)
    while (held := _held(draft, refused)) is not None:
        refused.update(held)
    return refused


def _held(draft: _Draft, refused: Mapping[str, str]) -> dict[str, str] | None:
    """A check that would take the power from a guest though a change that needs it may not be made now, and why."""
    owners: dict[Step, set[str]] = {}
    for step, check in draft.steps:
        owners.setdefault(step, set()).add(check.id)
    waiting = (
        step
        for step, checks in owners.items()
        if step.source is Source.GUEST and step.level is not Level.MANUAL and checks <= refused.keys()
    )
    first = next(waiting, None)
    if first is None:
        return None
    for step, check in draft.steps:
        if step.phase is Phase.POWER and check.id not in refused:
            return {check.id: f"first comes what needs it running: {first.summary}"}
    return None


def _sequence(
    steps: Sequence[tuple[Step, Check]], target: Target, seen: Facts, grant: Grant, refused: dict[str, str]
) -> tuple[PlannedStep, ...]:
    ordered = sorted(steps, key=lambda pair: (pair[0].level is Level.MANUAL, pair[0].phase))
    wanted: dict[Step, dict[str, str | None]] = {}
    for step, check in ordered:
        wanted.setdefault(step, {})[check.id] = grant.refuses(step, check, target) or refused.get(check.id)
    planned: list[PlannedStep] = []
    for step, reasons in wanted.items():
        reason = None if None in reasons.values() else next(iter(reasons.values()))
        planned.append(PlannedStep(step=step, checks=tuple(reasons), expects=step.basis(seen), refused=reason))
        if reason is None or grant.level is None:
            seen = step.simulate(seen)
    return tuple(planned)


def over_limit(plans: Iterable[Plan], changed_targets: int) -> str | None:
    """Why nothing may be applied: more targets would be changed than the policy allows. None if all is well."""
    count = sum(1 for plan in plans if plan.granted)
    if count <= changed_targets:
        return None
    return f"{count} targets would be changed, the policy allows {changed_targets} (limits.changed_targets)"


def refuse_all(plan: Plan, reason: str) -> Plan:
    """The plan with every step that was granted refused for ``reason``."""
    steps = tuple(replace(planned, refused=planned.refused or reason) for planned in plan.steps)
    return replace(plan, steps=steps)
