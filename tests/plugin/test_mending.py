"""Fixes, the question before them, and interrupts."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from tests.plugin.recordings import image

BAD = image("bad", protected=False, number=1)


def applied(bench):
    path = bench.path / "applied"
    return path.read_text().splitlines() if path.exists() else []


def test_a_fix_is_passed_with_a_word_of_its_own(cloud):
    cloud.record(BAD, image("good", number=2))
    result = cloud.live("--fix", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*bad? FIXED*", "*1 fail (0 waived, 1 fixed)*", "*1 passed, 1 fixed in*"])
    assert len(applied(cloud)) == 1
    assert cloud.report()["counts"]["fixed"] == 1


def test_a_fix_that_does_not_help_is_11(cloud):
    cloud.record(image("stubborn", protected=False))
    assert cloud.live("--fix").ret == 11


def test_without_fix_nothing_is_applied_and_the_next_command_is_said(cloud):
    cloud.record(BAD)
    result = cloud.live()
    assert result.ret == 1
    assert applied(cloud) == []
    result.stdout.fnmatch_lines(["next pytest checks --policy policy.yaml --fix"])


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=2",), ("--sw",)])
def test_fix_goes_with_nothing_that_stops(cloud, options):
    cloud.record(BAD)
    assert cloud.live("--fix", *options).ret == 4
    assert applied(cloud) == []


def on_a_terminal(bench, *more, answer):
    """Run in a pseudo terminal; returns the exit code and what was shown."""
    parent, child = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "checks",
        "--policy",
        "policy.yaml",
        "--fix",
        "-p",
        "no:cacheprovider",
        *more,
    ]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=bench.path, start_new_session=True)
    os.close(child)
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([parent], [], [], 0.2)[0]:
            try:
                chunk = os.read(parent, 4096)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
            if answer and b"[y/N]" in shown:
                os.write(parent, answer)
                answer = b""
        elif process.poll() is not None:
            break
    code = process.wait(10)
    os.close(parent)
    return code, shown.decode()


@pytest.mark.parametrize(("answer", "code", "steps"), [(b"y\n", 0, 1), (b"n\n", 1, 0), (b"\n", 1, 0), (b"\x04", 1, 0)])
def test_on_a_terminal_the_plan_is_shown_and_confirmed(cloud, answer, code, steps):
    cloud.record(BAD)
    ret, shown = on_a_terminal(cloud, answer=answer)
    assert "Apply 1 step on 1 target? [y/N]" in shown
    assert shown.index("protect the image against deletion") < shown.index("[y/N]")
    assert (ret, len(applied(cloud))) == (code, steps)


def test_yes_skips_the_question(cloud):
    cloud.record(BAD)
    ret, shown = on_a_terminal(cloud, "--yes", answer=b"")
    assert "[y/N]" not in shown
    assert ret == 0
    assert len(applied(cloud)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_interrupted_look_is_reported(cloud, number):
    cloud.record(*(image(f"i{n}", number=n) for n in range(40)))
    environment = {**os.environ, "FAKE_SLOW": "0.2", "FAKE_REMOTE": "1"}
    command = [sys.executable, "-m", "pytest", "checks", "--policy", "policy.yaml", "--look-workers=2"]
    heard = ["env", "--default-signal=INT"]  # a shell's `&` makes its children deaf to it
    process = subprocess.Popen(
        [*heard, *command], cwd=cloud.path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    looked = cloud.path / "looked"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (looked.exists() and len(looked.read_text().splitlines()) > 4):
        time.sleep(0.05)
    process.send_signal(number)
    out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 2, out
    report = json.loads(cloud.path.joinpath("reports/latest/report.json").read_text())
    assert report["run"]["complete"] is False
    assert report["run"]["exit_code"] == 2
    assert report["counts"]["pass"] >= 1
    assert report["counts"]["unknown"] >= 1
    assert re.search(r"exit code 2", out)


def test_the_handler_of_sigterm_is_put_back(bench):
    before = signal.getsignal(signal.SIGTERM)
    bench.run()
    assert signal.getsignal(signal.SIGTERM) is before
