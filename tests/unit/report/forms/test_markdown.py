"""Markdown, read by a parser of GitHub's flavour: names are text, tables stay tables, and limits hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.unit.report.forms.documents import DOCUMENTS, NASTY, any_document, finding, many, render, texts
from tests.unit.report.forms.documents import document as made_of

from imagegate.report import markdown
from imagegate.report.marking import code, inert_text
from imagegate.report.records import gaps, stands
from imagegate.report.safe import visible
from imagegate.report.stored import Document

GITHUB_STEP = 1024 * 1024
GITLAB_COMMENT = 1_000_000
READER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
OUR_HTML = re.compile(
    r"<details><summary>[\w ,-]+(: \w+ <code>(?:[^<>&]|&(?:lt|gt|amp);)*</code>)?</summary>\n?|</details>\n?"
)
LINKED = re.compile(r"[@#!~$^<>&\\`*\[\]{}|]|://|www\.|:\w|\bGH-\d|[0-9a-f]{7}", re.IGNORECASE)
"""Whatever GitHub or GitLab make a link, a mention, a picture or a formula of, outside of code."""


def flat(tokens: list[Token]) -> list[Token]:
    return [token for each in tokens for token in (each, *flat(each.children or []))]


def check(text: str) -> list[Token]:
    assert len(text.encode("utf-8")) <= min(GITHUB_STEP, GITLAB_COMMENT)
    tokens = flat(READER.parse(text))
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_inline", "link_open", "image", "fence", "code_block", "em_open", "s_open", "hr"}
    for token in tokens:
        if token.type == "html_block":
            assert OUR_HTML.fullmatch(token.content), token.content
        if token.type == "text":
            assert not LINKED.search(token.content), token.content
    return tokens


def tables(text: str) -> list[list[list[str]]]:
    """All tables as rows of cells, as the reader sees them."""
    found: list[list[list[str]]] = []
    for token in READER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and found[-1]:
            found[-1][-1].append("".join(child.content for child in token.children or []))
        elif token.type == "table_close":
            found.append([])
    return [table for table in found if table]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_what_it_should_be(name: str) -> None:
    document = DOCUMENTS[name]()
    text = render("markdown", document)
    check(text)
    headings = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert headings[:2] == ["Scope", "Result"], "the scope comes first"
    standing = sum(map(stands, document.findings))
    assert (f"{standing:,} finding" in headings[2]) if standing else len(headings) <= 3
    for gap in gaps(document.head):
        assert gap.text.split(":")[0].split("|")[0] in text


@given(any_document())
def test_names_are_text_whatever_they_are(document: Document) -> None:
    text = render("markdown", document)
    check(text)
    standing = [finding for finding in document.findings if stands(finding)]
    rows = tables(text)
    assert len(rows) == (2 if standing else 1)
    if standing:
        assert len(rows[1]) == 1 + len(standing)
        assert {len(row) for row in rows[1]} == {6}
        wanted = sorted((visible(f["target"]["name"]).replace("|", r"\x7c").strip() or "(empty)") for f in standing)
        assert sorted(row[3].strip() for row in rows[1][1:]) == wanted


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_is_a_code_span_in_a_table_too(text: str) -> None:
    for shown in (inert_text(text), code(text)):
        check(f"x {shown} y\n")
        rows = tables(f"| a | b |\n|---|---|\n| {shown} | end |\n")
        assert rows[0][1][1] == "end"
        wanted = visible(text).replace("|", r"\x7c").strip()
        assert rows[0][1][0].strip() in {wanted, "(empty)"}


@given(texts)
def test_a_code_span_says_what_it_was_given(text: str) -> None:
    tokens = flat(READER.parse(f"x {code(text)} y\n"))
    told = [token.content.strip() for token in tokens if token.type == "code_inline"]
    assert told == [visible(text).replace("|", r"\x7c").strip()] or not visible(text).strip()


@given(st.text(alphabet="abcXYZ 012.,:;'()?-/+=골", max_size=30))
def test_plain_words_stay_plain_or_become_code_but_are_never_changed(text: str) -> None:
    shown = inert_text(text)
    assert shown.strip("`").strip() in {visible(text).strip(), "(empty)"}


def test_ordinary_sentences_are_not_made_code() -> None:
    for text in ("protected: false, expected true", "timed out after 10 s", "HTTP 403 from the image API"):
        assert inert_text(text) == text


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    made = many(10_000)
    text = render("markdown", made)
    rows = tables(text)[1]
    assert len(rows) == markdown.ROWS + 1
    assert {(row[0], row[1]) for row in rows[1:]} == {("critical", "fail")}
    standing = sum(map(stands, made.findings))
    assert f"### {standing:,} findings stand" in text
    assert f"… and {standing - markdown.ROWS:,} more findings that stand, none of them worse" in text
    assert text.count("<details>") == markdown.DETAILS
    assert f"Details of {markdown.DETAILS} of {standing:,} findings" in text


def test_what_does_not_fit_is_left_out_whole_and_counted() -> None:
    wrong = {"subject": "s", "expected": "e" * 2000, "actual": "골" * 2000, "hint": "h@" * 1000}
    huge = [finding(number=number, violations=[wrong] * 40) for number in range(2_000)]
    text = render("markdown", made_of(huge))
    check(text)
    told = text.count("<details>")
    assert 0 < told < markdown.DETAILS
    assert f"Details of {told} of 2,000 findings" in text
    assert text.count("<details>") == text.count("</details>")


def test_a_scope_without_end_is_cut() -> None:
    lost = [{"target": f"web-{number}", "reason": "off"} for number in range(500)]
    text = render("markdown", made_of([], scope={"unreachable": lost}))
    assert text.count("**not reached**") == markdown.LISTED
    assert "- … and 450 more like this" in text


@pytest.mark.parametrize(("name", "mark"), [("case compliant", "✅"), ("case audit", "❌"), ("a lost region", "❌")])
def test_green_only_where_all_is_well(name: str, mark: str) -> None:
    assert render("markdown", DOCUMENTS[name]()).startswith(f"## {mark} imagegate ")


def test_an_incomplete_run_is_not_green() -> None:
    assert render("markdown", made_of([finding("pass")], run={"complete": False})).startswith("## ❌")
    assert render("markdown", made_of([finding("pass")])).startswith("## ✅")


def test_every_waiver_says_who_why_and_until_when_and_the_baseline() -> None:
    text = render("markdown", DOCUMENTS["a baseline"]())
    assert "2 new, 1 resolved, 1 changed, 1 same" in text
    assert text.count("until 20") >= 4
    told = [line for line in text.splitlines() if "`x-y`" in line]
    assert told[1] == "- **expired**, line 5: `x-y` for `image golden-*`, 2 targets, until 2026-01-01 by a: r"
    assert told[-1] == "- in force, line 3: `x-y` for `image golden-*`, 0 targets, until 2026-12-31 by a: r", "last"
    assert len(told) == 5


def test_a_gate_tells_waivers_about_what_it_judged_and_those_to_do_something_about() -> None:
    made = DOCUMENTS["a baseline"]()
    made.head["run"]["command"] = "gate"
    told = [line for line in render("markdown", made).splitlines() if "`x-y`" in line]
    assert [line.partition(",")[0] for line in told] == [
        "- **ending soon**",
        "- **expired**",
        "- **unused**",
        "- **over-broad**",
    ]


def test_a_comparison_is_a_table_with_the_change() -> None:
    text = render("markdown", DOCUMENTS["a baseline"]())
    assert tables(text)[1][0][-1] == "change"
