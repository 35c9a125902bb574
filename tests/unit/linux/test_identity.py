"""What is kept of a guest's identity: digests and fingerprints, never an id."""

import pytest

from imagegate.probes.identity import BOOT, Identity
from imagegate.transports.linux import identity

ID = b"0123456789abcdef0123456789abcdef"
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHDMUOfteLNss702Md8azGbfU3WgH6fi0Z9dpDjZQSYq root@here\n"
PROBE = Identity(of="a")


def decode(run_key=b"k", **fields):
    whole = {"machine": [ID + b"\n"], "dbus": [ID + b"\n"], "hostkey": [KEY], "hostname": [b"web\n"], **fields}
    return identity.decode(PROBE, whole, run_key=run_key)


def test_ids_are_digests_that_can_be_compared_within_a_run_only():
    one, again, other = decode(), decode(machine=[ID.upper()]), decode(run_key=b"other")
    assert one.machine_id == one.dbus_id == again.machine_id
    assert other.machine_id != one.machine_id
    assert again.machine_state == "id-irregular"
    for fact in (one, again, other):
        assert ID.decode() not in repr(fact).lower()


def test_fingerprints_are_those_of_ssh_keygen():
    # ssh-keygen -lf of the key above
    assert decode().host_keys == ("ssh-ed25519 SHA256:GnN7jQlHDJrdAvrBhDJ5LNoEY7DG3StgbUS0w3M2IKU",)


def test_what_is_no_id_has_a_class_and_no_digest():
    fact = decode(machine=[b""], dbus=[])
    assert (fact.machine_id, fact.machine_state, fact.dbus_id, fact.dbus_state) == (None, "empty", None, "absent")


def test_dhcp_ids_are_digests_without_doubles():
    fact = decode(dhcp=[b"ff1234\n", b"ff1234\n", b"\n", b"ff99\n"])
    assert len(fact.dhcp) == 2
    assert "ff1234" not in repr(fact)


@pytest.mark.parametrize("broken", [{"hostkey": [b"no key at all\n"]}, {"hostname": []}, {"hostkey": [b"ssh-rsa A\n"]}])
def test_an_answer_that_lacks_something_is_refused(broken):
    with pytest.raises(identity.Unread):
        decode(**broken)


def test_a_boot_is_known_by_a_digest():
    raw = b"e3b0c442-98fc-4c14-9afb-f4c8996fb924\n"
    fact = identity.decode(BOOT, {"boot": [raw]}, run_key=b"k")
    assert raw.decode().strip() not in repr(fact)
    assert fact != identity.decode(BOOT, {"boot": [raw.replace(b"e", b"f")]}, run_key=b"k")
    with pytest.raises(identity.Unread):
        identity.decode(BOOT, {"boot": [b"nonsense"]}, run_key=b"k")
