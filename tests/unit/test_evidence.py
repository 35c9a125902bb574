"""Evidence: guest facts that hold while a server is off and its record untouched."""

import json
from dataclasses import replace

import pytest
from tests.checks.world import EMPTY, NOW, OFF, a_file, instance, server

from imagegate.errors import ToolError
from imagegate.evidence import EvidenceStore, guest_part
from imagegate.model import Facts, Seen, Unseen
from imagegate.probes import SERVER

WEB, A, B = instance("web"), a_file("/a"), a_file("/b")
STOPPED = server("web", **OFF)
GUEST = Facts({A: Seen(value=EMPTY, at=NOW, origin="before")}, NOW)


@pytest.fixture(params=["memory", "disk", "disk, read by another run"])
def stores(request, tmp_path):
    """Where evidence is written and where it is read."""
    if request.param == "memory":
        store = EvidenceStore(None)
        return store, store
    first = EvidenceStore(tmp_path / "evidence")
    return first, first if request.param == "disk" else EvidenceStore(tmp_path / "evidence")


def test_evidence_comes_back_as_it_was(stores):
    written, read = stores
    written.save(WEB, GUEST, STOPPED)
    assert read.load(WEB, STOPPED) == GUEST


@pytest.mark.parametrize(
    "change",
    [
        {"status": "ACTIVE"}, {"power_state": 1}, {"power_state": None}, {"task_state": "powering-on"},
        {"updated": "t1"}, {"updated": None}, {"id": "another"},
    ],
)  # fmt: skip
def test_evidence_is_void_when_the_server_may_have_run_since(stores, change):
    written, read = stores
    written.save(WEB, GUEST, STOPPED)
    assert read.load(WEB, replace(STOPPED, **change)) is None


def test_without_a_time_of_change_nothing_can_be_bound(stores):
    written, read = stores
    timeless = replace(STOPPED, updated=None)
    written.save(WEB, GUEST, timeless)
    assert read.load(WEB, timeless) is None


def test_evidence_is_that_of_its_own_target(stores):
    written, read = stores
    written.save(WEB, GUEST, STOPPED)
    assert read.load(instance("other"), STOPPED) is None
    assert read.load(replace(WEB, region="KR2"), STOPPED) is None


def test_later_evidence_replaces_earlier(stores):
    written, read = stores
    written.save(WEB, GUEST, STOPPED)
    written.save(WEB, GUEST.with_fact(B, EMPTY), replace(STOPPED, updated="t9"))
    assert read.load(WEB, STOPPED) is None
    assert B in read.load(WEB, replace(STOPPED, updated="t9"))


def test_no_facts_are_no_evidence(tmp_path):
    EvidenceStore(tmp_path / "evidence").save(WEB, Facts({}, NOW), STOPPED)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole(tmp_path):
    store = EvidenceStore(tmp_path)
    store.save(WEB, GUEST, STOPPED)
    store.save(WEB, GUEST, STOPPED)
    [path] = tmp_path.iterdir()
    assert path.suffix == ".json"
    assert json.loads(path.read_text())["server"] == "web"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"server": "web", "updated": "t0", "facts": {}}', "\udcff"])
def test_a_broken_file_is_an_error_that_names_it_and_says_what_to_do(tmp_path, text):
    EvidenceStore(tmp_path).save(WEB, GUEST, STOPPED)
    [path] = tmp_path.iterdir()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ToolError, match="delete the file") as caught:
        EvidenceStore(tmp_path).load(WEB, STOPPED)
    assert str(path) in str(caught.value)


def test_only_guest_facts_that_were_seen_become_evidence_and_say_where_they_are_from():
    seen = Facts(
        {
            SERVER: Seen(value=STOPPED, at=NOW), A: Seen(value=EMPTY, at=NOW),
            B: Unseen(reason="permission denied", at=NOW),
        },
        NOW,
    )  # fmt: skip
    kept = guest_part(seen, "seen before")
    assert list(kept) == [A]
    assert kept.observation(A) == Seen(value=EMPTY, at=NOW, origin="seen before")


def test_evidence_of_evidence_keeps_its_first_origin():
    assert guest_part(GUEST, "later").observation(A).origin == "before"


@pytest.mark.parametrize(
    ("change", "off"),
    [
        ({}, True), ({"status": "ACTIVE"}, False), ({"power_state": 1}, False), ({"power_state": None}, False),
        ({"task_state": "powering-on"}, False), ({"status": "SHELVED_OFFLOADED"}, False),
    ],
)  # fmt: skip
def test_off_is_shutoff_without_power_and_at_rest(change, off):
    assert replace(STOPPED, **change).is_off is off
