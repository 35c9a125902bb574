"""How a run is named on the command line, by every command alike. Pure: what runs there are is told by a ``Shelf``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from imagegate.errors import UsageError
from imagegate.report.words import plural

LATEST = "latest"
FORMS = "its id, the beginning of one, or latest; with ~N the Nth before it"
"""For the help of a command that takes a run."""

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """``stem`` is an id, the beginning of one, or ``latest``; ``back`` says how many runs before that one."""

    stem: str
    back: int = 0


class Shelf(Protocol):
    """The runs that a command can mean, in one report folder."""

    @property
    def where(self) -> str:
        """The report folder, for people."""

    @property
    def nothing(self) -> str:
        """What is said where there is no latest run: why there is none."""

    def has(self, run: str) -> bool:
        """Whether a run of exactly this id can be meant. Asked of whatever was typed: it may be no id at all."""

    def runs(self) -> Sequence[str]:
        """The ids of all that can be meant, the newest first."""

    def others(self) -> Mapping[str, str]:
        """Runs that are there and cannot be meant, with the reason: words after "run X in DIR"."""

    def hint(self) -> str:
        """What is added where no run was found; empty, or words that begin with a semicolon."""

    def latest(self) -> str | None:
        """The run that ``latest`` means. May raise ``UsageError`` where that is not certain."""

    def before(self, run: str, count: int) -> Sequence[str]:
        """Up to ``count`` runs before this one that ``~N`` counts, the newest first. May raise ``UsageError``."""

    def line(self, run: str) -> str:
        """What the runs have in common that ``~N`` counts from this one; empty, or words after "runs"."""


def parse(name: str) -> Name:
    """Every text is a name; most are of no run."""
    match = re.fullmatch(r"(.*?)(?:~([0-9]{1,6}))?", name, re.DOTALL)
    assert match is not None  # noqa: S101 - it matches everything
    return Name(stem=match[1], back=int(match[2] or 0))


def resolve(shelf: Shelf, name: str) -> str:
    """The id of the run that is meant.

    Raises ``UsageError`` if there is no such run, or if it cannot be told which is meant.
    """
    wanted = parse(name)
    if "/" in name:
        raise UsageError(f"{name}: the name of a run, not a path (its folder is in --report-dir)")
    run = _stem(shelf, wanted.stem)
    if not wanted.back:
        return run
    earlier = shelf.before(run, wanted.back)
    if len(earlier) < wanted.back:
        are = "is" if len(earlier) == 1 else "are"
        raise UsageError(f"{name}: there {are} {plural(len(earlier), 'run')}{shelf.line(run)} before {run}")
    return earlier[-1]


def _stem(shelf: Shelf, stem: str) -> str:
    if stem == LATEST:
        latest = shelf.latest()
        if latest is None:
            raise UsageError(f"{shelf.where}: there is no latest run: {shelf.nothing}")
        return latest
    if shelf.has(stem):
        return stem
    others = shelf.others()
    if stem in others:
        raise UsageError(f"run {stem} in {shelf.where} {others[stem]}")
    runs = shelf.runs()
    found = [run for run in runs if stem and run.startswith(stem)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{stem} is the beginning of {len(found)} runs: {_some(found)}")
    lost = [run for run in others if stem and run.startswith(stem)]
    if len(lost) == 1:
        raise UsageError(f"run {lost[0]} in {shelf.where} {others[lost[0]]}")
    raise UsageError(
        f"there is no run {stem} in {shelf.where} (the newest there: {_some(runs) or 'none'}){shelf.hint()}"
    )


def _some(runs: Iterable[str]) -> str:
    listed = list(runs)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
