"""Further forms: beside every run, and again from a stored one, with the same text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.golden import cases

from imagegate.commands.report import main
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.report.past import Context
from imagegate.report.records import gaps
from imagegate.report.stored import document_of
from imagegate.report.write import write_reports


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_reports(cases.audit(), tmp_path, formats=FORMATS)
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_a_stored_run_renders_as_it_did_on_its_day(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = (folder / "latest" / FORMATS[name].file).read_text(encoding="utf-8")
    assert main(["--format", name, "--report-dir", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == written.splitlines()
    out = folder / "again"
    assert main(["latest", "--format", name, "--report-dir", str(folder), "--output", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("name", ALWAYS)
def test_what_the_run_wrote_is_shown_as_it_is(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--format", name, "--report-dir", str(folder)]) == 0
    assert capsys.readouterr().out == (folder / "latest" / ALWAYS[name]).read_text(encoding="utf-8")


def test_several_forms_land_in_the_folder_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_reports(cases.audit(), tmp_path)
    names = [word for name in FORMATS for word in ("--format", name)]
    assert main([*names, "--format", "json", "--report-dir", str(tmp_path)]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert all(path.is_file() for path in paths)
    assert {path.name for path in paths} == {"report.json", *(form.file for form in FORMATS.values())}


@pytest.mark.parametrize(
    ("words", "locale", "language"),
    [
        ([], "C", "en"),
        ([], "ko_KR.UTF-8", "ko"),
        (["--lang", "ja"], "ko_KR.UTF-8", "ja"),
        (["--lang", "en"], "ko_KR.UTF-8", "en"),
    ],
)
def test_words_for_people_are_in_the_language_that_is_asked_for(
    words: list[str], locale: str, language: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    out = folder / "page.html"
    assert main([*words, "--format", "html", "--report-dir", str(folder), "--output", str(out)]) == 0
    assert f'<html lang="{language}"' in out.read_text(encoding="utf-8")


def test_a_run_that_is_rendered_again_is_told_of_the_runs_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = cases.audit()
    write_reports(early, tmp_path)
    later = replace(early, run_id="20261123T101500Z-3f2b", finished=early.finished + timedelta(days=1))
    write_reports(later, tmp_path, formats=["html"])
    written = (tmp_path / later.run_id / "report.html").read_text(encoding="utf-8")
    assert written.count(early.run_id) == 1, "in the trend"
    assert main([later.run_id, "--format", "html", "--report-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == written


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "cvs"], "there is no such form, did you mean csv?"),
        (["--format", "html", "--lang", "de"], "invalid choice: 'de'"),
        (["nope"], "there is no run nope"),
        (["../nope"], "nope/report.json: there is no report"),
        (["--format", "csv", "--format", "json", "--output", "x"], "--output takes one form"),
        (["--format", "csv", "--output", "/nowhere/x"], "/nowhere/x could not be written: No such file or directory"),
    ],
)
def test_mistakes_are_told(words: list[str], says: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--report-dir", str(folder)]) == 4
    assert says in capsys.readouterr().err


def test_no_cell_of_the_csv_is_a_formula() -> None:
    made = cases.hostile()
    text = "".join(FORMATS["csv"].render(document_of(made), Context()))
    rows = [*csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))]
    assert len(rows) == len(made.findings) + 1 + len([*gaps(document_of(made).head)])
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
