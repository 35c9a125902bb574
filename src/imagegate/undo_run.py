"""Take back what a run changed: read its journal, look, plan, with consent apply; then a result.

::

    undo = Undo(options)
    plans = undo.plan()            # reads the journal, logs in, looks; changes nothing
    result = undo.apply(plans)     # or undo.decline(plans, why)
    undo.close()
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagegate.capture_left import not_undone
from imagegate.engine import Engine, Settings
from imagegate.errors import UsageError
from imagegate.evidence import EvidenceStore
from imagegate.journal import JOURNAL, Journal
from imagegate.journal_reader import Entry, History, by_target, read_journal
from imagegate.locks import Locks, state_folder
from imagegate.model import Kind, Level, Target
from imagegate.plan import Grant
from imagegate.progress import Progress, Silent
from imagegate.recover import pay_debts
from imagegate.report.write import busy
from imagegate.result import ExitCode
from imagegate.runs.naming import resolve
from imagegate.runs.shelves import Fixed
from imagegate.transports import Transport
from imagegate.undo import GOOD, TargetUndo, plan_undo, probes_for

REPORT = "undo.json"
_GRANT = Grant(level=Level.DISRUPTIVE)
"""What the operator consents to who has a run taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoOptions:
    """What is asked for. ``run`` names a run (``runs.naming``), or is the path of its folder.

    ``clouds`` and ``regions`` narrow to some of the run's targets, empty for all: to those seen from one of the clouds.
    Times are in seconds, per target.
    """

    run: str
    report_dir: Path
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    inventory: Path | None = None
    look_timeout_s: float = 60.0
    lock_timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoResult:
    """What came of it. ``owed`` tells of protections that were lifted and could not be put back."""

    run_id: str
    undoes: str
    started: datetime
    finished: datetime
    undone: tuple[TargetUndo, ...]
    interrupted: bool = False
    owed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0 if all is as it was before the run, else 11; 2 if it was interrupted."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        lost = any(item.fate not in GOOD for one in self.undone for item in one.items)
        return ExitCode.FIX_FAILED if lost or self.owed else ExitCode.COMPLIANT


class Undo:
    """One undo. Not to be used twice."""

    def __init__(self, options: UndoOptions, progress: Progress | None = None) -> None:
        self.options = options
        self.started = datetime.now(UTC)
        self.run_id = f"{self.started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self.run_folder = find_run(options.report_dir, options.run)
        self.report_dir = self.run_folder.parent
        self._held = contextlib.ExitStack()
        self._held.enter_context(busy(self.run_folder))
        self.warnings: list[str] = []
        self._progress = progress or Silent()
        self._engine: Engine | None = None

    @property
    def folder(self) -> Path:
        """Where the undo's own journal and reports go."""
        return self.report_dir / self.run_id

    def plan(self) -> list[TargetUndo]:
        """Look at everything that the run changed and plan what takes it back; empty if it changed nothing.

        Raises ``UserError`` for anything that the operator has to put right. What cannot be seen is in the plan.
        """
        history = self._history()
        if history.torn:
            self.warnings.append("the journal ends in the middle of a line: the run was killed while it wrote it")
        mine = {key: entries for key, entries in by_target(history.entries).items() if self._is_meant(entries[0])}
        left = len(by_target(history.entries)) - len(mine)
        if left:
            self.warnings.append(f"{left} of the run's targets are left as they are (--cloud, --region)")
        targets = {key: entries[0].target for key, entries in mine.items()}
        engine = self._engine = self._connect(targets)
        with ThreadPoolExecutor(engine.settings.look_workers) as pool:
            seen = dict(
                zip(
                    mine,
                    pool.map(lambda key: engine.look_at(targets[key], probes_for(mine[key]), fresh=True), mine),
                    strict=True,
                )
            )
        return [plan_undo(targets[key], entries, seen[key]) for key, entries in mine.items()]

    def stop(self) -> None:
        """End the work after the steps under way; what was done is in the result. May be called from anywhere."""
        if self._engine is not None:
            self._engine.cancelled.set()

    def apply(self, plans: Sequence[TargetUndo]) -> UndoResult:
        """Apply what is planned, targets in parallel. A KeyboardInterrupt ends the work, not the report; one that comes
        when the work is done is not heard here: who cannot have that calls ``stop`` instead."""
        engine = self._engine
        assert engine is not None  # noqa: S101 - the plans come from there
        targets = {one.target.key: one.target for one in plans}
        owed: tuple[str, ...] = ()
        try:
            recovery = pay_debts(self.report_dir, targets, engine, self.run_id)
            owed = recovery.owed
            self.warnings += [*recovery.paid, *recovery.owed, *recovery.unread]
        except KeyboardInterrupt:
            engine.cancelled.set()
        outcomes = {} if engine.cancelled.is_set() else engine.carry_out([one.plan for one in plans], _GRANT)
        owed += tuple(outcome.unrestored for outcome in outcomes.values() if outcome.unrestored is not None)
        undone = [one.ended(outcomes.get(one.target.key)) for one in plans]
        return self._result(undone, owed=owed, interrupted=engine.cancelled.is_set())

    def decline(self, plans: Sequence[TargetUndo], reason: str) -> UndoResult:
        """The result where nothing is applied."""
        return self._result([one.refused(reason) for one in plans], owed=(), interrupted=False)

    def _result(self, undone: Sequence[TargetUndo], *, owed: tuple[str, ...], interrupted: bool) -> UndoResult:
        return UndoResult(
            run_id=self.run_id,
            undoes=self.run_folder.name,
            started=self.started,
            finished=datetime.now(UTC),
            undone=tuple(undone),
            interrupted=interrupted,
            owed=owed,
            warnings=tuple(self.warnings),
        )

    def close(self) -> None:
        """End all connections; idempotent."""
        self._held.close()
        if self._engine is not None:
            self._engine.close()

    def _history(self) -> History:
        path = self.run_folder / JOURNAL
        if not path.exists() and (why := not_undone(self.report_dir, self.run_folder.name)) is not None:
            raise UsageError(why)
        return read_journal(path) if path.exists() else History(path=path)

    def _is_meant(self, entry: Entry) -> bool:
        target, options = entry.target, self.options
        regions = {region.casefold() for region in options.regions}
        seen_from = {target.cloud, *target.seen_from}
        return (not options.clouds or not seen_from.isdisjoint(options.clouds)) and (
            not regions or (target.region or "").casefold() in regions
        )

    def _connect(self, targets: Mapping[str, Target]) -> Engine:
        transports: list[Transport] = []
        if clouds := _clouds(targets.values()):
            transports.append(self._ask_clouds(clouds, targets.values()))
        if self.options.inventory is not None:
            from imagegate.inventory import load_inventory  # noqa: PLC0415 - only when guests are reached
            from imagegate.transports.guests import Guests  # noqa: PLC0415

            transports.append(Guests(load_inventory(self.options.inventory), run_key=secrets.token_bytes(32)))
        return Engine(
            transports={source: transport for transport in transports for source in transport.sources},
            settings=Settings(today=self.started.date(), look_timeout_s=self.options.look_timeout_s),
            evidence=EvidenceStore(self.report_dir / "evidence"),
            journal=Journal(self.folder / JOURNAL),
            locks=Locks(
                state_folder(), run_id=self.run_id, timeout_s=self.options.lock_timeout_s, progress=self._progress
            ),
            progress=self._progress,
        )

    def _ask_clouds(self, clouds: Mapping[str, list[str]], targets: Iterable[Target]) -> Transport:
        from imagegate.transports.openstack import OpenStack  # noqa: PLC0415 - only when a cloud is used

        only: dict[str, set[str]] = {}
        for target in targets:
            if target.region is not None:
                only.setdefault("images" if target.kind is Kind.IMAGE else "servers", set()).add(target.region)
        cloud = OpenStack()
        discovery = cloud.discover(clouds, what=list(only), only=only, listed=False)
        self.warnings += discovery.warnings
        self.warnings += [f"{c.cloud}/{c.region} was not reached: {c.reason}" for c in discovery.catalogs]
        return cloud


def _clouds(targets: Iterable[Target]) -> dict[str, list[str]]:
    """The entries that the run changed targets through: what it did for a project goes back with that one's own."""
    clouds: dict[str, list[str]] = {}
    for target in targets:
        for cloud in dict.fromkeys((target.cloud, *target.seen_from)):
            if cloud is not None and target.region is not None:
                regions = clouds.setdefault(cloud, [])
                if target.region not in regions:
                    regions.append(target.region)
    return clouds


def find_run(reports: Path, name: str) -> Path:
    """The folder of a run: by a name (``naming``), or by its path. ``latest`` is the latest run that changed something.

    Raises ``UsageError`` where there is none, or where it cannot be told which is meant.
    """
    if "/" not in name:
        return (reports / resolve(Fixed(reports), name)).resolve()
    folder = Path(name)
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such run")
    return folder.resolve()
