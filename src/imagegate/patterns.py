r"""Regular expressions that a policy may hold, matched in linear time.

``re`` backtracks: one careless expression and one hostile name stop an audit. This is a part of its language, matched
by following all ways at once (Thompson 1968), so that time grows with the length of the name and nothing else::

    a \. \-        a character; punctuation with a backslash before it
    .  \d \w \s   any character; a digit, a word character, white space (ASCII); \D \W \S all others
    [a-z0-9_] [^/]  one of these; none of these
    (a|b)           one or the other
    * + ? {2} {2,} {2,4}

Always the whole text is matched; a ``^`` at the start and a ``$`` at the end are accepted. What needs backtracking
(back references, looking ahead or behind) is refused, and so is a pattern that is too large.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

MAX_LENGTH = 300
"""Longest pattern, in characters."""
MAX_STATES = 4000
"""Largest pattern, once its counted repetitions are written out."""
MAX_DEPTH = 20
"""Deepest nesting of groups."""

Accepts = Callable[[str], bool]

_SPACE = frozenset(" \t\n\r\f\v")
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_DIGITS = frozenset(string.digits)
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}


@dataclass(frozen=True, slots=True)
class _Chars:
    """One character of a set, or (``negated``) one that is not in it."""

    singles: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    parts: tuple[_Chars, ...] = ()
    negated: bool = False

    def accepts(self, one: str) -> bool:
        found = (
            one in self.singles
            or any(low <= one <= high for low, high in self.ranges)
            or any(part.accepts(one) for part in self.parts)
        )
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class _Each:
    """One after the other."""

    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Either:
    """One of them."""

    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """So many times; ``most`` None: without end."""

    part: _Node
    least: int
    most: int | None


_Node = _Chars | _Each | _Either | _Repeat


class Pattern:
    """A compiled pattern. ``ValueError`` says what is wrong with ``text``."""

    __slots__ = ("_accepts", "_end", "_free", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._accepts: list[tuple[_Chars, int] | None] = []
        self._free: list[tuple[int, ...]] = []
        tree = _Parser(text).tree()
        self._end = self._state()
        first = self._build(tree, self._end)
        self._free.append((first,))
        self._accepts.append(None)

    def fullmatch(self, text: str) -> bool:
        """Whether the whole of ``text`` is as the pattern says."""
        now = self._reach({len(self._free) - 1})
        for one in text:
            steps = (self._accepts[state] for state in now)
            now = self._reach({step[1] for step in steps if step is not None and step[0].accepts(one)})
            if not now:
                return False
        return self._end in now

    def _reach(self, states: set[int]) -> set[int]:
        """``states`` and all that are reached from them without a character."""
        todo = list(states)
        while todo:
            for state in self._free[todo.pop()]:
                if state not in states:
                    states.add(state)
                    todo.append(state)
        return states

    def _state(self, accepts: tuple[_Chars, int] | None = None, free: tuple[int, ...] = ()) -> int:
        if len(self._free) >= MAX_STATES:
            raise ValueError("the pattern is too large: repeat less")
        self._accepts.append(accepts)
        self._free.append(free)
        return len(self._free) - 1

    def _build(self, node: _Node, then: int) -> int:
        """States for ``node``, followed by the state ``then``; returns the first."""
        if isinstance(node, _Chars):
            return self._state((node, then))
        if isinstance(node, _Each):
            for part in reversed(node.parts):
                then = self._build(part, then)
            return then
        if isinstance(node, _Either):
            return self._state(free=tuple(self._build(part, then) for part in node.parts))
        if node.most is None:
            loop = self._state()
            self._free[loop] = (self._build(node.part, loop), then)
            then = loop
        else:
            end = then
            for _ in range(node.most - node.least):
                then = self._state(free=(self._build(node.part, then), end))
        for _ in range(node.least):
            then = self._build(node.part, then)
        return then


class _Parser:
    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("the pattern is empty")
        if len(text) > MAX_LENGTH:
            raise ValueError(f"the pattern is longer than {MAX_LENGTH} characters")
        self._text = text.removeprefix("^")
        escaped = len(self._text) - len(self._text.removesuffix("$").rstrip("\\")) - 1
        if self._text.endswith("$") and escaped % 2 == 0:
            self._text = self._text[:-1]
        self._at = 0
        self._depth = 0

    def tree(self) -> _Node:
        found = self._either()
        if self._at < len(self._text):
            raise self._wrong("a ) without its (")
        return found

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, wanted: str) -> bool:
        there = self._text.startswith(wanted, self._at)
        self._at += len(wanted) if there else 0
        return there

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"the pattern {self._text!r} has {what} (character {self._at + 1})")

    def _either(self) -> _Node:
        parts = [self._each()]
        while self._take("|"):
            parts.append(self._each())
        return parts[0] if len(parts) == 1 else _Either(tuple(parts))

    def _each(self) -> _Node:
        parts: list[_Node] = []
        while self._next() not in {"", "|", ")"}:
            parts.append(self._repeated())
        return _Each(tuple(parts))

    def _repeated(self) -> _Node:
        part = self._one()
        counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        sign = self._next()
        if sign in counts and sign:
            self._at += 1
            part = _Repeat(part, *counts[sign])
        elif sign == "{":
            part = _Repeat(part, *self._counts())
        if self._next() in {"*", "+", "?", "{"} and self._next():
            raise self._wrong("a repetition of a repetition: put the inner one into ( )")
        return part

    def _counts(self) -> tuple[int, int | None]:
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        numbers = [word for word in (low, high) if word]
        if not closed or not low or not all(word.isascii() and word.isdigit() and len(word) < 4 for word in numbers):
            raise self._wrong("a { that begins no count such as {8} or {2,4}: write \\{ for the character")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise self._wrong(f"a count that ends before it begins: {{{inside}}}")
        self._at += len(inside) + 2
        return least, most

    def _one(self) -> _Node:
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._set()
        if sign in {"*", "+", "?", "{", "^", "$"}:
            raise self._wrong(f"a {sign} where it has no meaning: write \\{sign} for the character")
        self._at += 1
        if sign == ".":
            return _Chars(negated=True)
        return self._escaped() if sign == "\\" else _Chars(frozenset(sign))

    def _group(self) -> _Node:
        self._at += 1
        if self._next() == "?" and not self._take("?:"):
            raise self._wrong("a (?…) group: only (…) and (?:…) can be matched in linear time")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"more than {MAX_DEPTH} groups in one another")
        found = self._either()
        self._depth -= 1
        if not self._take(")"):
            raise self._wrong("a ( without its )")
        return found

    def _escaped(self) -> _Chars:
        sign = self._next()
        if sign.lower() in _CLASSES and sign:
            self._at += 1
            return _Chars(_CLASSES[sign.lower()], negated=sign.isupper())
        if not sign or sign.isalnum():
            raise self._wrong(f"\\{sign}, which is not supported")
        self._at += 1
        return _Chars(frozenset(sign))

    def _set(self) -> _Node:
        self._at += 1
        negated = self._take("^")
        parts: list[_Chars] = []
        ranges: list[tuple[str, str]] = []
        while not (self._next() == "]" and (parts or ranges)):
            low = self._member()
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                ranges.append(self._range(low, self._member()))
            else:
                parts.append(low)
        self._at += 1
        return _Chars(ranges=tuple(ranges), parts=tuple(parts), negated=negated)

    def _member(self) -> _Chars:
        sign = self._next()
        if not sign:
            raise self._wrong("a [ without its ]")
        if sign == "[":
            raise self._wrong("a [ inside [ ]: write \\[ for the character")
        self._at += 1
        return self._escaped() if sign == "\\" else _Chars(frozenset(sign))

    def _range(self, low: _Chars, high: _Chars) -> tuple[str, str]:
        first, last = "".join(low.singles), "".join(high.singles)
        if len(first) != 1 or len(last) != 1 or first > last:
            raise self._wrong("a range in [ ] that leads from nowhere to nowhere")
        return first, last


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """The pattern of ``text``, made once."""
    return Pattern(text)


def _valid(text: str) -> str:
    compiled(text)
    return text


PatternText = Annotated[str, AfterValidator(_valid)]
"""A field of parameters that holds a pattern; a bad one is an error of the policy."""
