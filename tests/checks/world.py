"""A strict world in memory for tests of the engine: it holds the truth about targets and applies steps by ``simulate``.

It can fail, drift between plan and write, be silent, and bring members back to life when an image becomes shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from imagegate.engine import Engine, Settings
from imagegate.evidence import EvidenceStore
from imagegate.journal import Journal
from imagegate.judge import Pair
from imagegate.locks import Locks
from imagegate.model import (
    Check,
    Facts,
    Fix,
    Kind,
    Level,
    Phase,
    Probe,
    Refusal,
    Seen,
    Severity,
    Source,
    Step,
    Target,
    Unseen,
    Violation,
)  # fmt: skip
from imagegate.params import NoParams
from imagegate.plan import Grant
from imagegate.probes import File, FileFact, FileKind, ServerFact
from imagegate.progress import Progress, Silent

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALL = Grant(level=Level.DISRUPTIVE)


class World:
    """A transport for every source. ``truth`` is by target key; probes that it lacks cannot be seen.

    ``on_look`` and ``on_apply`` are called with the target before a look and after a step: they may change the truth,
    raise, or set an event. Wrong use by the engine (a write on stale facts, one look at several sources) is kept in
    ``abuse``, so that nothing can swallow it.
    """

    def __init__(self, *, remote: bool = True) -> None:
        self.remote = remote
        self.truth: dict[str, dict[Probe[Any], Any]] = {}
        self.silent: dict[str, str] = {}
        self.looks: list[tuple[str, frozenset[str], bool]] = []
        self.applied: list[tuple[str, str]] = []
        self.failures: dict[str, Exception] = {}
        self.on_look: Callable[[Target, Collection[Probe[Any]]], None] = lambda _target, _probes: None
        self.on_apply: Callable[[Target, Step], None] = lambda _target, _step: None
        self.abuse: list[str] = []
        self.closed = 0
        self.requests = 0
        self._lock = threading.RLock()

    @property
    def sources(self) -> frozenset[Source]:
        return frozenset(Source) - {Source.POLICY}

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """As a recording has it, where nothing is remote."""
        return not self.remote

    def add(self, target: Target, truth: dict[Probe[Any], Any]) -> Target:
        """Put a target into the world."""
        self.truth[target.key] = dict(truth)
        return target

    def change(self, target: Target, probe: Probe[Any], value: Any) -> None:
        """Somebody else changes something."""
        self.truth[target.key][probe] = value

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        with self._lock:
            if len({probe.source for probe in probes}) != 1 or timeout_s <= 0:
                self.abuse.append(f"look at {[probe.key for probe in probes]}")
            self.on_look(target, probes)
            self.looks.append((target.id, frozenset(probe.key for probe in probes), fresh))
            known = {} if target.key in self.silent else self.truth[target.key]
            reason = self.silent.get(target.key, "nobody knows")
            return Facts(
                {p: Seen(value=known[p], at=NOW) if p in known else Unseen(reason=reason, at=NOW) for p in probes}, NOW
            )

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        with self._lock:
            truth = self.facts(target)
            if step.basis(seen) != step.basis(truth):
                self.abuse.append(f"{step.summary}: written on stale facts")
            if step.level is Level.MANUAL:
                self.abuse.append(f"{step.summary}: a person's work")
            if (failure := self.failures.get(step.summary)) is not None:
                raise failure
            self.applied.append((target.id, step.summary))
            after = step.simulate(truth)
            self.truth[target.key] = {probe: after[probe] for probe in after}
            self.on_apply(target, step)

    def facts(self, target: Target) -> Facts:
        """The truth about a target."""
        return Facts({probe: Seen(value=value, at=NOW) for probe, value in self.truth[target.key].items()}, NOW)

    def close(self) -> None:
        self.closed += 1

    @property
    def guest_looks(self) -> list[str]:
        """Which guests were contacted, in order."""
        return [name for name, keys, _ in self.looks if any(key.startswith(("file:", "kernel")) for key in keys)]


class Inline(Executor):
    """An executor without threads: work is done when it is submitted."""

    made: ClassVar[list[int]] = []

    def __init__(self, workers: int) -> None:
        self.made.append(workers)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as the executors of the standard library do
            future.set_exception(error)
        return future


@dataclass
class Told(Silent):
    """Progress that remembers what it was told."""

    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def looking(self, total: int) -> None:
        self.lines.append(("looking", total))

    def looked(self, target: Target, reason: str | None) -> None:
        self.lines.append(("looked", target.id, reason))

    def applying(self, target: Target, step: Step) -> None:
        self.lines.append(("applying", target.id, step.summary))

    def applied(self, target: Target, step: Step, problem: str | None) -> None:
        self.lines.append(("applied", target.id, step.summary, problem))


def engine(
    world: World,
    *,
    journal: Journal | None = None,
    evidence: EvidenceStore | None = None,
    progress: Progress | None = None,
    transports: dict[Source, Any] | None = None,
    gaps: dict[Source, str] | None = None,
    executor: Callable[[int], Executor] = Inline,
    locks: Locks | None = None,
) -> Engine:
    """An engine over a world, without threads unless asked for."""
    return Engine(
        transports=dict.fromkeys(world.sources, world) if transports is None else transports,
        settings=Settings(today=TODAY, executor=executor),
        evidence=evidence or EvidenceStore(None),
        journal=journal or Journal(None),
        locks=locks or Locks(None),
        progress=progress or Silent(),
        gaps=gaps or {},
    )


def run(machine: Engine, pairs: list[Pair], grant: Grant = ALL, *, changed_targets: int = 50) -> None:
    """Look, judge, plan and mend, as a run does."""
    machine.look(pairs)
    machine.judge(pairs)
    if machine.plan(pairs, grant, changed_targets=changed_targets) is None:
        machine.mend(pairs, grant)


def instance(name: str, *, cloud: str | None = "nhn", guest: bool = True) -> Target:
    """An instance that the cloud lists and the inventory can reach."""
    region = None if cloud is None else "KR1"
    return Target(kind=Kind.INSTANCE, id=name, name=name, cloud=cloud, region=region, guest=name if guest else None)


def server(name: str, **change: Any) -> ServerFact:
    """A running server."""
    on = ServerFact(
        id=name, name=name, status="ACTIVE", power_state=1, task_state=None, vm_state="active", updated="t0"
    )  # fmt: skip
    return replace(on, **change)


OFF = {"status": "SHUTOFF", "power_state": 4, "vm_state": "stopped"}


# ---- toy checks: a file that must be empty, with knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrub(Step):
    """Empty a file; all that a step may vary is a field."""

    source: ClassVar[Source] = Source.GUEST

    file: File

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.file,)

    def basis(self, seen: Facts) -> object:
        return seen[self.file]

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(self.file, replace(seen[self.file], size=0))

    def done(self, seen: Facts) -> bool:
        return seen[self.file].size == 0


def a_file(path: str = "/a") -> File:
    """A file to look at."""
    return File(path=path)


def full(size: int = 7) -> FileFact:
    """A file with something in it."""
    return FileFact(kind=FileKind.REGULAR, size=size)


EMPTY = full(0)


def scrub(path: str = "/a", **change: Any) -> Scrub:
    """A step that empties a file."""
    step = Scrub(
        file=a_file(path), subject=path, summary=f"scrub {path}", level=Level.DISRUPTIVE, phase=Phase.CONTENT,
        why="it is full", undo="fill it again",
    )  # fmt: skip
    return replace(step, **change)


def toy(
    name: str = "linux-toy-empty", paths: tuple[str, ...] = ("/a",), *, steps: list[Step | Refusal] | None = None,
    **record: Any,
) -> Check:  # fmt: skip
    """A check that wants ``paths`` empty and empties them, or plans ``steps`` where these are given."""

    def evaluate(seen: Facts, _want: NoParams) -> Iterator[Violation]:
        for path in paths:
            if seen[a_file(path)].size != 0:
                yield Violation(subject=path, expected="0 bytes", actual=f"{seen[a_file(path)].size} bytes")

    def plan(seen: Facts, _want: NoParams) -> Iterator[Step | Refusal]:
        if steps is not None:
            yield from steps
            return
        for path in paths:
            if seen[a_file(path)].size != 0:
                yield scrub(path)

    fields: dict[str, Any] = {
        "id": name, "title": "The file is empty", "severity": Severity.HIGH, "kind": Kind.INSTANCE,
        "needs": tuple(map(a_file, paths)), "params": NoParams, "evaluate": evaluate, "plan": plan,
        "fix": Fix.SOMETIMES, "effort": Level.MANUAL, "since": "0.1", **record,
    }  # fmt: skip
    return Check(**fields)


@dataclass(frozen=True)
class Slip:
    """A waiver or an attestation."""

    until: date = TODAY
    fingerprint: str | None = None

    def in_force(self, today: date) -> bool:
        return today <= self.until


EXPIRED = Slip(TODAY - timedelta(days=1))


def pair(check: Check, target: Target, want: dict[str, Any] | None = None, **record: Any) -> Pair:
    """A pair with parameters as in a policy."""
    return Pair(check=check, target=target, params=check.params.model_validate(want or {}), rule=0, **record)
