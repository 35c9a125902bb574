"""Reads a policy file: every mistake at once, each with line and column. The values are those of ``policy_model``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from imagegate.errors import InputErrors, Mistake
from imagegate.model import Check, Kind, Level
from imagegate.policy_model import (
    Attestation,
    FixRules,
    Limits,
    Policy,
    ProveRules,
    Required,
    Rule,
    ScopeRules,
    Selection,
    Waiver,
    select,
)
from imagegate.policy_schema import FixFile, LimitsFile, PolicyFile, ScopeFile, policy_schema, requirable
from imagegate.selectors import Selector, parse_selector
from imagegate.strict_yaml import Mapping as MappingNode
from imagegate.strict_yaml import Node, Scalar, Sequence, day_at, examine, nearest, parse, read_bytes, read_text

__all__ = [
    "Attestation",
    "FixRules",
    "Limits",
    "Policy",
    "Required",
    "Rule",
    "ScopeRules",
    "Selection",
    "Waiver",
    "load_policy",
    "policy_schema",
    "read_policy",
    "select",
]


def load_policy(path: str | Path, checks: Mapping[str, Check], *, today: date) -> Policy:
    """The policy in the YAML file at ``path``.

    Args:
        path: The file.
        checks: All checks there are, by id.
        today: The day (UTC) that waivers are counted from.

    Raises:
        InputErrors: All mistakes of the file, with line and column.
    """
    return read_policy(read_bytes(path), path, checks, today=today)


def read_policy(data: bytes, path: str | Path, checks: Mapping[str, Check], *, today: date) -> Policy:
    """The policy that the bytes of a file say, like ``load_policy``; ``path`` names it."""
    mistakes: list[Mistake] = []
    root = parse(read_text(path, data), str(path), twice=mistakes)
    shape = examine(root, PolicyFile)
    reader = _Reader(root, checks, mistakes)
    rules = tuple(reader.rules())
    fleet = tuple(reader.fleet())
    waivers = tuple(reader.selectors("waivers"))
    attestations = tuple(reader.selectors("attestations"))
    reader.never_fixed()
    reader.days(today)
    if isinstance(shape, list):
        raise InputErrors(str(path), sorted({*shape, *mistakes}))
    if mistakes:
        raise InputErrors(str(path), sorted(set(mistakes)))
    limits, fix, scope = shape.limits or LimitsFile(), shape.fix or FixFile(), shape.scope or ScopeFile()
    return Policy(
        path=str(path),
        name=shape.policy,
        version=shape.version,
        title=shape.title,
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        scope=ScopeRules(clouds=_clouds(scope)),
        rules=rules,
        fleet=fleet,
        waivers=tuple(
            Waiver(index=index, line=line, selector=selector, **_fields(waiver))
            for index, (waiver, (line, selector)) in enumerate(zip(shape.waivers or (), waivers, strict=True))
        ),
        attestations=tuple(
            Attestation(index=index, line=line, selector=selector, **_fields(word))
            for index, (word, (line, selector)) in enumerate(zip(shape.attestations or (), attestations, strict=True))
            if selector is not None
        ),
        limits=Limits(**dict(limits)),
        fix=FixRules(ceiling=Level.parse(fix.ceiling), never=frozenset(fix.never)),
        strict_rules=shape.strict_rules,
        prove=ProveRules(**dict(shape.prove or ())),
    )


def _fields(record: BaseModel) -> dict[str, Any]:
    return {name: value for name, value in record if name != "for_"}


def _clouds(scope: ScopeFile) -> Mapping[str, tuple[str, ...] | None] | None:
    if isinstance(scope.clouds, dict):
        return {cloud: tuple(dict.fromkeys(regions)) if regions else None for cloud, regions in scope.clouds.items()}
    return dict.fromkeys(scope.clouds) if scope.clouds else None


class _Reader:
    """Goes through what the shape alone cannot tell: selectors, checks, their parameters, days.

    It copes with any tree, so that its mistakes can be reported beside those of the shape.
    """

    def __init__(self, root: Node, checks: Mapping[str, Check], mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        self._root = root
        self._checks = checks

    def rules(self) -> Iterator[Rule]:
        """The rules that have no mistake."""
        for index, item in enumerate(self._items("rules")):
            selector = self._selector(item)
            require = item.get("require")
            entries = require.entries if isinstance(require, MappingNode) else ()
            required = [self._required(key, value, selector) for key, value in entries]
            if selector:
                done = tuple(one for one in required if one)
                yield Rule(index=index, line=item.line, selector=selector, required=done)

    def fleet(self) -> Iterator[Required]:
        """The checks that are judged once per audit, with the parameters given or the default ones."""
        section = self._section("audit")
        given = dict(section.index) if isinstance(section, MappingNode) else {}
        for check in self._checks.values():
            if not requirable(check):
                key, value = given.pop(check.id, (None, None))
                if key is None or value is None:
                    yield Required(check=check, params=check.params(), line=0, column=0)
                elif (required := self._with_params(check, key, value)) is not None:
                    yield required
        for key, _ in given.values():
            if key.text in self._checks:
                self.mistakes.append(key.mistake(f"{key.text} is judged per target: a rule must require it"))
            else:
                known = [check.id for check in self._checks.values() if not requirable(check)]
                self.mistakes.append(key.mistake(f'unknown check "{key.text}"{nearest(key.text, known, "checks")}'))

    def selectors(self, section: str) -> Iterator[tuple[int, Selector | None]]:
        """Line and selector of each waiver or attestation that has no mistake in them; None for a waiver of one
        finding."""
        for item in self._items(section):
            selector = self._selector(item)
            of_one = section == "waivers" and item.get("for") is None
            if of_one and item.get("fingerprint") is None:
                self.mistakes.append(item.mistake('"for" is missing (or "fingerprint", for one finding alone)'))
            check = item.get("check")
            if isinstance(check, Scalar) and check.value is not None:
                known = self._known(check, selector)
                if known is not None and section == "attestations" and not known.attestable:
                    self.mistakes.append(check.mistake(f"{known.id} can be looked at: nobody can attest it"))
            if selector or of_one:
                yield item.line, selector

    def never_fixed(self) -> None:
        """Looks at the ids of ``fix.never``."""
        section = self._section("fix")
        never = section.get("never") if isinstance(section, MappingNode) else None
        for item in never.items if isinstance(never, Sequence) else ():
            if isinstance(item, Scalar) and item.value is not None and item.text not in self._checks:
                self.mistakes.append(item.mistake(f'unknown check "{item.text}"{self._nearest(item.text)}'))

    def days(self, today: date) -> None:
        """Looks at the days of waivers and attestations, those that are days."""
        section = self._section("limits")
        given = examine(section, LimitsFile) if isinstance(section, MappingNode) else LimitsFile()
        waiver_days = (LimitsFile() if isinstance(given, list) else given).waiver_days
        for item in self._items("waivers"):
            until = day_at(item.get("until"))
            if until is not None and (ahead := (until - today).days) > waiver_days:
                last = today + timedelta(days=waiver_days)
                words = f"{until} is {ahead} days ahead; limits.waiver_days allows {waiver_days}: {last} at most"
                self._at(item, "until", words)
        for item in self._items("attestations"):
            on, until = day_at(item.get("on")), day_at(item.get("until"))
            if on is not None and until is not None and until < on:
                self._at(item, "until", f"{until} is before the day of the attestation, {on}")
            # somewhere on earth it may be tomorrow already
            if on is not None and on > today + timedelta(days=1):
                self._at(item, "on", f"{on} is still to come: nothing can be attested ahead")

    def _required(self, key: Scalar, value: Node, selector: Selector | None) -> Required | None:
        check = self._known(key, selector)
        return self._with_params(check, key, value) if check else None

    def _with_params(self, check: Check, key: Scalar, value: Node) -> Required | None:
        if isinstance(value, Scalar) and value.value is None:
            value = MappingNode(line=key.line, column=key.column, entries=())
        params = examine(value, check.params)
        if isinstance(params, list):
            self.mistakes += params
            return None
        return Required(check=check, params=params, line=key.line, column=key.column)

    def _known(self, name: Scalar, selector: Selector | None) -> Check | None:
        """The check of this id, if it is one that a target of the selector's kind can meet."""
        check = self._checks.get(name.text)
        if check is None:
            self.mistakes.append(name.mistake(f'unknown check "{name.text}"{self._nearest(name.text)}'))
        elif not requirable(check):
            words = "is judged once per audit, not per target: its parameters stand under audit:"
            self.mistakes.append(name.mistake(f"{name.text} {words}"))
        elif selector is not None and check.kind is not selector.kind:
            words = f"is a check of {_plural(check.kind)}, but the selector here is about {_plural(selector.kind)}"
            self.mistakes.append(name.mistake(f"{name.text} {words}"))
        else:
            return check
        return None

    def _selector(self, item: MappingNode) -> Selector | None:
        node = item.get("for")
        if node is None:
            return None
        selector = parse_selector(node)
        if isinstance(selector, list):
            self.mistakes += selector
            return None
        return selector

    def _items(self, section: str) -> Iterator[MappingNode]:
        node = self._section(section)
        for item in node.items if isinstance(node, Sequence) else ():
            if isinstance(item, MappingNode):
                yield item

    def _section(self, name: str) -> Node | None:
        return self._root.get(name) if isinstance(self._root, MappingNode) else None

    def _nearest(self, word: str) -> str:
        return nearest(word, self._checks, "checks")

    def _at(self, item: MappingNode, key: str, message: str) -> None:
        node = item.get(key) or item
        self.mistakes.append(node.mistake(message))


def _plural(kind: Kind) -> str:
    return f"{kind}s"
