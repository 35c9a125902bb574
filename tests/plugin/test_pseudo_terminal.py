"""What a person sees, on real pseudo-terminals: an emulator shows what is left on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pyte
import pytest
from rich.cells import cell_len
from tests.plugin import recordings

MAIN = "from imagegate.console import main; main()"
WIDTHS = (40, 80, 200)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PAINT = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r(?!\n)")
"""Whatever moves the cursor or wipes something out: all but colours."""


@pytest.fixture
def audit(tmp_path):
    """The words of an audit of recorded images whose names are hard on a terminal."""
    names = ("골든-이미지-웹-서버-20260510-긴-이름", "e\u0301clair-" + "e\u0301" * 40, "::stop-commands::x ##[add-mask]y", "金" * 60)
    images = [recordings.image(name, protected=False, number=number) for number, name in enumerate(names)]
    images.append(recordings.image("good", number=9))
    recordings.record(tmp_path / "facts.json", *images)
    (tmp_path / "p.yaml").write_text(recordings.POLICY)
    return ["audit", "--policy", "p.yaml", "--facts", "facts.json"]


def environment(**more):
    left = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS"}}
    return {**left, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **more}


def on_terminal(code, words, folder, *, width, **more):
    """The exit code, and all that a terminal of this width was sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, env=environment(**more),
        stdin=slave, stdout=slave, stderr=slave, close_fds=True,
    )  # fmt: skip
    os.close(slave)
    sent = b""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not chunk:
                break
            sent += chunk
        elif process.poll() is not None:
            break
    os.close(master)
    return process.wait(60), sent.decode("utf-8")


def piped(words, folder, **more):
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def screen(sent, width):
    """What is on the screen in the end, without the spaces at the ends of rows."""
    shown = pyte.Screen(width, 400)
    pyte.Stream(shown).feed(sent)
    return [row.rstrip() for row in shown.display if row.strip()]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_row_fits_and_nothing_is_lost(width, audit, tmp_path):
    code, sent = on_terminal(MAIN, audit, tmp_path, width=width)
    assert code == 1
    rows = re.split(r"\r\n|\r", CONTROL.sub("\r", COLOUR.sub("", sent)))
    assert max(map(cell_len, rows)) <= width
    plain = "".join(piped(audit, tmp_path)[1].split())
    shown = "".join("".join(rows).split())
    for words in ("골든-이미지-웹-서버-20260510-긴-이름", "金" * 60, "exitcode1:afailstands", "1targetwithoutaproblem"):
        assert words in shown
        assert words in plain
    assert any("exit code 1" in row for row in screen(sent, width))


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_that_continue_hang_below_their_beginning(width, audit, tmp_path):
    rows = screen(on_terminal(MAIN, audit, tmp_path, width=width)[1], width)
    place = next(number for number, row in enumerate(rows) if row.startswith("  FAIL high"))
    if width == 40:
        assert rows[place + 1].startswith("    ")


def test_colour_and_the_wish_for_none(audit, tmp_path):
    def coloured(**more):
        words = [*audit, *more.pop("words", ())]
        return bool(PAINT.search(on_terminal(MAIN, words, tmp_path, width=80, **more)[1]))

    assert coloured()
    assert not coloured(NO_COLOR="1")
    assert coloured(NO_COLOR=""), "no-color.org: only where it is not empty"
    assert not coloured(TERM="dumb")
    assert not coloured(words=("--color=no",))


def test_a_dumb_terminal_is_sent_no_control_characters(audit, tmp_path):
    sent = on_terminal(MAIN, audit, tmp_path, width=80, TERM="dumb")[1]
    assert sent.replace("\r\n", "").isprintable()


def test_a_pipe_gets_whole_lines_and_no_colour(audit, tmp_path):
    text = piped(audit, tmp_path)[1]
    assert text.replace("\n", "").isprintable()
    assert "image " + "金" * 60 in text


def test_forced_colour_in_a_log_moves_no_cursor_and_wraps_nothing(audit, tmp_path):
    text = piped(audit, tmp_path, FORCE_COLOR="1")[1]
    assert COLOUR.search(text)
    assert not CONTROL.search(text)
    assert "image " + "金" * 60 in COLOUR.sub("", text)


@pytest.mark.parametrize("more", [{}, {"FORCE_COLOR": "1"}])
def test_a_log_of_a_ci_server_is_told_no_commands(more, audit, tmp_path):
    for line in COLOUR.sub("", piped([*audit, "-vv"], tmp_path, **more)[1]).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@pytest.mark.parametrize(
    ("words", "there", "gone"),
    [
        (["-qq"], ["exit code 1", "scope"], ["FAIL high", "looking"]),
        (["-q"], ["exit code 1", "FAIL high"], ["audit, policy golden version 3, nhn", "good"]),
        ([], ["exit code 1", "FAIL high", "audit, policy golden version 3"], ["pass catalog-image-protected", "PASSED"]),
        (["-v"], ["pass catalog-image-protected", "image good"], ["PASSED"]),
        (["-vv"], ["PASSED", "FAILED", "image good"], []),
    ],
)
def test_quiet_and_verbose(words, there, gone, audit, tmp_path):
    code, sent = on_terminal(MAIN, [*audit, *words], tmp_path, width=200)
    shown = COLOUR.sub("", sent)
    assert code == 1
    for text in there:
        assert text in shown
    for text in gone:
        assert text not in shown


def test_the_files_that_were_written_are_named(audit, tmp_path):
    code, text = piped([*audit, "--format", "sarif", "--format", "markdown", "--format", "sarif"], tmp_path)
    assert code == 1
    assert re.search(r"^report reports/\S+ \(also report\.sarif, report\.md\)$", text, re.MULTILINE)
    folder = tmp_path / "reports" / "latest"
    assert {path.name for path in folder.iterdir()} >= {"report.json", "report.sarif", "report.md"}


def test_a_form_that_does_not_exist_is_a_usage_error_that_names_the_nearest(audit, tmp_path):
    code, text = piped([*audit, "--format", "sarfi"], tmp_path)
    assert code == 4
    assert "--format sarfi: there is no such form, did you mean sarif?" in text
    assert not (tmp_path / "reports" / "latest").exists()


WAITING = """
import sys, time
from imagegate.model import Kind, Target
from imagegate.report.lines import output
from imagegate.report.progress import TerminalProgress
from itertools import count
clock = count(0, 3).__next__
with TerminalProgress(output(sys.stderr, colour=True), clock=clock) as progress:
    progress.looking(50)
    for number in range(3):
        progress.began(Target(kind=Kind.INSTANCE, id=str(number), name=f"金-host-{number}" * 5, cloud="c", region="r"))
    progress.looked(Target(kind=Kind.INSTANCE, id="2", name="x", cloud="c", region="r"), None)
    time.sleep(0.5)
print("END", flush=True)
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_bar_names_who_is_waited_for_and_leaves_nothing_behind(width, tmp_path):
    code, sent = on_terminal(WAITING, [], tmp_path, width=width)
    assert code == 0
    rows = screen(sent.rpartition("\x1b[?25h")[0], width)
    assert any("1/50" in row for row in rows)
    waits = [row for row in rows if row.startswith("waiting for ")]
    assert len(waits) == 1, "it is one row, whatever the width"
    assert screen(sent, width)[-1] == "END"
    assert not any("waiting for" in row or "looking" in row for row in screen(sent, width))
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h"), "the cursor is back"


def test_no_colour_reaches_the_bar_too(tmp_path):
    sent = on_terminal(WAITING, [], tmp_path, width=80, NO_COLOR="1")[1]
    assert "1/50" in sent
    assert not PAINT.search(sent)
