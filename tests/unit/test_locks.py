"""One run at a time changes a target, and who comes second says who holds it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.checks.world import Told, instance

from imagegate.errors import StepRefused
from imagegate.locks import Locks

WEB, DB = instance("web"), instance("db")
HOLD = """
import sys, threading, time
from pathlib import Path
from imagegate.locks import Locks
from imagegate.model import Kind, Target
web = Target(kind=Kind.INSTANCE, id="web", name="web", cloud="nhn", region="KR1")
with Locks(Path(sys.argv[1]), run_id="the-first").hold(web, threading.Event()):
    print("held", flush=True)
    time.sleep(600)
"""


def locks(folder, timeout_s=0.0, **more):
    return Locks(folder, run_id="mine", timeout_s=timeout_s, **more)


def free():
    return threading.Event()


class Waits(Told):
    def waiting(self, target, holder):
        self.lines.append((target.id, holder))


@pytest.fixture
def other(tmp_path):
    """Another process that holds web."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_says_who_holds_it(tmp_path, other):
    with pytest.raises(StepRefused) as caught, locks(tmp_path).hold(WEB, free()):
        pytest.fail("two at once")
    words = f"web is being changed by run the-first (pid {other.pid} on "
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith("nothing was written (waited 0 s)")
    assert caught.value.changed is False


def test_another_target_is_free(tmp_path, other):
    with locks(tmp_path).hold(DB, free()):
        pass


def test_a_killed_process_holds_nothing(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with locks(tmp_path).hold(WEB, free()):
        pass


def test_whoever_waits_is_told_for_whom_once_and_gets_it_when_it_is_free(tmp_path, other):
    progress = Waits()
    threading.Timer(0.5, other.kill).start()
    begun = time.monotonic()
    with locks(tmp_path, 30.0, progress=progress).hold(WEB, free()):
        assert time.monotonic() - begun >= 0.4
    [(name, holder)] = progress.lines
    assert (name, holder.startswith("run the-first (pid ")) == ("web", True)


def test_a_wish_to_stop_ends_the_waiting(tmp_path, other):
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    with pytest.raises(StepRefused, match="interrupted while waiting for run the-first"), locks(tmp_path, 60).hold(WEB, cancelled):
        pytest.fail("two at once")


def test_a_lock_tells_about_its_holder_and_leaves_nothing_behind(tmp_path):
    with locks(tmp_path).hold(WEB, free()):
        [file] = tmp_path.iterdir()
        note = json.loads(file.read_text())
        assert (note["target"], note["run"], note["pid"]) == (WEB.key, "mine", os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_frees_it(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locks(tmp_path).hold(WEB, free()):
            raise ZeroDivisionError


def test_threads_of_one_process_keep_apart(tmp_path):
    inside, most = [0], [0]

    def work():
        for _ in range(15):
            with locks(tmp_path, 60.0).hold(WEB, free()):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], inside[0]) == (1, 0)


def test_a_file_that_its_holder_took_away_while_we_waited_is_no_lock(tmp_path, monkeypatch):
    """Else a third one could make a new file, and hold that."""
    real, calls = fcntl.flock, []

    def late(descriptor, how):
        if not calls:
            [file] = tmp_path.iterdir()
            file.unlink()
            file.touch()
        calls.append(how)
        real(descriptor, how)

    monkeypatch.setattr("imagegate.locks.fcntl.flock", late)
    with locks(tmp_path).hold(WEB, free()):
        [file] = tmp_path.iterdir()
        assert json.loads(file.read_text())["run"] == "mine"
    assert len(calls) == 2


def test_a_holder_that_is_just_writing_its_name_is_another_run(tmp_path, other):
    [file] = tmp_path.iterdir()
    file.write_text("")
    with pytest.raises(StepRefused, match="changed by another run of imagegate"), locks(tmp_path).hold(WEB, free()):
        pytest.fail("two at once")


def test_a_folder_that_cannot_be_made_is_a_refusal_with_a_hint(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StepRefused, match="XDG_STATE_HOME"), locks(tmp_path / "file" / "locks").hold(WEB, free()):
        pytest.fail("no lock")


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    with locks(tmp_path).hold(WEB, free()):
        [file] = tmp_path.iterdir()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StepRefused, match="cannot be locked"), locks(tmp_path).hold(WEB, free()):
        pytest.fail("followed")
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_folder_nothing_is_locked():
    with locks(None).hold(WEB, free()), locks(None).hold(WEB, free()):
        pass
