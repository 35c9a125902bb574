"""The journal: on disk before anything happens, a line at a time."""

import json
import threading

from tests.checks.world import full, instance, scrub

from imagegate.journal import Journal
from imagegate.model import Level

WEB = instance("web")


def lines(path):
    """What a journal holds."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_intent_and_result_are_lines_with_all_that_an_undo_needs(tmp_path):
    path = tmp_path / "runs" / "1" / "journal.jsonl"
    journal = Journal(path)
    journal.intent(WEB, scrub(), full())
    journal.result(WEB, scrub(), state="failed", reason="read-only")
    first, second = lines(path)
    assert first["event"] == "intent"
    assert first["before"] == repr(full())
    assert (second["event"], second["reason"]) == ("failed", "read-only")
    for line in (first, second):
        assert (line["target"], line["name"], line["step"]) == (WEB.key, "web", "scrub /a")
        assert (line["level"], line["undo"]) == (str(Level.DISRUPTIVE), "fill it again")
        assert line["at"].endswith("+00:00")


def test_a_journal_grows_and_never_forgets(tmp_path):
    path = tmp_path / "journal.jsonl"
    for state in ("verified", "failed"):
        Journal(path).result(WEB, scrub(), state=state)
    assert [line["event"] for line in lines(path)] == ["verified", "failed"]


def test_nothing_written_means_no_file_and_no_path_means_nothing_written(tmp_path):
    Journal(tmp_path / "journal.jsonl")
    Journal(None).intent(WEB, scrub(), full())
    assert list(tmp_path.iterdir()) == []


def test_lines_of_several_threads_do_not_mix(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    together = threading.Barrier(4)

    def work(number):
        together.wait(60)
        for _ in range(10):
            journal.result(WEB, scrub(summary=f"{number}" * 500), state="verified")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = sorted(line["step"][0] for line in lines(tmp_path / "journal.jsonl"))
    assert steps == sorted("0123" * 10)


def test_a_line_is_flushed_to_disk_before_the_write_goes_on(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("imagegate.journal.os.fsync", synced.append)
    Journal(tmp_path / "journal.jsonl").intent(WEB, scrub(), full())
    assert len(synced) == 1


def test_foreign_text_stays_one_line(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.result(WEB, scrub(summary="a\nb\u2028c"), state="failed", reason="\x00\r\n")
    [line] = lines_strict(tmp_path / "journal.jsonl")
    assert (line["step"], line["reason"]) == ("a\nb\u2028c", "\x00\r\n")


def lines_strict(path):
    """Lines as JSON-lines readers see them: only a line feed ends one."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
