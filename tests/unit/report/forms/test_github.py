"""Annotations, read as the runner reads them (actions/runner, ActionCommand.TryParseV2 and TryParse)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from tests.unit.report.forms.documents import DOCUMENTS, any_document, finding, many, render, shows
from tests.unit.report.forms.documents import document as made_of

from imagegate.report.records import gaps, stands
from imagegate.report.stored import Document

REGISTERED = {
    *("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "add-path", "set-env", "set-output"),
    *("save-state", "stop-commands", "add-matcher", "remove-matcher", "echo", "internal-set-repo-path"),
}
OURS = {"error", "warning", "notice"}


@dataclass(frozen=True)
class Command:
    name: str
    properties: dict[str, str]
    data: str


def unescaped(text: str, *pairs: tuple[str, str]) -> str:
    for code, char in (*pairs, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def read(line: str) -> Command | None:
    """One line of a log, as the runner does it; what it would not take is no command."""
    text = line.lstrip()
    if text.startswith("::") and (end := text.find("::", 2)) >= 0:
        name, _, rest = text[2:end].partition(" ")
        if name in REGISTERED:
            pairs = (pair.split("=", 1) for pair in rest.strip().split(",") if pair)
            properties = {
                pair[0]: unescaped(pair[1], ("%3A", ":"), ("%2C", ",")) for pair in pairs if len(pair) == 2 and all(pair)
            }
            return Command(name, properties, unescaped(text[end + 2 :]))
    old = re.search(r"##\[([^\] ]+)[^\]]*\](.*)", line)
    return Command(old[1], {}, old[2]) if old and old[1] in REGISTERED else None


def commands(document: Document) -> list[Command]:
    text = render("github", document)
    assert text.endswith("\n")
    found = [read(line) for line in re.split(r"\r\n|\r|\n", text)[:-1]]
    assert all(found), "each line is a command, and there is no line that is none"
    assert len(found) == text.count("\n")
    return [command for command in found if command is not None]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_more_than_github_shows_and_the_sum_comes_last(name: str) -> None:
    found = commands(DOCUMENTS[name]())
    for kind in OURS:
        assert sum(each.name == kind for each in found) <= 10
    assert found[-1].name == "notice"
    assert found[-1].data.startswith("exit code ")
    for each in found:
        assert each.properties.keys() == {"file", "line", "title"}
        assert int(each.properties["line"]) >= 1
        assert len(each.data) <= 4096


@given(any_document())
def test_no_name_adds_a_command_or_a_property(document: Document) -> None:
    for each in commands(document):
        assert each.name in OURS
        assert each.properties.keys() == {"file", "line", "title"}
        assert shows(each.data)
        for text in (each.data, *each.properties.values()):
            assert read(text) is None, "not even for whoever prints what it holds"


@given(any_document())
def test_what_is_not_green_is_never_only_a_notice(document: Document) -> None:
    kinds = {each.name for each in commands(document)}
    unknown = any(stands(f) and f["verdict"] == "unknown" for f in document.findings)
    assert ("error" in kinds) >= bool([*gaps(document.head)])
    assert ("warning" in kinds) >= unknown


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    made = many(1000)
    found = commands(made)
    errors = [each for each in found if each.name == "error"]
    assert [each.properties["title"].split()[0] for each in errors] == ["critical"] * 9 + ["imagegate:"]
    fails = sum(f["verdict"] == "fail" for f in made.findings)
    assert errors[-1].data == f"and {fails - 9} more fails, none of them worse: see the report"
    unknowns = sum(f["verdict"] == "unknown" for f in made.findings)
    assert [each for each in found if each.name == "warning"][-1].data.startswith(f"and {unknowns - 9} more unknowns,")


def test_ten_of_a_kind_are_all_shown() -> None:
    found = commands(made_of([finding(number=number) for number in range(10)]))
    assert [each.name for each in found] == ["error"] * 10 + ["notice"]
    assert not any("more" in each.properties["title"] for each in found)


def test_fails_that_do_not_count_are_notices() -> None:
    low = [finding(severity="low"), finding(number=1, severity="high")]
    found = commands(made_of(low, run={"fail_on": "medium"}))
    assert [each.name for each in found] == ["error", "notice", "notice"]
    old = [finding(number=number, change=change) for number, change in enumerate(("new", "changed", "same"))]
    found = commands(made_of(old, run={"fail_on_new": True}))
    assert [each.name for each in found] == ["error", "error", "notice", "notice"]


def test_what_was_not_seen_comes_first() -> None:
    found = commands(DOCUMENTS["a lost region"]())
    assert [each.name for each in found] == ["error"] * 5 + ["notice"]
    assert found[0].data.startswith("images of nhn/KR2 could not be listed whole")
    assert found[4].data.startswith("and 17 more things that could not be seen: instance web-3 ")


def test_the_place_and_the_words() -> None:
    assert commands(made_of([finding()]))[0] == Command(
        "error",
        {"file": "policies/golden.yaml", "line": "12", "title": "medium catalog-image-protected: golden-0"},
        "image golden-0 (nhn/KR1): protected: false, expected true",
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("  ::error file=x::y", "error"),
        ("text ##[add-mask]secret", "add-mask"),
        ("::stop-commands::token", "stop-commands"),
        ("::nothing::x", None),
        ("x ::error::y", None),
    ],
)
def test_the_reader_of_this_file_reads_as_the_runner_does(line: str, name: str | None) -> None:
    found = read(line)
    assert (None if found is None else found.name) == name
