"""``imagegate checks``: list the checks, or explain one."""
# ruff: noqa: T201, PLC0415

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from imagegate.catalogue import Entry, load_catalogue, packaged_root
from imagegate.cli import nearest, usage_error


def main(argv: Sequence[str]) -> int:
    """List, or explain."""
    parser = argparse.ArgumentParser(prog="imagegate checks", description="List the checks, or explain one.")
    parser.add_argument("id", nargs="?", metavar="ID", help="the check to explain")
    parser.add_argument("--checks", action="append", default=[], metavar="DIR", help="a folder of your own checks")
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    entries = load_catalogue([packaged_root(), *map(Path, given.checks)]).entries
    if given.id is None:
        print("\n".join(_table(list(entries.values()))))
        return 0
    if given.id not in entries:
        return usage_error(f"there is no check {given.id!r}{nearest(given.id, entries)}; imagegate checks lists them")
    from imagegate.docs import explain

    print(explain(entries[given.id]).rstrip())
    return 0


def _table(entries: Sequence[Entry]) -> list[str]:
    rows = [("CHECK", "SEVERITY", "FIX", "TITLE")]
    rows += [(e.check.id, str(e.check.severity), str(e.check.fix), e.check.title) for e in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return [*lines, "", "imagegate checks ID explains one: why, what passes, what a fix does, parameters."]
