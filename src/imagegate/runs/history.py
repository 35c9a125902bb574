"""What commands and reports ask of the runs that are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imagegate.report.past import PastRun
from imagegate.runs.brief import SEVERITIES, BriefError, RunHead, head_of
from imagegate.runs.compare import Changed, Comparison, Fail, Gap, Place, compare
from imagegate.runs.index import Delta, Index, Problem, Row, Span
from imagegate.runs.naming import LATEST, resolve
from imagegate.runs.packing import Damaged
from imagegate.runs.scan import RUN, Say
from imagegate.runs.store import Unusable, ask

PAST = 100
"""So many runs before this one are told to renderers."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The runs of an index, for ``naming``. ``~N`` counts those of the same policy and command.

    ``base``: the policy and command of which ``latest`` is the last complete run; None: it is what the link names, or
    where that names none the newest run.
    """

    index: Index
    ignored: Mapping[str, str]
    folder: Path
    base: tuple[str, str] | None = None

    @property
    def where(self) -> str:
        """The report folder."""
        return str(self.folder)

    @property
    def nothing(self) -> str:
        """Why there is no latest run."""
        if self.base is None:
            return f"no run is kept there{self.hint()}"
        return f"no complete run of {self.base[1]} with the policy {self.base[0]} is kept there{self.hint()}"

    def has(self, run: str) -> bool:
        """Whether the index has it."""
        return RUN.fullmatch(run) is not None and self.index.run(run) is not None

    def runs(self) -> list[str]:
        """All of the index."""
        return [row.head.id for row in self.index.runs()]

    def others(self) -> dict[str, str]:
        """Those that are ignored."""
        return {run: f"cannot be read: {why}" for run, why in self.ignored.items()}

    def hint(self) -> str:
        """What would name them."""
        some = len(self.ignored)
        return f"; {some} cannot be read: imagegate history --ignored names them" if some else ""

    def latest(self) -> str | None:
        """The link's, else the newest; or the last complete one of ``base``."""
        if self.base is not None:
            policy, command = self.base
            found = self.index.runs(policy=policy, command=command, complete=True, limit=1)
        else:
            link = self.folder / LATEST
            named = link.resolve().name if link.is_symlink() else ""
            if self.has(named):
                return named
            found = self.index.runs(limit=1)
        return found[0].head.id if found else None

    def before(self, run: str, count: int) -> list[str]:
        """Those of the same policy and command that ended before it."""
        head = row_of(self.index, run).head
        rows = self.index.runs(policy=head.policy, command=head.command, before=head, limit=count)
        return [row.head.id for row in rows]

    def line(self, run: str) -> str:
        """The policy and the command."""
        head = row_of(self.index, run).head
        return f" of {head.command} with the policy {head.policy}"


def find(index: Index, ignored: Mapping[str, str], folder: Path, name: str) -> Row:
    """The run that is meant by a name (``naming``). Raises ``UsageError``."""
    return row_of(index, resolve(Kept(index, ignored, folder), name))


def row_of(index: Index, run: str) -> Row:
    """A run that was there a moment ago."""
    row = index.run(run)
    if row is None:
        raise Damaged(f"run {run} has gone from the index")
    return row


# the trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run of the trend. ``base`` is the last complete run of the same policy and command before it, and ``delta``
    what changed since; None for the first."""

    row: Row
    base: str | None
    delta: Delta | None


def trend(index: Index, *, policy: str | None, limit: int | None) -> list[Point]:
    """The newest runs, the newest first, each with what changed since the run before."""
    return [_point(index, row) for row in index.runs(policy=policy, limit=limit)]


def base_of(index: Index, head: RunHead) -> Row | None:
    """The last complete run of the same policy and command that ended before this one."""
    found = index.runs(policy=head.policy, command=head.command, before=head, complete=True, limit=1)
    return found[0] if found else None


def _point(index: Index, row: Row) -> Point:
    base = base_of(index, row.head)
    if base is None:
        return Point(row=row, base=None, delta=None)
    delta = index.delta(row.head.id, base.head.id)
    if delta is None:
        found = comparison(index, base.head, row.head)
        delta = Delta(
            new=len(found.new), changed=len(found.changed), same=len(found.same), resolved=len(found.resolved)
        )
        index.keep_delta(row.head.id, base.head.id, delta)
    return Point(row=row, base=base.head.id, delta=delta)


def past_runs(folder: Path, head: Mapping[str, Any], say: Say) -> tuple[PastRun, ...]:
    """The runs before the one whose report begins with ``head``, of the same policy and command, oldest first.

    None where they cannot be read: ``say`` is told.
    """

    def before(index: Index, _: Mapping[str, str]) -> tuple[PastRun, ...]:
        run = head_of(head)
        rows = index.runs(policy=run.policy, command=run.command, before=run, limit=PAST)
        return tuple(
            PastRun(
                run_id=row.head.id,
                command=row.head.command,
                finished=row.head.finished,
                complete=row.head.complete,
                exit_code=row.head.exit_code,
                selected=row.head.selected,
                seen=row.head.seen,
                counts=row.head.counts,
                standing=row.standing,
            )
            for row in reversed(rows)
        )

    try:
        return ask(folder, before, say)
    except (BriefError, Damaged, Unusable, sqlite3.Error, OSError) as error:
        say(f"the runs before this one cannot be read: {error}")
        return ()


# what changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A problem of one of two runs, as both knew it. ``fail`` is that of the later run where there is one."""

    problem: Problem
    fail: Fail
    span: Span | None
    gap: Gap | None = None
    changed: Changed | None = None
    former: Problem | None = None
    worse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed from run ``before`` to run ``after``; entries are in the order of severity, check and target.

    ``same`` is empty where only its number was asked for. ``unseen`` and ``seen`` count the pairs that only the earlier
    and only the later run could judge.
    """

    before: Row
    after: Row
    new: tuple[Entry, ...]
    changed: tuple[Entry, ...]
    left: tuple[Entry, ...]
    same: tuple[Entry, ...]
    same_count: int
    unseen: int
    seen: int

    @property
    def worse(self) -> bool:
        """Whether something stands that did not."""
        return bool(self.new) or any(entry.worse for entry in self.changed)


def comparison(index: Index, before: RunHead, after: RunHead) -> Comparison[int]:
    """What changed between two runs of the index, in its numbers."""
    old = index.view(before)
    return compare(old, old if before.id == after.id else index.view(after), _places(index))


def _places(index: Index) -> Callable[[int], Place]:
    known: dict[int, Place] = {}

    def place(pair: int) -> Place:
        if not known:
            known.update(index.all_places())
        if pair not in known:
            raise Damaged(f"pair {pair} has no name")
        return known[pair]

    return place


def difference(index: Index, before: Row, after: Row, *, same: bool = False) -> Difference:
    """What changed between two runs, in words; with ``same`` also what did not."""
    old = index.view(before.head)
    now = old if before.head.id == after.head.id else index.view(after.head)
    found = compare(old, now, _places(index))
    teller = _Teller(index, before.head, after.head)
    return Difference(
        before=before,
        after=after,
        new=teller.entries({pair: now.fails[pair] for pair in found.new}, now=True, gaps=found.new),
        changed=teller.changes(found.changed),
        left=teller.entries({pair: old.fails[pair] for pair in found.left}, now=False, gaps=found.left),
        same=teller.entries({pair: now.fails[pair] for pair in found.same}, now=True) if same else (),
        same_count=len(found.same),
        unseen=len(found.unseen),
        seen=len(found.seen),
    )


class _Teller:
    """Numbers → entries."""

    def __init__(self, index: Index, before: RunHead, after: RunHead) -> None:
        self._index = index
        self._before = before
        self._after = after

    def entries(
        self, fails: Mapping[int, Fail], *, now: bool, gaps: Mapping[int, Gap] | None = None
    ) -> tuple[Entry, ...]:
        """Entries of fails of the later run (``now``) or of the earlier one."""
        known = self._index.problems([fail.problem for fail in fails.values()])
        spans = self._spans(fails, now=now)
        gaps = gaps or {}
        return _sorted(
            Entry(problem=known[fail.problem], fail=fail, span=spans.get(pair), gap=gaps.get(pair))
            for pair, fail in fails.items()
        )

    def changes(self, changed: Mapping[int, Changed]) -> tuple[Entry, ...]:
        """Entries of what is a fail in both."""
        known = self._index.problems([f.problem for one in changed.values() for f in (one.before, one.after)])
        spans = self._spans(changed, now=True)

        def subjects(problem: Hashable) -> tuple[str, ...]:
            return known[problem].subjects

        return _sorted(
            Entry(
                problem=known[one.after.problem],
                fail=one.after,
                span=spans.get(pair),
                changed=one,
                former=known[one.before.problem],
                worse=one.worse(subjects),
            )
            for pair, one in changed.items()
        )

    def _spans(self, pairs: Iterable[int], *, now: bool) -> dict[int, Span]:
        head = self._after if now else self._before
        return self._index.spans(head.policy, pairs, head.finished)


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(
        sorted(
            entries,
            key=lambda e: (
                SEVERITIES.index(e.fail.severity), e.problem.check, e.problem.target.name, e.problem.target.key
            ),
        )
    )  # fmt: skip


def resolved_after_s(entry: Entry, by: datetime) -> float | None:
    """The time to fix in seconds, if it was in order by then: from the first run that saw it to the first in order."""
    span = entry.span
    if entry.gap is not Gap.IN_ORDER or span is None or span.until is None:
        return None
    until = datetime.fromisoformat(span.until)
    return None if until > by else (until - datetime.fromisoformat(span.since)).total_seconds()
