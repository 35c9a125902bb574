"""What two clones must not share, and where they are reached: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from imagegate.clones import CHECKS, WINDOWS_A, WINDOWS_B, WINDOWS_CHECKS, A, B, address_of, compare
from imagegate.model import Facts, Kind, Seen, Target, Unseen, Verdict
from imagegate.probes.identity import IdentityFact, WindowsIdentityFact

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
IMAGE = Target(kind=Kind.IMAGE, id="1", name="golden", cloud="nhn", region="KR1")
ONE = IdentityFact(
    machine_id="m1", machine_state="id", dbus_id="m1", dbus_state="id", host_keys=("ssh-ed25519 SHA256:k1",),
    host_name="a", dhcp=("d1",),
)  # fmt: skip
OTHER = IdentityFact(
    machine_id="m2", machine_state="id", dbus_id="m2", dbus_state="id",
    host_keys=("ssh-ed25519 SHA256:k2", "ssh-rsa SHA256:r2"), host_name="b", dhcp=("d2",),
)  # fmt: skip
IDS = [check.id for check in CHECKS]


def verdicts(one: Any, other: Any) -> dict[str, Verdict]:
    facts = Facts({A: one, B: other}, NOW)
    return {finding.check.id: finding.verdict for finding in compare(IMAGE, facts, today=NOW.date())}


def seen(fact: IdentityFact, **more: Any) -> Seen[IdentityFact]:
    return Seen(value=replace(fact, **more), at=NOW)


def test_two_that_share_nothing_pass_in_everything():
    assert verdicts(seen(ONE), seen(OTHER)) == dict.fromkeys(IDS, Verdict.PASS)


@pytest.mark.parametrize(
    ("check", "shared"),
    [
        ("clone-machine-id-differs", {"machine_id": "m2"}),
        ("clone-dbus-id-differs", {"dbus_id": "m2"}),
        ("clone-host-keys-differ", {"host_keys": ("ssh-dss SHA256:k9", "ssh-rsa SHA256:r2")}),
        ("clone-host-name-differs", {"host_name": "b"}),
        ("clone-dhcp-id-differs", {"dhcp": ("d9", "d2")}),
    ],
)
def test_each_equal_pair_is_a_fail_of_its_own(check, shared):
    found = verdicts(seen(ONE, **shared), seen(OTHER))
    assert found == {**dict.fromkeys(IDS, Verdict.PASS), check: Verdict.FAIL}


@pytest.mark.parametrize(
    ("check", "verdict", "one", "other"),
    [
        ("clone-machine-id-differs", Verdict.UNKNOWN, {"machine_id": None, "machine_state": "empty"}, {}),
        (
            "clone-machine-id-differs", Verdict.UNKNOWN,
            {"machine_id": None, "machine_state": "empty"}, {"machine_id": None, "machine_state": "empty"},
        ),
        ("clone-dbus-id-differs", Verdict.UNKNOWN, {"dbus_id": None, "dbus_state": "zeros"}, {}),
        ("clone-dbus-id-differs", Verdict.PASS, {"dbus_id": None, "dbus_state": "absent"}, {}),
        (
            "clone-dbus-id-differs", Verdict.NOT_APPLICABLE,
            {"dbus_id": None, "dbus_state": "absent"}, {"dbus_id": None, "dbus_state": "absent"},
        ),
        ("clone-host-keys-differ", Verdict.UNKNOWN, {"host_keys": ()}, {}),
        ("clone-dhcp-id-differs", Verdict.NOT_APPLICABLE, {"dhcp": ()}, {"dhcp": ()}),
    ],
)  # fmt: skip
def test_what_is_missing_is_never_a_difference(check, verdict, one, other):
    found = verdicts(seen(ONE, **one), seen(OTHER, **other))
    assert found == {**dict.fromkeys(IDS, Verdict.PASS), check: verdict}


WIN = WindowsIdentityFact(sid="s1", machine_guid="g1", host_name="WIN-1")
WIN_2 = WindowsIdentityFact(sid="s2", machine_guid="g2", host_name="WIN-2")


@pytest.mark.parametrize(
    ("shared", "check", "verdict"),
    [
        ({}, None, None),
        ({"sid": "s2"}, "clone-windows-sid-differs", Verdict.FAIL),
        ({"machine_guid": "g2"}, "clone-machine-guid-differs", Verdict.FAIL),
        ({"host_name": "win-2"}, "clone-host-name-differs", Verdict.FAIL),
        ({"sid": None}, "clone-windows-sid-differs", Verdict.UNKNOWN),
        ({"machine_guid": None}, "clone-machine-guid-differs", Verdict.UNKNOWN),
    ],
)
def test_two_clones_of_windows_share_nothing_either(shared, check, verdict):
    facts = Facts({WINDOWS_A: Seen(value=replace(WIN, **shared), at=NOW), WINDOWS_B: Seen(value=WIN_2, at=NOW)}, NOW)
    found = {f.check.id: f.verdict for f in compare(IMAGE, facts, today=NOW.date(), windows=True)}
    wanted = dict.fromkeys((one.id for one in WINDOWS_CHECKS), Verdict.PASS)
    assert found == (wanted if check is None else {**wanted, check: verdict})


def test_two_clones_without_a_sid_are_not_different():
    lost = Seen(value=replace(WIN, sid=None, machine_guid=None), at=NOW)
    found = compare(IMAGE, Facts({WINDOWS_A: lost, WINDOWS_B: lost}, NOW), today=NOW.date(), windows=True)
    assert [f.verdict for f in found] == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.FAIL]


def test_a_clone_that_was_not_seen_makes_everything_unknown():
    lost = Unseen(reason="clone b: no answer", at=NOW)
    facts = Facts({A: seen(ONE), B: lost}, NOW)
    found = compare(IMAGE, facts, today=NOW.date())
    assert {(f.verdict, f.reason) for f in found} == {(Verdict.UNKNOWN, "clone b: no answer")}


ADDRESSES = {
    "inner": [
        {"addr": "fd00::1", "version": 6, "OS-EXT-IPS:type": "fixed"},
        {"addr": "10.0.0.5", "version": 4, "OS-EXT-IPS:type": "fixed"},
    ],
    "outer": [{"addr": "203.0.113.7", "version": 4, "OS-EXT-IPS:type": "floating"}, "nonsense", {"addr": 5}],
}


@pytest.mark.parametrize(
    ("server", "source", "address"),
    [
        ({"addresses": ADDRESSES}, "addresses", "203.0.113.7"),
        ({"addresses": ADDRESSES}, "addresses:inner", "10.0.0.5"),
        ({"addresses": ADDRESSES}, "addresses:none", None),
        ({"addresses": {"inner": ADDRESSES["inner"][:1]}}, "addresses", "fd00::1"),
        ({"addresses": {}}, "addresses", None),
        ({"addresses": []}, "addresses", None),
        ({}, "addresses", None),
        ({"metadata": {"ip": "10.0.0.9"}, "addresses": ADDRESSES}, "metadata:ip", "10.0.0.9"),
        ({"metadata": {"ip": ""}}, "metadata:ip", None),
        ({"metadata": None}, "metadata:ip", None),
    ],
)
def test_the_address_is_where_it_was_said_to_be_or_nowhere(server, source, address):
    assert address_of(server, source) == address
