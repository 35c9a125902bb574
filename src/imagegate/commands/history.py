"""``imagegate history``: the runs that are kept, and which of them may go."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from imagegate.cli import USAGE, usage_error
from imagegate.errors import UsageError
from imagegate.report.document import encode
from imagegate.report.lines import PlainOut, line, output, show
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.trend import BARS, trend_lines, trend_record
from imagegate.report.words import plural
from imagegate.runs.history import Point, trend
from imagegate.runs.index import Index
from imagegate.runs.packing import Damaged
from imagegate.runs.retention import Keep, prune, prune_lines
from imagegate.runs.store import Unusable, ask

T = TypeVar("T")

_EPILOG = """\
new and fixed count what changed since the last complete run of the same policy and command before it; imagegate diff
tells which problems these are. seen/selected are targets.

imagegate history prune --help: which runs may go
"""
_PRUNE = """\
Removes the folders of runs that neither rule keeps. Without a rule nothing is removed.

Never removed: the run that latest names; the newest complete run of each policy and command, which is the next one's
baseline; runs that are at work; runs whose changes can still be taken back (imagegate undo), unless --forget-undo; runs
that owe something, or of which it is not known what they changed; captures that are not done; proofs whose servers may
be there; undos of runs that are still there; runs without a report that can be read; folders in which anything lies
that imagegate did not write. Links are not followed. Undos are a command of their own.
"""


def main(argv: Sequence[str]) -> int:
    """Show, or prune."""
    if argv[:1] == ["prune"]:
        return _prune(argv[1:])
    try:
        given = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    folder: Path = given.report_dir

    def question(index: Index, ignored: Mapping[str, str]) -> tuple[list[Point], Mapping[str, str]]:
        return trend(index, policy=given.policy, limit=given.limit), dict(ignored)

    points, ignored = asked(folder, question)
    if given.json:
        print(encode(trend_record(points, ignored)))
        return 0
    console = output(sys.stdout, colour=True)
    wide = None if isinstance(console, PlainOut) or not console.is_terminal else console.width
    show(trend_lines(points, width=wide, bars=wide is not None and _shows(BARS, console.encoding)), console)
    if given.ignored:
        show([line(0, ("ignored", "yellow"), f" {run}: {why}") for run, why in sorted(ignored.items())], console)
    elif ignored:
        print(f"{plural(len(ignored), 'run')} without a report that can be read: --ignored names them", file=sys.stderr)
    return 0


def _shows(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def asked(folder: Path, question: Callable[[Index, Mapping[str, str]], T]) -> T:
    """What ``question`` makes of the runs in ``folder``. Raises ``UsageError`` where they cannot be read."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; runs are kept in --report-dir")

    def warn(text: str) -> None:
        print(f"warning: {visible(text, TEXT_LIMIT)}", file=sys.stderr)

    try:
        return ask(folder, question, warn)
    except (OSError, sqlite3.Error, Damaged, Unusable) as error:
        raise UsageError(f"{folder}: the runs cannot be read: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate history",
        description="Show the runs that are kept, the newest first, and what changed from each to the next.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--policy", metavar="NAME", help="only runs of the policy of this name")
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="so many at most (20)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--ignored", action="store_true", help="name the runs that have no report that can be read")
    _report_dir(parser)
    return parser


def _prune(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="imagegate history prune", description="Remove old runs.", epilog=_PRUNE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--keep-runs", type=_positive, metavar="N", help="keep the newest N of each policy and command")
    parser.add_argument("--keep-days", type=_count, metavar="N", help="keep what ended in the last N days")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument(
        "--forget-undo", action="store_true", help="remove runs too whose changes could still be taken back"
    )
    _report_dir(parser)
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    if given.keep_runs is None and given.keep_days is None:
        return usage_error("history prune: say what is kept: --keep-runs N, --keep-days N, or both")
    keep = Keep(runs=given.keep_runs, days=given.keep_days, forget_undo=given.forget_undo)
    pruned = asked(
        given.report_dir,
        lambda index, _: prune(index, given.report_dir, keep, now=datetime.now(UTC), dry_run=given.dry_run),
    )
    show(prune_lines(pruned, dry_run=given.dry_run), output(sys.stdout, colour=True))
    return USAGE if pruned.failed else 0


def _report_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where the runs are (reports/)"
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: at least 0")
    return value
