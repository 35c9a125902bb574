"""/etc/fstab taken apart: devices, places, options; nothing else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.probes.fstab import MARK, FstabEntry
from imagegate.transports.linux.fstab import parse_fstab

SECRET = "hunter2"


def one(line):
    [entry] = parse_fstab(line.encode())[0]
    return entry


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("UUID=0a-1b / ext4 defaults 0 1", "disk"),
        ("uuid=0a-1b / ext4", "disk"),
        ('LABEL="my data" /data ext4', "disk"),
        ('"UUID=1" /data ext4', "disk"),
        ("PARTUUID=1 /x xfs", "disk"),
        ("PARTLABEL=x /x xfs", "disk"),
        ("ID=wwn-1 /x xfs", "disk"),
        ("/dev/vdb1 /data ext4 nofail", "disk"),
        ("/dev/mapper/vg-data /data xfs", "disk"),
        ("/dev/disk/by-id/x /data xfs", "disk"),
        ("/dev/vdb2 none swap sw 0 0", "disk"),
        ("/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0", "removable"),
        ("/dev/cdrom /media/cdrom iso9660", "removable"),
        ("/dev/srv/disk /x ext4", "disk"),
        ("/swapfile none swap sw 0 0", "file"),
        ("/var/lib/disk.img /x ext4 loop", "file"),
        ("/srv /mnt none bind", "bind"),
        ("/dev/vdb1 /x none defaults", "bind"),
        ("/srv /mnt ext4 rbind,ro", "bind"),
        ("nas:/export /mnt nfs4 ro", "network"),
        ("//nas/share /mnt cifs credentials=/root/x", "network"),
        ("nas:/export /mnt", "network"),
        ("/dev/sdb1 /mnt ext4 _netdev", "network"),
        ("tag /mnt virtiofs", "network"),
        ("tmpfs /tmp tmpfs size=1g", "pseudo"),
        ("proc /proc proc defaults", "pseudo"),
        ("tank/home /home zfs defaults", "other"),
        ("broken", "other"),
    ],
)
def test_devices(line, device):
    assert one(line).device == device


def test_what_stays_of_a_line():
    entry = one(r"  /dev/vdb1 	/my\040data  ext4  noauto,x-systemd.automount,nofail 0 2")
    assert entry == FstabEntry(line=1, device="disk", mount_point=r"/my\040data", nofail=True, noauto=True)
    assert one("/dev/vdb none swap").swap
    assert one("/dev/vdb1").mount_point == ""
    assert not one("/dev/vdb1 /x ext4 nofailure,xnoauto").nofail


def test_lines_are_counted_as_an_editor_does():
    text = f"# comment\n\n/dev/vda1 / ext4\n  # another /dev/vdz\n{MARK}/dev/vdb1 /data ext4\n/dev/vdc1 /x ext4"
    active, parked = parse_fstab(text.encode())
    assert [(entry.line, entry.mount_point) for entry in active] == [(3, "/"), (6, "/x")]
    assert [(entry.line, entry.mount_point) for entry in parked] == [(5, "/data")]


def test_a_comment_that_is_not_ours_is_not_parked():
    assert parse_fstab(f"# {MARK}/dev/vdb1 /data ext4\n{MARK}# text\n#imagegate#/dev/x /y\n".encode()) == ((), ())


@pytest.mark.parametrize("line", [f"//nas/x /mnt cifs password={SECRET}", f"{SECRET}@nas:/x /mnt fuse.sshfs", SECRET])
def test_secrets_do_not_stay(line):
    assert SECRET not in repr(parse_fstab(line.encode()))


pieces = st.sampled_from((b"/dev/vdb1", b" ", b"\t", b"\n", b"#", b"/x", b"swap"))


@given(st.binary(max_size=200) | st.lists(pieces).map(b"".join))
def test_any_bytes_are_lines(text):
    active, parked = parse_fstab(text)
    numbers = [entry.line for entry in (*active, *parked)]
    assert len(numbers) == len(set(numbers))
    assert all(1 <= number <= text.count(b"\n") + 1 for number in numbers)
    told = {entry.line: entry for entry in active}
    for number, line in enumerate(text.split(b"\n"), start=1):
        bare = line.strip(b" \t")
        assert (number in told) == (bool(bare) and not bare.startswith(b"#"))


@given(st.lists(st.tuples(st.sampled_from(("/a", "/b", "none")), st.booleans()), max_size=6))
def test_the_mark_moves_a_line_and_nothing_else(lines):
    text = "".join(f"{MARK if marked else ''}/dev/vdb1 {place} ext4\n" for place, marked in lines)
    active, parked = parse_fstab(text.encode())
    assert [(entry.line, entry.mount_point) for entry in sorted((*active, *parked), key=lambda entry: entry.line)] == [
        (number, place) for number, (place, _) in enumerate(lines, start=1)
    ]
    assert {entry.line for entry in parked} == {number for number, (_, marked) in enumerate(lines, start=1) if marked}
