"""Names of runs, the trend, and what the commands history and diff say."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from tests.golden import cases
from tests.unit.runs.made import CHECKS, finding, keep, run

from imagegate.commands import diff, history
from imagegate.errors import UsageError
from imagegate.model import Severity
from imagegate.report import difference as told
from imagegate.report.lines import show
from imagegate.report.past import Context
from imagegate.report.stored import document_of
from imagegate.report.trend import sparkline, trend_lines
from imagegate.report.write import with_past
from imagegate.runs.history import PAST, find, trend
from imagegate.runs.store import ask

LOST = (replace(cases.catalog("images", "KR1"), complete=False),)
RUNS = (
    run(1, {"a/u": "fail", "b/u": "fail m1", "a/v": "pass"}),
    run(2, {"a/u": "fail", "b/u": "fail m1, m2", "a/v": "unknown"}, complete=False, catalogs=LOST),
    run(3, {"a/u": "pass", "b/u": "fail m2", "a/v": "fail"}),
    run(4, {"b/u": "fail m2"}, command="gate"),
    run(5, {"a/u": "fail"}, policy="other"),
    run(6, {"b/u": "fail m2", "a/v": "pass"}),
)
ONE, TWO, THREE, GATE, OTHER, SIX = (each.run_id for each in RUNS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(tmp_path, *RUNS)
    return tmp_path


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*words: str) -> tuple[int, str]:
        command, *rest = words
        code = {"history": history, "diff": diff}[command].main([*rest, "--report-dir", str(folder)])
        out, err = capsys.readouterr()
        return code, out + err

    return call


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("latest", SIX),
        ("latest~0", SIX),
        ("latest~1", THREE),  # of the same policy and command
        ("latest~3", ONE),
        (GATE, GATE),
        (f"{SIX}~2", TWO),
        ("20261103", TWO),
        (GATE[:-5], GATE),
        ("20261104T07~1", TWO),
    ],
)
def test_names_of_runs(name: str, meant: str, folder: Path) -> None:
    assert ask(folder, lambda index, ignored: find(index, ignored, folder, name)).head.id == meant


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nope", f"there is no run nope in .* \\(the newest there: {SIX}, "),
        ("2026110", "2026110 is the beginning of 6 runs"),
        ("", "there is no run  in"),
        ("~1", "there is no run  in"),
        ("latest~4", "there are 3 runs of audit with the policy golden before"),
        (f"{GATE}~1", "there are 0 runs of gate"),
        ("latest~99999999", "there is no run latest~99999999"),
        ("%", "there is no run %"),
        ("20261101T000000Z-dead", "run 20261101T000000Z-dead in .* cannot be read: .*no report"),
        ("a\nb~1", "there is no run"),
    ],
)
def test_names_of_no_run(name: str, why: str, folder: Path) -> None:
    (folder / "20261101T000000Z-dead").mkdir()
    with pytest.raises(UsageError, match=why):
        ask(folder, lambda index, ignored: find(index, ignored, folder, name))


def test_latest_is_what_the_link_says_and_else_the_newest(folder: Path) -> None:
    link = folder / "latest"
    link.unlink()
    link.symlink_to(THREE)
    assert ask(folder, lambda i, g: find(i, g, folder, "latest")).head.id == THREE
    link.unlink()
    assert ask(folder, lambda i, g: find(i, g, folder, "latest")).head.id == SIX
    link.symlink_to("nowhere")
    assert ask(folder, lambda i, g: find(i, g, folder, "latest")).head.id == SIX


def test_each_run_is_compared_with_the_last_complete_one_of_its_kind(folder: Path) -> None:
    points = {p.row.head.id: p for p in ask(folder, lambda index, _: trend(index, policy=None, limit=None))}
    assert {run_id: point.base for run_id, point in points.items()} == {
        ONE: None, TWO: ONE, THREE: ONE, GATE: None, OTHER: None, SIX: THREE,
    }  # fmt: skip
    deltas = {run_id: (p.delta.new, p.delta.changed, p.delta.same, p.delta.resolved)
              for run_id, p in points.items() if p.delta is not None}  # fmt: skip
    assert deltas == {TWO: (0, 1, 1, 0), THREE: (1, 1, 0, 1), SIX: (0, 0, 1, 1)}
    again = ask(folder, lambda index, _: trend(index, policy=None, limit=None))
    assert [*points.values()] == again
    assert [p.row.standing for p in again][-1] == {"critical": 1, "high": 1, "medium": 0, "low": 0}


def test_history_is_a_table_the_newest_first(said: Callable[..., tuple[int, str]]) -> None:
    code, text = said("history")
    rows = [line.split() for line in text.splitlines()]
    assert code == 0
    assert [row[0] for row in rows[1:]] == [SIX, OTHER, GATE, THREE, TWO, ONE]
    when = ["2026-11-04", "08:00", "audit", "golden"]
    assert rows[4][1:] == [*when, "yes", "1", "1", "1", "0", "0", "0", "2/2", "1", "1"]
    assert rows[5][5:] == ["no", str(RUNS[1].exit_code.value), "1", "1", "0", "0", "1", "2/2", "0", "0"]
    assert "▁" not in text
    assert said("history", "--policy", "other", "--limit", "1")[1].splitlines()[1].startswith(OTHER)
    assert said("history", "--policy", "nobody")[1] == "no run is kept here yet\n"


def test_history_as_json_has_all_of_it(said: Callable[..., tuple[int, str]], folder: Path) -> None:
    (folder / "20261101T000000Z-dead").mkdir()
    code, text = said("history", "--json", "--limit", "2")
    made = json.loads(text)
    assert (code, [each["id"] for each in made["runs"]]) == (0, [SIX, OTHER])
    assert made["ignored"] == [
        {"run": "20261101T000000Z-dead", "reason": "it has no report: it was killed, or is still at work"}
    ]
    assert made["runs"][0] == {
        "id": SIX, "command": "audit", "policy": {"name": "golden", "version": 1, "digest": "sha256:" + "ab" * 32},
        "started": "2026-11-07T07:59:00.000Z", "finished": "2026-11-07T08:00:00.000Z", "complete": True,
        "exit_code": 1, "targets": {"selected": 2, "seen": 2},
        "counts": {"pass": 1, "fail": 1, "unknown": 0, "not-applicable": 0, "waived": 0, "fixed": 0, "attested": 0},
        "standing": {"critical": 0, "high": 1, "medium": 0, "low": 0},
        "since": {"run": THREE, "new": 0, "changed": 0, "same": 1, "resolved": 1},
    }  # fmt: skip


def test_runs_that_are_ignored_are_counted_and_on_request_named(
    said: Callable[..., tuple[int, str]], folder: Path
) -> None:
    assert "without a report" not in said("history")[1]
    (folder / "20261101T000000Z-dead").mkdir()
    assert said("history")[1].endswith("1 run without a report that can be read: --ignored names them\n")
    assert "ignored 20261101T000000Z-dead: it has no report" in said("history", "--ignored")[1]


def terminal(width: int, folder: Path) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, no_color=True, _environ={})
    points = ask(folder, lambda index, _: trend(index, policy=None, limit=None))
    show(trend_lines(points, width=width, bars=True), console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [200, 90, 80])
def test_a_terminal_gets_a_table_that_fits_and_bars(width: int, folder: Path) -> None:
    lines = terminal(width, folder).replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "").splitlines()
    assert max(map(len, lines)) <= width
    assert sum(ONE in each for each in lines) == 1
    assert any("golden, audit: ██" in each and each.endswith("2 → 1 fail that stands") for each in lines)
    assert ("ended (UTC)" in lines[0]) is (width == 200)
    assert all(name in lines[0] for name in ("crit", "new", "fixed"))


@pytest.mark.parametrize(
    ("values", "bars"), [([0, 0], "▁▁"), ([0, 7], "▁█"), ([1, 2, 4, 8], "▂▃▅█"), ([5], "█"), ([0, 10**9], "▁█")]
)
def test_sparkline(values: list[int], bars: str) -> None:
    assert sparkline(values) == bars


def test_diff_in_words(said: Callable[..., tuple[int, str]]) -> None:
    code, text = said("diff", ONE, THREE)
    assert code == 1
    assert text == f"""\
from {ONE} audit, policy golden version 1, 2026-11-02 08:00
to   {THREE} audit, policy golden version 1, 2026-11-04 08:00

new 1
  critical catalog-a-ok, image golden-v nhn/KR1 00000002-aaaa  {print_of('a/v', 'fail')}
    protected
    it was in order

changed 1
  high catalog-b-ok, image golden-u nhn/KR1 00000001-aaaa  {print_of('b/u', 'fail m2')}
    - m1
    + m2
    first seen 2026-11-02

resolved 1
  critical catalog-a-ok, image golden-u nhn/KR1 00000001-aaaa  {print_of('a/u', 'fail')}
    protected
    first seen 2026-11-02, fixed after 2 d

exit code 1: something stands that did not
"""


def print_of(pair: str, word: str) -> str:
    (record,) = document_of(run(1, {pair: word})).findings
    return str(record["fingerprint"])


@pytest.mark.parametrize(
    ("words", "code", "says", "says_not"),
    [
        ((THREE, SIX), 0, ["resolved 1", "still there 1 (-v", "nothing new stands"], ["new 1", "not seen"]),
        ((THREE, SIX, "-v"), 0, ["still there 1\n", "first seen 2026-11-02"], ["(-v lists"]),
        (("latest", "latest"), 0, ["still there 1"], ["new 1", "changed 1", "resolved"]),
        ((), 0, [f"from {THREE}", f"to   {SIX}"], []),
        (("latest~2",), 0, [f"from {TWO}", f"to   {SIX}"], []),
        ((ONE, TWO), 1, ["changed 1", "+ m2", "1 pair of check and target could be judged before"], ["resolved"]),
        ((TWO, ONE), 0, ["- m2", "1 pair of check and target were unknown"], ["new 1"]),
        ((THREE, GATE), 0, ["not seen 1"], ["resolved", "gone"]),
        ((SIX, THREE), 1, ["new 1"], ["fixed after"]),
        ((OTHER, SIX), 1, ["two policies", "no longer required 1"], ["resolved"]),
        (("nope", "latest"), 4, ["there is no run nope"], []),
        (("latest", "latest", "latest"), 4, ["unrecognized"], []),
    ],
)
def test_diff_says_and_ends_with(
    words: tuple[str, ...], code: int, says: list[str], says_not: list[str], said: Callable[..., tuple[int, str]]
) -> None:
    try:
        ended, text = said("diff", *words)
    except UsageError as error:
        ended, text = 4, str(error)
    assert ended == code, text
    for each in says:
        assert each in text
    for each in says_not:
        assert each not in text


def test_diff_as_json_has_every_class_and_the_time_to_fix(said: Callable[..., tuple[int, str]]) -> None:
    code, text = said("diff", "--json", ONE, THREE)
    made = json.loads(text)
    assert (code, made["worse"]) == (1, True)
    assert made["counts"] == {
        "new": 1, "changed": 1, "resolved": 1, "not_seen": 0, "target_gone": 0, "not_required": 0, "same": 0,
        "pairs_unknown_now": 0, "pairs_known_now": 0,
    }  # fmt: skip
    assert made["resolved"][0]["resolved_after_s"] == timedelta(days=2).total_seconds()
    assert made["resolved"][0]["first_seen"] == "2026-11-02T08:00:00.000Z"
    assert made["new"][0]["because"] == "in-order"
    assert made["new"][0]["first_seen"] == "2026-11-04T08:00:00.000Z"
    changed = made["changed"][0]
    assert (changed["what"], changed["worse"], changed["subjects"], changed["before"]["subjects"]) == (
        ["subjects"], True, ["m2"], ["m1"],
    )  # fmt: skip
    same = json.loads(said("diff", "--json", ONE, TWO)[1])["same"]
    assert [(each["check"], each["target"]["name"]) for each in same] == [("catalog-a-ok", "golden-u")]


def test_diff_tells_of_severities_and_waivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raised = replace(finding("c/u", "fail"), check=replace(CHECKS["c"], severity=Severity.HIGH))
    keep(tmp_path, run(1, {"c/u": "fail", "a/u": "waived", "a/v": "fail"}),
         run(2, [raised, finding("a/u", "fail"), finding("a/v", "waived")]))  # fmt: skip
    assert diff.main(["--report-dir", str(tmp_path)]) == 1
    text = capsys.readouterr().out
    for each in ("severity low before, high now", "waived before, and no more", "waived now"):
        assert text.count(each) == 1


def test_long_lists_are_cut_and_with_verbose_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        replace(finding("a/u", "fail"), target=cases.image(f"golden-{number:04}", number)) for number in range(250)
    ]
    keep(tmp_path, run(1, {"b/v": "pass"}), run(2, found))
    assert diff.main(["--report-dir", str(tmp_path)]) == 1
    short = capsys.readouterr().out
    assert "… and 50 more (-v lists all)" in short
    assert diff.main(["-v", "--report-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("golden-0") == 250


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (3_600, "1 h"), (90_061, "1 d 1 h"), (86_400 * 1200 + 5, "1,200 d 5 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert told.duration(seconds) == words


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    for each in (history, diff):
        with pytest.raises(UsageError, match="there is no such folder"):
            each.main(["--report-dir", str(tmp_path / "nowhere")])


def test_hostile_names_are_inert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = replace(cases.hostile(), run_id="20261120T000000Z-aaaa", policy=replace(cases.hostile().policy))
    keep(tmp_path, replace(hostile, finished=hostile.finished - timedelta(days=3), findings=[], complete=True,
                           run_id="20261119T000000Z-aaaa"), hostile)  # fmt: skip
    for each in (history, diff):
        each.main(["--report-dir", str(tmp_path)])
        shown = capsys.readouterr().out
        assert shown
        assert all(char.isprintable() or char == "\n" for char in shown)


def test_renderers_are_told_of_the_runs_before_of_the_same_kind(folder: Path) -> None:
    warnings: list[str] = []
    context = with_past(Context(), folder, document_of(RUNS[-1]), warnings.append)
    assert [each.run_id for each in context.past] == [ONE, TWO, THREE]
    assert [sum(each.standing.values()) for each in context.past] == [2, 2, 2]
    assert context.past[1].complete is False
    assert with_past(context, folder, document_of(RUNS[0]), warnings.append) is context
    assert warnings == []


def test_of_many_runs_before_the_newest_are_told(tmp_path: Path) -> None:
    keep(tmp_path, *(run(day / 100, {"a/u": "fail"}, mark=f"{day:04x}") for day in range(PAST + 5)))
    context = with_past(Context(), tmp_path, document_of(run(90)), print)
    assert len(context.past) == PAST
    assert context.past[-1].run_id.endswith(f"{PAST + 4:04x}")
