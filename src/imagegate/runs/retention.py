"""Which runs may go, and their removal: nothing that is not surely a run of ours, and nothing that is still needed."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from imagegate.capture_state import FILE as CAPTURE
from imagegate.capture_state import LOCK as CAPTURE_LOCK
from imagegate.capture_state import read_state
from imagegate.errors import UserError
from imagegate.journal import JOURNAL
from imagegate.journal_reader import JournalError, read_journal
from imagegate.prove_state import FILE as PROVE
from imagegate.prove_state import LOCK as PROVE_LOCK
from imagegate.prove_state import read_prove
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.report.lines import Line, line
from imagegate.report.stored import REPORT
from imagegate.report.words import plural
from imagegate.runs.brief import RunHead
from imagegate.runs.index import Index
from imagegate.runs.naming import LATEST
from imagegate.runs.scan import UNDO
from imagegate.runs.undos import UndoHead, read_undos, taken_back
from imagegate.undo import changes, has_way_back

_OURS = frozenset(
    {
        *(*ALWAYS.values(), *(form.file for form in FORMATS.values())),
        *(JOURNAL, CAPTURE, CAPTURE_LOCK, PROVE, PROVE_LOCK, UNDO, "undo.txt"),
    }
)
_TEMPORARY = re.compile(r"\.[a-z]+\.[a-z]+\.[0-9a-f]{8}(\.tmp)?")
"""What a process that was killed while it wrote left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What is kept: the newest ``runs`` of each policy and command, and what ended in the last ``days``; None: no rule.

    With both, what either keeps. Without any, all. ``forget_undo``: also changes that could be taken back may go.
    """

    runs: int | None = None
    days: int | None = None
    forget_undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """``removed``: runs with their size in bytes; ``kept``: runs that no rule keeps, with what does; ``failed``: with
    what went wrong."""

    removed: Mapping[str, int]
    kept: Mapping[str, str]
    failed: Mapping[str, str]


class Needed(Exception):
    """A run that must not go, and why."""


def beyond(runs: Iterable[RunHead | UndoHead], keep: Keep, now: datetime) -> list[RunHead | UndoHead]:
    """The runs that no rule keeps, the oldest first. Pure.

    The newest complete run of each policy and command is always kept: the next one is compared with it. Undos are a
    command of their own, of no policy.
    """
    if keep.runs is None and keep.days is None:
        return []
    groups: dict[tuple[str, str], list[RunHead | UndoHead]] = {}
    for run in sorted(runs, key=lambda run: (run.finished, run.id), reverse=True):
        groups.setdefault((run.policy, run.command), []).append(run)
    old: list[RunHead | UndoHead] = []
    for group in groups.values():
        base = next((run for run in group if run.complete), None)
        for rank, run in enumerate(group):
            by_rank = keep.runs is not None and rank < keep.runs
            by_age = keep.days is not None and run.finished >= now - timedelta(days=min(keep.days, 99_999))
            if not (by_rank or by_age or run is base):
                old.append(run)
    return sorted(old, key=lambda run: (run.finished, run.id))


def prune(index: Index, folder: Path, keep: Keep, *, now: datetime, dry_run: bool = False) -> Pruned:
    """Remove the runs that may go. Raises ``OSError`` if the folder itself cannot be read."""
    removed: dict[str, int] = {}
    kept: dict[str, str] = {}
    failed: dict[str, str] = {}
    undos = read_undos(folder)
    back = taken_back(undos)
    for run in beyond([*(row.head for row in index.runs()), *undos], keep, now):
        try:
            with _alone(folder, run.id) as (parent, descriptor):
                names = _names(descriptor)
                if isinstance(run, UndoHead) and run.of not in removed:
                    _check_told(folder, run, undos)
                _check_needed(folder, run.id, back.get(run.id, frozenset()), keep)
                size = sum(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size for name in names)
                if not dry_run:
                    _remove(parent, descriptor, run.id, names)
                removed[run.id] = size
        except Needed as reason:
            kept[run.id] = str(reason)
        except OSError as error:
            failed[run.id] = error.strerror or str(error)
    if removed and not dry_run:
        index.forget(removed)
    return Pruned(removed=removed, kept=kept, failed=failed)


def prune_lines(pruned: Pruned, *, dry_run: bool) -> Iterator[Line]:
    """What was removed, what was not and why."""
    word = "would be removed" if dry_run else "removed"
    for run, size in pruned.removed.items():
        yield line(0, (word, "yellow"), f" {run} ({size / 1e6:,.1f} MB)")
    for run, why in pruned.kept.items():
        yield line(0, ("kept", "green"), f" {run}: {why}")
    for run, why in pruned.failed.items():
        yield line(0, ("not removed", "bold red"), f" {run}: {why}")
    total = sum(pruned.removed.values()) / 1e6
    yield line(0, f"{plural(len(pruned.removed), 'run')} {word}, {total:,.1f} MB")


@contextmanager
def _alone(folder: Path, run: str) -> Iterator[tuple[int, int]]:
    """The report folder and the folder of a run, opened, the latter held alone. No link is followed."""
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with closing(_Descriptor(parent)):
        descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        with closing(_Descriptor(descriptor)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Needed("a process is at work on it") from None
            except OSError:  # a file system without locks
                pass
            yield parent, descriptor


@dataclass(frozen=True, slots=True)
class _Descriptor:
    number: int

    def close(self) -> None:
        os.close(self.number)


def _names(descriptor: int) -> list[str]:
    """What lies in the folder of a run, the report last: as long as that is there, the rest can be removed again."""
    names = sorted(os.listdir(descriptor), key=lambda name: (name in {REPORT, UNDO}, name))
    for name in names:
        regular = stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
        if not regular or not (name in _OURS or _TEMPORARY.fullmatch(name)):
            raise Needed(f"{name} lies in it, which imagegate did not write")
    return names


def _check_needed(folder: Path, run: str, back: Collection[int], keep: Keep) -> None:
    """Raises ``Needed``."""
    link = folder / LATEST
    if link.is_symlink() and link.readlink().name == run:
        raise Needed("latest names it")
    for each in dict.fromkeys((run, "-".join(run.split("-")[:2]))):
        _check_capture(folder / each)
    _check_proof(folder / run)
    journal = folder / run / JOURNAL
    if not journal.exists():
        return
    try:
        history = read_journal(journal)
    except JournalError as error:
        raise Needed(f"what it changed is not known: {error}") from error
    if history.debts:
        raise Needed(f"it owes something: {history.debts[0].summary} (a run with --fix puts it back)")
    if history.open or history.torn:
        raise Needed("it was killed at a change, and nobody knows whether that was carried out (imagegate undo looks)")
    if not keep.forget_undo:
        left = [e for e in changes(history.entries) if e.number not in back and has_way_back(e)]
        if left:
            raise Needed(
                f"{plural(len(left), 'change')} can still be taken back (--forget-undo removes it all the same)"
            )


def _check_told(folder: Path, undo: UndoHead, undos: Iterable[UndoHead]) -> None:
    """Whether a run that was undone may go is told by its undo, and by who undid that."""
    tells = undo.good or undo.of in {each.id for each in undos}
    if tells and (folder / undo.of).exists():
        raise Needed(f"run {undo.of} is still there, and this tells what of it was taken back")


def _check_capture(run: Path) -> None:
    if not (run / CAPTURE).exists():
        return
    try:
        stage = read_state(run).stage
    except UserError as error:
        raise Needed(str(error)) from error
    if stage not in {"done", "refused"}:
        raise Needed(f"its capture is not done: imagegate capture --resume {run.name}")


def _check_proof(run: Path) -> None:
    if not (run / PROVE).exists():
        return
    try:
        left = read_prove(run).open
    except UserError as error:
        raise Needed(str(error)) from error
    if left:
        raise Needed(f"{plural(len(left), 'server')} that it made may be there: imagegate prove --clean {run.name}")


def _remove(parent: int, descriptor: int, run: str, names: Sequence[str]) -> None:
    for name in names:
        os.unlink(name, dir_fd=descriptor)
    os.rmdir(run, dir_fd=parent)
