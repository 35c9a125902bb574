"""YAML text to a tree of values that know where they stand, with limits against hostile input.

YAML 1.2 core schema: ``true`` and ``null`` are not text, ``yes``, ``on`` and dates are. A scalar keeps its source
text, so that ids survive whatever they look like. Refused: tags, merge keys, duplicate keys, keys that are not plain
words, several documents, cycles, and anything deeper or larger than the limits below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from imagegate.errors import InputErrors, Mistake
from imagegate.warning_filters import recorded_warnings

MAX_DEPTH = 32
"""Collections inside collections."""
MAX_NODES = 50_000
"""Values and keys of one file, what aliases repeat included."""
MAX_REPEATED = 1 << 20
"""Characters that all aliases of one file may repeat."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,40})?")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")

_HINTS = {
    r"'\t' that cannot start any token": "a tab stands where YAML wants spaces",
    "mapping values are not allowed here": "a second “: ” in one line; quote the text that contains it, or check the "
    "indentation",
    "could not find expected ':'": "a key without “:”, or a text that goes on in the next line",
    "cannot start any token": "text that starts with this character must be quoted",
}
# what the parser raises on text that it cannot cope with, besides its own errors
_PARSER_FAULTS = (
    YAMLError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    AssertionError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value and where it starts: line and column count from 1."""

    line: int
    column: int

    def mistake(self, message: str) -> Mistake:
        """A mistake at this place."""
        return Mistake(line=self.line, column=self.column, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Node):
    """A text, number, boolean or null. ``text`` is the source text without quotes; ``plain`` tells that there were
    none, so that it may stand for something else than text."""

    text: str
    plain: bool

    @property
    def value(self) -> str | int | float | bool | None:
        """What the scalar means in YAML 1.2."""
        if not self.plain:
            return self.text
        if _NULL.fullmatch(self.text):
            return None
        if _BOOL.fullmatch(self.text):
            return self.text[0] in "tT"
        if _INT.fullmatch(self.text):
            return int(self.text, 0) if self.text[:2] in {"0x", "0o"} else int(self.text)
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping(Node):
    """Keys and values in the order of the file; keys are unique source texts."""

    entries: tuple[tuple[Scalar, Node], ...]
    index: dict[str, tuple[Scalar, Node]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {key.text: (key, value) for key, value in self.entries})

    def get(self, key: str) -> Node | None:
        """The value of ``key``, None if there is no such key."""
        found = self.index.get(key)
        return found[1] if found else None


class Refused(Exception):
    """Reading stops here: what follows would only be noise."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(mistake.message)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen."""

    start: Event
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    nodes: int = 1
    characters: int = 0


@dataclass(slots=True)
class _Composer:
    """Makes the tree of one document, without recursion."""

    mistakes: list[Mistake] = field(default_factory=list)
    twice: list[Mistake] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int, int] | None] = field(default_factory=dict)
    nodes: int = 0
    repeated: int = 0
    documents: int = 0
    root: Node | None = None
    last: Event | None = None

    def take(self, event: Event) -> None:
        """Take the next event; raises Refused."""
        self._take(event)
        self.last = event

    def _take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise Refused(_at(event, "a second document (---) in the file; one is allowed"))
        elif isinstance(event, ScalarEvent):
            self._count(event, 1)
            self._tag(event)
            node = Scalar(**self._where(event), text=event.value, plain=event.style is None)
            if _NOT_TEXT.search(node.text):
                self.mistakes.append(node.mistake("the text contains a character that is none (NUL or a surrogate)"))
            self._add(node, event.anchor, 1, len(node.text))
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._count(event, 1)
            self._tag(event)
            if len(self.stack) >= MAX_DEPTH:
                raise Refused(_at(event, f"nested more than {MAX_DEPTH} deep"))
            if event.anchor:
                self.anchors[event.anchor] = None
            self.stack.append(_Open(start=event, anchor=event.anchor))
        elif isinstance(event, SequenceEndEvent):
            done = self.stack.pop()
            self._add(Sequence(**_place(done.start), items=tuple(done.items)), done.anchor, done.nodes, done.characters)
        elif isinstance(event, MappingEndEvent):
            done = self.stack.pop()
            self._add(
                Mapping(**_place(done.start), entries=tuple(self._entries(done.items))),
                done.anchor,
                done.nodes,
                done.characters,
            )

    def _where(self, event: ScalarEvent) -> dict[str, int]:
        """The parser places a missing value where the next key is; a reader looks for it behind the colon."""
        is_value = self.stack and isinstance(self.stack[-1].start, MappingStartEvent) and len(self.stack[-1].items) % 2
        missing = event.style is None and not event.value and event.anchor is None and event.tag is None
        if is_value and missing and isinstance(self.last, ScalarEvent):
            return {"line": self.last.end_mark.line + 1, "column": self.last.end_mark.column + 2}
        return _place(event)

    def _add(self, node: Node, anchor: str | None, nodes: int, characters: int) -> None:
        if anchor:
            self.anchors[anchor] = (node, nodes, characters)
        if self.stack:
            into = self.stack[-1]
            into.items.append(node)
            into.nodes += nodes
            into.characters += characters
        else:
            self.root = node

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            raise Refused(_at(event, f"*{name} refers to an anchor &{name} that does not stand before it"))
        known = self.anchors[name]
        if known is None:
            raise Refused(_at(event, f"*{name} stands inside &{name}: it would contain itself"))
        node, nodes, characters = known
        self._count(event, nodes)
        self.repeated += characters
        if self.repeated > MAX_REPEATED:
            raise Refused(_at(event, f"the aliases of this file repeat more than {MAX_REPEATED} characters"))
        self._add(node, None, nodes, characters)

    def _count(self, event: Event, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise Refused(_at(event, f"more than {MAX_NODES} values, what aliases repeat included"))

    def _tag(self, event: Any) -> None:
        if event.tag is not None:
            self.mistakes.append(_at(event, f"tags are refused ({_short(str(event.tag))}): quote what is text"))

    def _entries(self, items: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, Scalar] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.mistakes.append(key.mistake("a key must be a word, not a list or a mapping"))
            elif key.plain and key.text == "<<":
                self.mistakes.append(key.mistake("merge keys (<<) are refused: write the keys out"))
            elif key.plain and not key.text:
                self.mistakes.append(key.mistake("a key is missing before “:”"))
            elif key.text in seen:
                first = seen[key.text].line
                self.twice.append(key.mistake(f'the key "{_short(key.text)}" is given twice, first in line {first}'))
            else:
                seen[key.text] = key
                yield key, value


def parse(text: str, path: str, *, twice: list[Mistake] | None = None) -> Node:
    """The tree of the YAML document in ``text``; ``path`` names it in messages.

    Raises InputErrors: the first syntax error, or all tags, duplicate keys and the like. With ``twice``, duplicate keys
    are added to it instead; the first of them is the one in the tree.
    """
    composer = _Composer()
    try:
        with recorded_warnings():
            for event in YAML(typ="safe", pure=True).parse(text):
                composer.take(event)
    except Refused as refused:
        raise InputErrors(path, [*composer.mistakes, *composer.twice, refused.mistake]) from None
    except _PARSER_FAULTS as error:
        fault = _syntax(error, text, composer.last)
        raise InputErrors(path, [*composer.mistakes, *composer.twice, fault]) from None
    root = composer.root
    if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
        raise InputErrors(path, [Mistake(line=0, column=0, message="the file is empty")])
    if composer.mistakes or (composer.twice and twice is None):
        raise InputErrors(path, [*composer.mistakes, *composer.twice])
    if twice is not None:
        twice += composer.twice
    return root


def _syntax(error: Exception, text: str, last: Event | None) -> Mistake:
    """``last`` is the event before the error, for errors that do not say where they are."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        message = "not valid YAML: a control character or one that is no text"
        return Mistake(line=before.count("\n") + 1, column=column, message=message)
    mark, message = None, _short(str(error), 160) or type(error).__name__
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = _short(str(error.problem or error.context or "syntax error"), 160)
        start = error.context_mark
        if error.context and error.problem and start is not None and mark is not None and start.line != mark.line:
            message += f", {error.context} that starts in line {start.line + 1}"
        message += next((f" ({hint})" for part, hint in _HINTS.items() if part in message), "")
    message = f"not valid YAML: {message}"
    mark = mark or (last.end_mark if last else None)
    if mark is None:
        return Mistake(line=0, column=0, message=message)
    return Mistake(line=mark.line + 1, column=mark.column + 1, message=message)


def _place(event: Event) -> dict[str, int]:
    mark = event.start_mark
    return {"line": mark.line + 1, "column": mark.column + 1}


def _at(event: Event, message: str) -> Mistake:
    return Mistake(message=message, **_place(event))


def _short(text: str, limit: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
