"""Reading untrusted JSON records: a wrong or missing field is an error, never a default."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from imagegate.probes.image import WITHHELD, like_a_secret

_DIGITS = re.compile(r"[0-9]{1,18}")


class RecordError(ValueError):
    """A record lacks a field, or holds a value of another type; the message names it."""


def text(record: Mapping[str, Any], name: str, *, null: str | None = None) -> str:
    """The string ``name``. ``null`` is what a JSON null stands for, where the API allows one."""
    value = _present(record, name)
    if value is None and null is not None:
        return null
    if not isinstance(value, str):
        raise RecordError(f"record's {name!r} is {_kind(value)}, not a string")
    return value


def boolean(record: Mapping[str, Any], name: str) -> bool:
    """The boolean ``name``; the string "true" is not one."""
    value = _present(record, name)
    if not isinstance(value, bool):
        raise RecordError(f"record's {name!r} is {_kind(value)}, not a boolean")
    return value


def optional_text(record: Mapping[str, Any], name: str) -> str | None:
    """The string ``name``, None where it is null or absent."""
    return None if record.get(name) is None else text(record, name)


def optional_boolean(record: Mapping[str, Any], name: str) -> bool | None:
    """The boolean ``name``, None where it is null or absent."""
    return None if record.get(name) is None else boolean(record, name)


def optional_number(record: Mapping[str, Any], name: str) -> int | None:
    """The whole number ``name``, None where it is null or absent. Digits in a string count."""
    value = record.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    raise RecordError(f"record's {name!r} is {_kind(value)}, not a whole number")


def optional_code(record: Mapping[str, Any], name: str) -> int | None:
    """The whole number ``name``, None where it is null or absent. A string is no number."""
    value = record.get(name)
    if isinstance(value, str):
        raise RecordError(f"record's {name!r} is a string, not a whole number")
    return optional_number(record, name)


def pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Custom properties or metadata, sorted by key. What is not a string is shown as JSON; what is named like a secret
    is withheld: people do put passwords there, and facts are recorded."""
    return _met_first(tuple(sorted((key, _shown(key, value)) for key, value in values.items())))


@lru_cache(maxsize=1024)
def _met_first(made: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """``made``, or the equal one that was met before it: images that were built alike have the same properties."""
    return made


def _shown(key: str, value: Any) -> str:
    if like_a_secret(key):
        return WITHHELD
    return value if isinstance(value, str) else as_json(value)


def known(family: str, values: Iterable[tuple[str, str]], unseen: set[str]) -> Iterator[tuple[str, str]]:
    """Selectable attributes; a value that is withheld is one that a selector cannot see."""
    for key, value in values:
        name = sys.intern(f"{family}.{key}")  # the same few in every record
        if value == WITHHELD:
            unseen.add(name)
        else:
            yield name, value


def as_json(value: Any) -> str:
    """``value`` as JSON text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def words(value: Any, name: str) -> tuple[str, ...]:
    """Tags: a list of strings, or one string with commas (NHN Cloud's documents have both); sorted, each once."""
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise RecordError(f"record's {name!r} is not a list of strings")
    return tuple(sorted({word for word in value if word}))


class Sets:
    """Frozen sets of words, each made once: a catalog repeats the same few thousands of times."""

    def __init__(self) -> None:
        self._made: dict[frozenset[str], frozenset[str]] = {}

    def of(self, *words: str) -> frozenset[str]:
        """The set of these words."""
        made = frozenset(words)
        return self._made.setdefault(made, made)

    def attributes(self, singles: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
        """Attributes of a target with one value each."""
        return {name: self.of(value) for name, value in singles}


def _present(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise RecordError(f"record lacks {name!r}")
    return record[name]


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")
