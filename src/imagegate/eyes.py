"""How one target is looked at: which transport answers what, what stands for it where none can, and when a guest is
not contacted at all."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imagegate.errors import Owner, ToolError
from imagegate.evidence import EvidenceStore
from imagegate.model import Facts, Observation, Probe, Source, Target, Unseen
from imagegate.probes.server import SERVER
from imagegate.transports import Transport

INTERRUPTED = "the run was interrupted before this was looked at"

_NO_TRANSPORT = {
    Source.GUEST: ("the inventory does not say how to reach it: add it to the file given with --inventory", Owner.USER),
    Source.COMPUTE: ("no cloud lists this instance (--cloud, scope.clouds of the policy, or OS_*)", Owner.USER),
    Source.IMAGE: ("no cloud was contacted (--cloud, scope.clouds of the policy, or OS_*)", Owner.USER),
    Source.IDENTITY: ("no cloud was contacted (--cloud, scope.clouds of the policy, or OS_*)", Owner.USER),
    Source.CONSOLE: ("no API tells what was ticked in the cloud's console: only a person can say it", Owner.TARGET),
    Source.POLICY: ("it is answered when everything else is judged", Owner.TOOL),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """``today`` (UTC) is the day on which what is seen is judged; ``timeout_s`` the deadline of one target;
    ``gaps`` and ``cancelled`` are as the engine's."""

    transports: Mapping[Source, Transport]
    evidence: EvidenceStore
    gaps: Mapping[Source, str]
    cancelled: threading.Event
    today: date
    timeout_s: float

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Whether the look costs next to nothing: what was listed already, or recorded."""
        by_source = _by_source(probes)
        return all(
            source not in self.transports or self.transports[source].at_hand(target, group)
            for source, group in by_source.items()
        )

    def look_at(self, target: Target, probes: Collection[Probe[Any]], *, fresh: bool) -> Facts:
        """Look at one target. A guest whose server is off is not contacted: its address may be another's by now."""
        by_source = _by_source(probes)
        guest = by_source.pop(Source.GUEST, [])
        if guest and target.cloud is not None and SERVER not in by_source[Source.COMPUTE]:
            by_source[Source.COMPUTE].append(SERVER)
        seen = Facts({}, datetime.now(UTC))
        for source, group in by_source.items():
            seen = seen.merged(self._source(target, source, group, fresh=fresh))
        if guest:
            seen = seen.merged(self._guest(target, guest, seen, fresh=fresh))
        return seen.as_of(self.today)

    def _source(self, target: Target, source: Source, probes: Collection[Probe[Any]], *, fresh: bool) -> Facts:
        transport = self.transports.get(source)
        absent = transport is None or (source is Source.COMPUTE and target.cloud is None and transport.remote)
        if self.cancelled.is_set() and not fresh:  # fresh looks belong to changes under way: they are verified
            return all_unseen(probes, INTERRUPTED, Owner.USER)
        if (transport is None or absent) and source in self.gaps:
            return all_unseen(probes, self.gaps[source], Owner.TARGET)
        if transport is None or absent:
            return all_unseen(probes, *_NO_TRANSPORT[source])
        try:
            return transport.look(target, probes, timeout_s=self.timeout_s, fresh=fresh)
        except Exception as error:  # noqa: BLE001 - one target's look must not cost the report of the others
            return all_unseen(probes, f"the look failed: {type(error).__name__}: {error}", Owner.TOOL)

    def _guest(self, target: Target, probes: Collection[Probe[Any]], seen: Facts, *, fresh: bool) -> Facts:
        transport = self.transports.get(Source.GUEST)
        if transport is not None and not transport.remote:
            return self._source(target, Source.GUEST, probes, fresh=fresh)
        if SERVER in seen and seen[SERVER].is_off:
            try:
                kept = self.evidence.load(target, seen[SERVER])
            except ToolError as error:
                return all_unseen(probes, str(error), Owner.TOOL)
            off = all_unseen(
                probes,
                "the instance is off and no evidence from before is valid: start it, or let one run gate and stop it",
                Owner.TARGET,
            )
            return off if kept is None else Facts({**dict(off.items()), **_only(kept, probes)}, off.at)
        if target.guest is None:
            return all_unseen(probes, *_NO_TRANSPORT[Source.GUEST])
        return self._source(target, Source.GUEST, probes, fresh=fresh)


def all_unseen(probes: Iterable[Probe[Any]], reason: str, owner: Owner) -> Facts:
    """Facts that say of all ``probes``, for one reason, that they could not be seen, and whose fault it is."""
    now = datetime.now(UTC)
    return Facts({probe: Unseen(reason=reason, at=now, owner=owner) for probe in probes}, now)


def _only(facts: Facts, probes: Collection[Probe[Any]]) -> dict[Probe[Any], Observation]:
    return {probe: observation for probe, observation in facts.items() if probe in set(probes)}


def _by_source(probes: Iterable[Probe[Any]]) -> dict[Source, list[Probe[Any]]]:
    grouped: dict[Source, list[Probe[Any]]] = defaultdict(list)
    for probe in probes:
        grouped[probe.source].append(probe)
    return grouped
