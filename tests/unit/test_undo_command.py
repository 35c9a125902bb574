"""``imagegate undo``: the plan, the question, the reports, the exit code."""

import io
import json
import os
import signal
import sys
import time

import pytest
from tests.checks.world import World
from tests.unit.test_undo import GOLDEN, RUN, Past, add, truth

from imagegate import cli
from imagegate.journal_reader import read_journal
from imagegate.probes import IMAGE, MEMBERS
from imagegate.runs.undos import read_undos
from imagegate.steps import protection
from imagegate.undo_run import Undo

PROTECT = protection(protected=True, why="w")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A run added a member and protected an image; the command line finds it in reports/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    run = Past(tmp_path / "reports" / RUN / "journal.jsonl", truth()).did(add("p-new")).did(PROTECT)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    monkeypatch.setattr(Undo, "_ask_clouds", lambda self, clouds, targets: world)
    return world


def report(tmp_path):
    [path] = (tmp_path / "reports").glob("*/undo.json")
    return json.loads(path.read_text()), path.parent


def test_yes_takes_back_and_reports(world, tmp_path, capsys):
    assert cli.main(["undo", RUN, "--yes"]) == 0
    out = capsys.readouterr().out
    assert out.index("1. disruptive allow deletion") < out.index("2. disruptive remove member p-new")
    assert out.index("remove member p-new") < out.index(f"undo of {RUN}: 2 changes: 2 taken back")
    assert world.truth[GOLDEN.key][MEMBERS].members == ()
    told, folder = report(tmp_path)
    assert (told["run"]["command"], told["run"]["exit_code"], told["counts"]["taken-back"]) == ("undo", 0, 2)
    assert f"report reports/{folder.name}" in out or f"report {folder}" in out
    assert (folder / "undo.txt").read_text() in out
    assert len(read_journal(folder / "journal.jsonl").entries) == 2
    (kept,) = read_undos(tmp_path / "reports")  # as retention knows it
    assert (kept.id, kept.of, kept.good) == (folder.name, RUN, {1, 2})
    assert world.closed == 1


def test_without_a_terminal_the_plan_is_shown_and_nothing_is_done(world, capsys):
    assert cli.main(["undo", RUN]) == 4
    shown = capsys.readouterr()
    assert "allow deletion" in shown.out
    assert "--yes takes it back" in shown.err
    assert world.applied == []


@pytest.mark.parametrize(("answer", "code", "steps"), [("y\n", 0, 2), ("yes\n", 0, 2), ("n\n", 11, 0), ("\n", 11, 0), ("", 11, 0)])
def test_on_a_terminal_it_asks(world, monkeypatch, answer, code, steps):
    screen = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stdout", screen)
    assert cli.main(["undo", RUN]) == code
    assert "Take back 2 changes on 1 target? [y/N]" in screen.getvalue()
    assert len(world.applied) == steps


def test_what_was_not_confirmed_is_told(world, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    monkeypatch.setattr("sys.stdout", Terminal())
    assert cli.main(["undo", RUN]) == 11
    assert {change["reason"] for change in report(tmp_path)[0]["changes"]} == {"not confirmed"}


def test_there_is_nothing_to_ask_where_nothing_is_left_to_do(world, capsys):
    assert cli.main(["undo", RUN, "--yes"]) == 0
    world.applied.clear()
    assert cli.main(["undo", RUN]) == 0
    assert "2 as before" in capsys.readouterr().out
    assert world.applied == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_the_step_and_reports(world, tmp_path, number):
    before = signal.getsignal(signal.SIGTERM)

    def strike(target, step):
        os.kill(os.getpid(), number)
        time.sleep(0.5)  # the main thread hears of it while it waits for this step

    world.on_apply = strike
    assert cli.main(["undo", RUN, "--yes"]) == 2
    told, _ = report(tmp_path)
    assert told["run"]["interrupted"] is True
    assert told["counts"]["taken-back"] >= 1
    assert told["counts"]["failed"] == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_comes_when_all_is_done_costs_no_report(world, tmp_path, monkeypatch, number):
    before, result = signal.getsignal(number), Undo._result

    def late(self, *args, **more):
        os.kill(os.getpid(), number)
        return result(self, *args, **more)

    monkeypatch.setattr(Undo, "_result", late)
    assert cli.main(["undo", RUN, "--yes"]) == 0
    told, _ = report(tmp_path)
    assert (told["counts"]["taken-back"], told["run"]["interrupted"]) == (2, False)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["undo"], "RUN"),
        (["undo", "nope", "--yes"], f"the newest there: {RUN}"),
        (["undo", "latest", "--yes"], "name the one you mean"),
        (["undo", RUN, "--look-timeout", "0"], "no time to wait"),
        (["undo", RUN, "--lock-timeout", "-1"], "no time to wait"),
        (["undo", RUN, "--yes", "--inventory", "none.yaml"], "none.yaml"),
        (["undo", RUN, "--colud", "x"], "--colud"),
    ],
)
def test_usage_errors_are_4(world, capsys, argv, words):
    assert cli.main(argv) == 4
    assert words in capsys.readouterr().err
    assert world.applied == []


def test_a_journal_that_cannot_be_read_is_4_with_its_line(world, tmp_path, capsys):
    path = tmp_path / "reports" / RUN / "journal.jsonl"
    path.write_text("{}\n" + path.read_text())
    assert cli.main(["undo", RUN, "--yes"]) == 4
    assert "journal.jsonl:1: this is no line of a journal: v is missing" in capsys.readouterr().err
    assert world.applied == []


def test_a_report_that_cannot_be_written_is_told_and_what_was_done_is_shown(world, tmp_path, monkeypatch, capsys):
    def full(result, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("imagegate.commands.undo.write_undo", full)
    assert cli.main(["undo", RUN, "--yes"]) == 4
    shown = capsys.readouterr()
    assert "2 taken back" in shown.out
    assert "No space left" in shown.err


def test_it_is_in_the_help(capsys):
    assert cli.main(["undo", "--help"]) == 0
    assert "newest first" in capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    assert "undo " in capsys.readouterr().out
    assert "imagegate.commands.undo" in sys.modules
