"""Limits on child processes."""

from __future__ import annotations

import time

import pytest

from imagegate.transports.linux.process import MAX_OUTPUT, End, run


def sh(text: str, *, stdin: bytes = b"", seconds: float = 10, silence_s: float | None = None):
    return run(["/bin/sh", "-c", text], stdin=stdin, deadline=time.monotonic() + seconds, silence_s=silence_s)


def test_input_output_code() -> None:
    outcome = sh("cat; echo oops >&2; exit 7", stdin=b"\0\xff" * 200_000)
    assert (outcome.end, outcome.code, outcome.stderr) == (End.EXIT, 7, b"oops\n")
    assert outcome.stdout == b"\0\xff" * 200_000
    assert "xff" not in repr(outcome)


def test_input_that_nobody_reads() -> None:
    assert sh("exit 3", stdin=b"x" * 1_000_000).code == 3


@pytest.mark.parametrize(
    "text", ["sleep 30", "sleep 30 & wait", "trap '' TERM INT; sleep 30", "exec >&- 2>&-; sleep 30"]
)
def test_deadline(text: str) -> None:
    began = time.monotonic()
    outcome = sh(text, seconds=0.4)
    assert time.monotonic() - began < 4
    assert outcome.end is End.DEADLINE or "exec" in text


def test_the_whole_group_dies(tmp_path) -> None:
    sh(f"(sleep 1; : > {tmp_path}/late) & sleep 30", seconds=0.2)
    time.sleep(1.2)
    assert not (tmp_path / "late").exists()


def test_silence() -> None:
    assert sh("sleep 30", silence_s=0.3).end is End.SILENCE
    assert sh("echo x; sleep 0.6", silence_s=0.3).end is End.EXIT


def test_overflow() -> None:
    outcome = sh("yes")
    assert outcome.end is End.OVERFLOW
    assert len(outcome.stdout) <= MAX_OUTPUT + (1 << 16)


def test_noise_on_stderr_is_cut() -> None:
    assert len(sh("yes | head -c 3000000 >&2").stderr) <= 64 << 10


def test_daemon_that_keeps_the_streams() -> None:
    began = time.monotonic()
    outcome = sh("setsid sleep 5 & echo done")
    assert time.monotonic() - began < 3
    assert (outcome.end, outcome.stdout) == (End.EXIT, b"done\n")
