"""Captures and proofs as commands: what signals come to while the work is ended, told and written down."""

from __future__ import annotations

import importlib
import itertools
import json
import signal
import threading

import pytest
from tests.unit.openstack.test_capture import NAME, POLICY, volumes  # noqa: F401 - a fixture
from tests.unit.openstack.test_prove import Guests, fact, nova  # noqa: F401 - likewise

from imagegate.cli import main
from imagegate.runs import retention

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def strike():
    """``strike(number, "module:name", …)``: each call of these sends the signal, before it begins and when it has ended.

    ``times``: only so often. ``since``: only from the first call of this on, which is one of them. ``strike.end()``: no more.
    """
    patch = pytest.MonkeyPatch()

    def put(number, *places, times=10**6, since=None):
        left, armed = itertools.repeat(None, times), [since is None]

        def hit():
            for _ in itertools.islice(left, int(armed[0])):
                signal.raise_signal(number)

        def struck(function, place):
            def call(*args, **more):
                armed[0] |= place == since
                hit()
                result = function(*args, **more)
                hit()
                return result

            return call

        for place in places:
            module, _, name = place.partition(":")
            owner = importlib.import_module(module)
            *path, name = name.split(".")
            for each in path:
                owner = getattr(owner, each)
            patch.setattr(owner, name, struck(getattr(owner, name), place))

    put.end = patch.undo
    yield put
    patch.undo()


REPORT = (
    "imagegate.report.write:write_file", "imagegate.report.write:_point", "imagegate.report.write:_remember",
    "imagegate.commands.prove:render_result",
)  # fmt: skip


@pytest.fixture
def told(tmp_path, capsys):
    """Run a command; its exit code and its report, which is whole."""

    def run(*argv):
        reports = tmp_path / "reports"
        handlers = [signal.getsignal(number) for number in BOTH]
        code = main([*argv, "--report-dir", str(reports)])
        assert [signal.getsignal(number) for number in BOTH] == handlers
        shown = capsys.readouterr()
        assert not [*reports.glob(".*"), *reports.glob("*/.*")], "nothing is left half-written"
        assert (reports / "latest").is_symlink(), shown.err
        report = json.loads((reports / "latest" / "report.json").read_text())
        assert report["run"]["exit_code"] == code, shown.err
        return code, report, shown

    return run


@pytest.fixture
def capture(volumes, told, tmp_path):  # noqa: F811
    (tmp_path / "policy.yaml").write_text(POLICY)
    begin = ["capture", "web-01", "--name", NAME, "--policy", str(tmp_path / "policy.yaml"), "--timeout", "3"]

    def run(*argv):
        return told(*(argv or begin))

    return run


@pytest.mark.parametrize("number", BOTH)
def test_a_capture_that_is_told_hears_no_signal(capture, strike, number):
    strike(number, "imagegate.capture:tell", *REPORT, since="imagegate.capture:tell")
    code, report, _ = capture()
    assert (code, report["capture"]["stage"], report["capture"]["left"]) == (0, "done", None)
    assert len(report["findings"]) == 4


@pytest.mark.parametrize("number", BOTH)
def test_a_capture_that_is_interrupted_is_told_whatever_comes_then(capture, strike, volumes, number):  # noqa: F811
    strike(number, "imagegate.capture_image:Wait.until_active", "imagegate.capture:left_behind", "imagegate.capture:tell", *REPORT)
    code, report, shown = capture()
    run, story = report["run"]["id"], report["capture"]
    assert (code, story["stage"], report["run"]["interrupted"]) == (2, "gate", True), shown.err
    assert volumes.bodies == []
    assert f"imagegate capture --resume {run}" in shown.err


@pytest.mark.parametrize("number", BOTH)
def test_what_the_gate_saw_is_told_when_the_signal_comes_right_behind_it(capture, strike, volumes, number):  # noqa: F811
    strike(number, "imagegate.run:Run._result", times=1)
    code, report, _ = capture()
    assert (code, report["capture"]["stage"], volumes.bodies) == (2, "gate", [])
    assert [finding["verdict"] for finding in report["findings"]] == ["pass"]


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_while_the_image_is_waited_for_and_more_while_that_is_told(capture, strike, number):
    wait = "imagegate.capture_image:Wait._is_active"
    strike(number, wait, "imagegate.capture:left_behind", "imagegate.capture:tell", *REPORT, since=wait)
    code, report, _ = capture()
    assert (code, report["capture"]["stage"]) == (2, "made")
    strike.end()
    code, report, _ = capture("capture", "--resume", "latest")
    assert (code, report["capture"]["stage"]) == (0, "done")


@pytest.fixture
def prove(nova, told, monkeypatch):  # noqa: F811
    guests = Guests(a=fact(1), b=fact(2))
    monkeypatch.setattr("imagegate.transports.guests.Guests", guests)
    argv = ["prove", "golden", "--cloud", "fake", "--region", "KR1", "--flavor", "f-1", "--address-from", "metadata:ip"]
    return lambda *more: told(*argv, *more)


@pytest.mark.parametrize("number", BOTH)
def test_a_proof_that_is_told_hears_no_signal(prove, strike, nova, number):  # noqa: F811
    strike(number, "imagegate.prove:tell", *REPORT)
    code, report, _ = prove()
    assert (code, report["prove"]["left"], nova.servers) == (0, [], [])


@pytest.mark.parametrize("number", BOTH)
def test_a_proof_that_is_interrupted_removes_its_servers_and_tells(prove, strike, nova, number):  # noqa: F811
    strike(number, "imagegate.prove:Proof._look", "imagegate.prove:tell", *REPORT)
    code, report, shown = prove()
    assert (code, report["prove"]["left"], nova.servers) == (2, [], []), shown.err


@pytest.mark.parametrize("number", BOTH)
def test_the_second_signal_of_a_removal_leaves_behind_what_is_there_and_names_it(prove, strike, nova, number):  # noqa: F811
    strike(number, "imagegate.prove_servers:delete_server", "imagegate.prove:tell", *REPORT)
    code, report, shown = prove()
    (left,) = nova.servers
    assert code == 11
    assert [one["id"] for one in report["prove"]["left"]].count(left["id"]) == 1
    assert "once more to leave it behind" in shown.err


@pytest.mark.parametrize("number", BOTH)
def test_hooks_that_do_not_answer_are_what_a_signal_ends(prove, monkeypatch, number):
    done = threading.Event()

    def deliver(*_):
        signal.pthread_kill(threading.main_thread().ident, number)
        done.wait(30)

    monkeypatch.setenv("HOOK", "https://hooks.example.com/x")
    monkeypatch.setattr("imagegate.notify.run.deliver", deliver)
    code, _, shown = prove("--notify", "json:env:HOOK", "--notify-on", "always")
    done.set()
    assert code == 0
    assert ": interrupted" in shown.err.splitlines()[-1]


def test_what_captures_and_proofs_leave_is_known_to_retention(capture, prove, tmp_path):
    """A file that it does not know is taken for somebody's, and keeps the run for ever."""
    assert [run()[0] for run in (capture, prove)] == [0, 0]
    folders = [each for each in (tmp_path / "reports").glob("*Z-*") if not each.is_symlink()]
    names = {path.name for folder in folders for path in folder.iterdir()}
    assert names - retention._OURS == set()
    assert {"capture.json", "prove.json", "report.json"} <= names
