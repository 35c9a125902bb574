"""Example findings: a case of the tests of a check, judged, planned and rendered as a run does it.

The facts are those of the table in ``tests/checks``; nothing of an example is written by hand, so that it cannot say
what imagegate does not. Only a clone has the tests.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from imagegate.catalogue import Entry
from imagegate.errors import ToolError
from imagegate.judge import Pair, judge
from imagegate.model import Check, Facts, Finding, Fix, Kind, Level, Step, Target, Verdict
from imagegate.plan import Grant, Plan, make_plan
from imagegate.report.terminal import render
from imagegate.result import PolicyInfo, Result, ScopeInfo

_NAMES = {Kind.INSTANCE: "build-web-01", Kind.IMAGE: "golden-web-20261122", Kind.POLICY: "golden"}
_REGION = {Kind.POLICY: (None, None)}


class Case(Protocol):
    """A case of a table: facts, and what the policy says to the check."""

    name: str
    seen: Facts
    want: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A finding as a terminal shows it, and the parameters that it was judged with."""

    text: str
    params: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """One kind of step that a check plans: what it may cost, one of its summaries, and how it is taken back."""

    level: Level
    summary: str
    undo: str | None


def cases(entry: Entry, clone: Path) -> list[Case]:
    """The cases of the table of a check, in their order; raises ``ToolError`` if there is no table."""
    name = f"tests.checks.{entry.path.parent.name}.test_{entry.path.stem}"
    with _importable(clone):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ToolError(f"{entry.check.id}: an example needs the table in {name}: {error}") from error
    for value in vars(module).values():
        if getattr(value, "check", None) == entry.check.id and hasattr(value, "cases"):
            return [case for case in value.cases if hasattr(case, "seen")]
    raise ToolError(f"{name}: has no table of {entry.check.id}")


def example(check: Check, told: Sequence[Case]) -> Example:
    """The first case that shows the most of a check: mended by machine, else by hand, else a fail or an unknown."""
    case = min(told, key=lambda each: _worth(check, each))
    finding, plan = _judged(check, case)
    shown, _, _ = "".join(render(_result(finding, plan, case.seen))).partition("\n\n")
    return Example(text=shown, params=case.want)


def step_kinds(check: Check, told: Iterable[Case]) -> list[StepKind]:
    """The kinds of steps in the plans of all cases, the least costly first, each with the first summary met."""
    found: dict[tuple[type[Step], Level], StepKind] = {}
    for case in told:
        for planned in _judged(check, case)[1].steps:
            step = planned.step
            kind = StepKind(level=step.level, summary=step.summary, undo=step.undo)
            found.setdefault((type(step), step.level), kind)
    return sorted(found.values(), key=lambda kind: kind.level)


def _worth(check: Check, case: Case) -> tuple[bool, bool, bool]:
    finding, plan = _judged(check, case)
    manual = all(planned.step.level is Level.MANUAL for planned in plan.steps)
    unanswered = finding.verdict is Verdict.UNKNOWN and not plan.steps
    dull = finding.verdict not in {Verdict.FAIL, Verdict.UNKNOWN} or unanswered
    return (dull, bool(plan.refusals) or not plan.steps, manual and check.fix is not Fix.NEVER)


def _judged(check: Check, case: Case) -> tuple[Finding, Plan]:
    on = _target(check.kind)
    params = check.params.model_validate(case.want)
    finding = judge(Pair(check=check, target=on, params=params, rule=0), case.seen, today=case.seen.today)
    plan = make_plan(on, [finding], case.seen, Grant())
    return replace(finding, remedy=plan.remedy(check.id)), plan


def _result(finding: Finding, plan: Plan, seen: Facts) -> Result:
    """The result of an audit that found nothing else."""
    return Result(
        run_id="example",
        command="audit",
        started=seen.at,
        finished=seen.at,
        complete=True,
        interrupted=False,
        policy=PolicyInfo(name="example", version=1, title=None, digest=""),
        checks_digest="",
        scope=ScopeInfo(selected=1, seen=1),
        auditors=(),
        findings=[finding],
        plans=[plan],
        facts={finding.target.key: seen},
    )


def _target(kind: Kind) -> Target:
    cloud, region = _REGION.get(kind, ("nhn", "KR1"))
    name = _NAMES[kind]
    guest = name if kind is Kind.INSTANCE else None
    return Target(kind=kind, id=name, name=name, cloud=cloud, region=region, guest=guest)


@contextmanager
def _importable(clone: Path) -> Iterator[None]:
    """The clone's tests as packages, as pytest sees them."""
    known = str(clone) in sys.path
    if not known:
        sys.path.insert(0, str(clone))
    try:
        yield
    finally:
        if not known:
            sys.path.remove(str(clone))
