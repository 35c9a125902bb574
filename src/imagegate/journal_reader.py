"""Read what a run changed: its journal, as ``journal`` wrote it, also where the run was killed at any point."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from imagegate.codec import load_facts, load_step
from imagegate.errors import ToolError, UserError
from imagegate.journal import FORMAT, JOURNAL
from imagegate.model import Facts, Kind, Step, Target


class JournalError(UserError):
    """A journal that cannot be read: the message names file and line."""


class End(StrEnum):
    """How a step ended."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not-verified"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What came of a step. ``changed`` False: the target is certainly as it was. ``after`` is what was seen then."""

    end: End
    at: datetime
    after: Facts | None = None
    reason: str | None = None
    changed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One step of a run.

    ``step`` and ``before`` are None where this version cannot read them (a step or a probe of a user's own check);
    ``summary`` and ``undo`` are there all the same. ``ending`` None: the run was killed, or is still at it: nobody
    knows whether the step was carried out. ``owes`` is what must be done again, unless ``settled``; ``restores`` names
    the debt that the step pays.
    """

    number: int
    at: datetime
    target: Target
    step: Step | None
    summary: str
    undo: str | None
    before: Facts | None
    owes: Step | None = None
    restores: str | None = None
    settled: bool = False
    ending: Ending | None = None

    @property
    def in_debt(self) -> bool:
        """Whether something was taken away that has to be put back."""
        return self.owes is not None and not self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All steps of a run, oldest first. ``torn``: the last line was cut off and does not count."""

    path: Path
    entries: tuple[Entry, ...] = ()
    torn: bool = False

    @property
    def open(self) -> tuple[Entry, ...]:
        """Steps of which it is not known whether they were carried out."""
        return tuple(entry for entry in self.entries if entry.ending is None)

    @property
    def debts(self) -> tuple[Entry, ...]:
        """Steps whose debt is not paid."""
        return tuple(entry for entry in self.entries if entry.in_debt)


def read_journal(path: Path) -> History:
    """Read a journal. A line without its end is what a kill left, and was never relied on.

    Raises ``JournalError`` for anything else that is no journal, and for one of a newer imagegate.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror or error}") from error
    *lines, rest = data.split(b"\n")
    entries: dict[int, Entry] = {}
    for number, text in enumerate(lines, start=1):
        try:
            _take(json.loads(text), entries)
        except (ToolError, KeyError, TypeError, ValueError, RecursionError) as error:
            reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise JournalError(f"{path}:{number}: this is no line of a journal: {reason}") from error
    return History(path=path, entries=tuple(entries.values()), torn=bool(rest))


def _take(line: Any, entries: dict[int, Entry]) -> None:
    if not isinstance(line, dict):
        raise TypeError("not an object")
    version = _of(line, "v", int)
    if version != FORMAT:
        raise ValueError(f"format {version}, this imagegate reads {FORMAT}")
    event, at = _of(line, "event", str), datetime.fromisoformat(_of(line, "at", str))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    if event == "intent":
        entry = _intent(line, at)
        last = next(reversed(entries), 0)
        if entry.number <= last:
            raise ValueError(f"step {entry.number} after step {last}")
        entries[entry.number] = entry
        return
    number = _of(line, "of", int)
    if number not in entries:
        raise ValueError(f"step {number} was never begun")
    known = entries[number]
    if event == "settled":
        entries[number] = replace(known, settled=True)
        return
    if known.ending is not None:
        raise ValueError(f"step {number} ended twice")
    entries[number] = replace(
        known,
        ending=Ending(
            end=End(event),
            at=at,
            after=_readable(load_facts, line["after"]),
            reason=_maybe(line, "reason"),
            changed=_of(line, "changed", bool),
        ),
    )


def _intent(line: dict[str, Any], at: datetime) -> Entry:
    raw = _of(line, "step", dict)
    owes = line.get("owes")
    return Entry(
        number=_of(line, "n", int),
        at=at,
        target=_target(_of(line, "target", dict)),
        step=_readable(load_step, raw),
        summary=_of(raw, "summary", str),
        undo=_maybe(raw, "undo"),
        before=_readable(load_facts, line["before"]),
        owes=None if owes is None else load_step(owes),
        restores=_maybe(line, "restores"),
    )


def _target(raw: dict[str, Any]) -> Target:
    return Target(
        kind=Kind(_of(raw, "kind", str)),
        id=_of(raw, "id", str),
        name=_of(raw, "name", str),
        cloud=_maybe(raw, "cloud"),
        region=_maybe(raw, "region"),
        owner=_maybe(raw, "owner"),
        guest=_maybe(raw, "guest"),
        deployment=_maybe(raw, "deployment"),
        seen_from=_texts(raw, "seen_from"),
    )


def _readable(load: Callable[[Any], Any], raw: Any) -> Any:
    """What ``load`` makes of ``raw``; None for what a check of a user's own wrote there."""
    if raw is not None and not isinstance(raw, dict):
        raise TypeError("neither an object nor null")
    try:
        return None if raw is None else load(raw)
    except ToolError:
        return None


def _of(raw: dict[str, Any], name: str, kind: type) -> Any:
    value = raw[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is not of type {kind.__name__}")
    return value


def _maybe(raw: dict[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _texts(raw: dict[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name} is no list of texts")
    return tuple(value)


def by_target(entries: tuple[Entry, ...]) -> dict[str, list[Entry]]:
    """The entries of each target, by its key, in their order."""
    grouped: dict[str, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.target.key, []).append(entry)
    return grouped


def journals(folder: Path) -> Iterator[Path]:
    """The journals of all runs in a report folder, oldest first."""
    yield from sorted(path for path in folder.glob(f"*/{JOURNAL}") if not path.parent.is_symlink())
