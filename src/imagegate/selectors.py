"""Selectors: which targets a rule, a waiver or an attestation is about.

``{image: {name: "golden-*", owner: self}}``: one kind of target, and the attributes that it must have. Values are
exact; names may be case-sensitive shell globs; a list gives alternatives; no attributes at all is every target of the
kind. Where an attribute could not be seen the answer is UNSEEN, unless another attribute says NO.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from imagegate.errors import Mistake
from imagegate.model import Kind, Target
from imagegate.strict_yaml import Mapping as MappingNode
from imagegate.strict_yaml import Node, Scalar, Sequence, but, describe, nearest

ATTRIBUTES: Mapping[Kind, Mapping[str, str]] = {
    Kind.IMAGE: {
        "name": "The image's name; a case-sensitive shell glob.",
        "id": "The image's id.",
        "owner": "`self` (the project of any cloud that the run names) or a project id.",
        "visibility": "public, private, shared or community.",
        "status": "The image's status: active, queued, deactivated …",
        "tag": "A tag that the image carries.",
        "region": "The region of the catalog.",
    },
    Kind.INSTANCE: {
        "name": "The instance's name; a case-sensitive shell glob.",
        "id": "The server's id.",
        "flavor": "The flavor's name.",
        "os": "linux or windows.",
        "status": "The server's status: ACTIVE, SHUTOFF …",
        "region": "The region of the compute API.",
    },
}
"""The selectors of each kind, and what they compare."""

KEYED: Mapping[Kind, str] = {Kind.IMAGE: "property", Kind.INSTANCE: "metadata"}
"""What stands before the dot of selectors with a key of the user's own."""

_FOLDED = frozenset({"os", "region", "status", "visibility"})
_WORDS: Mapping[str, frozenset[str]] = {
    "os": frozenset({"linux", "windows"}),
    "visibility": frozenset({"community", "private", "public", "shared"}),
}
_FREE = frozenset({"tag", *KEYED.values()})
_GLOB = re.compile(r"[*?\[]")


class Outcome(Enum):
    """Whether a selector selects a target."""

    YES = "yes"
    NO = "no"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The answer of a selector; ``unseen`` are the attributes that keep it from saying yes or no."""

    outcome: Outcome
    unseen: tuple[str, ...] = ()


YES = Match(outcome=Outcome.YES)
NO = Match(outcome=Outcome.NO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An attribute and the alternatives of which it must have one."""

    attribute: str
    alternatives: tuple[str, ...]
    _folds: bool = field(init=False, repr=False, compare=False)
    _exact: frozenset[str] = field(init=False, repr=False, compare=False)
    _globs: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        folds = self.attribute in _FOLDED
        globs = [text for text in self.alternatives if self.attribute == "name" and _GLOB.search(text)]
        exact = (text.casefold() if folds else text for text in self.alternatives if text not in globs)
        object.__setattr__(self, "_folds", folds)
        object.__setattr__(self, "_exact", frozenset(exact))
        object.__setattr__(self, "_globs", tuple(re.compile(fnmatch.translate(glob)) for glob in globs))

    def doubtful(self, target: Target) -> bool:
        """Whether one of the alternatives is a word of which nobody can say whether it is true of the target."""
        return self.attribute == "owner" and "self" in self._exact and not target.sees("owner.self")

    def met_by(self, values: frozenset[str]) -> bool:
        """Whether one of the values is one of the alternatives."""
        if self._folds:
            values = frozenset(value.casefold() for value in values)
        if not self._exact.isdisjoint(values):
            return True
        return any(glob.match(value) for glob in self._globs for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One kind of target and the conditions that all must be met."""

    kind: Kind
    conditions: tuple[Condition, ...] = ()

    def match(self, target: Target) -> Match:
        """YES, NO, or UNSEEN with the attributes that could not be seen."""
        if target.kind is not self.kind:
            return NO
        unseen: tuple[str, ...] = ()
        for condition in self.conditions:
            values = target.attributes.get(condition.attribute)
            if values is not None and condition.met_by(values):
                continue
            if not target.sees(condition.attribute):
                unseen = (*unseen, condition.attribute)
            elif condition.doubtful(target):
                unseen = (*unseen, "whether the owner is one of ours")
            else:
                return NO
        return Match(outcome=Outcome.UNSEEN, unseen=unseen) if unseen else YES

    def values(self, attribute: str) -> tuple[str, ...]:
        """The alternatives that it names for an attribute, none if it leaves it open."""
        return tuple(text for one in self.conditions if one.attribute == attribute for text in one.alternatives)

    def selects(self, target: Target) -> bool:
        """Whether the answer is YES: what a permission (waiver, attestation) needs, which never rests on a guess."""
        return self.match(target).outcome is Outcome.YES

    def __str__(self) -> str:
        wanted = (f"{c.attribute}={'|'.join(c.alternatives)}" for c in self.conditions)
        return f"{self.kind} {', '.join(wanted)}".rstrip() if self.conditions else f"every {self.kind}"


def parse_selector(node: Node) -> Selector | list[Mistake]:
    """The selector written at ``node``, or all that is wrong with it."""
    kinds = [str(kind) for kind in ATTRIBUTES]
    if not isinstance(node, MappingNode) or not node.entries:
        actual = "a mapping with nothing in it" if isinstance(node, MappingNode) else describe(node)
        return [node.mistake(f"must be a mapping like {{image: {{name: web-*}}}}, {but(actual)}")]
    mistakes = [
        key.mistake(f'unknown kind of target "{key.text}"{nearest(key.text, kinds, "kinds")}')
        for key, _ in node.entries
        if key.text not in kinds
    ]
    if len(node.entries) > 1:
        mistakes.append(node.entries[1][0].mistake("a selector names one kind of target: write two rules"))
    if mistakes:
        return mistakes
    key, value = node.entries[0]
    kind = Kind(key.text)
    if not isinstance(value, MappingNode):
        return [value.mistake(f"must be a mapping of attributes, {but(describe(value))}; {{}} is every {kind}")]
    conditions: list[Condition] = []
    for attribute, wanted in value.entries:
        found = list(_mistakes(kind, attribute, wanted))
        if not found:
            texts = tuple(item.text for item in _alternatives(wanted))
            conditions.append(Condition(attribute=attribute.text, alternatives=texts))
        mistakes.extend(found)
    return mistakes or Selector(kind=kind, conditions=tuple(conditions))


def _alternatives(wanted: Node) -> Iterator[Scalar]:
    for item in wanted.items if isinstance(wanted, Sequence) else (wanted,):
        if isinstance(item, Scalar):
            yield item


def _mistakes(kind: Kind, key: Scalar, wanted: Node) -> Iterator[Mistake]:
    family, dot, rest = key.text.partition(".")
    known = key.text in ATTRIBUTES[kind] or (family == KEYED[kind] and dot and rest)
    if not known:
        words = [*ATTRIBUTES[kind], f"{KEYED[kind]}.KEY"]
        yield key.mistake(f'unknown selector "{key.text}" of {kind}{nearest(key.text, words, "selectors")}')
        return
    if isinstance(wanted, Sequence) and not wanted.items:
        yield wanted.mistake("an empty list selects nothing")
    for item in wanted.items if isinstance(wanted, Sequence) else (wanted,):
        if not isinstance(item, Scalar) or item.value is None:
            yield item.mistake(f"must be text or a list of texts, {but(describe(item))}")
            continue
        words_ = _WORDS.get(key.text)
        if words_ and item.text.casefold() not in words_:
            yield item.mistake(f"{describe(item)} is not valid here{nearest(item.text, words_, 'words')}")
        elif family not in {"name"} | _FREE and _GLOB.search(item.text):
            yield item.mistake(f'globs are for names only: {key.text} must be an exact value, not "{item.text}"')
