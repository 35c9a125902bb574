"""YAML files read into pydantic models, every mistake at once, each with line, column and the nearest valid word.

::

    read(path, Model)            the file as a Model, or InputErrors with all mistakes
    read_text, parse, validate   the steps of it; ``examine`` is ``validate`` that returns the mistakes

A field of type ``str`` takes the source text of a scalar that YAML reads as a number or a boolean: ``0123e45`` and
``12`` stay what was written. An empty value is never taken for text.
"""

from __future__ import annotations

import codecs
import difflib
import re
import stat
import types
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, RootModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from imagegate.errors import InputErrors, Mistake
from imagegate.yaml_tree import Mapping, Node, Scalar, Sequence, parse

__all__ = [
    "Day",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "day_at",
    "examine",
    "nearest",
    "parse",
    "read",
    "read_bytes",
    "read_text",
    "validate",
]

M = TypeVar("M", bound=BaseModel)


def _iso_day(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f'"{value}" is no day of the calendar') from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise PydanticCustomError("date_type", "not a day")


Day = Annotated[date, BeforeValidator(_iso_day)]
"""A calendar day, written as 2027-03-31 and in no other way (a plain ``date`` would take seconds since 1970)."""


def day_at(node: Node | None) -> date | None:
    """The day that stands there, None if there is none."""
    try:
        value = _iso_day(node.value) if isinstance(node, Scalar) else None
    except (ValueError, PydanticCustomError):
        return None
    return value if isinstance(value, date) else None


Key = str | int
Place = tuple[int, int]

MAX_BYTES = 1 << 20
"""Largest file, in bytes."""

_ROUNDS = 8
_TEXT_WANTED = {"string_type", "literal_error", "enum"}
_MUST_BE = {
    "text": ("string_type", "string_sub_type", "string_unicode"),
    "a whole number": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "a number": ("float_type", "float_parsing", "finite_number", "decimal_type", "decimal_parsing"),
    "true or false": ("bool_type", "bool_parsing"),
    "a date such as 2027-03-31": (
        "date_type",
        "date_parsing",
        "date_from_datetime_parsing",
        "date_from_datetime_inexact",
    ),
    "a date with a time": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing"),
    "a list": ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"),
    "a mapping (key: value)": ("model_type", "dict_type", "model_attributes_type", "mapping_type", "dataclass_type"),
    "empty": ("none_required",),
}
_WANTED = {kind: wanted for wanted, kinds in _MUST_BE.items() for kind in kinds}
_BOUNDS = {
    "greater_than": ("must be greater than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
    "multiple_of": ("must be a multiple of", "multiple_of"),
    "string_too_long": ("must be no longer than this many characters:", "max_length"),
    "too_long": ("must not have more entries than", "max_length"),
}


def read(path: str | Path, model: type[M]) -> M:
    """The YAML file at ``path`` as a ``model``; raises InputErrors with all mistakes."""
    return validate(parse(read_text(path), str(path)), model, str(path))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a regular file of at most 1 MiB; raises InputErrors."""
    file = Path(path)
    try:
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _whole(path, "is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise _whole(path, "is not a regular file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _whole(path, "there is no such file") from None
    except OSError as error:
        raise _whole(path, f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise _whole(path, "is no name that a file can have") from None
    if len(data) > MAX_BYTES:
        raise _whole(path, f"is larger than {MAX_BYTES} bytes")
    return data


def read_text(path: str | Path, data: bytes | None = None) -> str:
    """The text of a UTF-8 file (``data`` are its bytes where they have been read already); raises InputErrors."""
    data = read_bytes(path) if data is None else data
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise _whole(path, "the file is empty")
    if b"\0" in data:
        raise _whole(path, "is not a text file: it contains zero bytes (UTF-8 is needed)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        mistake = Mistake(line=before.count(b"\n") + 1, column=column, message="is not UTF-8 text")
        raise InputErrors(str(path), [mistake]) from None


def validate(node: Node, model: type[M], path: str) -> M:
    """The tree as a ``model``; raises InputErrors, with the file called ``path``."""
    found = examine(node, model)
    if isinstance(found, list):
        raise InputErrors(path, found)
    return found


def examine(node: Node, model: type[M]) -> M | list[Mistake]:
    """The tree as a ``model``, or all that is wrong with it."""
    as_text: set[Place] = set()
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(plain(node, as_text))
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        wanted = {place for detail in details for place in _text_wanted(node, detail)} - as_text
        if not wanted:
            break
        as_text |= wanted
    return _mistakes(node, model, details)


def plain(node: Node, as_text: set[Place] | frozenset[Place] = frozenset()) -> Any:
    """The tree as plain values; scalars at the places ``as_text`` as their source text."""
    if isinstance(node, Mapping):
        return {key.text: plain(value, as_text) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item, as_text) for item in node.items]
    if isinstance(node, Scalar):
        return node.text if (node.line, node.column) in as_text else node.value
    raise TypeError(f"no node: {node!r}")


def nearest(word: str, words: Iterable[str], what: str) -> str:
    """The end of a message about an unknown word: the nearest valid one, or all of them. ``what``: "keys", say."""
    known = sorted(words)
    close = difflib.get_close_matches(word.casefold(), {w.casefold(): w for w in known}, n=1, cutoff=0.6)
    if close:
        return f': did you mean "{next(w for w in known if w.casefold() == close[0])}"?'
    if not known:
        return ""
    return f"; valid {what}: {', '.join(known)}"


def describe(node: Node) -> str:
    """What stands there, in short."""
    if isinstance(node, Scalar):
        if node.value is None:
            return "empty"
        return f'"{node.text}"' if len(node.text) <= 60 else f'"{node.text[:59]}…"'
    return "a list" if isinstance(node, Sequence) else "a mapping"


def but(actual: str) -> str:
    """How a message goes on that said what must be there; ``actual`` comes from ``describe``."""
    return "but is empty" if actual == "empty" else f"not {actual}"


def _whole(path: str | Path, message: str) -> InputErrors:
    return InputErrors(str(path), [Mistake(line=0, column=0, message=message)])


def _text_wanted(node: Node, detail: ErrorDetails) -> Iterator[Place]:
    if detail["type"] in _TEXT_WANTED:
        at, _ = _locate(node, detail["loc"])
        if isinstance(at, Scalar) and not isinstance(at.value, str | None):
            yield at.line, at.column


def _locate(node: Node, loc: tuple[Key, ...]) -> tuple[Node, tuple[Key, ...]]:
    """The node that pydantic's location means, and the part of it that are keys and indexes of the file.

    The rest are names of union members and the like. They may look like keys: the reading that uses most wins.
    """
    for number, part in enumerate(loc):
        below = _child(node, part)
        if below is not None:
            used = _locate(below, loc[number + 1 :])
            skipped = _locate(node, loc[number + 1 :])
            if len(skipped[1]) > len(used[1]) + 1:
                return skipped
            return used[0], (part, *used[1])
    return node, ()


def _child(node: Node, part: Key) -> Node | None:
    if isinstance(node, Mapping):
        return node.get(str(part))
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def _mistakes(node: Node, model: type[BaseModel], details: list[ErrorDetails]) -> list[Mistake]:
    """One mistake per place; of the members of a union, what the one that came furthest says."""
    by_place: dict[tuple[Key, ...], list[tuple[Mistake, bool]]] = {}
    branches: dict[tuple[Key, ...], int] = {}
    for detail in details:
        keys, mistake = _translate(node, model, detail)
        by_place.setdefault(keys, []).append((mistake, _is_branch(detail, keys)))
        for depth in range(len(keys)):
            branches[keys[:depth]] = max(branches.get(keys[:depth], 0), len(keys))
    result: list[Mistake] = []
    for keys, found in by_place.items():
        kept = [mistake for mistake, branch in found if not (branch and keys in branches)]
        shapes = [mistake.message for mistake in kept if mistake.message.startswith("must be ")]
        if len(set(shapes)) > 1 and len(shapes) == len(kept):
            kept = [_either(kept)]
        result.extend(kept)
    return sorted(set(result))


def _either(mistakes: list[Mistake]) -> Mistake:
    """What the members of a union say about one place, as one sentence."""
    parts = [re.split(", (?=not |but )", mistake.message.removeprefix("must be "), maxsplit=1) for mistake in mistakes]
    wanted = " or ".join(dict.fromkeys(part[0] for part in parts))
    first = mistakes[0]
    return Mistake(line=first.line, column=first.column, message=", ".join([f"must be {wanted}", *parts[0][1:]]))


def _is_branch(detail: ErrorDetails, keys: tuple[Key, ...]) -> bool:
    """Whether the error is about a union member not having the right shape at all."""
    return len(detail["loc"]) > len(keys) and detail["type"] in _WANTED


def _translate(node: Node, model: type[BaseModel], detail: ErrorDetails) -> tuple[tuple[Key, ...], Mistake]:
    loc, kind = detail["loc"], detail["type"]
    if kind == "missing":
        at, keys = _locate(node, loc[:-1])
        return (*keys, loc[-1]), at.mistake(f'"{loc[-1]}" is missing')
    if kind in {"extra_forbidden", "unexpected_keyword_argument"} or loc[-1:] == ("[key]",):
        key = str(loc[-2] if loc[-1] == "[key]" else loc[-1])
        at, keys = _locate(node, loc[: -2 if loc[-1] == "[key]" else -1])
        entry = at.index.get(key) if isinstance(at, Mapping) else None
        where = entry[0] if entry else at
        if loc[-1] == "[key]":
            return (*keys, key), where.mistake(f'the key "{key}" {_say(detail, where)}')
        models = list(_models(model, keys))
        fitting = [found for found in models if _may_be(at, found)] or models
        words = {word for found in fitting for word in _words(found)}
        return (*keys, key), where.mistake(f'unknown key "{key}"{nearest(key, words, "keys")}')
    at, keys = _locate(node, loc)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        key = detail["ctx"]["discriminator"].strip("'")
        tag = at.get(key) if isinstance(at, Mapping) else None
        if isinstance(tag, Scalar) and tag.value is not None:
            tags = re.findall(r"'([^']*)'", detail["ctx"].get("expected_tags", ""))
            return (*keys, key), tag.mistake(f"{describe(tag)} is not valid here{nearest(tag.text, tags, 'words')}")
        return (*keys, key), at.mistake(f'"{key}" is missing')
    return keys, at.mistake(_say(detail, at))


def _say(detail: ErrorDetails, at: Node) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, {but(describe(at))}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {context[name]}"
    if kind in {"literal_error", "enum"}:
        words_ = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        text = at.text if isinstance(at, Scalar) and at.value is not None else None
        if text is None or not words_:
            return f"must be one of {context.get('expected')}, not {describe(at)}"
        return f"{describe(at)} is not valid here{nearest(text, words_, 'words')}"
    if kind in {"string_too_short", "too_short"}:
        least, things = context["min_length"], "characters" if kind == "string_too_short" else "entries"
        return "must not be empty" if least == 1 else f"must have at least {least} {things}"
    if kind == "string_pattern_mismatch":
        return f"{describe(at)} does not have the form {context['pattern']}"
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    message = detail["msg"]
    return message[:1].lower() + message[1:]


def _words(model: type[BaseModel]) -> set[str]:
    """The keys that a model takes."""
    return {field.alias or name for name, field in model.model_fields.items()}


def _may_be(node: Node, model: type[BaseModel]) -> bool:
    """Whether the words that tell models apart (fields of type Literal) are those of this model."""
    for name, field in model.model_fields.items():
        value = node.get(field.alias or name) if isinstance(node, Mapping) else None
        words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if words and isinstance(value, Scalar) and value.text not in map(str, words):
            return False
    return True


def _models(annotation: Any, keys: tuple[Key, ...]) -> Iterator[type[BaseModel]]:
    """The models that may stand at ``keys`` below a field of this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, RootModel):
            yield from _models(annotation.model_fields["root"].annotation, keys)
        elif not keys:
            yield annotation
        else:
            for name, field in annotation.model_fields.items():
                if keys[0] in {name, field.alias}:
                    yield from _models(field.annotation, keys[1:])
        return
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _models(args[0], keys)
    elif origin in {Union, types.UnionType}:
        for arg in args:
            yield from _models(arg, keys)
    elif hasattr(annotation, "__value__"):
        yield from _models(annotation.__value__, keys)
    elif keys and args:
        yield from _models(args[-1] if isinstance(keys[0], str) else args[0], keys[1:])
