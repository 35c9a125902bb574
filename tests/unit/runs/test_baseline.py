"""A run against a stored one: what is new, since when, and what it means for the exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden import cases
from tests.unit.runs.made import finding, keep, pair, run, run_head

from imagegate.baseline import Baseline, Change
from imagegate.errors import UsageError
from imagegate.model import RemedyState, Severity
from imagegate.report.stored import document_of
from imagegate.report.words import EXIT_WORDS, meaning
from imagegate.result import ExitCode, Result
from imagegate.runs.baseline import against, load_base
from imagegate.runs.history import difference, find
from imagegate.runs.store import ask

LOST = (replace(cases.catalog("images", "KR1"), complete=False),)


def compared(folder: Path, result: Result, name: str = "latest") -> Result:
    base = load_base(folder, name, policy=result.policy.name, command=result.command)
    return replace(result, baseline=against(base, run_head(result), result.findings))


def changes(result: Result) -> dict[str, tuple[str, bool, str | None]]:
    assert result.baseline is not None
    return {
        f"{check.split('-')[1]}/{'-uvwxyz'[int(key[-6])]}": (str(since.change), since.worse, since.first_seen)
        for (check, key), since in result.baseline.fails.items()
    }


DAY = "2026-11-0{}T08:00:00.000Z".format


def test_what_is_new_changed_and_the_same_and_since_when(tmp_path: Path) -> None:
    keep(tmp_path, run(1, {"a/u": "fail", "a/v": "fail m1", "a/w": "pass", "b/u": "fail m1, m2", "c/u": "waived"}))
    now = run(2, {"a/u": "fail", "a/v": "fail m1, m2", "a/w": "fail", "b/u": "fail m2", "c/u": "fail", "a/x": "fail",
                  "b/x": "waived", "c/x": "unknown"})  # fmt: skip
    made = compared(tmp_path, now)
    assert changes(made) == {
        "a/u": ("same", False, DAY(2)),
        "a/v": ("changed", True, DAY(2)),
        "a/w": ("new", True, DAY(3)),
        "b/u": ("changed", False, DAY(2)),  # what is left of it stood before
        "c/u": ("changed", True, DAY(2)),  # its waiver ended
        "a/x": ("new", True, DAY(3)),
    }
    head = document_of(made).head["baseline"]
    assert head["counts"] == {"new": 2, "resolved": 0, "changed": 3, "same": 1}
    told = {f["target"]["name"][-1] + f["check"][8]: (f.get("change"), f.get("first_seen"))
            for f in document_of(made).findings}  # fmt: skip
    assert told["ua"] == ("same", DAY(2))
    assert told["xb"] == told["xc"] == (None, None)


def test_what_is_resolved_and_what_only_left(tmp_path: Path) -> None:
    keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail", "a/v": "fail", "a/w": "fail", "b/w": "fail m"}))
    made = compared(tmp_path, run(4.5, {"a/u": "pass", "a/v": "unknown", "b/w": "waived m"}))
    head = document_of(made).head["baseline"]
    assert head["run"] == run(2).run_id
    assert head["finished"] == DAY(3)
    assert [(each["check"], each["first_seen"], each["resolved_after_s"]) for each in head["resolved"]] == [
        ("catalog-a-ok", DAY(2), 3.5 * 86_400)
    ]
    assert [(each["target"]["name"], each["why"]) for each in head["not_resolved"]] == [
        ("golden-v", "not-seen"), ("golden-w", "not-required"),
    ]  # fmt: skip
    assert head["counts"] == {"new": 0, "resolved": 1, "changed": 0, "same": 0}


def test_time_to_fix_ends_with_the_first_run_that_saw_it_in_order(tmp_path: Path) -> None:
    first, *_ = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}), run(3, {"a/u": "pass"}))
    made = compared(tmp_path, run(9, {"a/u": "pass"}), name=first)
    assert made.baseline is not None
    assert [each.resolved_after_s for each in made.baseline.resolved] == [86_400.0]


def test_a_clock_that_went_back_tells_no_time_to_fix(tmp_path: Path) -> None:
    keep(tmp_path, run(9, {"a/u": "fail"}))
    made = compared(tmp_path, run(2, {"a/u": "pass"}))
    assert made.baseline is not None
    assert [each.resolved_after_s for each in made.baseline.resolved] == [None]


def test_a_problem_that_came_back_is_first_seen_when_it_came_back(tmp_path: Path) -> None:
    first, *_ = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}), run(3, {"a/u": "fail"}))
    assert changes(compared(tmp_path, run(5, {"a/u": "fail"}), name=first)) == {"a/u": ("same", False, DAY(4))}


@pytest.mark.parametrize(
    ("before", "counts_as_new"),
    [
        ([run(1, {"a/u": "fail"})], False),
        ([run(1, {"a/u": "unknown"})], True),
        ([run(1, {"a/u": "attested"})], True),
        ([run(1, {"b/u": "pass"})], True),
        ([run(1, {})], True),
        ([run(1, {"b/u": "pass"}, catalogs=LOST)], True),
        # latest is the last complete one of the same policy and command
        ([run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}, complete=False)], False),
        ([run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}, policy="other")], False),
        ([run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}, command="gate")], False),
        ([run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"})], True),
        ([run(1, {"a/u": "fail"}, complete=False)], True),
        ([], True),
    ],
)
def test_what_the_baseline_had_not_seen_counts_as_new(
    before: list[Result], *, counts_as_new: bool, tmp_path: Path
) -> None:
    keep(tmp_path, *before)
    made = compared(tmp_path, replace(run(5, {"a/u": "fail"}), fail_on_new=True))
    assert (changes(made)["a/u"][0] == "new") is counts_as_new
    assert made.exit_code == (ExitCode.FAIL if counts_as_new else ExitCode.COMPLIANT)


def test_without_a_run_to_compare_with_all_is_new_and_that_is_said(tmp_path: Path) -> None:
    made = compared(tmp_path / "reports", run(1, {"a/u": "fail", "a/v": "pass"}))
    assert changes(made) == {"a/u": ("new", True, DAY(2))}
    head = document_of(made).head["baseline"]
    assert head == {
        "run": None, "finished": None, "counts": {"new": 1, "resolved": 0, "changed": 0, "same": 0}, "resolved": [],
        "not_resolved": [],
    }  # fmt: skip
    assert not (tmp_path / "reports").exists()


def test_with_a_tilde_latest_is_the_same_as_without(tmp_path: Path) -> None:
    """The runs of another policy have no say, though the link names one of them."""
    one, two, *_ = keep(
        tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "pass"}), run(3, {}, complete=False), run(4, {}, policy="other")
    )
    for name, meant in {"latest": two, "latest~0": two, "latest~1": one, "20261102": one}.items():
        head = load_base(tmp_path, name, policy="golden", command="audit").head
        assert head is not None
        assert head.id == meant, name


@pytest.mark.parametrize(("name", "why"), [("nope", "there is no run nope"), ("latest~1", "there are 0 runs")])
def test_any_other_name_must_be_that_of_a_run(name: str, why: str, tmp_path: Path) -> None:
    keep(tmp_path, run(1, {"a/u": "fail"}))
    with pytest.raises(UsageError, match=why):
        load_base(tmp_path, name, policy="golden", command="audit")


words = st.sampled_from(("fail", "fail m1", "fail m1, m2", "waived", "pass", "n/a", "unknown", "attested", "fixed"))
specs = st.dictionaries(st.sampled_from(("a/u", "a/v", "b/u", "c/w")), words)


@given(specs, specs, st.booleans())
def test_the_report_agrees_with_diff(tmp_path_factory: Any, before: Any, after: Any, lost: bool) -> None:
    folder = tmp_path_factory.mktemp("runs")
    keep(folder, run(1, before))
    made = replace(run(2, after, **({"catalogs": LOST} if lost else {})), fail_on_new=True)
    made = compared(folder, made)
    keep(folder, made)
    found = ask(
        folder, lambda i, g: difference(i, *(find(i, g, folder, n) for n in (run(1).run_id, run(2).run_id)), same=True)
    )
    assert made.baseline is not None
    told = {(f["check"], f["target"]["id"], f["change"], f["first_seen"])
            for f in document_of(made).findings if "change" in f}  # fmt: skip
    classes = {"new": found.new, "changed": [e for e in found.changed if not e.fail.waived], "same": found.same}
    assert told == {
        (e.problem.check, e.problem.target.id, name, e.span.since if e.span else None)
        for name, entries in classes.items() for e in entries
    }  # fmt: skip
    assert len(made.baseline.resolved) + len(made.baseline.not_resolved) == len(found.left)
    stands = made.exit_code is ExitCode.FAIL
    assert stands is found.worse


# the exit code

OLD = finding("a/u", "fail")
NEW = finding("a/v", "fail")
LOW = finding("c/v", "fail")
UNKNOWN = finding("a/w", "unknown")
BROKEN = replace(finding("a/u", "fail"), remedy=replace(OLD.remedy, state=RemedyState.FAILED))


def judged(*findings: Any, **more: Any) -> Result:
    known = Baseline(run="x", finished=cases.NOW, fails={pair("a/u"): since(Change.SAME), pair("b/u"): since(
        Change.CHANGED)})  # fmt: skip
    scope = {"catalogs": more.pop("catalogs")} if "catalogs" in more else {}
    return replace(run(1, list(findings), **scope), **{"baseline": known, "fail_on_new": True, **more})


def since(change: Change, *, worse: bool = False) -> Any:
    from imagegate.baseline import Since

    return Since(change=change, worse=worse, first_seen=None)


@pytest.mark.parametrize(
    ("result", "code", "says"),
    [
        (judged(OLD), 0, "nothing new fails (--fail-on-new); 1 old fail stands: it proves no compliance"),
        (judged(OLD, finding("b/u", "fail")), 0, "2 old fails stand: it proves no compliance"),
        (judged(finding("a/u", "pass")), 0, EXIT_WORDS[ExitCode.COMPLIANT]),
        (judged(OLD, NEW), 1, "a new fail stands (--fail-on-new); 1 old fail stands as well"),
        (judged(NEW), 1, "a fail stands"),
        (judged(OLD, fail_on_new=False), 1, "a fail stands"),
        (judged(OLD, baseline=None), 1, "a fail stands"),
        # it hides no unknown and no 11
        (judged(OLD, UNKNOWN), 10, "no new fail stands (--fail-on-new; 1 old fail stands), but something could not"),
        (judged(NEW, UNKNOWN), 1, "a fail stands"),
        (judged(OLD, catalogs=LOST), 10, "no new fail stands"),
        (judged(OLD, UNKNOWN, max_unknown=1), 0, "1 old fail stands"),
        (judged(BROKEN), 11, "a fix failed"),
        (judged(OLD, limit="3 targets"), 11, "a limit"),
        (judged(OLD, owed=("x",)), 11, "a fix failed"),
        (judged(OLD, interrupted=True), 2, "interrupted"),
        (judged(), 5, "nothing was judged"),
        # and goes with --fail-on
        (judged(LOW, fail_on=Severity.MEDIUM), 0, "what stands is tolerated"),
        (judged(OLD, LOW, fail_on=Severity.MEDIUM), 0, "1 old fail stands"),
        (judged(OLD, LOW), 1, "a new fail stands"),
    ],
)
def test_exit_code_and_meaning(result: Result, code: int, says: str) -> None:
    assert result.exit_code == code
    assert says in meaning(result)


def test_a_policy_version_of_any_size_costs_no_run(tmp_path: Path) -> None:
    made = run(1, {"a/u": "fail"})
    keep(tmp_path, replace(made, policy=replace(made.policy, version=10**30)))
    assert changes(compared(tmp_path, run(2, {"a/u": "fail"})))["a/u"][0] == "same"
