"""The end of the process ``imagegate``: quick, and with nothing left out that anybody would miss."""

import os
import subprocess
import sys

import pytest

MAIN = "from imagegate.console import main; main()"


def run(*words, before=""):
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{MAIN}", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), ([], 4), (["audti"], 4), (["policy"], 4)])
def test_the_exit_code_is_that_of_the_command(words, code):
    assert run(*words).returncode == code


def test_exit_functions_run_and_all_output_arrives():
    done = run("--help", before="import atexit; atexit.register(print, 'the last word')")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: imagegate")
    assert done.stdout.endswith("the last word\n")


def test_the_interpreter_is_not_taken_apart():
    kept = "class Kept:\n    def __del__(self): print('taken apart')\nkept = Kept()"
    assert "taken apart" not in run("--version", before=kept).stdout


def test_a_thread_that_is_under_way_is_waited_for():
    slow = "import threading; threading.Timer(0.3, lambda: print('done', flush=True)).start()"
    done = run("--version", before=slow)
    assert done.returncode == 0
    assert done.stdout.endswith("done\n")


def test_output_that_is_lost_at_the_very_end_is_told_as_python_tells_it():
    full = "import atexit, os; atexit.register(lambda: (os.dup2(os.open('/dev/full', os.O_WRONLY), 1), print('lost')))"
    done = run("--version", before=full)
    assert done.returncode == 120
    assert "No space left" in done.stderr


def test_a_reader_that_has_seen_enough():
    process = subprocess.Popen([sys.executable, "-c", MAIN, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) in {0, 2}  # 0: it was quicker than we were


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_stream_that_was_closed_before_we_began_is_nowhere(number, tmp_path):
    """As some schedulers start their jobs; pytest itself asks its stdout whether it is a terminal."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "policy: empty\nversion: 1\nrules:\n  - for: {instance: {}}\n    require: {linux-machine-id-reset: }\n"
    )
    words = ["audit", "--policy", str(policy), "--report-dir", str(tmp_path / "reports")]
    command = [sys.executable, "-c", MAIN, *words]
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.close({number}); os.execv({command[0]!r}, {command!r})"],
        capture_output=True, text=True, check=False, timeout=60,
        env={name: value for name, value in os.environ.items() if not name.startswith("OS_")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (5, "")
    assert bool(done.stdout) is (number != 1)
    assert (tmp_path / "reports" / "latest" / "report.json").is_file()


def test_a_user_that_the_system_does_not_know_and_that_has_no_home(tmp_path):
    """As containers are run with; openstacksdk looks for its files at home, whichever file it is told to read."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\nversion: 1\nrules:\n  - for: {image: {}}\n    require: {catalog-image-protected: }\n")
    homeless = "import os, pwd\nos.environ.pop('HOME', None)\ndef getpwuid(uid): raise KeyError(uid)\npwd.getpwuid = getpwuid"
    done = run("audit", "--policy", str(policy), "--cloud", "nowhere", before=homeless)
    assert done.returncode == 4
    assert "unknown cloud 'nowhere'" in done.stderr
