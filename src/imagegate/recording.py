"""Recorded facts: write what was seen, and judge it again with no network at all.

A recording is a file of JSON lines: a head with what the clouds hold, then one line per target.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from imagegate.codec import Shared, dump_facts, load_facts
from imagegate.durable import output_file
from imagegate.errors import StepRefused, ToolError, UsageError
from imagegate.model import Facts, Probe, Source, Step, Target, Unseen
from imagegate.transports import Discovery

FORMAT = 1

_DISCOVERY: TypeAdapter[Discovery] = TypeAdapter(Discovery)
_TARGET: TypeAdapter[Target] = TypeAdapter(Target)


def write_recording(path: Path, discovery: Discovery, targets: Collection[Target], facts: Mapping[str, Facts]) -> None:
    """Write ``facts`` (by target key) of ``targets`` and what discovery saw. An existing file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = _DISCOVERY.dump_python(discovery, mode="json", exclude={"targets"})
    with output_file(path) as file:
        file.write(json.dumps({"imagegate_facts": FORMAT, "discovery": head}) + "\n")
        for target in targets:
            seen = facts.get(target.key)
            line = {"target": _dump_target(target), "facts": None if seen is None else dump_facts(seen)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_recording(path: Path) -> tuple[Discovery, Recording]:
    """Read a recording. Raises ``UsageError`` for a file that is none."""
    targets: list[Target] = []
    facts: dict[str, Facts] = {}
    shared = Shared()
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
            if head["imagegate_facts"] != FORMAT:
                raise UsageError(f"{path}: a recording of format {head['imagegate_facts']!r}, this reads {FORMAT}")
            discovery = _DISCOVERY.validate_python(head["discovery"])
            for text in file:
                line = json.loads(text)
                target = _share(_TARGET.validate_python(shared.texts(line["target"])), shared)
                targets.append(target)
                if line["facts"] is not None:
                    facts[target.key] = load_facts(line["facts"], shared)
    except OSError as error:
        raise UsageError(f"--facts {path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, ValidationError, ToolError) as error:
        raise UsageError(f"{path}: is not a recording made by --record-facts: {error}") from error
    complete = Discovery(
        targets=tuple(targets),
        catalogs=discovery.catalogs,
        auditors=discovery.auditors,
        warnings=discovery.warnings,
    )
    return complete, Recording(facts)


def _share(target: Target, shared: Shared) -> Target:
    attributes = {name: shared.same(values) for name, values in target.attributes.items()}
    return replace(target, attributes=attributes, unseen=shared.same(target.unseen))


def _dump_target(target: Target) -> dict[str, Any]:
    raw: dict[str, Any] = _TARGET.dump_python(target, mode="json")
    raw["attributes"] = {name: sorted(values) for name, values in sorted(raw["attributes"].items())}
    raw["unseen"] = sorted(raw["unseen"])
    return raw


class Recording:
    """The transport that answers from recorded facts; it changes nothing."""

    def __init__(self, facts: Mapping[str, Facts]) -> None:
        self._facts = facts

    @property
    def sources(self) -> frozenset[Source]:
        return frozenset(Source) - {Source.POLICY}

    @property
    def remote(self) -> bool:
        return False

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Always."""
        return True

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """The recorded observations; what was not recorded is unseen."""
        recorded = self._facts.get(target.key)
        at = datetime.now(UTC) if recorded is None else recorded.at
        absent = Unseen(reason="the recording does not hold this", at=at)
        looks = {probe: None if recorded is None else recorded.observation(probe) for probe in probes}
        return Facts({probe: absent if seen is None else seen for probe, seen in looks.items()}, at)

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """Refuse: recorded facts cannot be changed."""
        raise StepRefused(f"{step.subject}: recorded facts cannot be changed")

    def close(self) -> None:
        """Nothing to end."""
