"""From answers to facts."""

from __future__ import annotations

import pytest

from imagegate.probes.disk import DiskSpace, DiskUse
from imagegate.probes.file import File, FileKind
from imagegate.probes.fstab import FSTAB, FstabProbe
from imagegate.probes.kernel import KernelOption
from imagegate.probes.proxy import PROXY, ProxyProbe
from imagegate.probes.server import SERVER
from imagegate.transports.linux.decode import Unclear, decode, unfit
from imagegate.transports.linux.script import MAX_READ, MAX_TEXT

STAT = b"81a4 3 0 0 77 1700000000\n"


def look(probe, fields, mounted_outside=None):
    return decode(probe, fields, run_key=b"k" * 32, mounted_outside=mounted_outside)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (b"root=/dev/sda1 systemd.machine_id=abc quiet\n", "present"),
        (b"systemd.machine-id=abc\n", "present"),
        (b"systemd.machine_id\n", "present"),
        (b'"systemd.machine_id=a b"\n', "present"),
        (b"rd.systemd.machine_id=abc\n", "absent"),
        (b"x.systemd.machine_id=abc systemd.machine_idx=1\n", "absent"),
        (b'init="/bin/x systemd.machine_id=1"\n', "absent"),
        (b'root="a b" systemd.machine_id=1 "open\n', "present"),
        (b"quiet -- systemd.machine_id=1\n", "present"),
        (b"\xff\xfe quiet\n", "absent"),
    ],
)
def test_kernel_option(line: bytes, state: str) -> None:
    assert look(KernelOption(name="systemd.machine_id"), {"cmdline": [line]}).state == state


def test_kernel_option_without_a_command_line() -> None:
    for fields in ({}, {"cmdline": [b""]}, {"cmdline": [b"a", b"b"]}):
        with pytest.raises(Unclear):
            look(KernelOption(name="x"), fields)


def test_values_of_other_options_stay_unsaid() -> None:
    fact = look(KernelOption(name="x"), {"cmdline": [b"password=hunter2\n"]})
    assert "hunter2" not in repr(fact)


FILE = File(path="/etc/machine-id", read=64, classify="machine-id")
GOOD = {"stat": [STAT, STAT], "parent": [b"/etc\n"], "content": [b"-n\n"]}


def test_regular_file() -> None:
    fact = look(FILE, GOOD)
    assert (fact.kind, fact.size, fact.mode, fact.content) == (FileKind.REGULAR, 3, "0644", "dash-n")
    assert len(fact.digest) == 32


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stat": [STAT, b"81a4 3 0 0 78 1700000000\n"]}, "changed while it was looked at"),
        ({"stat": [STAT]}, "bytes are promised"),
        ({"content": [b"-n"]}, "bytes are promised"),
        ({"content": []}, "lacks content"),
        ({"stat": [b"nonsense"]}, "no answer that makes sense"),
        ({"stat": []}, "no answer that makes sense"),
        ({"stat": [b"0 3 0 0 77 1\n"]}, "a type that is not known"),
        ({"nomounts": [b""]}, "/proc/self/mountinfo"),
        ({"unreadable": [b""]}, "may not be read"),
    ],
)
def test_doubt_is_no_fact(change, reason: str) -> None:
    with pytest.raises(Unclear, match=reason):
        look(FILE, GOOD | change)


@pytest.mark.parametrize(
    ("said", "absent"),
    [
        (b"stat: cannot statx '/etc/machine-id': No such file or directory\n", True),
        (b"stat: can't stat '/etc/machine-id': No such file or directory\n", True),
        (b"stat: cannot stat '/etc/machine-id': Not a directory\n", True),
        (b"stat: cannot statx '/etc/machine-id': Permission denied\n", False),
        (b"stat: cannot statx '/x: No such file or directory': Permission denied\n", False),
        (b"/bin/sh: 9: stat: not found\n", False),
        (b"bash: /usr/bin/stat: No such file or directory\n", False),
        (b"", False),
    ],
)
def test_absent_only_when_the_guest_says_so(said: bytes, absent: bool) -> None:
    fields = {"stat": [said], "nostat": [b"\n"]}
    if absent:
        assert look(FILE, fields).kind is FileKind.ABSENT
    else:
        with pytest.raises(Unclear, match="cannot be looked at"):
            look(FILE, fields)


def test_mounts() -> None:
    assert look(FILE, GOOD | {"mount": [b"/run/machine-id", b"/etc/machine-id"]}).mount_point
    assert not look(FILE, GOOD | {"mount": [b"/run/machine-id"]}).mount_point
    assert look(FILE, GOOD | {"parent": [b"/a b\n"], "mount": [rb"/a\040b/machine-id"]}).mount_point
    asked = []
    assert look(FILE, GOOD | {"nomounts": [b"\n"]}, lambda path: not asked.append(path)).mount_point
    assert asked == ["/etc/machine-id"]


@pytest.mark.parametrize(
    "probe",
    [
        SERVER,
        File(path="etc/machine-id"),
        File(path="/etc/../x"),
        File(path="/a\0b"),
        File(path="/x/"),
        File(path="/x", read=MAX_READ + 1),
        File(path="/x", classify="machine-id"),
        FstabProbe(path="fstab"),
        DiskSpace(path="/x/../y"),
        DiskUse(path="x"),
        ProxyProbe(files=("/x", "/y/")),
    ],
)
def test_unfit_probes(probe) -> None:
    assert unfit(probe)


LINE = b"/dev/vdb1 /data ext4\n"
LINES = {"stat": [b"81a4 21 0 0 77 1700000000\n"] * 2, "parent": [b"/etc\n"], "content": [LINE]}


def test_fstab() -> None:
    fact = look(FSTAB, LINES)
    assert [(entry.line, entry.mount_point) for entry in fact.entries] == [(1, "/data")]
    assert look(FSTAB, LINES | {"mount": [b"/etc/fstab"]}).mounted_over
    link = {"stat": [b"a1ff 9 0 0 77 1700000000\n"], "parent": [b"/etc\n"], "link": [b"/x\n"], "resolved": [b"/x\n"]}
    assert look(FSTAB, link).kind is FileKind.LINK


def test_fstab_that_is_too_long() -> None:
    stat = f"81a4 {MAX_TEXT + 1} 0 0 77 1700000000\n".encode()
    with pytest.raises(Unclear, match="is longer than"):
        look(FSTAB, LINES | {"stat": [stat, stat], "content": [b"#" * MAX_TEXT]})


@pytest.mark.parametrize(("said", "free"), [(b"4096 25\n", 100), (b"512 1\n", 0), (b"4096 0\n", 0), (b"1024 7", 7)])
def test_space(said, free) -> None:
    assert look(DiskSpace(), {"space": [said]}).free_kb == free


@pytest.mark.parametrize("fields", [{}, {"space": [b"stat: invalid option\n"]}, {"space": [b"4096 -1\n"]}])
def test_space_that_is_not_told(fields) -> None:
    with pytest.raises(Unclear):
        look(DiskSpace(), fields)


@pytest.mark.parametrize(
    ("said", "used", "size"), [(b"4096 100 25\n", 300, 400), (b"512 3 1\n", 1, 1), (b"4096 9 9\n", 0, 36)]
)
def test_use(said, used, size) -> None:
    fact = look(DiskUse(), {"use": [said]})
    assert (fact.used_kb, fact.size_kb) == (used, size)


@pytest.mark.parametrize("said", [b"", b"stat: invalid option\n", b"4096 25\n", b"4096 25 26\n", b"4096 -1 0\n"])
def test_use_that_is_not_told(said) -> None:
    with pytest.raises(Unclear, match="how much is used"):
        look(DiskUse(), {"use": [said]})


def test_proxy_files() -> None:
    fields = {"file": [b"/etc/environment", b"/etc/profile"], "text": [b"http_proxy=x\n", b"umask 022\n"]}
    [file] = look(PROXY, fields).files
    assert (file.path, file.proxy, file.bypass) == ("/etc/environment", True, "unset")
    assert look(PROXY, {}).files == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"file": [b"/a"], "text": []},
        {"file": [b"/a"], "text": [b""], "unreadable": [b""]},
        {"file": [b"/a"], "text": [b"#" * MAX_TEXT]},
    ],
)
def test_proxy_files_in_doubt(fields) -> None:
    with pytest.raises(Unclear):
        look(PROXY, fields)
