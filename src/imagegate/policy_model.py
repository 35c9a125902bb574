"""What a policy says, as values: which targets must meet which checks, what may be waived, what a fix may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from imagegate.errors import InputErrors, Mistake
from imagegate.judge import Pair
from imagegate.model import Check, Level, Target
from imagegate.selectors import NO, YES, Match, Outcome, Selector

T = TypeVar("T", bound="Waiver | Attestation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A check and the parameters that a rule gives it, and their place in the file: 0 where nothing stands there."""

    check: Check
    params: Any
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Targets and the checks they must meet. ``index`` counts from 0."""

    index: int
    line: int
    selector: Selector
    required: tuple[Required, ...]

    def __str__(self) -> str:
        return f"rule {self.index} (line {self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Lets a fail stand through ``until`` (UTC, inclusive). ``index`` counts from 0.

    With ``fingerprint`` it covers that finding alone, and ``selector`` may be None; else that says which targets.
    """

    index: int
    line: int
    check: str
    selector: Selector | None
    reason: str
    approved_by: str
    until: date
    ticket: str | None = None
    fingerprint: str | None = None

    def in_force(self, today: date) -> bool:
        """Whether it still holds on this day (UTC)."""
        return today <= self.until

    def match(self, target: Target) -> Match:
        """Whether it may be about this target."""
        return YES if self.selector is None else self.selector.match(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A person's word, given ``on`` a day, that holds through ``until`` (UTC, inclusive). ``index`` counts from 0."""

    index: int
    line: int
    check: str
    selector: Selector
    statement: str
    by: str
    on: date
    until: date

    def in_force(self, today: date) -> bool:
        """Whether it holds on this day (UTC)."""
        return self.on <= today <= self.until

    def match(self, target: Target) -> Match:
        """Whether it is about this target."""
        return self.selector.match(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRules:
    """Clouds that a run must see, each with its regions; None for all regions, and for no clouds named."""

    clouds: Mapping[str, tuple[str, ...] | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``changed_targets``: the most targets that one run may change; ``waiver_days``: how far ahead waivers reach;
    ``waiver_targets``: how many targets one may match."""

    changed_targets: int
    waiver_days: int
    waiver_targets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FixRules:
    """``ceiling``: the highest level that a fix may have; ``never``: ids of checks that are never fixed."""

    ceiling: Level
    never: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveRules:
    """How servers are made from an image and reached, as ``imagegate prove`` has it; None where nothing is said."""

    flavor: str | None = None
    network: str | None = None
    key_name: str | None = None
    user: str | None = None
    volume_size: int | None = None
    address_from: str | None = None
    ssh_port: int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A valid policy. ``digest`` is that of the file's bytes; ``fleet`` are the checks judged once per audit."""

    path: str
    name: str
    version: int
    title: str | None
    digest: str
    scope: ScopeRules
    rules: tuple[Rule, ...]
    fleet: tuple[Required, ...]
    waivers: tuple[Waiver, ...]
    attestations: tuple[Attestation, ...]
    limits: Limits
    fix: FixRules
    strict_rules: bool
    prove: ProveRules = ProveRules()
    _waivers: Mapping[str, tuple[Waiver, ...]] = field(init=False, repr=False, compare=False)
    _attestations: Mapping[str, tuple[Attestation, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_waivers", _by_check(self.waivers))
        object.__setattr__(self, "_attestations", _by_check(self.attestations))

    def waivers_matching(self, check_id: str, target: Target) -> tuple[Waiver, ...]:
        """All waivers for this check and target, expired ones too, in the order of the file."""
        return tuple(
            waiver for waiver in self._waivers.get(check_id, ()) if waiver.match(target).outcome is Outcome.YES
        )

    def attestations_matching(self, check_id: str, target: Target) -> tuple[Attestation, ...]:
        """All attestations for this check and target, expired ones too, in the order of the file."""
        return tuple(a for a in self._attestations.get(check_id, ()) if a.match(target).outcome is Outcome.YES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the rules say about some targets: the pairs, each with the first rule that makes it, and the rules that
    select none of the targets."""

    pairs: tuple[Pair, ...]
    rules_without_targets: tuple[Rule, ...]


def select(policy: Policy, targets: Iterable[Target]) -> Selection:
    """Which checks which of the targets must meet, in the order of the targets, then of the rules.

    A check that several rules require of one target with equal parameters is one pair. A rule selects a target also
    if an attribute that it asks for could not be seen: the pair then says so.

    Raises InputErrors where a check is required of one target with different parameters: both rules are named.
    """
    pairs: list[Pair] = []
    conflicts: dict[tuple[int, int, str], tuple[Mistake, list[Target]]] = {}
    used: set[int] = set()
    for target in targets:
        of_target: dict[str, list[tuple[Rule, Pair]]] = {}
        for rule in policy.rules:
            match = rule.selector.match(target)
            if match is NO:
                continue
            used.add(rule.index)
            unseen = _reason(rule, match.unseen) if match.outcome is Outcome.UNSEEN else None
            for required in rule.required:
                pair = Pair(target=target, check=required.check, params=required.params, rule=rule.index, unseen=unseen)
                of_check = of_target.setdefault(required.check.id, [])
                first = next(((other, known) for other, known in of_check if known.unseen is None), None)
                if first is not None and unseen is None and first[1].params != pair.params:
                    key = (first[0].index, rule.index, required.check.id)
                    conflicts.setdefault(key, (_conflict(first[0], rule, required), []))[1].append(target)
                of_check.append((rule, pair))
        pairs.extend(_joined(policy, [pair for _, pair in of_check]) for of_check in of_target.values())
    mistakes = [_named(mistake, found) for mistake, found in conflicts.values()]
    idle = tuple(rule for rule in policy.rules if rule.index not in used)
    if mistakes:
        raise InputErrors(policy.path, mistakes)
    return Selection(pairs=tuple(pairs), rules_without_targets=idle)


def _by_check(items: Iterable[T]) -> Mapping[str, tuple[T, ...]]:
    result: dict[str, tuple[T, ...]] = {}
    for item in items:
        result[item.check] = (*result.get(item.check, ()), item)
    return result


def _reason(rule: Rule, unseen: tuple[str, ...]) -> str:
    return f"{' and '.join(unseen)} could not be seen, by which {rule} selects"


def _joined(policy: Policy, pairs: list[Pair]) -> Pair:
    """The one pair that several rules make: certain where one of them is and the others could change nothing."""
    one = next((pair for pair in pairs if pair.unseen is None), pairs[0])
    doubt = next((pair.unseen for pair in pairs if pair.unseen and pair.params != one.params), None)
    return replace(
        one,
        unseen=one.unseen or doubt,
        waivers=policy.waivers_matching(one.check.id, one.target),
        attestations=policy.attestations_matching(one.check.id, one.target),
    )


def _conflict(first: Rule, rule: Rule, required: Required) -> Mistake:
    words = f"{required.check.id} is required with different parameters by {first} and {rule}"
    return Mistake(line=required.line, column=required.column, message=words)


def _named(mistake: Mistake, targets: list[Target]) -> Mistake:
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return replace(mistake, message=f"{mistake.message}, and both select {targets[0].name} ({targets[0].id}){more}")
