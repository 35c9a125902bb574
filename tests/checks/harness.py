"""A strict harness for checks, after ESLint's RuleTester: a table of named cases per check, and nothing left open.

A test file declares a ``Table`` and ends with ``test_case, test_table_is_complete = TABLE.tests()``. Cases state
exactly what is judged and planned; what can be derived (unknown for each missing probe, convergence, purity) the
harness adds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis.strategies import SearchStrategy
from pydantic import ValidationError

from imagegate.catalogue import Catalogue, Entry, load_catalogue, packaged_root
from imagegate.codec import dump_facts
from imagegate.judge import Pair, judge
from imagegate.model import (
    Check,
    Facts,
    Finding,
    Fix,
    Kind,
    Level,
    Probe,
    Seen,
    Step,
    Target,
    Verdict,
    Violation,
)
from imagegate.plan import Grant, Plan, make_plan

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@cache
def catalogue() -> Catalogue:
    """The checks of this repository."""
    return load_catalogue([packaged_root()])


def target(kind: Kind) -> Target:
    """A target of a kind, for checks that only look at facts."""
    return Target(kind=kind, id="0000-1111", name="under-test", cloud="nhn", region="KR1", guest="under-test")


def everything(check: Check, on: Target) -> Grant:
    """Leave to do whatever can be granted."""
    return Grant(
        level=Level.DESTRUCTIVE, named_checks=frozenset({check.id}), named_targets=frozenset({on.id}),
    )  # fmt: skip


def given(observed: Mapping[Probe[Any], Any], at: datetime = NOW) -> Facts:
    """Facts: what each probe saw."""
    return Facts({probe: Seen(value=value, at=at) for probe, value in observed.items()}, at)


def wrong(subject: str, expected: str, actual: str, hint: str | None = None) -> Violation:
    """A violation that a case expects; its hint is compared only if the case states one."""
    return Violation(subject=subject, expected=expected, actual=actual, hint=hint)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One named case: facts, and what the policy says (``want``, the parameters as in a policy file)."""

    name: str
    seen: Facts
    want: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How the case is called in the test's id."""
        return f"{type(self).__name__.lower()}: {self.name}"


@dataclass(frozen=True, kw_only=True)
class Passes(Case):
    """Nothing is wrong and nothing is planned; ``note`` is exact."""

    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fails(Case):
    """Exactly these violations, in this order; the plan has at least a word about it."""

    violations: tuple[Violation, ...]
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class NotApplicable(Case):
    """The check has no business here, and says exactly why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Unknown(Case):
    """The part that decides was not seen (a probe of ``uses``); ``reason`` is exact. Needed probes are generated.

    ``by_hand`` are the summaries of what a person is told to do, of checks that can be attested; None compares nothing.
    """

    reason: str
    by_hand: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Fixes(Case):
    """Exactly these steps (summary, level) in this order; done, the check passes and nothing is planned any more."""

    steps: tuple[tuple[str, Level], ...]


@dataclass(frozen=True, kw_only=True)
class ByHand(Case):
    """As ``Fixes``, but some steps are for a person: then ``left`` are the subjects that still fail."""

    steps: tuple[tuple[str, Level], ...]
    left: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Refuses(Case):
    """It fails, and exactly these reasons forbid the fix: no step is granted."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BadParams:
    """The policy may not say this; ``message`` is part of what the author of the policy reads."""

    name: str
    want: Mapping[str, Any]
    message: str

    @property
    def title(self) -> str:
        """How the case is called in the test's id."""
        return f"badparams: {self.name}"


class Incomplete(AssertionError):
    """A table that leaves something open."""


@dataclass(frozen=True)
class Table:
    """All cases of one check. ``wants`` draws more parameters for the property tests.

    ``check`` is an id of the catalogue; ``record`` takes the place of the catalogue's check in tests of the harness.
    """

    check: str
    cases: tuple[Case | BadParams, ...]
    wants: SearchStrategy[Mapping[str, Any]] | None = None
    record: Check | None = None

    @property
    def subject(self) -> Check:
        """The check under test."""
        return self.record or catalogue().checks[self.check]

    def of(self, *kinds: type[Any]) -> list[Any]:
        """The cases of some kinds."""
        return [case for case in self.cases if isinstance(case, kinds)]

    def tests(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """The two tests of a table, to be bound to names that pytest collects."""
        cases = [*self.cases, *self._generated()]

        @pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in cases])
        def test_case(case: Case | BadParams) -> None:
            self.run(case)

        def test_table_is_complete() -> None:
            self.assert_complete()

        return test_case, test_table_is_complete

    def _generated(self) -> Iterator[Unknown]:
        for case in self.of(Passes, Fails):
            for probe in self.subject.needs:
                yield Unknown(
                    name=f"{case.title}, but {probe.key} is unseen", want=case.want,
                    seen=case.seen.without(probe, f"{probe.key} fell silent"), reason=f"{probe.key} fell silent",
                )  # fmt: skip

    def run(self, case: Case | BadParams) -> None:
        """Prove one case."""
        if isinstance(case, BadParams):
            with pytest.raises(ValidationError) as caught:
                self.subject.params.model_validate(case.want)
            assert case.message in str(caught.value)
            return
        before = dump_facts(case.seen)
        {
            Passes: _passes, Fails: _fails, NotApplicable: _not_applicable, Unknown: _unknown, Fixes: _fixes,
            ByHand: _fixes, Refuses: _refuses,
        }[type(case)](self.subject, case)  # fmt: skip
        assert dump_facts(case.seen) == before, "the check changed the facts that it was given"

    def assert_complete(self) -> None:
        """Raise ``Incomplete`` with everything that the table leaves open."""
        if problems := list(_gaps(self)):
            raise Incomplete(f"{self.check}:\n" + "\n".join(f"- {problem}" for problem in problems))


def table_module(entry: Entry) -> str:
    """The module where the table of a check has to be."""
    return f"tests.checks.{entry.path.parent.name}.test_{entry.path.stem}"


def table_of(entry: Entry) -> Table:
    """The table of a check; raises ``Incomplete`` if there is none."""
    try:
        module = importlib.import_module(table_module(entry))
    except ModuleNotFoundError as error:
        raise Incomplete(f"{entry.path} has no table: {table_module(entry)} does not exist") from error
    tables = [value for value in vars(module).values() if isinstance(value, Table) and value.check == entry.check.id]
    if len(tables) != 1 or not {"test_case", "test_table_is_complete"} <= vars(module).keys():
        raise Incomplete(f"{table_module(entry)} does not declare and run one table for {entry.check.id}")
    return tables[0]


# ---- what each kind of case proves


def judged(check: Check, case: Case) -> Finding:
    """The finding of a case."""
    params = check.params.model_validate(case.want)
    pair = Pair(check=check, target=target(check.kind), params=params, rule=0)
    return judge(pair, case.seen, today=case.seen.at.date())


def planned(check: Check, case: Case, seen: Facts | None = None) -> Plan:
    """The plan of a case with everything granted."""
    on = target(check.kind)
    finding = judged(check, case)
    return make_plan(on, [finding], case.seen if seen is None else seen, everything(check, on))


def proposals(check: Check, case: Case, seen: Facts | None = None) -> list[Any]:
    """What the check's planner yields, whatever the verdict."""
    return list(check.plan(case.seen if seen is None else seen, check.params.model_validate(case.want)))


def _passes(check: Check, case: Passes) -> None:
    finding = judged(check, case)
    assert (finding.verdict, finding.violations, finding.reason) == (Verdict.PASS, (), None)
    assert finding.note == case.note
    assert [item for item in proposals(check, case) if isinstance(item, Step)] == [], "plans though nothing is wrong"


def _fails(check: Check, case: Fails) -> None:
    finding = judged(check, case)
    assert finding.verdict is Verdict.FAIL, finding
    assert _as_stated(finding.violations, case.violations) == case.violations
    assert finding.note == case.note
    for violation in finding.violations:
        assert violation.expected != violation.actual
    plan = planned(check, case)
    assert plan.steps or plan.refusals, "a fail without a step or a refusal leaves the reader alone"
    _levels_are_kept(check, proposals(check, case))


def _as_stated(found: Iterable[Violation], stated: Iterable[Violation]) -> tuple[Violation, ...]:
    """``found`` without the hints about which the case says nothing."""
    hints = [violation.hint for violation in stated]
    return tuple(
        wrong(v.subject, v.expected, v.actual, v.hint if n < len(hints) and hints[n] is not None else None)
        for n, v in enumerate(found)
    )


def _not_applicable(check: Check, case: NotApplicable) -> None:
    finding = judged(check, case)
    assert (finding.verdict, finding.reason) == (Verdict.NOT_APPLICABLE, case.reason)


def _unknown(check: Check, case: Unknown) -> None:
    finding = judged(check, case)
    assert (finding.verdict, finding.reason) == (Verdict.UNKNOWN, case.reason)
    steps = [item.step for item in planned(check, case).steps]
    assert check.attestable or not steps, "plans though the verdict is unknown"
    assert all(step.level is Level.MANUAL for step in steps), "acts though the verdict is unknown"
    if case.by_hand is not None:
        assert tuple(step.summary for step in steps) == case.by_hand


def _fixes(check: Check, case: Fixes | ByHand) -> None:
    assert judged(check, case).verdict is Verdict.FAIL
    plan = planned(check, case)
    assert tuple((p.step.summary, p.step.level) for p in plan.steps) == case.steps
    assert plan.refusals == ()
    _levels_are_kept(check, proposals(check, case))
    seen = case.seen
    for item in plan.granted:
        assert item.step.basis(seen) == item.expects, "the plan expects something else than the steps before it leave"
        assert not item.step.done(seen), f"{item.step.summary!r} is done before it is begun"
        after = item.step.simulate(seen)
        assert after != seen, f"{item.step.summary!r} changes nothing"
        assert item.step.done(after), f"{item.step.summary!r} does not see its own effect"
        assert {probe for probe in after if after.observation(probe) != seen.observation(probe)} <= set(item.step.reads)
        seen = after
    mended = type(case)(**{**vars(case), "seen": seen})
    finding = judged(check, mended)
    left = case.left if isinstance(case, ByHand) else ()
    assert tuple(violation.subject for violation in finding.violations) == left
    assert finding.verdict is (Verdict.FAIL if left else Verdict.PASS)
    again = [item for item in proposals(check, mended) if not (isinstance(item, Step) and item.level is Level.MANUAL)]
    assert [item for item in again if left or isinstance(item, Step)] == [], "planning again does not end"


def _refuses(check: Check, case: Refuses) -> None:
    assert judged(check, case).verdict is Verdict.FAIL
    plan = planned(check, case)
    assert tuple(refused.refusal.reason for refused in plan.refusals) == case.reasons
    assert plan.granted == (), "refuses and acts at once"


def _levels_are_kept(check: Check, planned: Iterable[Any]) -> None:
    for step in (item for item in planned if isinstance(item, Step)):
        fits = step.level is Level.MANUAL or step.level <= check.effort
        assert fits, f"{step.summary!r} is {step.level}, the check declares {check.effort}"
        assert step.level is not Level.SAFE or step.undo, f"{step.summary!r} is safe but has no undo"
        assert step.level is Level.MANUAL or check.fix is not Fix.NEVER, f"{step.summary!r}, but it is never fixed"


# ---- what a table must have


def _gaps(table: Table) -> Iterator[str]:
    check = table.subject
    yield from _missing_kinds(table, check)
    yield from _duplicates(table)
    yield from _loose_facts(table, check)
    yield from _idle_params(table, check)


def _missing_kinds(table: Table, check: Check) -> Iterator[str]:
    if not table.of(Passes):
        yield "no case passes"
    if not table.of(Fails):
        yield "no case fails"
    for case in table.of(Fails):
        if not case.violations:
            yield f"the case {case.title!r} states no violation"
    for case in table.of(Fixes, ByHand):
        if not case.steps:
            yield f"the case {case.title!r} states no step"
    for case in table.of(Refuses):
        if not case.reasons:
            yield f"the case {case.title!r} states no reason"
    if bool(table.of(NotApplicable)) != (check.applies is not None):
        yield "cases of not-applicable belong to checks with applies, and these need one"
    if check.fix is Fix.NEVER and (table.of(Fixes) or not table.of(ByHand)):
        yield "it is never fixed: cases by hand tell what a person does, and there are no others"
    if check.fix is not Fix.NEVER and not table.of(Fixes):
        yield f"it is {check.fix} fixed, but no case shows a fix"
    if check.fix is Fix.SOMETIMES and not table.of(Refuses, ByHand):
        yield "it is sometimes fixed, but no case shows when not"
    if check.fix is Fix.ALWAYS and table.of(Refuses, ByHand):
        yield "it is always fixed, but a case shows when not"
    levels = [level for case in table.of(Fixes, ByHand) for _, level in case.steps]
    efforts = [level for level in levels if level is not Level.MANUAL or check.fix is Fix.NEVER]
    if efforts and max(efforts) is not check.effort:
        yield f"it declares the effort {check.effort}, but the highest step of the cases is {max(efforts)}"


def _duplicates(table: Table) -> Iterator[str]:
    titles = [case.title for case in table.cases]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield f"two cases are called {title!r}"
    known: dict[str, str] = {}
    for case in table.of(Case):
        content = repr((type(case), sorted(case.want.items()), dump_facts(case.seen)))
        if content in known:
            yield f"{case.title!r} and {known[content]!r} are the same case"
        known[content] = case.title


def _loose_facts(table: Table, check: Check) -> Iterator[str]:
    read: set[Probe[Any]] = set()
    for case in table.of(Case):
        told = isinstance(case, Unknown) and case.by_hand is not None
        for probe in check.needs:
            if probe not in case.seen and not told:
                yield f"{case.title!r} does not say what {probe.key} shows"
        looks = _looks(check, case)
        for probe in case.seen:
            if probe not in looks:
                yield f"{case.title!r} has facts of {probe.key}, which the check does not look at"
        asked = _probes_read(check, case)
        read |= asked
        for probe in asked - set(looks):
            yield f"{case.title!r}: the check reads {probe.key} without declaring it"
    for probe in check.probes:
        if probe not in read:
            yield f"no case makes the check read {probe.key}"


def _looks(check: Check, case: Case) -> tuple[Probe[Any], ...]:
    return check.looks(check.params.model_validate(case.want))


class _Watched(Facts):
    """Facts that remember which of them were asked for."""

    __slots__ = ("asked",)

    def __init__(self, seen: Facts) -> None:
        super().__init__(dict(seen.items()), seen.at)
        self.asked: set[Probe[Any]] = set()

    def __getitem__(self, probe: Probe[Any]) -> Any:
        self.asked.add(probe)
        return super().__getitem__(probe)


def _probes_read(check: Check, case: Case) -> set[Probe[Any]]:
    watched = _Watched(case.seen)
    params = check.params.model_validate(case.want)
    for work in (
        check.applies or (lambda *_: None),
        lambda *a: list(check.evaluate(*a)),
        lambda *a: list(check.plan(*a)),
    ):
        try:
            work(watched, params)
        except Exception:  # noqa: BLE001 - the cases themselves assert what is raised
            continue
    return watched.asked


def _idle_params(table: Table, check: Check) -> Iterator[str]:
    for name in check.params.model_fields:
        telling = [case for case in table.of(Case) if name in case.want]
        if not any(_outcome(check, case) != _outcome(check, _without(case, name)) for case in telling):
            yield f"the parameter {name} decides no case"


def _without(case: Case, name: str) -> Case:
    return Case(name=case.name, seen=case.seen, want={key: value for key, value in case.want.items() if key != name})


def _outcome(check: Check, case: Case) -> object:
    try:
        finding = judged(check, case)
    except ValidationError as error:
        return str(error)
    plan = planned(check, case)
    return finding.verdict, finding.violations, finding.note, plan.steps, plan.refusals
