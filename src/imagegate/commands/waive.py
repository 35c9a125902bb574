"""``imagegate waive``: write a waiver for a finding of a run into the policy."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import difflib
import hashlib
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from imagegate.catalogue import load_catalogue, packaged_root
from imagegate.cli import USAGE, usage_error
from imagegate.commands.history import asked
from imagegate.errors import UsageError
from imagegate.report.lines import Line, line, output, show
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import REPORT, Document, read_report
from imagegate.report.words import plural
from imagegate.runs.history import find
from imagegate.runs.naming import FORMS
from imagegate.strict_yaml import read_bytes
from imagegate.waive import Edit, Wanted, edit, pick

_EPILOG = """\
FINDING is the fingerprint that reports print behind each fail, or the beginning of one. The waiver names the target by
id and region, and the finding by its fingerprint: it covers nothing else, so that another project that gets access to
the same image fails again. --any-subject leaves the fingerprint out. Comments and layout of the policy stay.

Refused: what is unknown or passes, days that are over or further ahead than limits.waiver_days, and a policy that is
not the one of the run, unless --policy names it.

examples:
  imagegate waive latest 1641e4db --reason "moving to the new project" --until 2026-12-31 --approved-by security
  imagegate waive 20261122 1641e4db 36377cbb --reason … --until … --approved-by … --ticket OPS-1234 --yes

exit codes: 0 written, 2 not confirmed, 4 usage or policy error
"""
_NOT_CONFIRMED = 2


def main(argv: Sequence[str]) -> int:
    """Find the findings, show the change, ask, write."""
    try:
        given = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    folder: Path = given.report_dir
    run = asked(folder, lambda index, ignored: find(index, ignored, folder, given.run)).head.id
    document = read_report(folder / run / REPORT)
    findings = pick(document.findings, given.finding)
    path = _policy(document, run, given.policy)
    wanted = _wanted(given, terminal=terminal and not given.yes)
    checks = load_catalogue([packaged_root(), *map(Path, given.checks)]).checks
    change = edit(path, findings, wanted, checks)
    show(_diff(change), output(sys.stdout, colour=True))
    if not given.yes and not terminal:
        return usage_error("there is no terminal to ask on, and nothing was written: --yes writes it")
    if not given.yes and not _confirmed(path):
        print("nothing was written")
        return _NOT_CONFIRMED
    try:
        change.write()
    except OSError as error:
        return usage_error(f"{path} could not be written: {error.strerror or error}")
    print(f"{visible(str(path))}: {plural(len(findings), 'waiver')} written, until {wanted.until}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate waive",
        description="Write a waiver for findings of a run into the policy.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", help=f"the run: {FORMS}")
    parser.add_argument("finding", nargs="+", metavar="FINDING", help="the fingerprint of a fail, or its beginning")
    parser.add_argument("--reason", type=_text, required=True, metavar="TEXT", help="why the fail may stand")
    parser.add_argument("--until", type=_day, required=True, metavar="DAY", help="the last day (UTC): 2026-12-31")
    parser.add_argument("--approved-by", type=_text, metavar="NAME", help="who allowed it; asked for on a terminal")
    parser.add_argument("--ticket", type=_text, metavar="TEXT", help="where the work on it is tracked")
    parser.add_argument("--any-subject", action="store_true", help="cover whatever the check finds wrong there")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the policy, if it moved or changed since")
    parser.add_argument("--checks", action="append", default=[], metavar="DIR", help="a folder of your own checks")
    parser.add_argument("--yes", action="store_true", help="do not ask before the policy is written")
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where the run's folder is (reports/)"
    )
    return parser


def _policy(document: Document, run: str, named: Path | None) -> Path:
    """The policy file of the run. Raises ``UsageError`` unless it is what it was, or was named."""
    policy = document.head["policy"]
    known = policy.get("file")
    path = named if named is not None else Path(known) if isinstance(known, str) and known else None
    if path is None:
        raise UsageError(f"run {run} does not tell where its policy is: name it with --policy FILE")
    if named is None and not path.exists():
        raise UsageError(
            f"{path}, the policy of run {run} in the folder where that was started, is not here: name it with "
            "--policy FILE"
        )
    digest = f"sha256:{hashlib.sha256(read_bytes(path)).hexdigest()}"
    if digest != policy["digest"]:
        if named is None:
            raise UsageError(
                f"{path} is not what it was in run {run}: judge again, or name it with --policy {path} if the finding "
                "is still meant"
            )
        print(f"warning: {visible(str(path), TEXT_LIMIT)} is not the policy of run {run}", file=sys.stderr)
    return path


def _wanted(given: argparse.Namespace, *, terminal: bool) -> Wanted:
    approved_by: str | None = given.approved_by
    if approved_by is None and terminal:
        print("Who approves it? ", end="", flush=True)
        try:
            approved_by = _text(sys.stdin.readline().strip())
        except argparse.ArgumentTypeError:
            approved_by = None
    if approved_by is None:
        raise UsageError("a waiver needs somebody who approves it: --approved-by NAME")
    return Wanted(
        reason=given.reason,
        until=given.until,
        approved_by=approved_by,
        ticket=given.ticket,
        any_subject=given.any_subject,
    )


def _diff(change: Edit) -> Iterator[Line]:
    before, after = (data.decode("utf-8-sig").splitlines() for data in (change.before, change.after))
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for each in difflib.unified_diff(before, after, str(change.path), str(change.path), lineterm=""):
        yield line(0, (each.rstrip("\n"), styles.get(each[:1], "")))


def _confirmed(path: Path) -> bool:
    print(f"Write this to {visible(str(path), TEXT_LIMIT)}? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("printable text on one line")
    return text.strip()


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write it as 2026-12-31") from None
    if text != f"{day}":
        raise argparse.ArgumentTypeError(f"{text!r}: write it as {day}")
    return day
