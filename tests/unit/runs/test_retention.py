"""What goes, and what never does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden import cases
from tests.unit.runs.made import FIRST, afresh, keep, rows, run, run_head

from imagegate.capture_state import State, write_state
from imagegate.commands import history
from imagegate.journal import JOURNAL, Journal
from imagegate.model import Facts, Kind, Level, Phase, Seen, Target
from imagegate.prove_state import Made, ProveState, write_prove
from imagegate.report.write import busy
from imagegate.runs.brief import RunHead
from imagegate.runs.keeping import pruned_after
from imagegate.runs.retention import Keep, beyond, prune
from imagegate.runs.store import ask
from imagegate.steps import EmptyFile, SetProtected

NOW = FIRST + timedelta(days=10)


def removed(folder: Path, keep_: Keep, **more: bool) -> tuple[list[str], dict[str, str]]:
    pruned = ask(folder, lambda index, _: prune(index, folder, keep_, now=NOW, **more))
    assert pruned.failed == {}
    return [*pruned.removed], dict(pruned.kept)


def runs_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


@pytest.fixture
def five(tmp_path: Path) -> list[str]:
    return keep(tmp_path, *(run(day, {"a/u": "fail"}) for day in range(5)))


@pytest.mark.parametrize(
    ("keep_", "gone"),
    [
        (Keep(), 0),
        (Keep(runs=5), 0),
        (Keep(runs=2), 3),
        (Keep(runs=1), 4),
        (Keep(days=100), 0),
        (Keep(days=8), 2),
        (Keep(days=0), 4),  # the newest complete one is the next one's baseline
        (Keep(runs=4, days=7), 1),
        (Keep(runs=1, days=7), 3),  # what either keeps is kept
        (Keep(days=10**9), 0),
    ],
)
def test_rules(keep_: Keep, gone: int, five: list[str], tmp_path: Path) -> None:
    planned, _ = removed(tmp_path, keep_, dry_run=True)
    assert runs_of(tmp_path) == five
    assert removed(tmp_path, keep_) == (planned, {})
    assert planned == five[:gone]
    assert runs_of(tmp_path) == five[gone:]
    assert [row[0] for row in index_rows(tmp_path) if len(row) == 4] == five[gone:]


def index_rows(folder: Path) -> list[tuple[object, ...]]:
    return ask(folder, lambda index, _: rows(index._db))


heads = st.builds(
    lambda number, day, policy, command, complete: run_head(
        run(day, {}, policy=policy, command=command, complete=complete, mark=f"{number:04x}")
    ),
    st.integers(0, 9999), st.integers(0, 12), st.sampled_from("pq"), st.sampled_from(("audit", "gate")), st.booleans(),
)  # fmt: skip


@given(
    st.lists(heads, max_size=12, unique_by=lambda head: head.id),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(0, 12),
)
def test_what_goes_is_old_by_both_rules_and_never_a_baseline(
    made: list[RunHead], runs: int | None, days: int | None
) -> None:
    gone = {head.id for head in beyond(made, Keep(runs=runs, days=days), NOW)}
    if runs is None and days is None:
        assert gone == set()
    for head in made:
        group = [each for each in made if (each.policy, each.command) == (head.policy, head.command)]
        newer = [each for each in group if (each.finished, each.id) > (head.finished, head.id)]
        young = days is not None and NOW - head.finished <= timedelta(days=days)
        first = runs is not None and len(newer) < runs
        base = head.complete and not any(each.complete for each in newer)
        assert (head.id in gone) is not (young or first or base or (runs is None and days is None))


# what must not go

IMAGE_TARGET = Target(kind=Kind.IMAGE, id="1", name="golden", cloud="nhn", region="KR1")
BEFORE = cases.image_facts(IMAGE_TARGET, protected=False)
AFTER = cases.image_facts(IMAGE_TARGET)
PROTECT = SetProtected(
    protected=True, subject="protected", summary="protect the image", level=Level.SAFE, phase=Phase.PROTECTION, why="x"
)
UNPROTECT = SetProtected(
    protected=False, subject="protected", summary="lift", level=Level.DISRUPTIVE, phase=Phase.UNPROTECT, why="x"
)
EMPTY = EmptyFile(file=cases.ETC, subject="/etc/machine-id", summary="empty it", level=Level.DISRUPTIVE,
                  phase=Phase.IDENTITY, why="x")  # fmt: skip
GUEST = Facts({cases.ETC: Seen(value=cases.guest_facts("an id")[cases.ETC], at=cases.NOW)}, cases.NOW)


def journal(folder: Path) -> Journal:
    return Journal(folder / JOURNAL)


def verified(folder: Path) -> None:
    made = journal(folder)
    made.result(made.intent(IMAGE_TARGET, PROTECT, BEFORE), PROTECT, state="verified", after=AFTER)


def refused(folder: Path) -> None:
    made = journal(folder)
    made.result(made.intent(IMAGE_TARGET, PROTECT, BEFORE), PROTECT, state="refused", changed=False)


def no_way_back(folder: Path) -> None:
    made = journal(folder)
    made.result(made.intent(IMAGE_TARGET, EMPTY, GUEST), EMPTY, state="verified")


def taken_back(folder: Path, fate: str = "taken-back", undo: str = "20261111T000000Z-0000") -> None:
    verified(folder)
    undid(folder.parent / undo, folder.name, fate)


def undid(folder: Path, of: str, fate: str) -> None:
    folder.mkdir()
    finished = f"{datetime.strptime(folder.name[:16], '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    record = {"run": {"id": folder.name, "undoes": of, "exit_code": 0, "finished": finished},
              "changes": [{"entry": 1, "fate": fate}]}  # fmt: skip
    (folder / "undo.json").write_text(json.dumps(record))
    (folder / "undo.txt").write_text("")


def undone_again(folder: Path) -> None:
    taken_back(folder)
    undid(folder.parent / "20261111T000001Z-0000", "20261111T000000Z-0000", "taken-back")


def settled(folder: Path) -> None:
    made = journal(folder)
    number = made.intent(IMAGE_TARGET, UNPROTECT, AFTER, owes=PROTECT)
    made.result(number, UNPROTECT, state="verified", after=BEFORE)
    made.settled(number)


def owing(folder: Path) -> None:
    made = journal(folder)
    made.result(made.intent(IMAGE_TARGET, UNPROTECT, AFTER, owes=PROTECT), UNPROTECT, state="verified", after=BEFORE)


def torn(folder: Path) -> None:
    refused(folder)
    with (folder / JOURNAL).open("a") as file:
        file.write('{"v": 1, "event": "int')


def capture(stage: str) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        write_state(folder, State(run=folder.name, stage=stage, instance="x", name="y", policy="p", policy_digest="d"))
        (folder / "capture.lock").write_text("")

    return put


def proof(*, gone: bool) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        server = Made(name="ig-prove-a", asked="2026-11-01T08:00:00Z", id="1", gone=gone)
        write_prove(folder, ProveState(run=folder.name, cloud="c", region="r", image="i", servers=(server,)))
        (folder / "prove.lock").write_text("")

    return put


NEEDED: dict[str, tuple[Callable[[Path], object], str | None, str | None]] = {
    # what lies there; why it is kept; and with --forget-undo
    "nothing more": (lambda folder: None, None, None),
    "a change that can be taken back": (verified, "1 change can still be taken back", None),
    "a change that was refused": (refused, None, None),
    "a change without a way back": (no_way_back, None, None),
    "a change that was taken back": (taken_back, None, None),
    "an undo that failed": (lambda folder: taken_back(folder, "failed"), "1 change can still be taken back", None),
    "an undo that was undone": (undone_again, "1 change can still be taken back", None),
    "a protection that is back": (settled, None, None),
    "a protection that is owed": (owing, "it owes something: lift", "it owes something"),
    "a change without an end": (
        lambda folder: journal(folder).intent(IMAGE_TARGET, PROTECT, BEFORE), "it was killed", "it was killed",
    ),
    "a journal that is torn": (torn, "it was killed", "it was killed"),
    "a journal that is nonsense": (
        lambda folder: (folder / JOURNAL).write_text("nonsense\n"), "is not known", "is not known",
    ),
    "a capture that is done": (capture("done"), None, None),
    "a capture that was refused": (capture("refused"), None, None),
    "a capture that is not done": (capture("asking"), "its capture is not done", "its capture is not done"),
    "a capture that cannot be read": (
        lambda folder: (folder / "capture.json").write_text("{"), "cannot be read", "cannot be read",
    ),
    "a proof that left nothing": (proof(gone=True), None, None),
    "a proof whose server may be there": (proof(gone=False), "1 server that it made may be there", "prove --clean"),
    "a proof that cannot be read": (
        lambda folder: (folder / "prove.json").write_text("{"), "cannot be read", "cannot be read",
    ),
    "what a killed writer left": (lambda folder: (folder / ".report.json.0a1b2c3d.tmp").write_text("x"), None, None),
    "notes of somebody": (lambda folder: (folder / "notes.txt").write_text("x"), "notes.txt lies in it", "notes.txt"),
    "a folder of somebody": (lambda folder: (folder / "more").mkdir(), "more lies in it", "more lies in it"),
    "a link of our name": (
        lambda folder: (folder / "findings.csv").symlink_to("/etc/hostname"), "findings.csv lies in it", "findings.csv",
    ),
    "a folder of our name": (lambda folder: (folder / "undo.txt").mkdir(), "undo.txt lies in it", "undo.txt lies"),
}  # fmt: skip


UNDOS = [f"2026110{day}T120000Z-{day}bbb" for day in (2, 3, 4, 5)]


@pytest.fixture
def undone(tmp_path: Path) -> list[str]:
    """Two runs; the first protected an image, which the first of four undos took back. The others are of other runs."""
    runs = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail"}))
    taken_back(tmp_path / runs[0], undo=UNDOS[0])
    verified(tmp_path / UNDOS[0])
    for undo in UNDOS[1:]:
        undid(tmp_path / undo, "20260101T000000Z-gone", "no-way-back")
    return runs


TOLD = "is still there, and this tells what of it was taken back"


@pytest.mark.parametrize(
    ("keep_", "gone", "kept"),
    [
        (Keep(runs=1), ["run", *UNDOS[1:3]], {UNDOS[0]: "1 change can still be taken back"}),
        (Keep(runs=1, forget_undo=True), ["run", *UNDOS[:3]], {}),
        (Keep(runs=3, forget_undo=True), [], {UNDOS[0]: TOLD}),
        (Keep(runs=3, days=6), [], {UNDOS[0]: TOLD}),
        (Keep(runs=4), [], {}),
        (Keep(days=6, forget_undo=True), ["run", *UNDOS[:3]], {}),
        (Keep(days=0), ["run", *UNDOS[1:]], {UNDOS[0]: "1 change can still be taken back"}),
        (Keep(), [], {}),
    ],
)
def test_undos_go_as_runs_of_their_own_kind(
    keep_: Keep, gone: list[str], kept: dict[str, str], undone: list[str], tmp_path: Path
) -> None:
    wanted = sorted(undone[0] if name == "run" else name for name in gone)
    planned, _ = removed(tmp_path, keep_, dry_run=True)
    found, why = removed(tmp_path, keep_)
    assert sorted(found) == sorted(planned) == wanted
    assert why.keys() == kept.keys()
    assert all(reason in why[name] for name, reason in kept.items())
    assert sorted({*undone, *UNDOS} - {*wanted}) == runs_of(tmp_path)


def test_an_undo_stays_as_long_as_the_run_whose_changes_it_took_back(tmp_path: Path) -> None:
    """Without it that run would be kept for ever: its changes would pass for changes that can be taken back."""
    first, _ = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail"}))
    taken_back(tmp_path / first, undo=UNDOS[0])
    (tmp_path / first / "notes.txt").write_text("x")
    undid(tmp_path / UNDOS[3], "20260101T000000Z-gone", "taken-back")
    gone, kept = removed(tmp_path, Keep(runs=1, forget_undo=True))
    assert (gone, kept[UNDOS[0]]) == ([], f"run {first} {TOLD}")
    (tmp_path / first / "notes.txt").unlink()
    assert removed(tmp_path, Keep(runs=1)) == ([first, UNDOS[0]], {})


def test_who_undid_an_undo_stays_with_it(tmp_path: Path) -> None:
    first, _ = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail"}))
    taken_back(tmp_path / first, undo=UNDOS[0])
    undid(tmp_path / UNDOS[1], UNDOS[0], "failed")
    undid(tmp_path / UNDOS[3], "20260101T000000Z-gone", "failed")
    gone, kept = removed(tmp_path, Keep(runs=1))
    assert gone == []
    assert "1 change can still be taken back" in kept[first]
    assert [kept[undo] for undo in UNDOS[:2]] == [f"run {first} {TOLD}", f"run {UNDOS[0]} {TOLD}"]


NO_UNDOS: dict[str, Callable[[Path], object]] = {
    "nonsense": lambda path: path.write_text("{"),
    "no object": lambda path: path.write_text("[]"),
    "another's": lambda path: path.write_text(path.read_text().replace(UNDOS[0], UNDOS[1])),
    "no time": lambda path: path.write_text(path.read_text().replace("2026-", "never")),
    "a time without a zone": lambda path: path.write_text(path.read_text().replace("000Z", "000")),
    "deep": lambda path: path.write_text("[" * 100_000),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
    "a run that is at work": lambda path: path.unlink(),
}


@pytest.mark.parametrize("what", NO_UNDOS)
def test_what_cannot_be_read_as_an_undo_stays(what: str, tmp_path: Path) -> None:
    for undo in UNDOS[:2]:
        undid(tmp_path / undo, "20260101T000000Z-gone", "taken-back")
    NO_UNDOS[what](tmp_path / UNDOS[0] / "undo.json")
    assert removed(tmp_path, Keep(runs=1)) == ([], {})
    assert runs_of(tmp_path) == UNDOS[:2]


def test_an_undo_that_owes_something_or_was_not_ended_stays(tmp_path: Path) -> None:
    for undo, put in zip(UNDOS, (owing, torn, refused), strict=False):
        undid(tmp_path / undo, "20260101T000000Z-gone", "taken-back")
        put(tmp_path / undo)
    gone, kept = removed(tmp_path, Keep(days=0, forget_undo=True))
    assert gone == [UNDOS[2]]
    assert "it owes something" in kept[UNDOS[0]]
    assert "it was killed" in kept[UNDOS[1]]


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("what", NEEDED)
def test_a_run_that_is_still_needed_stays(what: str, *, forget: bool, tmp_path: Path) -> None:
    first, last = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail"}))
    put, *why = NEEDED[what]
    put(tmp_path / first)
    gone, kept = removed(tmp_path, Keep(runs=1, forget_undo=forget))
    if why[forget] is None:
        assert (gone[0], kept) == (first, {})
        assert not (tmp_path / first).exists()
    else:
        assert gone == []
        assert str(why[forget]) in kept[first]
        assert (tmp_path / first / "report.json").exists()
    assert (tmp_path / last / "report.json").exists()


def test_the_gate_of_a_capture_that_is_not_done_stays(tmp_path: Path) -> None:
    gate = keep(tmp_path, *(run(day, {"a/u": "fail"}, command="gate") for day in (1, 2)))[0]
    renamed = tmp_path / f"{gate}-gate"
    report = json.loads((tmp_path / gate / "report.json").read_text())
    report["run"]["id"] = renamed.name
    (tmp_path / gate / "report.json").write_text(json.dumps(report))
    (tmp_path / gate).rename(renamed)
    capture("made")(tmp_path / gate)
    gone, kept = removed(tmp_path, Keep(runs=1))
    assert (gone, [*kept]) == ([], [renamed.name])
    capture("done")(tmp_path / gate)
    assert removed(tmp_path, Keep(runs=1))[0] == [renamed.name]


def test_the_run_that_latest_names_stays(tmp_path: Path) -> None:
    first, _ = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail"}))
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to(first)
    assert removed(tmp_path, Keep(runs=1)) == ([], {first: "latest names it"})


def test_runs_without_a_report_stay(five: list[str], tmp_path: Path) -> None:
    (tmp_path / five[0] / "report.json").write_text("{")
    (tmp_path / five[1] / "report.json").unlink()
    assert removed(tmp_path, Keep(runs=1)) == (five[2:4], {})


def test_links_in_place_of_runs_are_not_followed(five: list[str], tmp_path: Path) -> None:
    elsewhere = tmp_path.with_name(tmp_path.name + "-elsewhere")
    index = lambda: ask(tmp_path, lambda index, _: index.runs())  # noqa: E731
    assert len(index()) == 5

    def swapped() -> list[str]:
        def question(index: object, _: object) -> list[str]:
            (tmp_path / five[0]).rename(elsewhere)
            (tmp_path / five[0]).symlink_to(elsewhere, target_is_directory=True)
            pruned = prune(index, tmp_path, Keep(runs=4), now=NOW)  # type: ignore[arg-type]
            assert [*pruned.failed] == five[:1]
            return [*pruned.removed]

        return ask(tmp_path, question)

    assert swapped() == []
    assert (elsewhere / "report.json").exists()


HOLD = """
import sys
from pathlib import Path
from imagegate.prove_state import Made, ProveState, write_prove
from imagegate.report.write import busy
with busy(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_another_process_is_at_work_on_stays(five: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / five[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert removed(tmp_path, Keep(runs=4)) == ([], {five[0]: "a process is at work on it"})
        process.communicate("")
    assert removed(tmp_path, Keep(runs=4)) == (five[:1], {})


def test_a_prune_that_was_killed_is_ended_by_the_next(five: list[str], tmp_path: Path) -> None:
    """The report goes last: as long as there are files, there is a report that says whose they are."""
    for name in ("junit.xml", "report.txt"):
        (tmp_path / five[0] / name).unlink()
    assert removed(tmp_path, Keep(runs=4))[0] == five[:1]


def test_since_when_a_problem_is_there_outlives_the_run_that_saw_it_first(five: list[str], tmp_path: Path) -> None:
    before = [row for row in index_rows(tmp_path) if len(row) == 5]
    assert removed(tmp_path, Keep(runs=1))[0]
    assert [row for row in index_rows(tmp_path) if len(row) == 5] == before
    (tmp_path / "index.sqlite").unlink()  # without the index that is forgotten
    assert index_rows(tmp_path) == afresh(tmp_path)
    assert [row for row in index_rows(tmp_path) if len(row) == 5] != before


def test_the_command_says_what_it_removes_and_what_not(
    five: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / five[1] / "notes.txt").write_text("x")
    where = ["--report-dir", str(tmp_path)]
    assert history.main(["prune", "--keep-runs", "3", "--dry-run", *where]) == 0
    assert f"would be removed {five[0]} (0.0 MB)" in capsys.readouterr().out
    assert runs_of(tmp_path) == five
    assert history.main(["prune", "--keep-runs", "3", *where]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        f"removed {five[0]} (0.0 MB)", f"kept {five[1]}: notes.txt lies in it, which imagegate did not write",
        "1 run removed, 0.0 MB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [[], ["--dry-run"], ["--keep-runs", "0"], ["--keep-days", "-1"], ["--keep-runs", "x"], ["--keep", "1"]]
)
def test_mistakes_of_the_command(words: list[str], five: list[str], tmp_path: Path) -> None:
    assert history.main(["prune", *words, "--report-dir", str(tmp_path)]) == 4
    assert runs_of(tmp_path) == five


def test_at_the_end_of_a_run_nothing_is_fatal(five: list[str], tmp_path: Path) -> None:
    said: list[str] = []
    assert pruned_after(tmp_path, None, None, said.append) == 0
    assert runs_of(tmp_path) == five
    assert pruned_after(tmp_path, 3, None, said.append) == 2
    assert runs_of(tmp_path) == five[2:]
    assert pruned_after(tmp_path / five[4] / "report.json", 1, None, said.append) == 0
    assert len(said) >= 1
    assert "old runs were not removed" in said[-1]


def test_busy_copes_with_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr("fcntl.flock", refuse)
    with busy(tmp_path):
        assert keep(tmp_path, run(1))


