"""Pairs of checks and targets, by target, and what they want looked at. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from imagegate.judge import Pair
from imagegate.model import Kind, Probe, Target


def union(pairs: Iterable[Pair]) -> tuple[Probe[Any], ...]:
    """Everything that the checks of ``pairs`` look at, once; not for pairs that may not be meant."""
    known = (pair for pair in pairs if pair.unseen is None)
    return tuple(dict.fromkeys(probe for pair in known for probe in pair.check.looks(pair.params)))


def by_target(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Pairs by the key of their target, in their order."""
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.target.key].append(pair)
    return grouped


def probes_by_target(pairs: Sequence[Pair]) -> dict[str, tuple[Target, tuple[Probe[Any], ...]]]:
    """What to look at, by the key of the target; no targets that nothing has to be looked at for."""
    wanted = {key: (mine[0].target, union(mine)) for key, mine in by_target(pairs).items()}
    return {
        key: (target, probes) for key, (target, probes) in wanted.items() if probes and target.kind is not Kind.POLICY
    }
