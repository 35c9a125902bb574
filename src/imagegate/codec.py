"""Facts and probes as JSON: a recording is test fixture and audit evidence in one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from imagegate import probes, steps
from imagegate.errors import Owner, ToolError
from imagegate.model import Facts, Level, Observation, Phase, Probe, Seen, Step, Unseen

_PROBE_TYPES: dict[str, type[Probe[Any]]] = {
    name: value
    for name, value in vars(probes).items()
    if isinstance(value, type) and issubclass(value, Probe) and value is not Probe
}

_STEP_TYPES: dict[str, type[Step]] = {
    name: value
    for name, value in vars(steps).items()
    if isinstance(value, type) and issubclass(value, Step) and value.reads is not Step.reads
}


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def dump_value(kind: type, value: object) -> Any:
    """A fact, probe or other dataclass as plain JSON values."""
    return _adapter(kind).dump_python(value, mode="json")


def dump_probe(probe: Probe[Any]) -> dict[str, Any]:
    """A probe as JSON: its type and its fields."""
    return {"type": type(probe).__name__, **_adapter(type(probe)).dump_python(probe, mode="json")}


def load_probe(raw: dict[str, Any]) -> Probe[Any]:
    """The probe that ``dump_probe`` wrote; raises ``ToolError`` for one of another version."""
    fields = dict(raw)
    kind = _PROBE_TYPES.get(str(fields.pop("type", None)))
    if kind is None:
        raise ToolError(f"a recording holds a probe of unknown type {raw.get('type')!r}")
    try:
        probe: Probe[Any] = _adapter(kind).validate_python(fields)
    except ValidationError as error:
        raise ToolError(f"a recording holds a {raw.get('type')} probe that cannot be read: {error}") from error
    return probe


def dump_step(step: Step) -> dict[str, Any]:
    """A step as JSON: its type and its fields, level and phase as words."""
    fields = _adapter(type(step)).dump_python(step, mode="json")
    return {"type": type(step).__name__, **fields, "level": str(step.level), "phase": step.phase.name.lower()}


def load_step(raw: dict[str, Any]) -> Step:
    """The step that ``dump_step`` wrote; raises ``ToolError`` for one of another version."""
    name = raw.get("type")
    kind = _STEP_TYPES.get(str(name))
    if kind is None:
        raise ToolError(f"a step of unknown type {name!r}")
    known = {field.name for field in dataclasses.fields(kind)}
    if strange := sorted(raw.keys() - known - {"type"}):
        raise ToolError(f"a {name} step has unknown fields: {', '.join(strange)}")
    try:
        words = {"level": Level.parse(raw["level"]), "phase": Phase[raw["phase"].upper()]}
        text = json.dumps({**{key: value for key, value in raw.items() if key != "type"}, **words})
        step: Step = _adapter(kind).validate_json(text, strict=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ToolError(f"a {name} step cannot be read: {error}") from error
    return step


def dump_facts(facts: Facts) -> dict[str, Any]:
    """Facts as JSON."""
    return {
        "at": facts.at.isoformat(),
        "observations": [
            {"probe": dump_probe(probe), **_dump_observation(probe, seen)} for probe, seen in facts.items()
        ],
    }


class Shared:
    """Equal values of a recording, each kept once: a catalog repeats the same few thousands of times."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def same(self, value: Any) -> Any:
        """``value``, or the equal one that was met first."""
        return self._kept.setdefault(value, value)

    def texts(self, value: Any) -> Any:
        """JSON ``value`` with equal texts in it made one."""
        if isinstance(value, str):
            return self.same(value)
        if isinstance(value, dict):
            return {sys.intern(name): self.texts(item) for name, item in value.items()}
        return [self.texts(item) for item in value] if isinstance(value, list) else value

    def made(self, make: Callable[[Any], Any], raw: Any) -> Any:
        """What ``make`` makes of the JSON ``raw``, made once."""
        key = (make, repr(raw))
        if key not in self._kept:
            self._kept[key] = make(raw)
        return self._kept[key]


def load_facts(raw: dict[str, Any], shared: Shared | None = None) -> Facts:
    """The facts that ``dump_facts`` wrote; raises ``ToolError`` where that cannot be read.

    ``shared`` saves memory where many facts are read: four fifths of a large catalog's.
    """
    shared = shared or Shared()
    try:
        pairs = [(shared.made(load_probe, item["probe"]), item) for item in raw["observations"]]
        return Facts(
            {probe: _load_observation(probe, item, shared) for probe, item in pairs},
            shared.made(datetime.fromisoformat, raw["at"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ToolError(f"recorded facts cannot be read: {error}") from error


def _dump_observation(probe: Probe[Any], observation: Observation) -> dict[str, Any]:
    if isinstance(observation, Unseen):
        return {"unseen": observation.reason, "owner": str(observation.owner), "at": observation.at.isoformat()}
    seen = {"seen": dump_value(probe.fact, observation.value), "at": observation.at.isoformat()}
    return seen if observation.origin is None else {**seen, "origin": observation.origin}


def _load_observation(probe: Probe[Any], item: dict[str, Any], shared: Shared) -> Observation:
    at = shared.made(datetime.fromisoformat, item["at"])
    if "unseen" in item:
        return Unseen(reason=shared.same(str(item["unseen"])), at=at, owner=Owner(item["owner"]))
    value = _adapter(probe.fact).validate_python(shared.texts(item["seen"]))
    return Seen(value=shared.same(value), at=at, origin=item.get("origin"))


def digest(probe: Probe[Any], value: object) -> str:
    """``sha256:…`` of a fact: the evidence behind a finding."""
    text = json.dumps(dump_value(probe.fact, value), sort_keys=True, ensure_ascii=False)
    return "sha256:" + hashlib.sha256(f"{probe.key}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
