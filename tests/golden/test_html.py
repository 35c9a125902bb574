"""The example of the HTML report: a mixed fleet, judged by the real checks on one and the same day."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser import fleet

from imagegate.report.html import render
from imagegate.report.past import Context
from imagegate.report.stored import document_of

from .test_golden import EXAMPLE, agree, version  # noqa: F401 - the fixture is for this module too


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


def test_the_example_is_as_committed(folder: Path) -> None:
    made = fleet.mixed_fleet(folder)
    text = "".join(render(document_of(made), Context(past=fleet.history(made))))
    assert str(folder) not in text
    agree(EXAMPLE / "report.html", text)


def test_it_is_the_same_wherever_and_whenever_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fleet.mixed_fleet(folder)
    here = "".join(render(document_of(made), Context()))
    monkeypatch.setenv("TZ", "Asia/Seoul")
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    again = fleet.mixed_fleet(folder / "again")
    assert "".join(render(document_of(again), Context())) == here
