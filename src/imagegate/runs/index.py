"""``index.sqlite``: what is asked of it, and how a run gets in. ``store`` opens it, ``scan`` fills it.

Everything here may raise ``sqlite3.Error``, or ``Damaged`` for what SQLite cannot notice.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from imagegate.report.words import utc
from imagegate.runs import schema
from imagegate.runs.brief import FAILS, SEVERITIES, Brief, Catalog, RunHead, Spot, State
from imagegate.runs.compare import Fail, Pair, Place, View, scope_of
from imagegate.runs.packing import Damaged, pack, unpack

N = TypeVar("N", bound=Hashable)
T = TypeVar("T")

_HEAD = (
    "id, command, policy, policy_version, policy_digest, started, finished, complete, interrupted, exit_code, "
    "selected, seen, deselected, counts, catalogs"
)
_WAIVED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """Of a report.json: its size, and when it was last changed (nanoseconds)."""

    size: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run of the index. ``standing`` counts the fails that stand, by severity."""

    head: RunHead
    standing: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A fail as the index knows it."""

    check: str
    title: str
    target: Spot
    fingerprint: str
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time during which a pair was a fail, in UTC; ``until`` None: it still is, as far as was seen."""

    since: str
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How many problems are new, changed, the same and resolved against another run."""

    new: int
    changed: int
    same: int
    resolved: int


class Index:
    """The index of one report folder, by a connection without transactions of its own (``isolation_level=None``).

    ``frozen``: nothing can be written.
    """

    def __init__(self, connection: sqlite3.Connection, *, frozen: bool = False) -> None:
        self._db = connection
        self.frozen = frozen

    def create(self) -> None:
        """Make the tables."""
        with self._writing():
            for statement in schema.TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {schema.APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {schema.VERSION}")

    # what is there

    def known(self) -> dict[str, Stat]:
        """The reports that are in, and those that were found to be none, as they were then."""
        rows = self._db.execute("SELECT id, size, changed FROM runs UNION ALL SELECT id, size, changed FROM ignored")
        return {run: Stat(size=size, changed=changed) for run, size, changed in rows}

    def newer(self, head: RunHead) -> dict[str, Stat]:
        """The runs of its policy that ended after this one."""
        rows = self._db.execute(
            "SELECT id, size, changed FROM runs WHERE policy = ? AND (finished, id) > (?, ?)",
            (head.policy, utc(head.finished), head.id),
        )
        return {run: Stat(size=size, changed=changed) for run, size, changed in rows}

    def ignored(self) -> dict[str, str]:
        """Runs whose report cannot be read, with the reason."""
        return dict(self._db.execute("SELECT id, reason FROM ignored ORDER BY id"))

    def runs(
        self,
        *,
        policy: str | None = None,
        command: str | None = None,
        before: RunHead | None = None,
        complete: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """Runs, the newest first. ``before``: only those that ended before this one; ``complete``: only such."""
        where, given = ["true"], []
        for column, value in (("policy", policy), ("command", command)):
            if value is not None:
                where.append(f"{column} = ?")
                given.append(value)
        if before is not None:
            where.append("(finished, id) < (?, ?)")
            given += [utc(before.finished), before.id]
        if complete:
            where.append("complete")
        rows = self._db.execute(
            f"SELECT {_HEAD}, standing FROM runs WHERE {' AND '.join(where)} "  # noqa: S608 - names of columns
            "ORDER BY finished DESC, id DESC LIMIT ?",
            (*given, -1 if limit is None else limit),
        )
        return [_row(row) for row in rows]

    def run(self, run_id: str) -> Row | None:
        """One run, None if there is no such."""
        row = self._db.execute(f"SELECT {_HEAD}, standing FROM runs WHERE id = ?", (run_id,)).fetchone()  # noqa: S608
        return None if row is None else _row(row)

    # what runs saw

    def view(self, head: RunHead) -> View[int]:
        """What a run saw; pairs and problems are numbers of this index."""
        row = self._db.execute(
            "SELECT fail_pairs, fail_problems, fail_codes, good, blind FROM runs WHERE id = ?", (head.id,)
        ).fetchone()
        if row is None:
            raise Damaged(f"run {head.id} has gone from the index")
        pairs, problems, codes, good, blind = map(unpack, row)
        if not len(pairs) == len(problems) == len(codes):
            raise Damaged(f"the fails of run {head.id} do not add up")
        fails = {
            pair: Fail(problem=problem, severity=_severity(code & ~_WAIVED), waived=bool(code & _WAIVED))
            for pair, problem, code in zip(pairs, problems, codes, strict=True)
        }
        return View(scope=scope_of(head), fails=fails, good=set(good), blind=set(blind))

    def names(self, pairs: Collection[int]) -> dict[int, tuple[str, Spot]]:
        """Check and target of pairs."""
        spots: dict[str, Spot] = {}
        with self._wanted(pairs):
            rows = self._db.execute(
                "SELECT wanted.id, checks.name, key, kind, ident, targets.name, cloud, region, owner "
                'FROM wanted JOIN pairs USING(id) JOIN checks ON checks.id = pairs."check" '
                "JOIN targets ON targets.id = pairs.target"
            )
            found = {pair: (check, spots.setdefault(spot[0], Spot(*spot))) for pair, check, *spot in rows}
        return _whole(found, pairs)

    def all_places(self) -> dict[int, Place]:
        """Where the targets of all pairs are."""
        rows = self._db.execute(
            "SELECT pairs.id, target, kind, cloud, region FROM pairs JOIN targets ON targets.id = pairs.target"
        )
        return {pair: Place(*rest) for pair, *rest in rows}

    def problems(self, numbers: Collection[Hashable]) -> dict[Hashable, Problem]:
        """What is known of problems, by number."""
        spots: dict[str, Spot] = {}
        with self._wanted(numbers):
            rows = self._db.execute(
                "SELECT wanted.id, checks.name, title, fingerprint, subjects, key, kind, ident, targets.name, cloud, "
                "region, owner FROM wanted JOIN problems USING(id) JOIN pairs ON pairs.id = pair "
                'JOIN checks ON checks.id = pairs."check" JOIN targets ON targets.id = pairs.target'
            )
            found: dict[Hashable, Problem] = {
                number: Problem(
                    check=check,
                    title=title,
                    target=spots.setdefault(spot[0], Spot(*spot)),
                    fingerprint=fingerprint.hex(),
                    subjects=_texts(subjects),
                )
                for number, check, title, fingerprint, subjects, *spot in rows
            }
        return _whole(found, numbers)

    def spans(self, policy: str, pairs: Iterable[int], at: datetime) -> dict[int, Span]:
        """For each pair that was a fail at this time under this policy: since when, and until when."""
        with self._wanted(pairs):
            rows = self._db.execute(
                "SELECT pair, max(since), until FROM wanted JOIN spans ON pair = wanted.id "
                "WHERE policy = ? AND since <= ? AND (until IS NULL OR until > ?) GROUP BY pair",
                (policy, utc(at), utc(at)),
            )
            return {pair: Span(since=since, until=until) for pair, since, until in rows}

    def open_since(self, policy: str) -> dict[Pair, str]:
        """The pairs that were fails under this policy when they were last seen, and since when."""
        rows = self._db.execute(
            "SELECT checks.name, targets.key, since FROM spans JOIN pairs ON pairs.id = pair "
            'JOIN checks ON checks.id = pairs."check" JOIN targets ON targets.id = pairs.target '
            "WHERE policy = ? AND until IS NULL",
            (policy,),
        )
        return {(check, key): since for check, key, since in rows}

    def delta(self, run: str, base: str) -> Delta | None:
        """What was kept of a comparison."""
        row = self._db.execute(
            "SELECT new, changed, same, resolved FROM deltas WHERE run = ? AND base = ?", (run, base)
        ).fetchone()
        return None if row is None else Delta(new=row[0], changed=row[1], same=row[2], resolved=row[3])

    @contextmanager
    def _wanted(self, numbers: Iterable[Hashable]) -> Iterator[None]:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted(id INTEGER PRIMARY KEY)")
        with self._writing("BEGIN"):
            self._db.executemany("INSERT OR IGNORE INTO wanted VALUES(?)", ((number,) for number in numbers))
            yield
            self._db.execute("DELETE FROM wanted")

    # what goes in

    def keep_delta(self, run: str, base: str, delta: Delta) -> None:
        """Keep what a comparison counted, where the index can be written."""
        if not self.frozen:
            self._db.execute(
                "INSERT OR REPLACE INTO deltas VALUES(?, ?, ?, ?, ?, ?)",
                (run, base, delta.new, delta.changed, delta.same, delta.resolved),
            )

    def ignore(self, run: str, stat: Stat, reason: str) -> None:
        """Remember that this report cannot be read, until it changes."""
        with self._writing():
            self._drop([run])
            self._db.execute(
                "INSERT OR REPLACE INTO ignored VALUES(?, ?, ?, ?)", (run, stat.size, stat.changed, reason)
            )

    def forget(self, runs: Collection[str]) -> None:
        """Take runs out; since when their problems were there is still known."""
        with self._writing():
            self._drop(runs)
            self._db.executemany("DELETE FROM ignored WHERE id = ?", ((run,) for run in runs))

    def add(self, head: RunHead, briefs: Iterable[Brief], stat: Stat) -> None:
        """Put a run in, whole or not at all. Newer runs of its policy go out: they must be put in after it."""
        standing = self._take_in(briefs)
        with self._writing():
            if self.known().get(head.id) == stat:  # somebody else was faster
                return
            self._drop([head.id])
            self._db.execute("DELETE FROM ignored WHERE id = ?", (head.id,))
            self._go_back(head)
            for statement in schema.INTERN.split(";"):
                self._db.execute(statement)
            self._insert(head, self._db.execute(schema.NUMBERED).fetchall(), standing, stat)

    def _take_in(self, briefs: Iterable[Brief]) -> Counter[str]:
        for statement in schema.INCOMING.split(";"):
            self._db.execute(statement)
        checks: dict[str, tuple[int, str]] = {}
        targets: dict[str, tuple[int, Spot]] = {}
        standing: dict[Pair, str | None] = {}

        def rows() -> Iterator[tuple[Any, ...]]:
            for one in briefs:
                check, _ = checks.setdefault(one.check, (len(checks), one.title))
                target, _ = targets.setdefault(one.target.key, (len(targets), one.target))
                failed = one.state in FAILS
                standing[one.check, one.target.key] = one.severity if one.state is State.STANDS else None
                print_ = bytes.fromhex(one.fingerprint) if failed else None
                subjects = json.dumps(one.subjects) if failed else None
                yield check, target, int(one.state), _code(one.severity), print_, subjects

        with self._writing("BEGIN"):
            self._db.executemany("INSERT OR REPLACE INTO incoming VALUES(?, ?, ?, ?, ?, ?)", rows())
            self._db.executemany(
                "INSERT INTO in_checks VALUES(?, ?, ?)", ((n, name, title) for name, (n, title) in checks.items())
            )
            self._db.executemany(
                "INSERT INTO in_targets VALUES(?, ?, ?, ?, ?, ?, ?, ?)", ((n, *spot) for n, spot in targets.values())
            )
        return Counter(severity for severity in standing.values() if severity is not None)

    def _insert(self, head: RunHead, rows: list[Any], standing: Counter[str], stat: Stat) -> None:
        fails = [row for row in rows if State(row[1]) in FAILS]
        good = [row[0] for row in rows if row[1] == State.GOOD]
        blind = [row[0] for row in rows if row[1] in (State.UNKNOWN, State.ATTESTED)]
        codes = (severity | (_WAIVED if state == State.WAIVED else 0) for _, state, severity, _ in fails)
        catalogs = [[one.what, one.cloud, one.region, one.complete] for one in head.catalogs]
        self._db.execute(
            f"INSERT INTO runs({_HEAD}, standing, size, changed, fail_pairs, fail_problems, fail_codes, good, blind) "
            f"VALUES({', '.join('?' * 23)})",
            (
                head.id, head.command, head.policy, head.policy_version, head.policy_digest, utc(head.started),
                utc(head.finished), head.complete, head.interrupted, head.exit_code, head.selected, head.seen,
                head.deselected, json.dumps(dict(head.counts)), json.dumps(catalogs),
                json.dumps({name: standing[name] for name in SEVERITIES}), stat.size, stat.changed,
                pack(row[0] for row in fails), pack(row[3] for row in fails), pack(codes), pack(good), pack(blind),
            ),
        )  # fmt: skip
        self._span(head, {row[0] for row in fails}, good)

    def _span(self, head: RunHead, fails: set[int], good: Iterable[int]) -> None:
        """Begin and end the times during which pairs are fails."""
        at, policy = utc(head.finished), head.policy
        rows = self._db.execute("SELECT pair FROM spans WHERE policy = ? AND until IS NULL", (policy,))
        still = {pair for (pair,) in rows}
        self._db.executemany(
            "INSERT OR IGNORE INTO spans VALUES(?, ?, ?, NULL)", ((policy, pair, at) for pair in fails - still)
        )
        self._db.executemany(
            "UPDATE spans SET until = ? WHERE policy = ? AND pair = ? AND until IS NULL",
            ((at, policy, pair) for pair in still.intersection(good)),
        )

    def _go_back(self, head: RunHead) -> None:
        """The policy's runs and times as they were when this run ended: newer ones are put in again behind it."""
        at = utc(head.finished)
        if newer := self.newer(head):
            self._drop(newer)
            self._db.execute("DELETE FROM spans WHERE policy = ? AND since > ?", (head.policy, at))
            self._db.execute("UPDATE spans SET until = NULL WHERE policy = ? AND until > ?", (head.policy, at))

    def _drop(self, runs: Collection[str]) -> None:
        self._db.executemany("DELETE FROM runs WHERE id = ?", ((run,) for run in runs))
        self._db.executemany("DELETE FROM deltas WHERE run = ? OR base = ?", ((run, run) for run in runs))

    @contextmanager
    def _writing(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        """All of it or nothing. ``BEGIN``: of temporary tables, while others may write."""
        self._db.execute(begin)
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # SQLite rolls back by itself where the disk is full
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _whole(found: dict[N, T], wanted: Collection[N]) -> dict[N, T]:
    if len(found) < len(set(wanted)):
        raise Damaged(f"{len(set(wanted)) - len(found)} names are missing")
    return found


def _code(severity: str) -> int:
    return SEVERITIES.index(severity)


def _severity(code: int) -> str:
    if code >= len(SEVERITIES):
        raise Damaged(f"there is no severity {code}")
    return SEVERITIES[code]


def _row(row: tuple[Any, ...]) -> Row:
    """From the columns of ``_HEAD``, and ``standing``."""
    try:
        run, command, policy, version, digest, started, finished, *numbers, counts, catalogs, standing = row
        complete, interrupted, exit_code, selected, seen, deselected = map(int, numbers)
        head = RunHead(
            id=run, command=command, policy=policy, policy_version=int(version), policy_digest=digest,
            started=datetime.fromisoformat(started), finished=datetime.fromisoformat(finished),
            complete=bool(complete), interrupted=bool(interrupted), exit_code=exit_code, selected=selected, seen=seen,
            deselected=deselected, counts={name: int(number) for name, number in json.loads(counts).items()},
            catalogs=tuple(Catalog(what=w, cloud=c, region=r, complete=ok) for w, c, r, ok in json.loads(catalogs)),
        )  # fmt: skip
        return Row(head=head, standing={name: int(number) for name, number in json.loads(standing).items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise Damaged(f"run {row[0]} cannot be read: {error}") from error


def _texts(subjects: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(subjects)))
    except (TypeError, ValueError) as error:
        raise Damaged(f"subjects cannot be read: {error}") from error
