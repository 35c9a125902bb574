"""What to run, or to put right, next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from imagegate.errors import Owner
from imagegate.model import Level, Phase, RemedyState, Target, Verdict
from imagegate.plan import NO_FIX, NOT_CONFIRMED, Plan, PlannedStep, needs_a_person
from imagegate.report.safe import visible
from imagegate.report.words import plural
from imagegate.result import ExitCode, Result


def advise(result: Result, command: str) -> str | None:
    """The command to run next, or which thing is missing. None where there is nothing to do.

    ``command`` is what was run, without ``--fix`` and ``--fix-level``: ``imagegate audit --policy golden.yaml``.
    """
    if result.exit_code is ExitCode.INTERRUPTED:
        return command
    return next(_advices(result, command), None)


def _advices(result: Result, command: str) -> Iterator[str]:
    if result.limit is not None:
        yield "name fewer targets, or raise limits.changed_targets in the policy"
    broken = {RemedyState.FAILED, RemedyState.NOT_VERIFIED}
    if any(finding.remedy.state in broken for finding in result.findings):
        yield f"look at the failed steps, then {command}"
    levels = {level for plan in result.plans for step in _first(plan) if (level := _needs(step)) is not None}
    if Level.DISRUPTIVE in levels:
        yield f"{command} --fix --fix-level disruptive"
    if Level.SAFE in levels:
        yield f"{command} --fix"
    if (last := _destructive(result)) is not None:
        check, target = last
        named = "" if f" {target}" in command else f" --instance {target}"
        yield f"{command}{named} --fix --fix-level destructive --check {check}"
    for finding in result.findings:
        if finding.verdict is Verdict.UNKNOWN and finding.owner is Owner.USER and not finding.attested:
            yield f"{visible(finding.target.name)}: {finding.reason}"
    for finding in result.findings:
        if needs_a_person(finding):
            yield f"do what the plan leaves to a person, then say so in the policy's attestations: {finding.check.id}"
    for catalog in result.scope.catalogs:
        if not catalog.complete:
            yield f"once the {catalog.what} of {catalog.cloud}/{catalog.region} can be listed: {command}"
    if result.scope.unselected:
        yield f"write a rule of the policy that selects {visible(result.scope.unselected[0])}"
    if any(plan.steps or plan.refusals for plan in result.plans) and result.exit_code is ExitCode.FAIL:
        yield f"do what the plans leave to a person, then {command}"
    if unseen := [f for f in result.findings if f.verdict is Verdict.UNKNOWN and not f.attested]:
        others = len({finding.target.key for finding in unseen}) - 1
        more = f" and {plural(others, 'more target')}" if others else ""
        yield f"once {visible(unseen[0].target.name)}{more} can be seen: {command}"
    if result.exit_code is ExitCode.FAIL:
        yield f"mend what fails, then {command}"


def _first(plan: Plan) -> Iterator[PlannedStep]:
    """The steps of a plan without the stop of what has yet to be changed for good: that change brings its own."""
    last = any(planned.step.level is Level.DESTRUCTIVE for planned in plan.steps)
    return (planned for planned in plan.steps if not (last and planned.step.phase is Phase.POWER))


def _destructive(result: Result) -> tuple[str, str] | None:
    """Check and target of the first step that is destructive and lacks nothing but the leave."""
    for plan in result.plans:
        for planned in plan.steps:
            refused = planned.refused or ""
            if planned.step.level is Level.DESTRUCTIVE and (
                _needs(planned) or refused.startswith("destructive: needs")
            ):
                return planned.checks[0], _word(plan.target, result)
    return None


def _word(target: Target, result: Result) -> str:
    """What names the target, and no other one, on a command line: its name where a shell and a reader can take it."""
    alike = {f.target.key for f in result.findings if f.target.kind is target.kind and f.target.name == target.name}
    name = target.name if len(alike) <= 1 and visible(target.name) == target.name else target.id
    return shlex.quote(visible(name))


def _needs(planned: PlannedStep) -> Level | None:
    """The level to grant for this step, if granting is all that it lacks."""
    level, refused = planned.step.level, planned.refused or ""
    return level if refused in {NO_FIX, NOT_CONFIRMED} or refused.endswith(f"needs --fix-level {level}") else None
