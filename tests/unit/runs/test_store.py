"""Whatever is wrong with index.sqlite, the answer is that of the reports; and no run pays for it with its report."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.runs.made import keep, run

from imagegate.report.write import write_reports
from imagegate.runs import schema, store
from imagegate.runs.history import trend
from imagegate.runs.store import INDEX, ask

RUNS = (
    run(1, {"a/u": "fail", "a/v": "pass", "b/u": "unknown"}),
    run(2, {"a/u": "pass", "a/v": "fail m1", "b/u": "waived"}),
    run(3, {"a/u": "pass", "a/v": "fail m2", "b/u": "fixed", "c/w": "fail"}),
)


def told(folder: Path, say: Callable[[str], None] | None = None) -> list[object]:
    return ask(folder, lambda index, ignored: [trend(index, policy=None, limit=None), dict(ignored)], say)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    keep(folder, *RUNS)
    assert len(told(folder)[0]) == 3  # type: ignore[arg-type]
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "reports", symlinks=True)
    for each in (tmp_path / "reports").glob("*/report.json"):  # the index knows them by their time
        times = (whole / each.parent.name / each.name).stat()
        os.utime(each, ns=(times.st_atime_ns, times.st_mtime_ns))
    return tmp_path / "reports"


def test_it_is_a_small_file_in_wal_mode_that_says_whose_it_is(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [*sorted(r.run_id for r in RUNS), INDEX, "latest"]
    with closing(sqlite3.connect(folder / INDEX)) as connection:
        ask_ = lambda name: connection.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
        assert [ask_("journal_mode"), ask_("application_id"), ask_("user_version")] == [
            "wal", schema.APPLICATION, schema.VERSION,
        ]  # fmt: skip


def sql(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statement)

    return change


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a database\n" * 100),
    "zeros": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "cut": cut,
    "cut in the header": lambda path: os.truncate(path, 50),
    "an older version": sql("PRAGMA user_version = 0"),
    "a newer version": sql("PRAGMA user_version = 99; DROP TABLE spans; CREATE TABLE more(x)"),
    "begun and not made": lambda path: (path.unlink(), sql("PRAGMA journal_mode = WAL")(path)),
    "no application id": sql("PRAGMA application_id = 0"),
    "a table is missing": sql("DROP TABLE problems"),
    "a column is missing": sql("ALTER TABLE runs DROP COLUMN blind"),
    "a blob is nonsense": sql("UPDATE runs SET fail_pairs = x'00112233'"),
    "a blob is text": sql("UPDATE runs SET good = 'nonsense'"),
    "a blob is short": sql("UPDATE runs SET fail_codes = (SELECT fail_codes FROM runs ORDER BY id LIMIT 1)"),
    "a severity that there is none": sql("UPDATE runs SET fail_codes = (SELECT good FROM runs)"),
    "a time is none": sql("UPDATE runs SET finished = 'yesterday'"),
    "counts are no JSON": sql("UPDATE runs SET counts = '{'"),
    "standing is no JSON": sql("UPDATE runs SET standing = '{'"),
    "a run that is not there": sql("INSERT INTO ignored VALUES('20200101T000000Z-0000', 1, 1, 'x')"),
    "a run is missing": sql("DELETE FROM runs WHERE id LIKE '%'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_anew(damage: str, folder: Path, whole: Path) -> None:
    expected = told(whole)
    DAMAGES[damage](folder / INDEX)
    said: list[str] = []
    assert told(folder, said.append) == expected
    assert said == []
    with closing(sqlite3.connect(folder / INDEX)) as connection:  # and from now on it is whole
        assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] == 3
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@settings(max_examples=25)
@given(st.integers(0, 1), st.floats(0, 1), st.binary(min_size=1, max_size=300))
def test_bytes_that_rot_anywhere_never_stop_the_answer(whole, tmp_path_factory, kind, place, rot):
    """What SQLite cannot notice may be told wrong; that there is an answer, and which runs there are, is certain."""
    folder = tmp_path_factory.mktemp("rot")
    keep(folder, *RUNS)
    data = bytearray((folder / INDEX).read_bytes())
    at = int(place * (len(data) - len(rot)))
    data[at : at + len(rot)] = rot if kind else b"\0" * len(rot)
    (folder / INDEX).write_bytes(data)
    points, ignored = told(folder)
    assert len(points) == 3  # type: ignore[arg-type]
    assert ignored == {}


def test_a_database_of_somebody_else_is_left_alone(folder: Path, whole: Path) -> None:
    expected = told(whole)
    (folder / INDEX).unlink()
    sql("CREATE TABLE precious(x); INSERT INTO precious VALUES(1)")(folder / INDEX)
    before = (folder / INDEX).read_bytes()
    said: list[str] = []
    assert told(folder, said.append) == expected
    assert "a database of another program" in said[0]
    assert write_reports(run(4), folder, say=said.append).is_dir()
    assert "is not in it yet" in said[-1]
    assert (folder / INDEX).read_bytes() == before


def test_a_folder_in_its_place_costs_a_warning(folder: Path, whole: Path) -> None:
    expected = told(whole)
    (folder / INDEX).unlink()
    (folder / INDEX).mkdir()
    said: list[str] = []
    assert told(folder, said.append) == expected
    assert "the reports are read instead" in said[0]
    assert (write_reports(run(4), folder, say=said.append) / "report.json").exists()


def test_a_file_system_without_wal_is_slower_and_as_right(
    folder: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own VFS that locks with files has no shared memory, as many network file systems have none."""
    expected = told(whole)
    (folder / INDEX).unlink()
    real = sqlite3.connect

    def without_shared_memory(path: object, **more: object) -> sqlite3.Connection:
        if path == ":memory:":
            return real(path, **more)  # type: ignore[arg-type, no-any-return]
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **more)  # type: ignore[arg-type, no-any-return]

    monkeypatch.setattr(store.sqlite3, "connect", without_shared_memory)
    said: list[str] = []
    assert told(folder, said.append) == expected
    assert keep(folder, run(4, {"a/u": "fail"}))
    assert len(told(folder, said.append)[0]) == 4  # type: ignore[arg-type]
    assert said == []
    with closing(real(folder / INDEX)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


AS_NOBODY = """
import json, os, sys
from pathlib import Path
folder = Path(sys.argv[1])
from imagegate.runs.store import ask
from imagegate.runs.history import trend
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
said = []
points, ignored = ask(folder, lambda index, ignored: (trend(index, policy=None, limit=None), ignored), said.append)
print(json.dumps([[p.row.head.id for p in points], [None if p.delta is None else p.delta.new for p in points], said]))
"""


def read_only(folder: Path) -> list[list[object]]:
    """What somebody is told who may only read."""
    for each in (folder, *folder.rglob("*")):
        if not each.is_symlink():
            each.chmod(0o555 if each.is_dir() else 0o444)
    for each in (folder, *folder.parents):
        if each.owner() == "root" and each.stat().st_mode & 0o005 == 0:
            each.chmod(each.stat().st_mode | 0o005)
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, folder], capture_output=True, text=True, check=False)
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        each.chmod(0o755)
    assert done.returncode == 0, done.stderr
    told_: list[list[object]] = json.loads(done.stdout)
    return told_


def test_who_may_only_read_is_told_the_same(folder: Path) -> None:
    told(folder)  # what is counted once is kept
    names, new, said = read_only(folder)
    assert names == [r.run_id for r in reversed(RUNS)]
    assert new == [1, 1, None]
    assert said == []


@pytest.mark.parametrize("damage", ["gone", "a run is missing", "text"])
def test_who_may_only_read_is_told_the_same_without_an_index(damage: str, folder: Path) -> None:
    DAMAGES[damage](folder / INDEX)
    names, new, said = read_only(folder)
    assert (names, new) == ([r.run_id for r in reversed(RUNS)], [1, 1, None])
    assert "the reports are read instead" in str(said[0])


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    said: list[str] = []
    assert told(tmp_path / "nowhere", said.append) == [[], {}]
    assert (said, [*tmp_path.iterdir()]) == ([], [])


def test_locks_that_others_hold_too_long_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_S", 0.2)
    with store._locked(folder, alone=True):
        said: list[str] = []
        assert len(told(folder, said.append)[0]) == 3  # type: ignore[arg-type]
        assert (write_reports(run(4), folder, say=said.append) / "report.json").exists()
    assert "were at it" in said[-1]


def test_a_writer_that_waits_in_vain_costs_no_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_S", 0.1)
    with closing(sqlite3.connect(folder / INDEX, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said: list[str] = []
        made = run(4, {"a/u": "fail"})
        assert (write_reports(made, folder, say=said.append) / "report.json").exists()
        assert "database is locked" in said[0]
        other.execute("ROLLBACK")
    assert next(point.row.head.id for point in told(folder)[0]) == made.run_id  # type: ignore[attr-defined]




def test_a_full_disk_costs_the_index_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has rolled back by itself then. Since when problems are there is known by nothing but the index."""
    connect = sqlite3.connect

    def limited(*args: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*args, **more)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {max(pages, 1)}")
        return connection

    inode = (folder / INDEX).stat().st_ino
    (oldest, *_) = sorted(path.name for path in folder.glob("*Z-*"))
    shutil.rmtree(folder / oldest)
    before = told(folder)
    late = run(9, {"a/u": f"fail {', '.join(f'member {n}' for n in range(5000))}"})
    with monkeypatch.context() as patch:
        patch.setattr("imagegate.runs.store.sqlite3.connect", limited)
        said: list[str] = []
        write_reports(late, folder, say=said.append)
        assert len(said) == 1
        assert "is not in it yet: database or disk is full" in said[0]
    assert (folder / INDEX).stat().st_ino == inode
    shutil.rmtree(folder / late.run_id)
    assert told(folder) == before
