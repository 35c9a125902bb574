"""The table against RFC 4180, and against programs that would run its cells."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from tests.unit.report.forms.documents import DOCUMENTS, any_document, render, shows

from imagegate.report.records import SCOPE, gaps, stands
from imagegate.report.spreadsheet import COLUMNS
from imagegate.report.stored import Document

FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
RECORD = re.compile(rf"{FIELD}(?:,{FIELD})*\r\n")
"""RFC 4180, section 2."""


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff"), "without the mark spreadsheets take it for Latin-1"
    place = 1
    while place < len(text):
        record = RECORD.match(text, place)
        assert record is not None, text[place : place + 80]
        place = record.end()
    return [*csv.DictReader(io.StringIO(text[1:], newline=""), strict=True)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_row_for_each_finding_and_each_gap(name: str) -> None:
    document = DOCUMENTS[name]()
    found = rows(render("csv", document))
    lost = [*gaps(document.head)]
    findings = [*document.findings]
    assert [row["check"] for row in found] == [SCOPE] * len(lost) + [f["check"] for f in findings]
    assert [row["standing"] for row in found[len(lost) :]] == ["yes" if stands(f) else "no" for f in findings]
    assert all(row.keys() == set(COLUMNS) for row in found)


@given(any_document())
def test_no_cell_is_a_formula_whatever_things_are_called(document: Document) -> None:
    found = rows(render("csv", document))
    assert len(found) == len([*document.findings]) + len([*gaps(document.head)])
    for row in found:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert shows(cell)


def test_what_stands_beside_a_verdict() -> None:
    found = rows(render("csv", DOCUMENTS["every verdict"]()))
    assert (found[2]["waived_until"], found[2]["waiver"][:17]) == ("2026-12-31", "waived until 2026")
    assert found[5]["attestation"].startswith("attested by release")
    assert (found[1]["remedy"], found[1]["steps"]) == ("planned", "safe: protect the image")
    assert [row["change"] for row in rows(render("csv", DOCUMENTS["a baseline"]()))] == [
        *("new", "changed", "same", "new", "", "")
    ]
