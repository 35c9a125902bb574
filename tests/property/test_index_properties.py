"""The index says what the reports say, whatever the order in which it hears of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.runs.made import keep, pair, place, rows, run, run_head, view

from imagegate.report.words import utc
from imagegate.result import Result
from imagegate.runs.baseline import Base
from imagegate.runs.baseline import _loaded as loaded
from imagegate.runs.brief import briefs_of
from imagegate.runs.compare import compare
from imagegate.runs.history import comparison
from imagegate.runs.index import Index, Stat
from imagegate.runs.packing import pack, unpack
from imagegate.runs.scan import look, sync

PAIRS = ("a/u", "a/v", "b/u", "c/w")
words = st.sampled_from(("fail", "fail m1", "fail m1, m2", "waived", "pass", "n/a", "unknown", "attested", "fixed"))
specs = st.dictionaries(st.sampled_from(PAIRS), words)


def results(least: int, most: int) -> st.SearchStrategy[list[Result]]:
    """Runs of two policies, each on a day of its own."""
    parts = st.tuples(specs, st.sampled_from(("golden", "other")), st.sampled_from(("audit", "gate")), st.booleans())
    return st.lists(parts, min_size=least, max_size=most).map(
        lambda parts: [
            run(day, spec, policy=policy, command=command, deselected=int(partial))
            for day, (spec, policy, command, partial) in enumerate(parts)
        ]
    )


def add(index: Index, result: Result) -> None:
    index.add(run_head(result), briefs_of(result.findings), Stat(size=1, changed=1))


def filled(results_: list[Result]) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        index = Index(connection)
        index.create()
        waiting = list(results_)
        while waiting:  # as sync does: newer ones that had to go come again
            for one in waiting:
                add(index, one)
            there = index.known()
            waiting = sorted((one for one in results_ if one.run_id not in there), key=lambda one: one.finished)
        return rows(connection)


@given(results(1, 6), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_come_does_not_matter(made, random):
    shuffled = list(made)
    random.shuffle(shuffled)
    assert filled(shuffled) == filled(made)


@given(results(1, 7))
def test_times_of_problems_are_those_that_the_runs_tell(made):
    expected: dict[tuple[str, str], list[list[str | None]]] = {}
    for each in made:
        seen, at = view(each), utc(each.finished)
        for key in map(pair, PAIRS):
            spans = expected.setdefault((each.policy.name, *key), [])
            is_open = bool(spans) and spans[-1][1] is None
            if key in seen.fails and not is_open:
                spans.append([at, None])
            elif key in seen.good and is_open:
                spans[-1][1] = at
    told = [row for row in filled(made) if len(row) == 5]
    assert told == sorted((*key, *span) for key, spans in expected.items() for span in spans)


@given(results(2, 4))
def test_comparing_by_numbers_is_comparing_by_names(made):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        index = Index(connection)
        index.create()
        for each in made:
            if each.policy.name == made[0].policy.name:
                add(index, each)
        same = [each for each in made if each.policy.name == made[0].policy.name]
        first, last = same[0], same[-1]
        found = comparison(index, run_head(first), run_head(last))
        names = {
            number: (check, key)
            for number, check, key in connection.execute(
                'SELECT pairs.id, checks.name, targets.key FROM pairs JOIN checks ON checks.id = pairs."check" '
                "JOIN targets ON targets.id = pairs.target"
            )
        }
        plain = compare(view(first), view(last), place)
        assert {names[key] for key in found.same} == set(plain.same)
        assert {names[key]: gap for key, gap in found.new.items()} == plain.new
        assert {names[key]: gap for key, gap in found.left.items()} == plain.left
        assert {names[key]: c.what for key, c in found.changed.items()} == {k: c.what for k, c in plain.changed.items()}
        base: Base = loaded(index, run_head(first), {})
        assert base.view is not None
        assert (base.view.fails, base.view.good, base.view.blind, base.view.scope) == (
            view(first).fails, view(first).good, view(first).blind, view(first).scope,
        )  # fmt: skip


@settings(max_examples=10)
@given(results(1, 4))
def test_what_is_made_of_the_reports_is_what_the_runs_wrote(tmp_path_factory, made):
    folder: Path = tmp_path_factory.mktemp("runs")
    keep(folder, *made)
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        written = rows(connection)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        index = Index(connection)
        index.create()
        assert sync(index, folder) == {}
        assert rows(connection) == written
        assert index.known() == look(folder).reports


@given(st.lists(st.integers(0, 2**31 - 1), max_size=60))
def test_packed_numbers_come_back(numbers):
    assert unpack(pack(numbers)) == numbers
