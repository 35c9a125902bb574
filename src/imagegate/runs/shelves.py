"""Runs that are named by what lies in their folders, for ``naming``: what can be undone, gone on with, cleaned up.

These must be found when they were killed, too: the index has only runs with a report.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from imagegate.errors import UsageError
from imagegate.journal import JOURNAL
from imagegate.journal_reader import JournalError, read_journal
from imagegate.report.stored import REPORT
from imagegate.runs.naming import LATEST
from imagegate.runs.scan import RUN, UNDO
from imagegate.undo import changes, has_touched


def folders(reports: Path) -> list[str]:
    """The names of all folders of runs, the newest first. Links are not followed."""
    if not reports.is_dir():
        return []
    return sorted(
        (path.name for path in reports.iterdir() if RUN.fullmatch(path.name) and _is_folder(path)), reverse=True
    )


def is_run(reports: Path, name: str) -> bool:
    """Whether this is exactly the name of a folder in ``reports``, and no path that leads elsewhere."""
    return Path(name).name == name and name not in {"", "..", LATEST} and _is_folder(reports / name)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path) and not path.is_symlink()  # noqa: PTH112 - False for what no file system takes as a name


@dataclass(frozen=True, slots=True)
class Begun:
    """The runs that left the file ``state``; each is ``a`` … (a capture, a proof)."""

    folder: Path
    state: str
    a: str

    @property
    def where(self) -> str:
        """The report folder."""
        return str(self.folder)

    @property
    def nothing(self) -> str:
        """Why there is no latest run."""
        return f"no {self.a} was begun there"

    def has(self, run: str) -> bool:
        """Whether it left the file."""
        return is_run(self.folder, run) and (self.folder / run / self.state).exists()

    def runs(self) -> list[str]:
        """All that did."""
        return [run for run in folders(self.folder) if self.has(run)]

    def others(self) -> dict[str, str]:
        """All that did not."""
        return {
            run: f"cannot be meant: no {self.a} was begun there (it has no {self.state})"
            for run in folders(self.folder)
            if not self.has(run)
        }

    def hint(self) -> str:
        """What kind of runs these are."""
        return f"; it must be that of a {self.a}"

    def latest(self) -> str | None:
        """The one that was begun last."""
        return next(iter(self.runs()), None)

    def before(self, run: str, count: int) -> list[str]:
        """Those that were begun before."""
        return [each for each in self.runs() if each < run][:count]

    def line(self, _run: str) -> str:
        """What they have in common."""
        return f" with a {self.a}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """All runs; ``latest`` and ``~N`` count those that changed something, but for undos."""

    folder: Path

    @property
    def where(self) -> str:
        """The report folder."""
        return str(self.folder)

    @property
    def nothing(self) -> str:
        """Why there is no latest run."""
        return "no run is kept there"

    def has(self, run: str) -> bool:
        """Whether there is such a folder."""
        return is_run(self.folder, run)

    def runs(self) -> list[str]:
        """All of them: one that changed nothing is undone by doing nothing."""
        return folders(self.folder)

    def others(self) -> dict[str, str]:
        """None."""
        return {}

    def hint(self) -> str:
        """Nothing."""
        return ""

    def latest(self) -> str | None:
        """The newest that changed something; where none did, what the link names. May raise ``UsageError``."""
        found = next(self._reported(""), None)
        named = (self.folder / LATEST).resolve().name
        return found or (named if self.has(named) else None)

    def before(self, run: str, count: int) -> list[str]:
        """Those before it. ``UsageError`` if one of them has no report."""
        return list(islice(self._reported(run), count))

    def line(self, _run: str) -> str:
        """What they have in common."""
        return " that changed something"

    def _reported(self, before: str) -> Iterator[str]:
        for run in folders(self.folder):
            if (before and run >= before) or not self._changed(run):
                continue
            if not self._has_report(run):
                raise UsageError(
                    f"run {run} changed something and has no report (it was killed, or is still at work): name the one "
                    "you mean"
                )
            yield run

    def _changed(self, run: str) -> bool:
        """Whether a run may have changed something. Undos are not counted: undoing the latest twice changes nothing."""
        journal = self.folder / run / JOURNAL
        if not journal.exists() or (self.folder / run / UNDO).exists():
            return False
        try:
            return any(map(has_touched, changes(read_journal(journal).entries)))
        except JournalError:
            return True  # whoever undoes it is told what is wrong

    def _has_report(self, run: str) -> bool:
        """A capture tells of its parts (``RUN-image``) in its own report."""
        return any((self.folder / each / REPORT).exists() for each in (run, "-".join(run.split("-")[:2])))
