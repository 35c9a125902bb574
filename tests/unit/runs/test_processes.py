"""The index between real processes: killed at any point, and several at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.runs.made import afresh, keep, rows, run

from imagegate.runs.history import trend
from imagegate.runs.store import INDEX, ask

ROOT = Path(__file__).parents[3]

KILLED = """
import sys, time
from pathlib import Path
from imagegate.runs import index, store
from tests.unit.runs.made import keep, run

folder, owner, method, after = Path(sys.argv[1]), *sys.argv[2:5]
place = getattr(store, owner, None) or getattr(index, owner) if owner != "store" else store
real = getattr(place, method)

def stop(*args, **more):
    if after == "after":
        real(*args, **more)
    print("now", flush=True)
    time.sleep(600)

setattr(place, method, stop)
keep(folder, run(3, {f"a/{name}": "fail m1, m2" for name in "uvwxyz"}))
"""

TOGETHER = """
import sys
from pathlib import Path
from imagegate.report.write import write_reports
from tests.unit.runs.made import run

folder, number = Path(sys.argv[1]), int(sys.argv[2])
made = [run(day + number / 1000, {"a/u": "fail", f"b/{'uvwxyz'[number]}": "pass"}, mark=f"{number:04x}") for day in range(6)]
print("ready", flush=True)
sys.stdin.readline()
for each in made:
    write_reports(each, folder, say=print)
"""


def python(code: str, *args: object) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], env=env, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ids(folder: Path) -> list[str]:
    said: list[str] = []
    points = ask(folder, lambda index, _: trend(index, policy=None, limit=None), said.append)
    assert said == []
    with closing(sqlite3.connect(folder / INDEX)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert rows(connection) == afresh(folder)
    return sorted(point.row.head.id for point in points)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "method"),
    [("Index", "_take_in"), ("Index", "_go_back"), ("Index", "_insert"), ("Index", "_span"), ("Index", "add")],
)
def test_a_writer_that_is_killed_leaves_an_index_that_is_whole(
    owner: str, method: str, when: str, tmp_path: Path
) -> None:
    before = keep(tmp_path, run(1, {"a/u": "fail"}), run(2, {"a/u": "fail", "b/v": "fail"}))
    with python(KILLED, tmp_path, owner, method, when) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n", process.stderr and process.stderr.read()
        process.send_signal(signal.SIGKILL)
    killed = run(3).run_id
    assert ids(tmp_path) == [*before, killed]
    assert ids(tmp_path) == [*before, killed]
    after = keep(tmp_path, run(4, {"a/u": "fail"}))
    assert ids(tmp_path) == [*before, killed, *after]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["_make", "_check", "_remove"])
def test_who_is_killed_while_the_index_is_made_is_in_nobodys_way(method: str, when: str, tmp_path: Path) -> None:
    before = keep(tmp_path, run(1, {"a/u": "fail"}))
    (tmp_path / INDEX).unlink()
    if method == "_remove":
        (tmp_path / INDEX).write_text("nonsense")
    with python(KILLED, tmp_path, "store", method, when) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n", process.stderr and process.stderr.read()
        process.send_signal(signal.SIGKILL)
    assert ids(tmp_path) == [*before, run(3).run_id]


@pytest.mark.parametrize("index", ["none", "whole", "damaged"])
def test_writers_at_the_same_time_wait_for_each_other(index: str, tmp_path: Path) -> None:
    keep(tmp_path, run(20, {"a/u": "fail"}))
    if index != "whole":
        (tmp_path / INDEX).unlink()
    if index == "damaged":
        (tmp_path / INDEX).write_bytes(b"nonsense" * 2000)
    processes = [python(TOGETHER, tmp_path, number) for number in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate() for process in processes] == [("", "")] * 4
    expected = sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink())
    assert len(expected) == 25
    assert ids(tmp_path) == expected
