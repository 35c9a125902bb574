"""What a capture that did not come to its end has left behind, as its files tell; and how to go on, or clean up.

A capture has up to two journals per attempt, in folders of their own: ``RUN-gate`` for the instance, ``RUN-image`` for
the image. What is open there is not known to have been done; what is owed is a protection that was lifted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagegate.capture_state import FILE, State, read_state
from imagegate.journal_reader import Entry, JournalError, journals, read_journal
from imagegate.probes.image import ImageFact
from imagegate.steps.copy import CopyImage

_BEFORE = frozenset({"gate", "refused"})
REPORTS = Path("reports")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """``open`` and ``owed`` are sentences; ``changed`` are runs that ``imagegate undo`` can take back: they changed the
    instance. ``copies`` are the regions in which a copy of the image was begun, with the property that tells it.
    ``unread`` says which journals nobody can read."""

    open: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """As it stands in ``report.json``."""
        copies = [region for region, _ in self.copies]
        return {"open": [*self.open], "owed": [*self.owed], "changed": [*self.changed], "copies": copies}


def left_behind(report_dir: Path, state: State) -> LeftBehind:
    """Read the journals of a capture's run.

    What was open in an attempt is not any more once a later one has looked and gone on, or the gate has judged.
    """
    judged = 0 if state.gate is None else _attempt(str(state.gate["run"]), f"{state.run}-gate")
    left = LeftBehind()
    for part in ("gate", "image"):
        for number, path in _journals(report_dir, f"{state.run}-{part}"):
            left = _with(left, path, gate=part == "gate", stale=part == "gate" and number <= judged)
    return left


def not_undone(report_dir: Path, run: str) -> str | None:
    """Why an undo of ``run`` would take nothing back though it was a capture that changed something; None else."""
    if not (report_dir / run / FILE).exists():
        return None
    state = read_state(report_dir / run)
    parts = [path.parent.name for part in ("image", "gate") for _, path in _journals(report_dir, f"{run}-{part}")[::-1]]
    changes = f"what it changed is taken back with {', then '.join(parts)}" if parts else "it changed nothing else"
    if state.image is not None:
        return f"{run} is a capture: it made the image {state.image}, which no undo deletes; {changes}"
    return f"{run} is a capture: {changes}" if parts else None


def _journals(report_dir: Path, name: str) -> list[tuple[int, Path]]:
    """Those of all attempts, oldest first."""
    found = [(_attempt(path.parent.name, name), path) for path in journals(report_dir)]
    return sorted((number, path) for number, path in found if number)


def _attempt(folder: str, name: str) -> int:
    """Which attempt the folder is of: ``NAME``, ``NAME-2``, and so on; 0 for one of something else."""
    match = re.fullmatch(rf"{re.escape(name)}(?:-([0-9]+))?", folder)
    return int(match[1] or 1) if match else 0


def _with(left: LeftBehind, path: Path, *, gate: bool, stale: bool) -> LeftBehind:
    name = path.parent.name
    try:
        history = read_journal(path)
    except JournalError as error:
        return replace(left, unread=(*left.unread, f"what was changed is not known: {error}"))
    changed = gate and any(entry.ending is None or entry.ending.changed for entry in history.entries)
    copies = {_place(entry.step) for entry in history.entries if isinstance(entry.step, CopyImage)}
    return replace(
        left,
        open=() if stale else tuple(_told(name, entry) for entry in history.open),
        owed=(*left.owed, *(_told(name, entry) for entry in history.debts)),
        changed=(*left.changed, name) if changed else left.changed,
        copies=tuple(sorted({*left.copies, *copies})),
    )


def _told(name: str, entry: Entry) -> str:
    return f"{entry.target.name}: {entry.summary} ({name}/{entry.number})"


def _place(step: CopyImage) -> tuple[str, str]:
    return step.terms.region, step.terms.link


def again(state: State, report_dir: Path) -> str:
    """The command that goes on with a capture."""
    where = [] if report_dir == REPORTS.absolute() else ["--report-dir", str(report_dir)]
    return shlex.join(["imagegate", "capture", "--resume", state.run, *where])


def how_to_go_on(state: State, left: LeftBehind, image: ImageFact | None, report_dir: Path) -> Iterator[str]:
    """What exists and what is open; then how to go on, and how to clean up instead. Nothing for what came to its end.

    ``image`` is what was seen of the image last, None where it was not seen.
    """
    if state.stage == "done" or (state.stage == "refused" and not left.changed):
        return
    if state.stage in _BEFORE:
        yield "no image was asked for"
    elif state.image is None:
        yield "the image was asked for; whether it was made is not known yet"
    else:
        yield f"image {state.image} exists"
    yield from (f"open, perhaps done, perhaps not: {one}" for one in left.open)
    yield from (f"owed, and put back first: {one} had lifted a protection" for one in left.owed)
    yield from left.unread
    yield f"go on: {again(state, report_dir)}"
    yield from (f"or clean up: {one}" for one in _clean_up(state, left, image, report_dir))


def _clean_up(state: State, left: LeftBehind, image: ImageFact | None, report_dir: Path) -> Iterator[str]:
    if state.image is not None:
        if image is None or image.protected:
            yield f"openstack image set --unprotect {state.image}"
        yield f"openstack image delete {state.image}"
        for region, link in left.copies:
            where = ["openstack", "--os-region-name", region, "image", "list", "--property", f"{link}={state.image}"]
            yield f"{shlex.join(where)} shows the copy that was begun there"
    for run in reversed(left.changed):
        more = [] if state.inventory is None else ["--inventory", state.inventory]
        more += [] if report_dir == REPORTS.absolute() else ["--report-dir", str(report_dir)]
        yield shlex.join(["imagegate", "undo", run, *more])
