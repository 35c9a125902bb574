"""Files on disk: whole or not at all."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden import cases

from imagegate.report import document
from imagegate.report.write import write_reports
from imagegate.result import Result


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_three_reports_and_a_link(tmp_path: Path) -> None:
    first, second = cases.audit(), replace(cases.compliant(), run_id="second")
    folder = tmp_path / "deep" / "reports"
    assert write_reports(first, folder) == folder / first.run_id
    assert names(folder / first.run_id) == ["junit.xml", "report.json", "report.txt"]
    assert stat.S_IMODE((folder / first.run_id / "report.json").stat().st_mode) & ~0o644 == 0
    write_reports(second, folder)
    write_reports(second, folder, next_command="imagegate demo")
    assert names(folder) == [first.run_id, "index.sqlite", "latest", "second"]
    assert (folder / "latest").readlink() == Path("second")
    assert json.loads((folder / "latest" / "report.json").read_text())["run"]["id"] == "second"
    assert "next imagegate demo\n" in (folder / "latest" / "report.txt").read_text(encoding="utf-8")


def test_hostile_names_can_be_written(tmp_path: Path) -> None:
    run = write_reports(cases.hostile(), tmp_path)
    assert "\x1b" not in (run / "report.txt").read_text(encoding="utf-8")


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    said: list[str] = []
    assert (write_reports(cases.compliant(), tmp_path, say=said.append) / "report.json").exists()
    assert said == [f"{tmp_path / 'latest'} was not repointed: it is no link; move it away"]


def test_where_links_are_not_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise OSError("operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    said: list[str] = []
    run = write_reports(cases.compliant(), tmp_path, say=said.append)
    write_reports(cases.compliant(), tmp_path)
    assert names(tmp_path) == [run.name, "index.sqlite"]
    assert len(said) == 1
    assert "operation not permitted" in said[0]


def test_a_report_that_breaks_off_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_reports(cases.audit(), tmp_path)
    before = (run / "report.json").read_bytes()

    def broken(result: Result) -> object:
        yield "{"
        raise OSError("disk full")

    monkeypatch.setattr(document, "render", broken)
    with pytest.raises(OSError, match="disk full"):
        write_reports(cases.audit(), tmp_path)
    assert (run / "report.json").read_bytes() == before
    assert names(run) == ["junit.xml", "report.json", "report.txt"]
