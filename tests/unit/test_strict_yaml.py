"""Reading YAML: what is refused, where, and in which words."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from imagegate.errors import InputErrors
from imagegate.params import Id, Params
from imagegate.strict_yaml import (
    MAX_BYTES,
    Day,
    Mapping,
    Scalar,
    Sequence,
    examine,
    nearest,
    parse,
    read,
    read_text,
    validate,
)
from imagegate.yaml_tree import MAX_DEPTH, MAX_NODES


def mistakes(text, model=None):
    with pytest.raises(InputErrors) as caught:
        validate(parse(text, "f.yaml"), model, "f.yaml")
    return [(m.line, m.column, m.message) for m in caught.value.mistakes]


def one(text, model=None):
    (found,) = mistakes(text, model)
    return found


# ---- the tree


@pytest.mark.parametrize(
    "source, value",
    [
        ("12", 12),
        ("-7", -7),
        ("007", 7),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e5", 1e5),
        ("0123e45", 123e45),
        ("1.5", 1.5),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("yes", "yes"),
        ("on", "on"),
        ("2027-03-31", "2027-03-31"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("9" * 41, "9" * 41),
        ('"12"', "12"),
        ("'true'", "true"),
        ('""', ""),
    ],
)
def test_scalars_are_those_of_yaml_1_2_and_keep_their_text(source, value):
    scalar = parse(f"key: {source}", "f").get("key")
    assert (type(scalar.value), scalar.value) == (type(value), value)
    assert scalar.text == source.strip("\"'")
    assert (scalar.line, scalar.column) == (1, 6 if source else 5)


def test_the_tree_knows_where_everything_stands():
    tree = parse("a:\n  - b\n  - {c: d}\n", "f")
    assert isinstance(tree, Mapping)
    ((key, items),) = tree.entries
    assert (key.text, key.line, key.column) == ("a", 1, 1)
    assert isinstance(items, Sequence)
    first, second = items.items
    assert (first.line, first.column) == (2, 5)
    assert (second.get("c").line, second.get("c").column) == (3, 9)
    assert second.get("x") is None


def test_aliases_repeat_what_they_name():
    tree = parse("a: &x [1, 2]\nb: *x\n", "f")
    assert tree.get("b") == tree.get("a")


def test_block_scalars_and_comments_are_fine():
    assert parse("# hello\na: |\n  x\n  y\n", "f").get("a").value == "x\ny\n"


# ---- what is refused

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    "text, line, column, words",
    [
        ("", 0, 0, "the file is empty"),
        ("# only a comment\n", 0, 0, "the file is empty"),
        ("---\n", 0, 0, "the file is empty"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, 'the key "a" is given twice, first in line 1'),
        ("a: 1\n'a': 3\n", 2, 1, "given twice"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        ("a: !!python/object/apply:os.system [id]\n", 1, 4, "tags are refused (tag:yaml.org,2002:python"),
        ("a: !!str 1\n", 1, 4, "tags are refused"),
        ("a: !mine {}\n", 1, 4, "tags are refused (!mine)"),
        ("<<: {a: 1}\n", 1, 1, "merge keys (<<) are refused"),
        ("? [a]\n: 1\n", 1, 3, "a key must be a word"),
        (": 1\n", 1, 1, "a key is missing"),
        ("a: *x\n", 1, 4, "*x refers to an anchor &x that does not stand before it"),
        ("a: &x [*x]\n", 1, 8, "it would contain itself"),
        ("a: &x\n  b: *x\n", 2, 6, "it would contain itself"),
        ("a: b: c\n", 1, 5, "a second “: ” in one line"),
        ("a:\n\t- b\n", 2, 1, "a tab stands where YAML wants spaces"),
        ("a: [1,\nb: 3", 2, 5, "while parsing a flow sequence that starts in line 1"),
        ("a: 'b\n\n", 3, 1, "found unexpected end of stream"),
        ('a: "\\ud800"\n', 1, 4, "NUL or a surrogate"),
        ('a: "\\0"\n', 1, 4, "NUL or a surrogate"),
        ('a: "\\UFFFFFFFF"\n', 1, 2, "not valid YAML"),
        ("a: 1\nb: \x01\n", 2, 4, "a control character"),
        ("[" * 2000, 1, MAX_DEPTH + 1, "nested more than"),
        ("- " * 2000 + "a", 1, 2 * MAX_DEPTH + 1, "nested more than"),
        ("{a: " * 2000, 1, 4 * MAX_DEPTH + 1, "nested more than"),
        ("- a\n" * (MAX_NODES + 1), MAX_NODES, 3, f"more than {MAX_NODES} values"),
        ("[" + "a," * MAX_NODES + "]", 1, 2 * MAX_NODES, f"more than {MAX_NODES} values"),
        (LAUGHS, 5, 25, f"more than {MAX_NODES} values"),
        (f"- &a {'x' * 500_000}\n- *a\n- *a\n- *a\n", 4, 3, "the aliases of this file repeat more than"),
    ],
)
def test_refused(text, line, column, words):
    found = one(text)
    assert found[:2] == (line, column)
    assert words in found[2]


def test_refusals_are_collected_until_the_first_syntax_error():
    assert [m[:2] for m in mistakes("a: !x 1\nb: 1\nb: 2\n<<: 3\nc: [\n")] == [(1, 4), (6, 1)]
    assert [m[:2] for m in mistakes("a: !x 1\nb: 1\nb: 2\n<<: 3\n")] == [(1, 4), (3, 1), (4, 1)]


# ---- files


@pytest.mark.parametrize(
    "data, line, column, words",
    [
        (b"", 0, 0, "the file is empty"),
        (b" \n", 0, 0, "the file is empty"),
        (b"a: \xff\n", 1, 4, "is not UTF-8 text"),
        ("é: 1\nä: ".encode() + b"\xfc", 2, 4, "is not UTF-8 text"),
        (b"\x7fELF\0\0", 0, 0, "is not a text file"),
        ("a: 1".encode("utf-16"), 0, 0, "is not a text file"),
        (b"a" * 10 * MAX_BYTES, 0, 0, "is larger than"),
    ],
)
def test_files_that_are_no_text(tmp_path, data, line, column, words):
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    with pytest.raises(InputErrors) as caught:
        read_text(path)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (line, column)
    assert words in mistake.message
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "path, words",
    [
        ("missing.yaml", "there is no such file"),
        (".", "is a folder"),
        ("/dev/null", "is not a regular file"),
        ("a\0b", "is no name that a file can have"),
        ("x" * 5000, "cannot be read"),
        ("/etc/passwd/x", "cannot be read"),
    ],
)
def test_paths_that_are_no_files(tmp_path, monkeypatch, path, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputErrors, match=words):
        read_text(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_text(path) == "a: 1\n"


# ---- models


class Color(StrEnum):
    RED = "red"
    GREEN = "green"


class Grant(Params):
    project: Id
    until: date | None = None


class Ssh(Params):
    transport: Literal["ssh"]
    user: str
    port: Annotated[int, Field(ge=1, le=65535)] = 22


class Winrm(Params):
    transport: Literal["winrm"]
    password_env: str


class Words(RootModel[list[str]]):
    pass


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: tuple[Grant, ...] = ()
    exact: bool = False
    color: Color = Color.RED
    level: Literal["safe", "disruptive"] = "safe"
    name: str | list[str] | None = None
    hosts: dict[str, Annotated[Ssh | Winrm, Field(discriminator="transport")]] = {}
    count: int = 0
    ratio: float = 0.0
    day: Day | None = None
    for_: str | None = Field(None, alias="for")
    short: Annotated[str, Field(min_length=1, max_length=5, pattern="^[a-z]*$")] = "x"
    few: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    by_number: dict[int, str] = {}
    words: Words = Words([])
    even: int = 0

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value


@pytest.mark.parametrize(
    "project", ["0123e45", "1e5", "12", "0" * 32, "1" * 32, "9" * 64, "0x1f", "true", "1_0", "1.50"]
)
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_ids_are_what_was_written(project, quote):
    read_ = validate(parse(f"allow: [{{project: {quote}{project}{quote}, until: 2027-03-31}}]", "f"), Model, "f")
    assert read_.allow == (Grant(project=project, until=date(2027, 3, 31)),)


def test_numbers_for_text_in_lists_keys_and_roots():
    text = "name: [a, 1e5]\nfor: 12\nhosts: {007: {transport: ssh, user: 1}}\nby_number: {5: 6}\nwords: [1, 2.0]\n"
    found = validate(parse(text, "f"), Model, "f")
    assert found.name == ["a", "1e5"]
    assert found.for_ == "12"
    assert found.hosts["007"].user == "1"
    assert found.by_number == {5: "6"}
    assert found.words.root == ["1", "2.0"]


def test_a_shared_number_may_be_text_here_and_a_number_there():
    found = validate(parse("count: &n 012\nname: *n\n", "f"), Model, "f")
    assert (found.count, found.name) == (12, "012")


@pytest.mark.parametrize(
    "text, line, column, words",
    [
        ("- 1", 1, 1, "must be a mapping (key: value), not a list"),
        ("hello", 1, 1, 'must be a mapping (key: value), not "hello"'),
        ("exat: true", 1, 1, 'unknown key "exat": did you mean "exact"?'),
        ("Exact: true", 1, 1, 'unknown key "Exact": did you mean "exact"?'),
        ("for_: x", 1, 1, 'unknown key "for_": did you mean "for"?'),
        ("allow: [{}]", 1, 9, '"project" is missing'),
        ("allow: [{project: }]", 1, 18, "must be text, but is empty"),
        ("allow: [{project: [a]}]", 1, 19, "must be text, not a list"),
        ("allow: [{project: a, untill: b}]", 1, 22, 'unknown key "untill": did you mean "until"?'),
        ("allow: [{project: a, zz: b}]", 1, 22, 'unknown key "zz"; valid keys: project, until'),
        ("allow:\n  - project: a\n    until: soon", 3, 12, 'must be a date such as 2027-03-31, not "soon"'),
        ("allow: x", 1, 8, 'must be a list, not "x"'),
        ("allow:", 1, 7, "must be a list, but is empty"),
        ("allow:\n\n\nexact: true", 1, 7, "must be a list, but is empty"),
        ("allow: # nothing\nexact: true", 1, 7, "must be a list, but is empty"),
        ("name:\n  -\n  - b", 2, 4, "must be text, but is empty"),
        ("allow: [3]", 1, 9, 'must be a mapping (key: value), not "3"'),
        ("exact: maybe", 1, 8, 'must be true or false, not "maybe"'),
        ("color: grene", 1, 8, '"grene" is not valid here: did you mean "green"?'),
        ("color: 5", 1, 8, '"5" is not valid here; valid words: green, red'),
        ("level: saef", 1, 8, '"saef" is not valid here: did you mean "safe"?'),
        ("level: {}", 1, 8, "must be one of 'safe' or 'disruptive', not a mapping"),
        ("name: {}", 1, 7, "must be text or a list, not a mapping"),
        ("name: [a, {}]", 1, 11, "must be text, not a mapping"),
        ("hosts: {a: {transport: ssh, user: x, prot: 22}}", 1, 38, 'unknown key "prot": did you mean "port"?'),
        ("hosts: {ssh: {transport: ssh, user: x, port: 0}}", 1, 46, "must be at least 1"),
        ("hosts: {a: {transport: ssh, user: x, port: 70000}}", 1, 44, "must be at most 65535"),
        ("hosts: {a: {transport: ssh}}", 1, 12, '"user" is missing'),
        ("hosts: {a: {transport: shh}}", 1, 24, '"shh" is not valid here: did you mean "ssh"?'),
        ("hosts: {a: {user: x}}", 1, 12, '"transport" is missing'),
        ("hosts: {a: }", 1, 11, "must be a mapping (key: value), but is empty"),
        ("count: many", 1, 8, 'must be a whole number, not "many"'),
        ("count: 1.5", 1, 8, 'must be a whole number, not "1.5"'),
        ("ratio: much", 1, 8, 'must be a number, not "much"'),
        ("day: 2027-02-30", 1, 6, '"2027-02-30" is no day of the calendar'),
        ("day: 86400", 1, 6, 'must be a date such as 2027-03-31, not "86400"'),
        ("day: 20270331", 1, 6, "must be a date such as 2027-03-31"),
        ("day: 2027-03-31T00:00:00", 1, 6, "must be a date such as 2027-03-31"),
        ('short: ""', 1, 8, "must not be empty"),
        ("short: abcdef", 1, 8, "must be no longer than this many characters: 5"),
        ("short: ABC", 1, 8, '"ABC" does not have the form ^[a-z]*$'),
        ("few: []", 1, 6, "must not be empty"),
        ("few: [1, 2, 3]", 1, 6, "must not have more entries than 2"),
        ("by_number: {x: y}", 1, 13, 'the key "x" must be a whole number'),
        ("words: [[]]", 1, 9, "must be text, not a list"),
        ("even: 3", 1, 7, "3 is odd"),
    ],
)
def test_mistakes_of_structure(text, line, column, words):
    found = one(text, Model)
    assert found[:2] == (line, column)
    assert words in found[2]


def test_all_mistakes_at_once():
    text = "allow: [{project: , untill: 3}, {until: soon}, 3]\nexat: true\nexact: maybe\ncount: x\n"
    assert [m[:2] for m in mistakes(text, Model)] == [
        (1, 18),
        (1, 21),
        (1, 33),
        (1, 41),
        (1, 48),
        (2, 1),
        (3, 8),
        (4, 8),
    ]


def test_examine_returns_the_mistakes():
    assert [m.message for m in examine(parse("count: x", "f"), Model)] == ['must be a whole number, not "x"']
    assert isinstance(examine(Scalar(line=1, column=1, text="x", plain=True), Model), list)


def test_read(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text("count: 3\n")
    assert read(path, Model).count == 3
    path.write_text("\n\ncount: x\n")
    with pytest.raises(InputErrors) as caught:
        read(Path(path), Model)
    assert str(caught.value) == f'{path}:3:8: must be a whole number, not "x"'


def test_nearest():
    assert nearest("alow", ["allow", "exact"], "keys") == ': did you mean "allow"?'
    assert nearest("zzz", ["exact", "allow"], "keys") == "; valid keys: allow, exact"
    assert nearest("zzz", [], "keys") == ""
