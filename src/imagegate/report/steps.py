"""The plan of one target in lines: what would be done, what it costs, what comes after, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagegate.model import Finding, Level, RemedyState, Step, Target
from imagegate.plan import NO_FIX, Plan, PlannedStep
from imagegate.report.lines import Line, Piece, line
from imagegate.report.safe import visible
from imagegate.report.words import place, plural

_LEVEL_STYLES = {Level.SAFE: "green", Level.DISRUPTIVE: "yellow", Level.DESTRUCTIVE: "bold red", Level.MANUAL: "cyan"}
_NAMED = 3


def target_line(target: Target) -> Line:
    """What is looked at, where, and its id."""
    where = f" {place(target)}" if place(target) else ""
    if others := [visible(cloud) for cloud in target.seen_from if cloud != target.cloud]:
        more = f" and {plural(len(others) - _NAMED, 'more cloud')}" if len(others) > _NAMED else ""
        where += f" (also seen from {', '.join(others[:_NAMED])}{more})"
    shown_id = "" if target.id == target.name else f" {visible(target.id)}"
    return line(0, f"{target.kind} ", (visible(target.name), "bold"), (f"{where}{shown_id}", "dim"))


def plan_lines(plan: Plan, findings: Sequence[Finding] = ()) -> Iterator[Line]:
    """All steps in order, then the fixes that the facts forbid.

    ``findings`` tell what was done already, and which steps only a later round of mending found necessary.
    """
    done = {step for finding in findings for step in finding.remedy.done}
    problems = _problems(findings)
    idle = _idle(findings)
    for number, planned in enumerate((*plan.steps, *_later(plan, findings)), start=1):
        step = planned.step
        state = _state(planned, done=step in done, idle=step in idle, problem=problems.get(step))
        yield line(4, f"{number}. ", (str(step.level), _LEVEL_STYLES[step.level]), f" {step.summary}", *state)
        yield line(7, ("why: ", "dim"), step.why)
        if step.undo:
            yield line(7, ("to undo: ", "dim"), step.undo)
        if step.then:
            yield line(7, ("then: ", "dim"), step.then)
    for refused in plan.refusals:
        refusal = refused.refusal
        yield line(4, ("refused", "red"), f" {refused.check}, {visible(refusal.subject)}: {refusal.reason}")
        if refusal.hint:
            yield line(7, ("instead: ", "dim"), refusal.hint)


def _later(plan: Plan, findings: Sequence[Finding]) -> Iterator[PlannedStep]:
    known = {planned.step for planned in plan.steps}
    for step in dict.fromkeys(step for finding in findings for step in finding.remedy.steps):
        if step not in known:
            yield PlannedStep(step=step, checks=(), expects=None)


def _problems(findings: Sequence[Finding]) -> dict[Step, str]:
    """The first step of each stopped fix that was not done, and how it ended."""
    words = {RemedyState.FAILED: "failed", RemedyState.NOT_VERIFIED: "not verified"}
    ends: dict[Step, str] = {}
    for finding in findings:
        remedy = finding.remedy
        if remedy.state in words and remedy.steps:
            left = (step for step in remedy.steps if step not in remedy.done)
            ends[next(left, remedy.steps[-1])] = words[remedy.state]
    return ends


def _idle(findings: Sequence[Finding]) -> set[Step]:
    """Steps that nobody needs any more: what they were for was mended without them."""
    mended = {step for finding in findings if finding.fixed for step in finding.remedy.steps}
    return mended - {step for finding in findings if not finding.fixed for step in finding.remedy.steps}


def _state(planned: PlannedStep, *, done: bool, idle: bool, problem: str | None) -> tuple[Piece, ...]:
    if done:
        return ("  ", ("done", "green"))
    if idle:
        return ("  ", ("no longer needed", "dim"))
    if problem is not None:
        return ("  ", (problem, "bold red"))
    if planned.refused not in {None, NO_FIX} and planned.step.level is not Level.MANUAL:
        return ("  ", (f"not applied: {planned.refused}", "dim"))
    return ()
