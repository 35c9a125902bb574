"""The report folder: which runs are there, and what of them is not in the index yet."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imagegate.report.stored import REPORT, Document, ReportError, read_report
from imagegate.runs.brief import BriefError, RunHead, briefs_of_records, head_of
from imagegate.runs.index import Index, Stat

RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4,16}(-[a-z]+(-\d+)?)?")
"""What folders of runs are called, those that belong to a capture too (``RUN-gate``)."""

UNDO = "undo.json"
NO_REPORT = "it has no report: it was killed, or is still at work"

_ROUNDS = 10
_TOLD = 20
"""So many reports are read without a word; more take time, and that is said."""

Say = Callable[[str], None]


class Found(NamedTuple):
    """``reports``: those of runs, by name; ``others``: folders of runs that have none, with what is known of them."""

    reports: dict[str, Stat]
    others: dict[str, str]


def look(folder: Path) -> Found:
    """What is in a report folder. Links are not followed. A folder that is not there holds no runs.

    Raises ``OSError`` if it cannot be listed.
    """
    found = Found({}, {})
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return found
    for entry in entries:
        if RUN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            try:
                status = os.lstat(os.path.join(entry.path, REPORT))  # noqa: PTH118 - thousands of them
            except OSError:
                if not os.path.lexists(os.path.join(entry.path, UNDO)):  # noqa: PTH118
                    found.others[entry.name] = NO_REPORT
                continue
            if stat.S_ISREG(status.st_mode):
                found.reports[entry.name] = Stat(size=status.st_size, changed=status.st_mtime_ns)
            else:
                found.others[entry.name] = f"its {REPORT} is no file"
    return found


def sync(index: Index, folder: Path, say: Say | None = None) -> Mapping[str, str]:
    """Bring the index up to what is in the folder; returns the runs that are ignored, with the reason."""
    for _ in range(_ROUNDS):  # other processes put runs in, and newer ones out
        found = look(folder)
        known = index.known()
        if gone := known.keys() - found.reports.keys():
            index.forget(gone)
        pending = {run: stat for run, stat in found.reports.items() if known.get(run) != stat}
        if not pending:
            break
        if say is not None and len(pending) > _TOLD:
            say(f"reading {len(pending):,} reports that are not in the index yet")
        _read(index, folder, pending)
    return {**found.others, **index.ignored()}


def _read(index: Index, folder: Path, pending: Mapping[str, Stat]) -> None:
    heads = _heads(index, folder, pending)
    for policy in {head.policy for head, _ in heads}:  # what is newer goes out, and comes in again in its order
        first = min((head for head, _ in heads if head.policy == policy), key=_order)
        again = {run: seen for run, seen in index.newer(first).items() if run not in pending}
        heads += _heads(index, folder, again)
        pending = {**pending, **again}
    for head, document in sorted(heads, key=lambda each: _order(each[0])):
        try:
            index.add(head, briefs_of_records(document.findings), pending[head.id])
        except (ReportError, BriefError) as error:
            index.ignore(head.id, pending[head.id], _reason(error, folder / head.id))


def _order(head: RunHead) -> tuple[datetime, str]:
    return head.finished, head.id


def _heads(index: Index, folder: Path, runs: Mapping[str, Stat]) -> list[tuple[RunHead, Document]]:
    found: list[tuple[RunHead, Document]] = []
    for run, seen in runs.items():
        try:
            found.append(read_head(folder, run))
        except (ReportError, BriefError) as error:
            index.ignore(run, seen, _reason(error, folder / run))
    return found


def read_head(folder: Path, run: str) -> tuple[RunHead, Document]:
    """The head of a stored run, and its report. Raises ``ReportError`` or ``BriefError``."""
    document = read_report(folder / run / REPORT)
    head = head_of(document.head)
    if head.id != run:
        raise BriefError(f"it is the report of run {head.id}")
    return head, document


def _reason(error: Exception, run: Path) -> str:
    return str(error).removeprefix(f"{run / REPORT}: ")
