"""A run that has just ended against one that is kept: what of its fails is new."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from imagegate.baseline import Baseline, Change, Former, Since
from imagegate.model import Finding
from imagegate.report.words import utc
from imagegate.runs.brief import RunHead, Spot, State, briefs_of
from imagegate.runs.compare import Changed, Gap, Pair, Place, View, compare, view_of
from imagegate.runs.history import Kept, row_of
from imagegate.runs.index import Index, Problem, Span
from imagegate.runs.naming import LATEST, resolve
from imagegate.runs.scan import Say
from imagegate.runs.store import ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is known before a run: the run to compare with (None: there is none), its problems by fingerprint, when each
    of them was there, and since when what was last seen failing does."""

    head: RunHead | None = None
    view: View[Pair] | None = None
    spots: Mapping[Pair, Spot] = field(default_factory=dict)
    problems: Mapping[Hashable, Problem] = field(default_factory=dict)
    spans: Mapping[Pair, Span] = field(default_factory=dict)
    since: Mapping[Pair, str] = field(default_factory=dict)


def load_base(folder: Path, name: str, *, policy: str, command: str, say: Say | None = None) -> Base:
    """The run that ``--baseline name`` means. ``latest`` is the last complete one of this policy and command, and may
    be missing. Raises ``UsageError`` where any other name is that of no run."""

    def load(index: Index, ignored: Mapping[str, str]) -> Base:
        since = index.open_since(policy)
        kept = Kept(index, ignored, folder, base=(policy, command))
        if name == LATEST and kept.latest() is None:
            return Base(since=since)
        return _loaded(index, row_of(index, resolve(kept, name)).head, since)

    return ask(folder, load, say)


def _loaded(index: Index, head: RunHead, since: Mapping[Pair, str]) -> Base:
    view = index.view(head)
    names = index.names(list(view.pairs()))
    pairs: dict[int, Pair] = {number: (check, spot.key) for number, (check, spot) in names.items()}
    problems = index.problems([fail.problem for fail in view.fails.values()])
    spans = index.spans(head.policy, view.fails, head.finished)
    return Base(
        head=head,
        view=View(
            scope=view.scope,
            fails={
                pairs[number]: fail._replace(problem=problems[fail.problem].fingerprint)
                for number, fail in view.fails.items()
            },
            good={pairs[number] for number in view.good},
            blind={pairs[number] for number in view.blind},
        ),
        spots={(check, spot.key): spot for check, spot in names.values()},
        problems={problem.fingerprint: problem for problem in problems.values()},
        spans={pairs[number]: span for number, span in spans.items()},
        since=since,
    )


def against(base: Base, head: RunHead, findings: Sequence[Finding]) -> Baseline:
    """What of ``findings``, those of the run ``head``, is new, changed and the same, and what stands no more. Pure."""
    briefs = list(briefs_of(findings))
    at = utc(head.finished)
    first = {pair: base.since.get(pair, at) for pair in ((b.check, b.target.key) for b in briefs)}
    keys = {(b.check, b.target.key): (f.check.id, f.target.key) for b, f in zip(briefs, findings, strict=True)}
    if base.head is None or base.view is None:
        stands = [(b.check, b.target.key) for b in briefs if b.state is State.STANDS]
        fails = {keys[p]: Since(change=Change.NEW, worse=True, first_seen=first[p]) for p in stands}
        return Baseline(run=None, finished=None, fails=fails)
    spots = {**base.spots, **{(b.check, b.target.key): b.target for b in briefs}}
    subjects = {b.fingerprint: b.subjects for b in briefs if b.fingerprint}

    def subjects_of(problem: Hashable) -> Collection[str]:
        return subjects[problem] if problem in subjects else base.problems[problem].subjects

    def place(pair: Pair) -> Place:
        spot = spots[pair]
        return Place(spot.key, spot.kind, spot.cloud, spot.region)

    def since(pair: Pair, change: Change, changed: Changed | None = None) -> Since:
        worse = change is Change.NEW or (changed is not None and changed.worse(subjects_of))
        return Since(change=change, worse=worse, first_seen=first[pair])

    found = compare(base.view, view_of(head, briefs), place)
    left = [_former(base, pair, gap, head.finished) for pair, gap in found.left.items()]
    return Baseline(
        run=base.head.id,
        finished=base.head.finished,
        fails={
            **{keys[pair]: since(pair, Change.SAME) for pair in found.same},
            **{keys[pair]: since(pair, Change.NEW) for pair in found.new},
            **{
                keys[pair]: since(pair, Change.CHANGED, changed)
                for pair, changed in found.changed.items()
                if not changed.after.waived
            },
        },
        resolved=tuple(former for former in left if former.why == Gap.IN_ORDER),
        not_resolved=tuple(former for former in left if former.why != Gap.IN_ORDER),
    )


def _former(base: Base, pair: Pair, gap: Gap, now: datetime) -> Former:
    assert base.view is not None  # noqa: S101 - there is something that left
    fail = base.view.fails[pair]
    span = base.spans.get(pair)
    after = None
    if span is not None and gap is Gap.IN_ORDER:
        until = now if span.until is None else datetime.fromisoformat(span.until)
        since = datetime.fromisoformat(span.since)
        after = (until - since).total_seconds() if since <= until else None  # else a clock went back
    return Former(
        check=pair[0],
        severity=fail.severity,
        fingerprint=str(fail.problem),
        target=base.spots[pair].record,
        why=str(gap),
        first_seen=None if span is None else span.since,
        resolved_after_s=after,
    )
