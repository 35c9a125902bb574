"""``imagegate diff``: what changed from one run to another."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagegate.cli import USAGE
from imagegate.commands.history import asked
from imagegate.report.difference import difference_lines, difference_record
from imagegate.report.document import encode
from imagegate.report.lines import output, show
from imagegate.runs.history import Difference, difference, find
from imagegate.runs.index import Index
from imagegate.runs.naming import FORMS

_EPILOG = """\
A run is {forms}. ~N counts runs of the same policy and command.

New, changed and still there are fails that stand in run B; resolved are fails that stood in run A and are in order
in run B. What run B did not look at is never called resolved: it is not seen (unknown, left out of a partial run, a
catalog that was lost), its target is gone, or it is no longer required. Waived fails are no problems; one whose waiver
ended is changed.

examples:
  imagegate diff                     what the last run changed
  imagegate diff latest~7            the last seven runs, as one
  imagegate diff 20261101 20261122   the beginnings of ids

exit codes: 0 nothing new stands, 1 something stands that did not (a new fail, another subject, a higher severity, a
waiver that ended), 4 usage error
"""


def main(argv: Sequence[str]) -> int:
    """Compare."""
    try:
        given = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    folder: Path = given.report_dir

    def question(index: Index, ignored: Mapping[str, str]) -> Difference:
        before, after = (find(index, ignored, folder, name) for name in (given.before, given.after))
        return difference(index, before, after, same=given.json or given.verbose)

    found = asked(folder, question)
    if given.json:
        print(encode(difference_record(found)))
    else:
        show(difference_lines(found, verbose=given.verbose), output(sys.stdout, colour=True))
    return 1 if found.worse else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate diff",
        description="Tell what changed from run A to run B: new, changed, resolved, and what was not looked at.",
        epilog=_EPILOG.format(forms=FORMS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="A", nargs="?", default="latest~1", help="the earlier run (latest~1)")
    parser.add_argument("after", metavar="B", nargs="?", default="latest", help="the later run (latest)")
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="also list what is still there")
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where the runs are (reports/)"
    )
    return parser
