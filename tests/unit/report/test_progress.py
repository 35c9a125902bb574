"""Progress on a terminal and in a log."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.golden import cases

from imagegate import Level, Phase, steps
from imagegate.report.lines import PlainOut
from imagegate.report.progress import TerminalProgress

STEP = steps.StopServer(
    subject="power", summary="stop the instance", level=Level.DISRUPTIVE, phase=Phase.POWER, why="x", patience_s=60
)
QUICK = steps.SetProtected(
    protected=True, subject="protected", summary="protect \x1b[2J", level=Level.SAFE, phase=Phase.PROTECTION, why="x"
)


def run(total: int, reasons: dict[int, str], *, tty: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=tty, width=100, _environ={})
    with TerminalProgress(console) as progress:
        progress.looking(total)
        with ThreadPoolExecutor(4) as pool:
            for number in range(total):
                pool.submit(progress.looked, cases.instance(f"web-{number}", number), reasons.get(number)).result()
    return file.getvalue()


def test_quarters_in_a_log() -> None:
    lines = run(1000, {}).splitlines()
    assert [line.partition("(")[2] for line in lines] == ["25 %)", "50 %)", "75 %)", "100 %)"]
    assert lines[0] == "looked at 250 of 1,000 targets (25 %)"
    assert run(20, {}) == ""
    assert len(run(21, {}).splitlines()) == 4
    assert run(0, {}) == ""


def test_what_cannot_be_seen_is_named_but_not_without_end() -> None:
    assert run(2, {1: "refused \x1b[2J"}) == "could not be seen web-1: refused \\x1b[2J\n"
    lines = run(20, dict.fromkeys(range(15), "403")).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "could not be seen … and 5 more"
    assert len(run(500, {number: f"reason {number}" for number in range(500)}).splitlines()) == 100 + 1 + 4


def test_a_bar_on_a_terminal() -> None:
    shown = run(3, {1: "off"}, tty=True)
    assert "looking at targets" in shown
    assert "3/3" in shown
    assert "web-1: off" in shown
    assert shown.rstrip().endswith("\x1b[2K")


def test_an_interrupt_leaves_no_bar() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, force_terminal=True, width=100, _environ={}))
    progress.looking(3)
    progress.close()
    progress.close()
    assert file.getvalue().endswith("\x1b[2K")


def test_steps() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, width=100, _environ={}))
    web = cases.instance("web-01", 1)
    progress.applying(web, STEP)
    progress.applied(web, STEP, None)
    progress.applying(web, QUICK)
    progress.applied(web, QUICK, "HTTP 503 \x1b[2J")
    assert file.getvalue() == (
        "web-01: stop the instance …\n"
        "web-01: stop the instance … done\n"
        "web-01: protect \\x1b[2J … failed: HTTP 503 \\x1b[2J\n"
    )


COPY = steps.StopServer(
    subject="KR2", summary="copy to KR2 [b]", level=Level.DISRUPTIVE, phase=Phase.COPIES, why="x", patience_s=60
)


def test_a_log_has_a_line_for_each_quarter_that_has_moved() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, width=100, _environ={}))
    web, db = cases.instance("web\x1b[2J", 1), cases.instance("db", 2)
    for done in range(0, 401, 10):
        progress.moved(web, COPY, done * 2**20, 400 * 2**20)
        progress.moved(db, COPY, min(done, 30) * 2**20, 100 * 2**20)
    assert file.getvalue().splitlines() == [
        "db: copy to KR2 [b] … 30 % of 100.0 MiB",
        *(f"web\\x1b[2J: copy to KR2 [b] … {percent} % of 400.0 MiB" for percent in (25, 50, 75, 100)),
    ]


def test_nothing_to_move_is_no_division_by_it() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, width=100, _environ={}))
    progress.moved(cases.instance("web", 1), COPY, 0, 0)
    assert file.getvalue() == ""


def test_a_terminal_has_a_bar_for_each_copy_and_none_in_the_end() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, force_terminal=True, width=120, _environ={}))
    web, db = cases.instance("web", 1), cases.instance("db", 2)
    for one in (web, db):
        progress.moved(one, COPY, 2**20, 4 * 2**20)
    progress.applied(web, COPY, None)
    progress.moved(db, COPY, 4 * 2**20, 4 * 2**20)
    progress.applied(db, COPY, "503")
    progress.close()
    shown = file.getvalue()
    for words in ("web: copy to KR2 [b]", "db: copy to KR2 [b]", "/4.0 MiB", "failed: 503"):
        assert words in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") > 0, "the cursor was left hidden"


def test_an_interrupt_leaves_no_bar_of_a_copy() -> None:
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, force_terminal=True, width=120, _environ={}))
    progress.moved(cases.instance("web", 1), COPY, 1, 4)
    progress.close()
    assert file.getvalue().count("\x1b[?25h") == 1


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waited(log: list[float], clock: Clock, until: float):
    def wait(over: threading.Event, seconds: float) -> bool:
        log.append(seconds)
        clock.now += seconds
        return clock.now > until

    return wait


def test_a_log_names_who_is_waited_for_less_and_less_often() -> None:
    clock, waits, file = Clock(), [], io.StringIO()
    done = threading.Event()

    def wait(over: threading.Event, seconds: float) -> bool:
        if waited(waits, clock, 120)(over, seconds):
            done.set()
            return True
        return False

    progress = TerminalProgress(PlainOut(file), clock=clock, wait=wait)
    progress.looking(5)
    for number in range(5):
        progress.began(cases.instance(f"web-{number}", number))
        if number == 0:
            assert done.wait(60)
    assert waits == [15, 15 * 2, 15 * 4, 15 * 8]
    assert file.getvalue().splitlines() == [
        f"waiting for web-0 ({seconds} s); looked at 0 of 5" for seconds in (15, 45, 105)
    ]
    assert progress.waiting_for(5) == "waiting for web-0 (225 s)"
    clock.now += 10
    assert progress.waiting_for(5) == "waiting for web-0 (235 s), web-1 (10 s), web-2 (10 s) and 2 more"
    progress.looked(cases.instance("web-0", 0), None)
    assert "web-0" not in progress.waiting_for(5)
    progress.close()
    assert progress.waiting_for(0) == ""


def test_nobody_is_named_before_some_seconds_have_passed() -> None:
    clock = Clock()
    progress = TerminalProgress(PlainOut(io.StringIO()), clock=clock, wait=lambda over, seconds: True)
    progress.looking(1)
    progress.began(cases.instance("web\x1b[2J", 0))
    clock.now = 4.9
    assert progress.waiting_for() == ""
    clock.now = 5
    assert progress.waiting_for() == r"waiting for web\x1b[2J (5 s)"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_bar_and_who_is_waited_for_fit_the_terminal(width: int) -> None:
    clock, file = Clock(), io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, _environ={})
    with TerminalProgress(console, clock=clock) as progress:
        progress.looking(1000)
        for number in range(6):
            progress.began(cases.instance(f"골든-이미지-{number}", number))
        clock.now = 30
        progress.looked(cases.image("golden", 9), None)
        progress._bar.refresh()  # type: ignore[union-attr]
    rows = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).replace("\r", "\n").splitlines()
    assert any("1/1000" in row for row in rows)
    assert any(row.startswith("waiting for 골든-이미지-0 (30 s)") for row in rows)
    assert max(map(cell_len, rows)) <= width
