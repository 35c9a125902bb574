"""``imagegate undo``: take back what a run changed."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from imagegate.cli import USAGE, usage_error
from imagegate.report.lines import output, show
from imagegate.report.progress import TerminalProgress
from imagegate.report.terminal import render_plan
from imagegate.report.undo import undo_lines, write_undo
from imagegate.report.words import plural
from imagegate.runs.naming import FORMS
from imagegate.undo import TargetUndo
from imagegate.undo_run import Undo, UndoOptions, UndoResult

_EPILOG = """\
Takes back the changes of a run, newest first, only where a target is still as the run left it, and shows the plan
before. What has no way back (an emptied machine id) is named. An undo is a run of its own, and can be undone.

latest is the latest run that changed something, latest~1 the one before that; undos are not counted, they are named.

exit codes: 0 all is as it was before the run, 11 something was not taken back, 4 usage error, 2 interrupted
"""


def main(argv: Sequence[str]) -> int:
    """Plan, ask, take back, report."""
    try:
        given = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    for name, least in (("look_timeout", 1e-9), ("lock_timeout", 0.0)):
        if not least <= getattr(given, name) < float("inf"):
            return usage_error(f"--{name.replace('_', '-')} {getattr(given, name):g}: that is no time to wait")
    progress = TerminalProgress(output(sys.stderr, colour=True))
    undo = Undo(_options(given), progress)
    with _signals(signal.default_int_handler, signal.SIGTERM):
        try:
            return _undo(undo, yes=given.yes)
        finally:
            progress.close()
            undo.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate undo",
        description="Take back what a run with --fix changed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help=f"the run: {FORMS}; or the path of its folder")
    parser.add_argument("--yes", action="store_true", help="do not ask before the plan is applied")
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where the run's folder is (reports/)"
    )
    parser.add_argument(
        "--cloud", action="append", default=[], metavar="NAME", help="only what the run changed in this cloud"
    )
    parser.add_argument(
        "--region", action="append", default=[], metavar="NAME", help="only what the run changed in this region"
    )
    parser.add_argument("--inventory", type=Path, metavar="FILE", help="how guests are reached")
    parser.add_argument("--look-timeout", type=float, default=60.0, metavar="SECONDS", help="deadline per target (60)")
    parser.add_argument(
        "--lock-timeout", type=float, default=60.0, metavar="SECONDS",
        help="how long to wait for another run that changes the same target (60)",
    )  # fmt: skip
    return parser


def _options(given: argparse.Namespace) -> UndoOptions:
    return UndoOptions(
        run=given.run,
        report_dir=given.report_dir,
        clouds=tuple(given.cloud),
        regions=tuple(given.region),
        inventory=given.inventory,
        look_timeout_s=given.look_timeout,
        lock_timeout_s=given.lock_timeout,
    )


def _undo(undo: Undo, *, yes: bool) -> int:
    if undo.run_folder.name != undo.options.run.rstrip("/").rpartition("/")[2]:
        print(f"run {undo.run_folder.name}")
    plans = undo.plan()
    console = output(sys.stdout, colour=True)
    steps = sum(len(one.plan.granted) for one in plans)
    if steps:
        render_plan([one.plan for one in plans], console)
        if not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
            return usage_error("there is no terminal to ask on, and nothing was changed: --yes takes it back")
    if steps and not yes and not _confirmed(steps, plans):
        return _report(undo, undo.decline(plans, "not confirmed"))
    with _signals(lambda *_: undo.stop(), signal.SIGINT, signal.SIGTERM):  # from here on there is something to report
        return _report(undo, undo.apply(plans))


def _confirmed(steps: int, plans: Sequence[TargetUndo]) -> bool:
    targets = sum(1 for one in plans if one.plan.granted)
    print(f"Take back {plural(steps, 'change')} on {plural(targets, 'target')}? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _report(undo: Undo, result: UndoResult) -> int:
    show(undo_lines(result), output(sys.stdout, colour=True))
    if not result.undone:
        return int(result.exit_code)
    try:
        write_undo(result, undo.folder)
    except OSError as error:
        return usage_error(f"the report could not be written: {undo.folder}: {error.strerror or error}")
    print(f"report {undo.folder}")
    return int(result.exit_code)


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], object], *numbers: signal.Signals) -> Iterator[None]:
    """Let ``handler`` hear of signals, where that is possible."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)
