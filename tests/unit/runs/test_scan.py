"""Which folders are runs, which reports count, and what is said of the others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.runs.made import keep, run

from imagegate.runs.history import trend
from imagegate.runs.scan import look
from imagegate.runs.store import ask

GOOD, BAD = run(1, {"a/u": "fail"}), run(2, {"a/u": "fail", "a/v": "unknown", "b/u": "pass"})


def told(folder: Path) -> tuple[list[str], dict[str, str]]:
    return ask(
        folder, lambda index, ignored: ([p.row.head.id for p in trend(index, policy=None, limit=9)], dict(ignored))
    )


def edited(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        report = json.loads(path.read_text())
        change(report)
        path.write_text(json.dumps(report))

    return edit


def put(place: str, value: object) -> Callable[[Path], None]:
    def change(report: object) -> None:
        *parents, last = [int(name) if name.isdigit() else name for name in place.split(".")]
        for name in parents:
            report = report[name]  # type: ignore[index]
        report[last] = value  # type: ignore[index]

    return edited(change)


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "it has no report: it was killed, or is still at work"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "its report.json is no file"),
    "a link": (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "its report.json is no file"),
    "empty": (cut(0), ""),
    "half a head": (cut(0.1), ""),
    "half the findings": (cut(0.9), "the findings are damaged"),
    "no JSON": (lambda path: path.write_bytes(b"\xff\xfe" * 50), ""),
    "another schema version": (put("schema_version", 2), "schema version 2 is not 1"),
    "no counts": (edited(lambda report: report.pop("counts")), "counts missing"),
    "no exit code": (edited(lambda report: report["run"].pop("exit_code")), "exit_code is missing"),  # type: ignore[attr-defined]
    "another run's": (put("run.id", "20200101T000000Z-0000"), "it is the report of run 20200101T000000Z-0000"),
    "a time without a zone": (put("run.finished", "2026-11-02T08:00:00"), "a time without a zone"),
    "no time": (put("run.finished", 5), "5 is no text"),
    "a count that is none": (put("scope.targets.seen", -1), "-1 is no count"),
    "a count in words": (put("counts.pass", "many"), "'many' is no count"),
    "a catalog that is none": (put("scope.catalog", [5]), ""),
    "a verdict that is none": (put("findings.0.verdict", "meh"), "there is no verdict 'meh'"),
    "a severity that is none": (put("findings.0.severity", "huge"), "there is no severity 'huge'"),
    "a fingerprint that is none": (put("findings.0.fingerprint", "xyz"), ""),
    "a finding that is none": (put("findings.1", 5), ""),
    "a target that is none": (put("findings.2.target", None), ""),
    "violations that are none": (put("findings.0.violations", [{}]), "subject is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_without_a_whole_report_is_ignored_and_named(damage: str, tmp_path: Path) -> None:
    good, bad = keep(tmp_path, GOOD, BAD)
    change, why = DAMAGES[damage]
    change(tmp_path / bad / "report.json")
    runs, ignored = told(tmp_path)
    assert runs == [good]
    assert list(ignored) == [bad]
    assert why in ignored[bad]
    assert str(tmp_path) not in ignored[bad]
    assert told(tmp_path) == (runs, ignored)


def test_a_report_that_is_whole_again_counts_again(tmp_path: Path) -> None:
    good, bad = keep(tmp_path, GOOD, BAD)
    path = tmp_path / bad / "report.json"
    whole = path.read_text()
    path.write_text(whole[:300])
    assert told(tmp_path)[0] == [good]
    path.write_text(whole)
    assert told(tmp_path) == ([bad, good], {})


def test_a_run_that_was_removed_by_hand_is_gone(tmp_path: Path) -> None:
    good, bad = keep(tmp_path, GOOD, BAD)
    for each in (tmp_path / bad).iterdir():
        each.unlink()
    (tmp_path / bad).rmdir()
    assert told(tmp_path) == ([good], {})


def test_only_folders_of_runs_are_looked_at(tmp_path: Path) -> None:
    (good,) = keep(tmp_path, GOOD)
    for name in ("evidence", ".cache", "notes", "20261122T101500Z-xyz", "20261122T101500Z-aaaa.bak"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text("{}")
    (tmp_path / "20261122T101500Z-bbbb").symlink_to(good, target_is_directory=True)
    (tmp_path / "20261122T101500Z-cccc").write_text("a file")
    undo = tmp_path / "20261122T101500Z-dddd"
    undo.mkdir()
    (undo / "undo.json").write_text("{}")
    gate = tmp_path / "20261122T101500Z-eeee-gate-2"
    gate.mkdir()
    found = look(tmp_path)
    assert list(found.reports) == [good]
    assert list(found.others) == [gate.name]
