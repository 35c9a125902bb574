"""What became of a fail between two runs, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.golden import cases
from tests.unit.runs.made import finding, pair, place, run, view

from imagegate.model import Kind, Target
from imagegate.report.stored import document_of
from imagegate.result import Result
from imagegate.runs.brief import briefs_of, briefs_of_records
from imagegate.runs.compare import Comparison, Gap, Pair, compare

U = pair("a/u")
OTHER = {"b/v": "pass"}


def compared(before: Result, after: Result) -> Comparison[Pair]:
    return compare(view(before), view(after), place)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("fail", "fail", "same"),
        ("fail m1, m2", "fail m2, m1", "same"),
        ("fail m1", "fail m2", ("changed", ("subjects",), True)),
        ("fail m1", "fail m1, m2", ("changed", ("subjects",), True)),
        ("fail m1, m2", "fail m2", ("changed", ("subjects",), False)),
        ("fail", "waived", ("changed", ("waiver",), False)),
        ("waived", "fail", ("changed", ("waiver",), True)),
        ("waived m1", "fail m2", ("changed", ("subjects", "waiver"), True)),
        ("waived", "waived", None),
        ("waived", "pass", None),
        ("pass", "waived", None),
        ("pass", "fail", ("new", Gap.IN_ORDER)),
        ("n/a", "fail", ("new", Gap.IN_ORDER)),
        ("fixed", "fail", ("new", Gap.IN_ORDER)),
        ("unknown", "fail", ("new", Gap.NOT_SEEN)),
        ("attested", "fail", ("new", Gap.NOT_SEEN)),
        (None, "fail", ("new", Gap.TARGET_GONE)),
        ("fail", "pass", ("left", Gap.IN_ORDER)),
        ("fail", "n/a", ("left", Gap.IN_ORDER)),
        ("fail", "fixed", ("left", Gap.IN_ORDER)),
        ("fail", "unknown", ("left", Gap.NOT_SEEN)),
        ("fail", "attested", ("left", Gap.NOT_SEEN)),
        ("fail", None, ("left", Gap.TARGET_GONE)),
        ("pass", "pass", None),
        ("unknown", "unknown", None),
    ],
)
def test_what_became_of_it(before: str | None, after: str | None, kind: Any) -> None:
    spec = [{**({} if word is None else {"a/u": word}), **OTHER} for word in (before, after)]
    old, now = run(1, spec[0]), run(2, spec[1])
    found = compared(old, now)
    subjects = {b.fingerprint: b.subjects for each in (old, now) for b in briefs_of(each.findings)}
    told: Any = None
    if U in found.same:
        told = "same"
    elif U in found.changed:
        told = ("changed", found.changed[U].what, found.changed[U].worse(lambda problem: subjects[str(problem)]))
    elif U in found.new:
        told = ("new", found.new[U])
    elif U in found.left:
        told = ("left", found.left[U])
    assert told == kind
    assert (U in found.resolved) is (kind == ("left", Gap.IN_ORDER))


LOST = (replace(cases.catalog("images", "KR1"), complete=False),)
TWICE = (*LOST, cases.catalog("images", "KR1"))
ELSEWHERE = (cases.catalog("images", "KR2"),)
SERVERS = (cases.catalog("servers", "KR1"),)


@pytest.mark.parametrize(
    ("after", "more", "gap"),
    [
        # the target is not there
        (OTHER, {}, Gap.TARGET_GONE),
        (OTHER, {"catalogs": (replace(cases.catalog("images", "kr1")),)}, Gap.TARGET_GONE),
        (OTHER, {"catalogs": LOST}, Gap.NOT_SEEN),
        (OTHER, {"catalogs": TWICE}, Gap.NOT_SEEN),
        (OTHER, {"catalogs": ELSEWHERE}, Gap.NOT_SEEN),
        (OTHER, {"catalogs": SERVERS}, Gap.NOT_SEEN),
        (OTHER, {"catalogs": ()}, Gap.NOT_SEEN),
        (OTHER, {"deselected": 1}, Gap.NOT_SEEN),
        (OTHER, {"interrupted": True}, Gap.NOT_SEEN),
        (OTHER, {"command": "gate"}, Gap.NOT_SEEN),
        (OTHER, {"command": "capture"}, Gap.NOT_SEEN),
        # the target is there, the check was not judged
        ({"b/u": "pass"}, {}, Gap.NOT_REQUIRED),
        ({"b/u": "fail"}, {}, Gap.NOT_REQUIRED),
        ({"b/u": "unknown"}, {}, Gap.NOT_REQUIRED),
        ({"b/u": "pass"}, {"command": "gate"}, Gap.NOT_REQUIRED),
        ({"b/u": "pass"}, {"deselected": 1}, Gap.NOT_SEEN),
        ({"b/u": "pass"}, {"interrupted": True}, Gap.NOT_SEEN),
        # nothing was judged at all
        ({}, {}, Gap.TARGET_GONE),
        ({}, {"catalogs": LOST}, Gap.NOT_SEEN),
    ],
)
def test_what_was_not_looked_at_is_never_called_resolved(after: Any, more: dict[str, Any], gap: Gap) -> None:
    found = compared(run(1, {"a/u": "fail", **OTHER}), run(2, after, **more))
    assert found.left[U] is gap
    assert found.resolved == ()


@pytest.mark.parametrize(
    ("target", "gap"),
    [
        (Target(kind=Kind.POLICY, id="golden", name="golden"), Gap.NOT_REQUIRED),
        (Target(kind=Kind.INSTANCE, id="root", name="root", guest="root"), Gap.NOT_SEEN),
    ],
)
def test_targets_that_no_catalog_lists(target: Target, gap: Gap) -> None:
    before = run(1, [replace(finding("a/u", "fail"), target=target)])
    assert list(compared(before, run(2, OTHER)).left.values()) == [gap]


def test_pairs_that_could_not_be_judged_any_more_and_again() -> None:
    before = run(1, {"a/u": "pass", "a/v": "fail", "a/w": "unknown", "a/x": "unknown", "a/y": "unknown"})
    after = run(2, {"a/u": "unknown", "a/v": "attested", "a/w": "pass", "a/x": "fail", "a/y": "unknown"})
    found = compared(before, after)
    assert sorted(found.unseen) == sorted([pair("a/u"), pair("a/v")])
    assert sorted(found.seen) == sorted([pair("a/w"), pair("a/x")])


def test_of_two_findings_about_a_pair_the_later_one_counts() -> None:
    twice = run(2, [finding("a/u", "fail"), finding("a/u", "pass")])
    assert compared(run(1, {"a/u": "fail"}), twice).resolved == (U,)


@pytest.mark.parametrize("case", cases.CASES)
def test_a_stored_report_gives_the_briefs_of_the_run(case: str) -> None:
    made = cases.CASES[case]()
    assert [*briefs_of_records(document_of(made).findings)] == [*briefs_of(made.findings)]


