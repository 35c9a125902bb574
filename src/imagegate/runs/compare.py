"""Two runs → what changed. Pure.

A comparison is about fails. Every fail that stands in one of the runs lands in exactly one class:

========  ==========================================================================================================
same      it stands in both, the same subjects, the same severity
changed   it is a fail in both: other subjects or another severity, or waived in one of them
new       it stands in the later run and was no fail in the earlier one, for one of the reasons below
left      it stood in the earlier run and is no fail in the later one, for one of the reasons below
========  ==========================================================================================================

The reasons (``Gap``) say what the other run knew of the pair. Only ``IN_ORDER`` makes a problem resolved: what was not
looked at, what is gone and what nobody requires any more is told apart. The mirror of ``new`` is ``left``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from imagegate.runs.brief import BLIND, FAILS, SEVERITIES, Brief, RunHead, State

K = TypeVar("K", bound=Hashable)

_LISTED = {"image": "images", "instance": "servers"}


class Gap(StrEnum):
    """What a run in which a pair is no fail knew of it."""

    IN_ORDER = "in-order"
    """It was judged, and was as required."""
    NOT_SEEN = "not-seen"
    """It was unknown, left out of a partial run, or its catalog was not seen whole."""
    TARGET_GONE = "target-gone"
    """Its catalog was seen whole, and the target was not among what the rules select there: deleted, renamed, not
    shared with us any more."""
    NOT_REQUIRED = "not-required"
    """The target was judged, but nothing required this check of it."""


class Fail(NamedTuple):
    """A fail: ``problem`` names check, target and subjects; it stands unless it is waived."""

    problem: Hashable
    severity: str
    waived: bool


class Place(NamedTuple):
    """Which target a pair is about, and where that is listed."""

    target: Hashable
    kind: str
    cloud: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How far a run could see. ``partial``: pairs were left out, or it was interrupted. ``catalogs``: whether each was
    seen whole, by kind of listing, cloud and region in lower case."""

    whole_fleet: bool
    partial: bool
    catalogs: Mapping[tuple[str, str, str], bool] = field(default_factory=dict)

    def would_list(self, place: Place) -> bool:
        """Whether a target of this place is surely not there if it is not among those that were judged."""
        if not self.whole_fleet or self.partial or place.cloud is None or place.region is None:
            return False
        return self.catalogs.get((_LISTED.get(place.kind, ""), place.cloud, place.region.casefold()), False)


def scope_of(head: RunHead) -> Scope:
    """How far this run could see."""
    catalogs: dict[tuple[str, str, str], bool] = {}
    for one in head.catalogs:
        key = (one.what, one.cloud, one.region.casefold())
        catalogs[key] = catalogs.get(key, True) and one.complete
    return Scope(
        whole_fleet=head.command == "audit", partial=bool(head.deselected) or head.interrupted, catalogs=catalogs
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[K]):
    """What a run saw: the pairs that fail, those that are in order, and those that it could not judge."""

    scope: Scope
    fails: Mapping[K, Fail]
    good: AbstractSet[K]
    blind: AbstractSet[K]

    def pairs(self) -> Iterator[K]:
        """All of them."""
        yield from self.fails
        yield from self.good
        yield from self.blind


Pair = tuple[str, str]
"""The id of a check and the key of a target."""


def view_of(head: RunHead, briefs: Collection[Brief]) -> View[Pair]:
    """What this run saw. Of two findings about one pair the later one counts: it was looked at again."""
    last = {(brief.check, brief.target.key): brief for brief in briefs}
    return View(
        scope=scope_of(head),
        fails={
            pair: Fail(problem=brief.fingerprint, severity=brief.severity, waived=brief.state is State.WAIVED)
            for pair, brief in last.items()
            if brief.state in FAILS
        },
        good={pair for pair, brief in last.items() if brief.state is State.GOOD},
        blind={pair for pair, brief in last.items() if brief.state in BLIND},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A fail of both runs that is not the same in both."""

    before: Fail
    after: Fail

    @property
    def what(self) -> tuple[str, ...]:
        """What is other: ``subjects``, ``severity``, ``waiver``."""
        differ = {
            "subjects": self.before.problem != self.after.problem,
            "severity": self.before.severity != self.after.severity,
            "waiver": self.before.waived != self.after.waived,
        }
        return tuple(name for name, is_so in differ.items() if is_so)

    def worse(self, subjects: Callable[[Hashable], Collection[str]]) -> bool:
        """Whether something stands now that did not: another subject, a higher severity, a waiver that ended."""
        if self.after.waived:
            return False
        if self.before.waived or SEVERITIES.index(self.after.severity) < SEVERITIES.index(self.before.severity):
            return True
        if self.before.problem == self.after.problem:
            return False
        return not set(subjects(self.after.problem)) <= set(subjects(self.before.problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Generic[K]):
    """What changed. ``unseen`` are pairs that the later run could not judge and the earlier one could; ``seen`` the
    other way round: of these nothing else can be said."""

    same: tuple[K, ...]
    changed: Mapping[K, Changed]
    new: Mapping[K, Gap]
    left: Mapping[K, Gap]
    unseen: tuple[K, ...]
    seen: tuple[K, ...]

    @property
    def resolved(self) -> tuple[K, ...]:
        """What stood and is in order now."""
        return tuple(pair for pair, gap in self.left.items() if gap is Gap.IN_ORDER)


def compare(before: View[K], after: View[K], place: Callable[[K], Place]) -> Comparison[K]:
    """What changed from ``before`` to ``after``. ``place`` knows the targets of all pairs of both."""
    same: list[K] = []
    changed: dict[K, Changed] = {}
    for pair, now in after.fails.items():
        old = before.fails.get(pair)
        if old is None or (old.waived and now.waived):
            continue
        if old == now:
            same.append(pair)
        else:
            changed[pair] = Changed(before=old, after=now)
    return Comparison(
        same=tuple(same),
        changed=changed,
        new=_gaps(after, before, place),
        left=_gaps(before, after, place),
        unseen=tuple(after.blind & (before.good | before.fails.keys())),
        seen=tuple(before.blind & (after.good | after.fails.keys())),
    )


def _gaps(of: View[K], other: View[K], place: Callable[[K], Place]) -> dict[K, Gap]:
    """The fails that stand in ``of`` and are none in ``other``, with what ``other`` knew of them."""
    targets: set[Hashable] | None = None
    gaps: dict[K, Gap] = {}
    for pair, fail in of.fails.items():
        if fail.waived or pair in other.fails:
            continue
        if pair in other.good:
            gaps[pair] = Gap.IN_ORDER
        elif pair in other.blind or other.scope.partial:
            gaps[pair] = Gap.NOT_SEEN
        else:
            if targets is None:
                targets = {place(each).target for each in other.pairs()}
            where = place(pair)
            if where.target in targets or (where.kind == "policy" and other.scope.whole_fleet):
                gaps[pair] = Gap.NOT_REQUIRED
            else:
                gaps[pair] = Gap.TARGET_GONE if other.scope.would_list(where) else Gap.NOT_SEEN
    return gaps
