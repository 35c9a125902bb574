"""Retention at the end of a run."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from imagegate.runs.packing import Damaged
from imagegate.runs.scan import Say


def pruned_after(folder: Path, runs: int | None, days: int | None, say: Say) -> int:
    """Remove the runs that neither rule keeps (None, None: all are kept); returns how many.

    What goes wrong here costs no run its report and no run its exit code: ``say`` is told.
    """
    if runs is None and days is None:
        return 0
    from imagegate.runs.retention import Keep, prune  # noqa: PLC0415 - only where it is asked for
    from imagegate.runs.store import Unusable, ask  # noqa: PLC0415

    keep = Keep(runs=runs, days=days)
    try:
        pruned = ask(folder, lambda index, _: prune(index, folder, keep, now=datetime.now(UTC)), say)
    except (OSError, sqlite3.Error, Damaged, Unusable) as error:
        say(f"old runs were not removed: {error}")
        return 0
    for run, why in pruned.failed.items():
        say(f"run {run} was not removed: {why}")
    return len(pruned.removed)
