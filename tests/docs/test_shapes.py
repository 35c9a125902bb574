"""JSON Schema in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.docs.shapes import Property, either, properties, table, type_words

TEXT = {"type": ["string", "number", "boolean"]}
DEFINITIONS = {
    "Word": {"enum": ["a", "b"], "type": "string"},
    "Thing": {"type": "object", "properties": {"name": TEXT}, "required": ["name"]},
    "Tree": {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
}


@pytest.mark.parametrize(
    "node, words",
    [
        (TEXT, "text"),
        ({"type": "string"}, "text"),
        ({**TEXT, "pattern": r"\S"}, "text"),
        ({"type": "string", "pattern": "^a+$"}, "text like `^a+$`"),
        ({"type": "string", "format": "date"}, "day (YYYY-MM-DD)"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "integer"}, "whole number"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "whole number, 1 to 9"),
        ({"type": "integer", "minimum": 0}, "whole number, at least 0"),
        ({"type": "number", "maximum": 5}, "number, at most 5"),
        ({"type": "number", "exclusiveMinimum": 0}, "number, more than 0"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 9}, "number, more than 0, at most 9"),
        ({"type": "array", "items": TEXT}, "list of text"),
        ({"type": "array", "items": TEXT, "minItems": 1}, "list of text, at least one"),
        ({"type": "array"}, "list of anything"),
        ({"type": "array", "items": {"$ref": "#/$defs/Thing"}}, "list of mappings"),
        ({"type": "object"}, "mapping"),
        ({"type": "object", "additionalProperties": False}, "mapping"),
        ({"type": "object", "additionalProperties": TEXT}, "mapping of names to text"),
        ({"type": "object", "additionalProperties": {"anyOf": [TEXT, {"type": "null"}]}}, "mapping of names to (text or `null`)"),
        ({"$ref": "#/$defs/Word"}, "`a` or `b`"),
        ({"$ref": "#/$defs/Thing"}, "mapping"),
        ({"enum": ["x", None]}, "`x` or `null`"),
        ({"enum": list(range(13))}, "one of 13 words"),
        ({"const": "same"}, "`same`"),
        ({"anyOf": [TEXT, {"type": "null"}], "default": None}, "text"),
        ({"anyOf": [TEXT, {"const": "same"}, {"type": "null"}]}, "text, `same` or `null`"),
        ({"type": ["string", "null"]}, "text or `null`"),
        ({"type": ["array", "null"], "items": TEXT}, "list of text or `null`"),
        ({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/Thing"}]}, "mapping or `null`"),
        ({}, "anything"),
    ],
)
def test_types_are_told_in_words(node, words):
    assert type_words(node, DEFINITIONS) == words


def row(path, kind="text", default="none", meaning=""):
    return Property(path=path, type=kind, default=default, meaning=meaning)


def test_objects_inside_follow_their_parent_with_the_way_to_them():
    schema = {
        "required": ["one"],
        "properties": {
            "one": {"$ref": "#/$defs/Thing", "description": "A\n  ``thing``."},
            "many": {"type": "array", "items": {"anyOf": [TEXT, {"$ref": "#/$defs/Thing"}]}, "default": []},
            "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Thing"}},
            "plain": {**TEXT, "default": "x"},
        },
    }
    assert list(properties(schema, DEFINITIONS)) == [
        row("one", "mapping", "required", "A `thing`."),
        row("one.name", default="required"),
        row("many", "list of text or mappings", "`[]`"),
        row("many[].name", default="required"),
        row("named", "mapping of names to mapping"),
        row("named.NAME.name", default="required"),
        row("plain", default='`"x"`'),
    ]
    assert [each.path for each in properties(schema, DEFINITIONS, closed=frozenset({"one", "many"}))] == [
        "one", "many", "named", "named.NAME.name", "plain",
    ]  # fmt: skip


def test_a_shape_that_holds_itself_is_told_once():
    schema = {"properties": {"tree": {"$ref": "#/$defs/Tree"}}}
    assert [each.path for each in properties(schema, DEFINITIONS)] == ["tree", "tree.below"]


def test_a_default_of_nothing_but_nothing_is_none():
    schema = {"properties": {"a": {"default": {"x": None, "y": None}}, "b": {"default": {}}, "c": {"default": {"x": 1}}}}
    assert [each.default for each in properties(schema, {})] == ["none", "`{}`", '`{"x": 1}`']


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=5))
def test_no_text_breaks_out_of_its_cell(rows):
    lines = table(("a", "b"), rows).split("\n")
    assert len(lines) == 2 + len(rows)
    for line in lines[2:]:
        assert line.replace(r"\|", "").count("|") == 3


def test_a_table_without_rows_is_nothing():
    assert table(("a",), []) == ""


def test_alternatives_are_told_once_each():
    assert [either(words) for words in (["a"], ["a", "b"], ["a", "b", "a", "c"])] == ["a", "a or b", "a, b or c"]
