"""The journal: on disk before anything happens, a line at a time; and what is read of it."""

import errno
import json
import threading
from pathlib import Path

import pytest
from tests.checks.world import EMPTY, NOW, a_file, full, instance, scrub

from imagegate.journal import Journal, append
from imagegate.journal_reader import End, JournalError, by_target, journals, read_journal
from imagegate.model import Facts, Kind, Level, Phase, Seen, Target
from imagegate.probes import IMAGE, MEMBERS, ImageFact, MembersFact
from imagegate.steps import AddMember, RemoveMember, SetVisibility, protection

WEB = instance("web")
GOLDEN = Target(
    kind=Kind.IMAGE, id="i-1", name="golden", cloud="nhn", region="KR1", owner="p-owner",
    deployment="image.example.com", seen_from=("web-prod", "nhn"),
)  # fmt: skip
OFF, ON = protection(protected=False, why="w"), protection(protected=True, why="w")


def image(**change):
    """What is seen of an image of ours."""
    fields = {"status": "active", "visibility": "shared", "protected": False, **change}
    fields |= {"properties": (("db", "hunter2"),), "tags": ("hunter2",)}
    fact = ImageFact(id="i-1", name="golden", owner="p-owner", mine=True, **fields)
    looks = {IMAGE: fact, MEMBERS: MembersFact(members=()), a_file("/not-read"): full()}
    return Facts({probe: Seen(value=value, at=NOW) for probe, value in looks.items()}, NOW)


def emptied():
    return Facts({a_file(): Seen(value=EMPTY, at=NOW)}, NOW)


def lines(path):
    """What a journal holds, as JSON-lines readers see it: only a line feed ends a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "20261123T000000Z-abcd" / "journal.jsonl"


def test_intent_and_result_come_back_with_all_that_an_undo_needs(path):
    journal = Journal(path)
    number = journal.intent(GOLDEN, ON, image())
    journal.result(number, ON, state="verified", after=image(protected=True))
    [entry] = read_journal(path).entries
    assert (entry.number, entry.target, entry.step) == (1, GOLDEN, ON)
    assert (entry.target.key, entry.target.seen_from) == (GOLDEN.key, GOLDEN.seen_from)
    assert (entry.summary, entry.undo) == (ON.summary, ON.undo)
    assert set(entry.before) == set(entry.ending.after) == {IMAGE}, "what the step reads, and nothing else"
    assert "hunter2" not in path.read_text(), "people put passwords into properties and tags"
    assert (entry.before[IMAGE].protected, entry.ending.after[IMAGE].protected) == (False, True)
    assert (entry.ending.end, entry.ending.reason, entry.ending.changed) == (End.VERIFIED, None, True)
    assert (entry.owes, entry.restores, entry.in_debt) == (None, None, False)


@pytest.mark.parametrize("changed", [True, False])
def test_a_failure_tells_its_reason_and_whether_anything_changed(path, changed):
    journal = Journal(path)
    journal.result(journal.intent(GOLDEN, ON, image()), ON, state="failed", reason="\x00\r\n\u2028", changed=changed)
    [entry] = read_journal(path).entries
    assert (entry.ending.end, entry.ending.reason, entry.ending.changed) == (End.FAILED, "\x00\r\n\u2028", changed)
    assert entry.ending.after is None


def test_what_has_no_result_is_open(path):
    journal = Journal(path)
    first = journal.intent(GOLDEN, ON, image())
    second = journal.intent(WEB, scrub(), emptied())
    journal.result(first, ON, state="verified", after=image(protected=True))
    history = read_journal(path)
    assert [entry.number for entry in history.open] == [second]
    assert {key: len(entries) for key, entries in by_target(history.entries).items()} == {GOLDEN.key: 1, WEB.key: 1}


def test_a_debt_is_one_until_it_is_settled(path):
    journal = Journal(path)
    number = journal.intent(GOLDEN, OFF, image(protected=True), owes=ON)
    journal.result(number, OFF, state="verified", after=image())
    [debt] = read_journal(path).debts
    assert (debt.owes, journal.name_of(number)) == (ON, "20261123T000000Z-abcd/1")
    back = journal.intent(GOLDEN, ON, image(), restores=journal.name_of(number))
    assert read_journal(path).entries[back - 1].restores == "20261123T000000Z-abcd/1"
    assert read_journal(path).debts, "an intent pays nothing"
    journal.settled(number)
    assert read_journal(path).debts == ()


def test_a_debt_is_there_before_the_protection_is_lifted(path):
    Journal(path).intent(GOLDEN, OFF, image(protected=True), owes=ON)
    assert len(read_journal(path).debts) == 1


def test_a_step_of_a_users_own_check_is_named_at_least(path):
    """This version can neither read nor take it back, and the rest of the journal is not lost by it."""
    Journal(path).intent(WEB, scrub(), emptied())
    [entry] = read_journal(path).entries
    assert (entry.step, entry.summary, entry.undo) == (None, "scrub /a", "fill it again")
    assert entry.before[a_file()] == EMPTY


def test_nothing_written_means_no_file_and_no_path_means_nothing_written(tmp_path):
    Journal(tmp_path / "journal.jsonl")
    nowhere = Journal(None)
    nowhere.result(nowhere.intent(GOLDEN, ON, image()), ON, state="verified", after=image())
    assert list(tmp_path.iterdir()) == []
    assert (nowhere.kept, Journal(tmp_path).kept) == (False, True)


def test_lines_of_several_threads_do_not_mix(path):
    journal = Journal(path)
    together = threading.Barrier(4)

    def work(name):
        together.wait(60)
        step = AddMember(project=name * 500, subject="s", summary="s", level=Level.DISRUPTIVE,
                         phase=Phase.ADD_MEMBERS, why="w")  # fmt: skip
        for _ in range(10):
            journal.result(journal.intent(GOLDEN, step, image()), step, state="verified", after=image())

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = read_journal(path)
    assert sorted(entry.step.project[0] for entry in history.entries) == sorted("abcd" * 10)
    assert history.open == ()


def test_every_line_and_a_new_files_folders_are_flushed_to_disk(path, monkeypatch):
    synced = []
    monkeypatch.setattr("imagegate.journal.os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    journal = Journal(path)
    number = journal.intent(GOLDEN, ON, image())
    assert synced == ["journal.jsonl", path.parent.name, "runs"]
    journal.result(number, ON, state="verified", after=image())
    assert synced[3:] == ["journal.jsonl"]


def test_a_full_disk_is_an_error_and_the_journal_can_be_read_and_goes_on(path, monkeypatch):
    journal = Journal(path)
    journal.intent(GOLDEN, ON, image())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"v": 1, "event": "int')  # what a full disk leaves of a line

    def full_disk(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("imagegate.journal.os.fsync", full_disk)
        with pytest.raises(OSError, match="No space"):
            journal.intent(GOLDEN, OFF, image())
    number = journal.intent(GOLDEN, ON, image())
    journal.result(number, ON, state="verified", after=image())
    entries = read_journal(path).entries
    assert entries[0].number == 1
    assert (entries[-1].number, entries[-1].ending.end) == (number, End.VERIFIED)


def test_what_a_kill_left_of_a_line_does_not_count_and_goes_with_the_next(path):
    Journal(path).intent(GOLDEN, OFF, image(protected=True), owes=ON)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-1])
    history = read_journal(path)
    assert (len(history.entries), history.torn) == (1, True)
    append(path, {"event": "settled", "of": 1, "by": "later"})
    history = read_journal(path)
    assert (len(history.entries), history.torn, history.debts) == (1, False, ())


GOOD = [
    {"v": 1, "event": "intent", "at": "2026-11-23T00:00:00+00:00", "n": 1, "target": {"kind": "image", "id": "i", "name": "n"},
     "step": {"type": "Odd", "summary": "s"}, "before": None},
    {"v": 1, "event": "verified", "at": "2026-11-23T00:00:01+00:00", "of": 1, "after": None, "reason": None, "changed": True},
]  # fmt: skip


def written(path, *records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_good_lines_are_good(path):
    [entry] = read_journal(written(path, *GOOD)).entries
    assert entry.ending.end is End.VERIFIED
    assert (entry.target.deployment, entry.target.seen_from) == (None, ()), "as earlier versions wrote it"


@pytest.mark.parametrize(
    ("records", "line", "words"),
    [
        ([[]], 1, "not an object"),
        ([{**GOOD[0], "v": 2}], 1, "format 2, this imagegate reads 1"),
        ([{**GOOD[0], "v": True}], 1, "v is not of type int"),
        ([{**GOOD[0], "event": "wish"}], 1, "of is missing"),
        ([GOOD[0], {**GOOD[1], "event": "wish"}], 2, "'wish' is not a valid End"),
        ([GOOD[1]], 1, "step 1 was never begun"),
        ([GOOD[0], GOOD[0]], 2, "step 1 after step 1"),
        ([*GOOD, GOOD[1]], 3, "ended twice"),
        ([{**GOOD[0], "at": "2026-11-23T00:00:00"}], 1, "without a zone"),
        ([{**GOOD[0], "target": {"kind": "moon", "id": "i", "name": "n"}}], 1, "moon"),
        ([{**GOOD[0], "target": {"kind": "image", "id": 7, "name": "n"}}], 1, "id is not of type str"),
        ([{**GOOD[0], "target": {**GOOD[0]["target"], "seen_from": "nhn"}}], 1, "seen_from is no list of texts"),
        ([{**GOOD[0], "target": {**GOOD[0]["target"], "seen_from": [7]}}], 1, "seen_from is no list of texts"),
        ([{**GOOD[0], "step": {"type": "SetProtected"}}], 1, "summary is missing"),
        ([{**GOOD[0], "owes": {"type": "Odd"}}], 1, "unknown type 'Odd'"),
        ([GOOD[0], {**GOOD[1], "changed": None}], 2, "changed is not of type bool"),
        ([{**GOOD[0], "before": 7}], 1, "neither an object nor null"),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_names_the_line(path, records, line, words):
    with pytest.raises(JournalError) as caught:
        read_journal(written(path, *records))
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)


def test_a_journal_that_is_not_there_is_an_error(path):
    with pytest.raises(JournalError, match="No such file"):
        read_journal(path)


def test_the_journals_of_a_report_folder_are_those_of_its_runs(tmp_path):
    for run in ("2", "1"):
        written(tmp_path / run / "journal.jsonl", *GOOD)
    (tmp_path / "3").mkdir()
    (tmp_path / "latest").symlink_to("2")
    assert list(journals(tmp_path)) == [tmp_path / "1" / "journal.jsonl", tmp_path / "2" / "journal.jsonl"]


# ---- steps that take others back


@pytest.mark.parametrize(
    "step",
    [ON, OFF,
     SetVisibility(visibility="private", subject="s", summary="x", level=Level.DISRUPTIVE, phase=Phase.VISIBILITY, why="w"),
     AddMember(project="p", subject="s", summary="x", level=Level.DISRUPTIVE, phase=Phase.ADD_MEMBERS, why="w"),
     RemoveMember(project="p", subject="s", summary="x", level=Level.DISRUPTIVE, phase=Phase.REMOVE_MEMBERS, why="w")],
    ids=lambda step: type(step).__name__,
)  # fmt: skip
def test_a_step_and_its_inverse_leave_what_was(step):
    before = image(protected=step is OFF)
    if isinstance(step, RemoveMember):
        before = AddMember(project="p", subject="s", summary="x", level=Level.SAFE, phase=Phase.CONTENT, why="w").simulate(before)
    after = step.simulate(before)
    assert after != before
    assert step.inverse(before).simulate(after) == before
    assert step.inverse(before).done(before)
    assert f"takes back: {step.summary}" == step.inverse(before).why


@pytest.mark.parametrize("visibility", ["public", "community"])
def test_an_undo_opens_no_image_to_everybody(visibility):
    step = SetVisibility(visibility="private", subject="s", summary="x", level=Level.DISRUPTIVE, phase=Phase.VISIBILITY, why="w")
    assert step.inverse(image(visibility=visibility)) is None
    assert "everybody" in step.no_way_back
