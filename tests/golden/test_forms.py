"""The forms for machines and CI against committed files, and against what no form may contain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagegate.report.formats import FORMATS
from imagegate.report.past import Context
from imagegate.report.stored import Document, document_of

from .cases import CASES, HOSTILE
from .test_golden import EXAMPLE, HERE, agree, version  # noqa: F401 - the fixture is for this module too

FORMS = ("sarif", "ocsf", "csv", "markdown", "github", "codequality", "prometheus")


def render(case: str, form: str) -> str:
    return "".join(FORMATS[form].render(document_of(CASES[case]()), Context()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_is_as_committed(case: str, form: str) -> None:
    agree(HERE / "forms" / case / FORMATS[form].file, render(case, form))


@pytest.mark.parametrize("form", FORMS)
def test_the_example_is_the_audit(form: str) -> None:
    agree(EXAMPLE / FORMATS[form].file, render("audit", form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_nothing_that_steers_a_terminal(case: str, form: str) -> None:
    text = render(case, form).removeprefix("\ufeff")
    assert all(char.isprintable() or char == "\n" for char in text.replace("\r\n", "\n"))


@pytest.mark.parametrize("form", FORMS)
def test_the_hostile_name_is_told_all_the_same(form: str) -> None:
    assert "evil" in render("hostile", form)
    assert HOSTILE not in render("hostile", form)


@pytest.mark.parametrize("form", FORMS)
def test_a_run_is_rendered_the_same_wherever_it_is(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = render("audit", form)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Seoul")
    monkeypatch.setitem(os.environ, "LANG", "ko_KR.UTF-8")
    assert render("audit", form) == here


@pytest.mark.parametrize("form", FORMATS)
def test_a_baseline_may_be_none_the_first_time(form: str) -> None:
    made = document_of(CASES["since"]())
    baseline = {**made.head["baseline"], "run": None, "finished": None, "resolved": [], "not_resolved": []}
    first = Document(head={**made.head, "baseline": baseline}, findings=made.findings)
    assert "None" not in "".join(FORMATS[form].render(first, Context()))
