"""JSON Schema in words: what type a value has, what it is without one, and tables of properties."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_TEXT = ["string", "number", "boolean"]
"""What the reader of policies takes for text: a scalar that YAML reads as something else stays what was written."""
_MANY = 12
"""Longer lists of words are in the schema only."""
_PLAIN = {"string": "text", "boolean": "boolean", "integer": "whole number", "number": "number", "object": "mapping"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One row of a table: a path such as ``allow[].project``, its type, its default and what it means."""

    path: str
    type: str
    default: str
    meaning: str


def properties(
    schema: Schema, definitions: Mapping[str, Schema], *, closed: frozenset[str] = frozenset()
) -> Iterator[Property]:
    """All properties of an object; those of objects inside follow their parent, as ``allow[].project``.

    ``closed`` are paths whose insides are told elsewhere.
    """
    yield from _properties(schema, definitions, "", closed, ())


def _properties(
    schema: Schema, definitions: Mapping[str, Schema], prefix: str, closed: frozenset[str], inside: Sequence[int]
) -> Iterator[Property]:
    required = set(schema.get("required", ()))
    for name, node in schema.get("properties", {}).items():
        path = prefix + name
        yield Property(
            path=path,
            type=type_words(node, definitions),
            default=default_words(node, required=name in required),
            meaning=" ".join(str(meaning_of(node, definitions)).split()).replace("``", "`"),
        )
        for way, shape in _objects(node, definitions) if path not in closed else ():
            if id(shape) not in inside:  # a shape that holds itself is told once
                yield from _properties(shape, definitions, f"{path}{way}.", closed, (*inside, id(shape)))


def meaning_of(node: Schema, definitions: Mapping[str, Schema]) -> str:
    """What a schema says of itself, or what the one says that it refers to."""
    if "description" in node:
        return str(node["description"])
    reference = node.get("$ref")
    return "" if reference is None else str(definitions[_name(reference)].get("description", ""))


def default_words(node: Schema, *, required: bool) -> str:
    """``required``, ``none``, or the default as JSON."""
    if required:
        return "required"
    value = node.get("default")
    said = [each for each in value.values() if each is not None] if isinstance(value, Mapping) and value else value
    return "none" if said is None or said == [] != value else f"`{json.dumps(value, ensure_ascii=False)}`"


def type_words(node: Schema, definitions: Mapping[str, Schema]) -> str:
    """The type of a value in words: ``list of text``, ``whole number, 1 to 65535``, ``text or `null```.

    A default of ``null`` says nothing about the type: it stands for leaving the value out.
    """
    if "$ref" in node:
        shape = definitions[_name(node["$ref"])]
        return "mapping" if "properties" in shape or "oneOf" in shape else type_words(shape, definitions)
    if len(node.get("enum", ())) > _MANY:
        return f"one of {len(node['enum'])} words"
    if "enum" in node:
        return either(f"`{'null' if value is None else value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    union = node.get("anyOf") or node.get("oneOf")
    if union is not None and "type" not in node:
        words = [type_words(each, definitions) for each in union if each.get("type") != "null"]
        return either([*words, *_null(node, nullable=len(words) < len(union))])
    return _type_of_plain(node, definitions)


def either(words: Iterable[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``; each once."""
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def _null(node: Schema, *, nullable: bool) -> list[str]:
    return ["`null`"] if nullable and "default" not in node else []


def _type_of_plain(node: Schema, definitions: Mapping[str, Schema]) -> str:
    kind = node.get("type")
    if kind in (_TEXT, "string"):
        return _text(node)
    if isinstance(kind, list):
        plain = [_type_of_plain({**node, "type": word}, definitions) for word in kind if word != "null"]
        return either([*plain, *_null(node, nullable="null" in kind)])
    if kind == "array":
        inner = type_words(node.get("items", {}), definitions).replace("mapping", "mappings")
        return f"list of {inner}{', at least one' if node.get('minItems') else ''}"
    if kind == "object" and isinstance(node.get("additionalProperties"), Mapping) and "properties" not in node:
        inner = type_words(node["additionalProperties"], definitions)
        return f"mapping of names to {f'({inner})' if ' or ' in inner else inner}"
    if kind in {"integer", "number"}:
        return _PLAIN[str(kind)] + _bounds(node)
    return _PLAIN.get(str(kind), "anything")


def _text(node: Schema) -> str:
    pattern = node.get("pattern")
    if node.get("format") == "date":
        return "day (YYYY-MM-DD)"
    return "text" if pattern in {None, r"\S"} else f"text like `{pattern}`"


def _bounds(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if "exclusiveMinimum" in node:
        return f", more than {node['exclusiveMinimum']}" + ("" if high is None else f", at most {high}")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return ("" if low is None else f", at least {low}") + ("" if high is None else f", at most {high}")


def _objects(node: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """The objects that a value may be made of, and the way to them: nothing, ``[]`` or ``.NAME``."""
    if "$ref" in node:
        yield from _objects(definitions[_name(node["$ref"])], definitions)
    if "properties" in node:
        yield "", node
    for union in ("anyOf", "oneOf"):
        for each in node.get(union, ()):
            yield from _objects(each, definitions)
    if isinstance(node.get("items"), Mapping):
        yield from (("[]" + way, shape) for way, shape in _objects(node["items"], definitions))
    if isinstance(node.get("additionalProperties"), Mapping):
        yield from ((".NAME" + way, shape) for way, shape in _objects(node["additionalProperties"], definitions))


def _name(reference: str) -> str:
    return reference.removeprefix("#/$defs/")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; nothing where there are no rows."""
    if not rows:
        return ""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text as a cell of a table."""
    return text.replace("|", r"\|").replace("\n", " ")
