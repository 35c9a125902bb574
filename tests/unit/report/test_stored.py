"""A stored report is read as it was written; what is damaged says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden.cases import CASES

from imagegate.report import document
from imagegate.report.stored import ReportError, document_of, read_report


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_what_was_written(case: str, tmp_path: Path) -> None:
    made, path = CASES[case](), tmp_path / "report.json"
    path.write_text("".join(document.render(made)), encoding="utf-8")
    stored, plain = read_report(path), json.loads(path.read_text(encoding="utf-8"))
    assert [*stored.findings] == plain.pop("findings") == [*stored.findings]
    assert stored.head == plain
    if case != "hostile":  # lone surrogates are written out in the file
        now = document_of(made)
        assert (stored.head, [*stored.findings]) == (now.head, [*now.findings])


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_a_report_that_somebody_formatted_anew_is_read_all_the_same(indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    plain = json.loads("".join(document.render(CASES["audit"]())))
    path.write_text(json.dumps(plain, indent=indent), encoding="utf-8")
    assert [*read_report(path).findings] == plain["findings"]


@given(st.data())
def test_a_report_cut_anywhere_is_an_error_and_never_a_shorter_report(tmp_path_factory, data: st.DataObject) -> None:
    whole = "".join(document.render(CASES["audit"]()))
    cut = data.draw(st.integers(0, len(whole.rstrip()) - 1))
    path = tmp_path_factory.mktemp("cut") / "report.json"
    path.write_text(whole[:cut], encoding="utf-8")
    with pytest.raises(ReportError, match=r"report\.json: "):
        [*read_report(path).findings]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "no report"),
        ("{}", "schema version None"),
        ('{"schema_version": 2}', "schema version 2"),
        ('{"schema_version": 1}', "run, tool, policy, scope, counts missing"),
        ("\x00\x01", "report.json"),
    ],
)
def test_what_is_no_report_says_why(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=why):
        read_report(path)


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no report"):
        read_report(tmp_path / "report.json")
