"""Signals at exact points of an audit, with and without fixes: the work ends in order, and what was done is reported."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plugin.recordings import image
from tests.real.support import validate

from imagegate.journal_reader import End, read_journal

BOTH = (signal.SIGINT, signal.SIGTERM)
HEARD = ("env", "--default-signal=INT")  # a shell's `&` makes its children deaf to it


@pytest.fixture
def struck(cloud):
    """Run an audit of two images that must be mended, with signals at ``at``; returns exit code, output and report."""
    conftest = cloud.path / "conftest.py"
    conftest.write_text(conftest.read_text() + Path(__file__).with_name("striking.py").read_text())
    cloud.record(image("bad", protected=False, number=1), image("worse", protected=False, number=2))

    def run(*options, at, number, always=False):
        command = [*HEARD, sys.executable, "-m", "pytest", "checks", "--policy", "policy.yaml", *options]
        orders = json.dumps({"at": at, "signal": int(number), "all": always})
        ran = subprocess.run(
            command, cwd=cloud.path, env={**os.environ, "STRIKES": orders, "FAKE_REMOTE": "1"}, timeout=120, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        points = cloud.path / "struck"
        assert points.exists(), f"{at} never came:\n{ran.stdout}"
        assert {*points.read_text().splitlines()} <= {*at}
        return ran.returncode, ran.stdout, whole(cloud.path, ran.stdout)

    return run


def whole(path, out):
    """The report, after a look at all that lies beside it: nothing is half, and the journal tells how each step ended."""
    runs = [each for each in (path / "reports").iterdir() if each.is_dir() and not each.is_symlink()]
    assert [each.name[8] for each in runs if each.name != "evidence"] == ["T"], out
    (run,) = (each for each in runs if each.name != "evidence")
    assert {"report.json", "junit.xml", "report.txt"} <= {each.name for each in run.iterdir()}, out
    assert not [*path.glob("reports/.*"), *path.glob("reports/*/.*")], "nothing is left half-written"
    assert (path / "reports" / "latest").resolve() == run
    report = json.loads((run / "report.json").read_text())
    validate(report)
    applied = (path / "applied").read_text().splitlines() if (path / "applied").exists() else []
    entries = read_journal(run / "journal.jsonl").entries if (run / "journal.jsonl").exists() else ()
    assert [entry.ending and entry.ending.end for entry in entries] == [End.VERIFIED] * len(entries)
    assert len(entries) == len(applied) == report["counts"]["fixed"], "what was done is verified, journalled, reported"
    return report


def points(*names):
    """Each with one of the signals: they are handled alike (``test_shielded``)."""
    return [pytest.param(*each, number, id=f"{each[0]}-{number.name}")
            for each, number in zip(names, itertools.cycle(BOTH))]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "fixed", "number"),
    points(
        ("before look", {0}), ("after look", {0}), ("before judge", {0}), ("after judge", {0}), ("after plan", {0}),
        ("before mend", {0}), ("before journal", {1, 2}), ("before apply", {1, 2}), ("after apply", {1, 2}),
        ("after mend", {2}), ("before result", {2}), ("before item", {2}),
    ),
)  # fmt: skip
def test_the_first_signal_ends_the_work_in_order(struck, at, fixed, number):
    code, out, report = struck("--fix", at=[at], number=number)
    assert (code, report["run"]["exit_code"], report["run"]["complete"]) == (2, 2, False), out
    assert report["run"]["interrupted"] is True
    assert report["counts"]["fixed"] in fixed
    assert len(report["findings"]) == 2


@pytest.mark.parametrize(
    ("at", "number"), points(("before file",), ("after file",), ("before link",), ("after index",), ("before show",))
)
def test_a_signal_while_the_report_is_written_changes_nothing(struck, at, number):
    code, out, report = struck("--fix", at=[at], number=number)
    assert (code, report["run"]["exit_code"], report["counts"]["fixed"]) == (0, 0, 2), out
    assert "2 fixed" in out


POINTS = [
    f"{when} {what}" for what in ("journal", "apply", "result", "item", "file", "link", "index", "show")
    for when in ("before", "after")
]  # fmt: skip


@pytest.mark.parametrize("number", BOTH)
def test_however_many_come_from_the_first_change_on_all_that_was_done_is_told(struck, number):
    code, out, report = struck("--fix", at=POINTS, number=number, always=True)
    assert (code, report["run"]["exit_code"]) == (2, 2), out
    assert report["counts"]["fixed"] >= 1


@pytest.mark.parametrize(
    ("at", "number"), points(("before look",), ("after judge",), ("before result",), ("before item",), ("before file",))
)
def test_without_fixes_too(struck, at, number):
    code, out, report = struck(at=[at, "after file", "before link"], number=number, always=True)
    assert code == report["run"]["exit_code"] == (1 if at == "before file" else 2), out
    assert report["counts"]["fixed"] == 0
