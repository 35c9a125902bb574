"""What a proof notes of its servers: read as written, refused where it is not what it should be, locked while it works."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from imagegate.errors import UsageError
from imagegate.prove_state import FILE, Made, ProveState, at_work, read_prove, unfinished, write_prove

A = Made(name="ig-prove-r1-a", asked="2026-11-22T10:15:00+00:00", id="s-1")
STATE = ProveState(run="r1", cloud="nhn", region="KR1", image="i-1", servers=(A, replace(A, name="ig-prove-r1-b", id=None)))


def test_a_state_is_read_as_it_was_written(tmp_path):
    write_prove(tmp_path / "r1", STATE)
    assert read_prove(tmp_path / "r1") == STATE
    assert [path.name for path in (tmp_path / "r1").iterdir()] == [FILE]


def test_what_was_asked_for_and_is_not_gone_may_be_there():
    assert STATE.open == STATE.servers
    assert replace(STATE, servers=(replace(A, gone=True), replace(A, asked=None, id=None))).open == ()


def spoilt(**fields):
    return json.dumps({"v": 1, "run": "r1", "cloud": "c", "region": "r", "image": "i", "servers": [], **fields})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no proof was begun there"),
        ("{", "cannot be read"),
        ("[]", "another version"),
        ('{"v": 2}', "another version"),
        ('{"v": 1, "run": "r1"}', "damaged"),
        (spoilt(more=1), "damaged"),
        (spoilt(run="r2"), "not the state of the run r1"),
        (spoilt(cloud=None), "damaged"),
        (spoilt(servers=[1]), "damaged"),
        (spoilt(servers=[{"asked": None}]), "damaged"),
        (spoilt(servers=[{"name": "x", "id": 7}]), "damaged"),
        (spoilt(servers=[{"name": "x", "gone": "no"}]), "damaged"),
        (spoilt(servers=[{"name": "x", "other": 1}]), "damaged"),
    ],
)
def test_a_state_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "r1").mkdir()
    if text is not None:
        (tmp_path / "r1" / FILE).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_prove(tmp_path / "r1")


def test_a_run_that_is_at_work_is_known_as_such(tmp_path):
    with at_work(tmp_path / "r1") as mine:
        assert mine is None
        with at_work(tmp_path / "r1") as other:
            assert "process " in other
    with at_work(tmp_path / "r1") as again:
        assert again is None


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"), at_work(tmp_path / "file"):
        pass


def test_unfinished_runs_are_those_whose_servers_may_be_there(tmp_path):
    for name in ("r1", "r2", "r3", "r4"):
        servers = tuple(replace(one, gone=name == "r2") for one in STATE.servers)
        write_prove(tmp_path / name, replace(STATE, run=name, servers=servers))
    (tmp_path / "r4" / FILE).write_text("{")
    (tmp_path / "latest").symlink_to("r1")
    found = list(unfinished(tmp_path, "r3"))
    assert [folder.name for folder, _ in found] == ["r1", "r4"]
    assert found[0][1].open
    assert isinstance(found[1][1], UsageError)
    assert list(unfinished(tmp_path / "nowhere", "r3")) == []
