"""The harness itself: a table that leaves something open, or a check that breaks its word, does not get through."""

from dataclasses import fields, replace

import pytest
from pydantic import Field
from tests.checks.harness import (
    ByHand,
    Fails,
    Fixes,
    Incomplete,
    NotApplicable,
    Passes,
    Refuses,
    Table,
    Unknown,
    given,
    wrong,
)  # fmt: skip
from tests.checks.world import EMPTY, Scrub, a_file, full, scrub, toy

from imagegate.model import Fix, Kind, Level, Note, Refusal, Violation
from imagegate.params import Params
from imagegate.steps import Manual

A, B = a_file("/a"), a_file("/b")
CLEAN, DIRTY = given({A: EMPTY}), given({A: full()})
PASS = Passes(name="empty", seen=CLEAN)
FAIL = Fails(name="full", seen=DIRTY, violations=(wrong("/a", "0 bytes", "7 bytes"),))
FIX = Fixes(name="full", seen=DIRTY, steps=(("scrub /a", Level.DISRUPTIVE),))
TOY = toy(fix=Fix.ALWAYS, effort=Level.DISRUPTIVE)
GOOD = (PASS, FAIL, FIX)


def table(*cases, record=TOY) -> Table:
    """A table of a toy check."""
    return Table(record.id, cases, record=record)


def run_all(of: Table) -> None:
    """Everything that pytest would run."""
    of.assert_complete()
    for case in (*of.cases, *of._generated()):
        of.run(case)


def planning(*steps, fix=Fix.SOMETIMES, effort=Level.MANUAL):
    """A toy check with a plan of one's own."""
    return toy(steps=list(steps), fix=fix, effort=effort)


def test_a_good_table_gets_through():
    run_all(table(*GOOD))


@pytest.mark.parametrize(
    ("cases", "problem"),
    [
        ((FAIL, FIX), "no case passes"),
        ((PASS, FIX), "no case fails"),
        ((PASS, replace(FAIL, violations=()), FIX), "states no violation"),
        ((PASS, FAIL), "no case shows a fix"),
        ((PASS, FAIL, replace(FIX, steps=())), "states no step"),
        ((*GOOD, replace(PASS, seen=given({A: full(0)}, at=DIRTY.at.replace(hour=1)))), "two cases are called"),
        ((*GOOD, replace(PASS, name="empty again")), "are the same case"),
        ((*GOOD, Passes(name="both", seen=given({A: EMPTY, B: EMPTY}))), "facts of file:/b"),
        ((*GOOD, Passes(name="nothing", seen=given({}))), "does not say what file:/a shows"),
        ((*GOOD, NotApplicable(name="x", seen=DIRTY, reason="y")), "belong to checks with applies"),
        ((*GOOD, Refuses(name="x", seen=DIRTY, reasons=("y",))), "always fixed, but a case shows when not"),
        ((*GOOD, Refuses(name="x", seen=DIRTY, reasons=())), "states no reason"),
    ],
)  # fmt: skip
def test_a_table_that_leaves_something_open_is_incomplete(cases, problem):
    with pytest.raises(Incomplete, match=problem):
        table(*cases).assert_complete()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fix": Fix.SOMETIMES}, "no case shows when not"),
        ({"fix": Fix.NEVER, "effort": Level.MANUAL}, "it is never fixed"),
        (
            {"effort": Level.DESTRUCTIVE},
            "declares the effort destructive, but the highest step of the cases is disruptive",
        ),
        ({"uses": (B,)}, "no case makes the check read file:/b"),
        ({"needs": (B,)}, "reads file:/a without declaring it"),
        ({"applies": lambda seen, want: None}, "belong to checks with applies"),
    ],
)
def test_a_declaration_that_no_case_shows_makes_the_table_incomplete(change, problem):
    with pytest.raises(Incomplete, match=problem):
        table(*GOOD, record=replace(TOY, **change)).assert_complete()


class Limit(Params):
    """A parameter."""

    most: int = Field(0)
    """Bytes."""


def limited(evaluate):
    """The toy check with a parameter."""

    def plan(seen, want):
        if list(evaluate(seen, want)):
            yield scrub()

    return replace(TOY, params=Limit, evaluate=evaluate, plan=plan)


def heeds(seen, want):
    """Judge by the parameter."""
    if seen[A].size > want.most:
        yield Violation(subject="/a", expected="0 bytes", actual="7 bytes")


def ignores(seen, want):
    """Judge whatever the parameter says."""
    yield from heeds(seen, Limit())


def test_a_parameter_that_no_case_sets_makes_the_table_incomplete():
    with pytest.raises(Incomplete, match="the parameter most decides no case"):
        table(*GOOD, record=limited(heeds)).assert_complete()


def test_a_parameter_that_is_set_but_decides_nothing_makes_the_table_incomplete():
    cases = (*GOOD, Fails(name="set", seen=DIRTY, want={"most": 9}, violations=FAIL.violations))
    with pytest.raises(Incomplete, match="the parameter most decides no case"):
        table(*cases, record=limited(ignores)).assert_complete()


def test_a_parameter_that_decides_a_case_is_covered():
    run_all(table(*GOOD, Passes(name="set", seen=DIRTY, want={"most": 7}), record=limited(heeds)))


@pytest.mark.parametrize(
    "case",
    [
        replace(PASS, seen=DIRTY),
        replace(FAIL, seen=CLEAN),
        replace(PASS, note="a note that is not there"),
        replace(FAIL, violations=(wrong("/a", "0 bytes", "8 bytes"),)),
        replace(FAIL, violations=(*FAIL.violations, *FAIL.violations)),
        replace(FAIL, violations=(wrong("/a", "0 bytes", "7 bytes", "a hint that is not there"),)),
        replace(FAIL, note="a note that is not there"),
        replace(FIX, steps=(("scrub /a", Level.SAFE),)),
        replace(FIX, steps=(("scrub /b", Level.DISRUPTIVE),)),
        replace(FIX, steps=(*FIX.steps, *FIX.steps)),
        Refuses(name="x", seen=DIRTY, reasons=("whatever",)),
        NotApplicable(name="x", seen=DIRTY, reason="whatever"),
        Unknown(name="x", seen=DIRTY, reason="whatever"),
        Unknown(name="x", seen=DIRTY.without(A, "silence"), reason="whatever"),
        ByHand(name="x", seen=DIRTY, steps=FIX.steps, left=("/a",)),
    ],
)  # fmt: skip
def test_a_case_that_does_not_hold_fails(case):
    with pytest.raises(AssertionError):
        table(case).run(case)


MANUAL = Manual(subject="/a", summary="empty it by hand", why="nobody else can")


@pytest.mark.parametrize(
    ("check", "case"),
    [
        (planning(), FAIL),  # a fail about which the plan says nothing
        (planning(scrub(), fix=Fix.NEVER), FAIL),  # a check that is never fixed, but plans a step
        (planning(scrub("/a", file=B)), FIX),  # a step on a fact that was not seen
        (planning(scrub(), Refusal(subject="/a", reason="no")), FIX),  # acts and refuses at once
        (planning(MANUAL), replace(FIX, steps=(("empty it by hand", Level.MANUAL),))),  # a person's work as a fix
    ],
)
def test_a_check_that_breaks_its_word_fails(check, case):
    with pytest.raises(AssertionError):
        table(case, record=check).run(case)


def test_a_planner_that_plans_though_nothing_is_wrong_fails():
    with pytest.raises(AssertionError, match="plans though nothing is wrong"):
        table(PASS, record=planning(scrub())).run(PASS)


def test_a_fix_that_changes_nothing_fails():
    class Idle(Scrub):
        __slots__ = ()

        def simulate(self, seen):
            return seen

    idle = Idle(**{field.name: getattr(scrub(), field.name) for field in fields(Scrub)})
    with pytest.raises(AssertionError, match="changes nothing"):
        table(FIX, record=planning(idle)).run(FIX)


def test_a_fix_after_which_the_check_still_fails_does_not_get_through():
    def stubborn(seen, want):
        yield Violation(subject="/a", expected="0 bytes", actual="full forever")

    with pytest.raises(AssertionError):
        table(FIX, record=replace(TOY, evaluate=stubborn)).run(FIX)


def test_a_plan_that_never_ends_does_not_get_through():
    with pytest.raises(AssertionError, match="planning again does not end"):
        table(FIX, record=planning(scrub())).run(FIX)


def test_a_check_that_changes_its_facts_fails():
    def vandal(seen, want):
        seen._observations.clear()
        yield Note(text="gone")

    case = replace(PASS, note="gone")
    with pytest.raises(AssertionError, match="changed the facts"):
        table(case, record=toy(steps=[], evaluate=vandal)).run(case)


def test_the_unknown_cases_are_made_for_each_needed_probe_and_each_case():
    made = list(table(*GOOD)._generated())
    assert [case.title for case in made] == [
        "unknown: passes: empty, but file:/a is unseen", "unknown: fails: full, but file:/a is unseen",
    ]  # fmt: skip


def test_a_check_that_is_green_without_a_look_fails_the_cases_that_are_made():
    blind = replace(TOY, needs=(), uses=(A,), evaluate=lambda seen, want: iter(()))
    [case, *_] = list(table(*GOOD)._generated())
    with pytest.raises(AssertionError):
        table(*GOOD, record=blind).run(case)


UNSEEN = Unknown(name="silent", seen=DIRTY.without(A, "silence"), reason="silence", by_hand=("empty it by hand",))


def attestable(*steps, effort=Level.MANUAL):
    """A toy check about what only a person can see."""
    return replace(planning(*steps, fix=Fix.NEVER, effort=effort), attestable=True)


def test_a_check_that_can_be_attested_tells_a_person_what_to_do_though_nothing_was_seen():
    table(UNSEEN, record=attestable(MANUAL)).run(UNSEEN)


@pytest.mark.parametrize(
    "record",
    [
        planning(MANUAL),  # it cannot be attested: nobody is told anything
        attestable(),
        attestable(MANUAL, replace(MANUAL, summary="and something else")),
        attestable(replace(MANUAL, summary="do something else")),
    ],
)
def test_a_check_that_tells_a_person_something_else_fails(record):
    with pytest.raises(AssertionError):
        table(UNSEEN, record=record).run(UNSEEN)


def test_the_toy_is_about_instances():
    assert TOY.kind is Kind.INSTANCE
