"""Roots that are not booted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.contract import sshd
from tests.contract.linux.scene import ID, OPTION, empty, look, reason, target

from imagegate.inventory import Host, Via
from imagegate.model import Unseen
from imagegate.probes.file import File

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture
def root(tmp_path) -> Path:
    """A root without /proc and /dev, with nothing but busybox."""
    sshd.skip_or_fail(None if sshd.os.geteuid() == 0 and sshd.shutil.which("busybox") else "needs root and busybox")
    root = tmp_path / "root"
    for folder in ("bin", "etc", "var/lib/dbus"):
        (root / folder).mkdir(parents=True)
    busybox = sshd.shutil.which("busybox")
    sshd.shutil.copy(busybox, root / "bin/busybox")
    for line in subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stdout.split():
        if line.startswith("/"):
            (root / line[1:]).parent.mkdir(parents=True, exist_ok=True)
            sshd.shutil.copy(line, root / line[1:])
    for applet in ("sh", "stat", "head", "od", "readlink", "id", "cp", "mv", "rm", "ln", "chmod", "dd"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/machine-id").write_text(ID)
    (root / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    return root


ETC = File(path="/etc/machine-id", read=64, classify="machine-id")
DBUS = File(path="/var/lib/dbus/machine-id", read=64, classify="machine-id")


def test_root_that_is_not_booted(make, root, site) -> None:
    transport = make(Host(name="image", address=str(root), transport=Via.CHROOT))
    facts = look(transport, ETC, DBUS, OPTION, name="image")
    assert (facts[ETC].content, facts[ETC].mount_point) == ("id", False)
    assert (facts[DBUS].link_to, facts[DBUS].resolved) == ("/etc/machine-id", "/etc/machine-id")
    assert facts[OPTION].state == "not-booted"
    before = sorted(path.relative_to(root) for path in root.rglob("*"))

    subprocess.run(["mount", "--bind", str(root / "bin/busybox"), str(root / "etc/machine-id")], check=True)
    try:
        assert look(transport, ETC, name="image")[ETC].mount_point
    finally:
        subprocess.run(["umount", str(root / "etc/machine-id")], check=True)

    transport.apply(target("image"), empty(ETC), facts, timeout_s=10)
    after = look(transport, ETC, name="image")
    assert after[ETC] == empty(ETC).simulate(facts)[ETC]
    assert (root / "etc/machine-id").read_text() == ""
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before, "a look leaves nothing behind"


def test_root_without_a_shell(make, root, site) -> None:
    (root / "bin/sh").unlink()
    transport = make(Host(name="image", address=str(root), transport=Via.CHROOT))
    facts = look(transport, ETC, OPTION, name="image")
    assert reason(facts, ETC).startswith(f"image: no shell started in chroot {root} (exit code 127; it said: chroot: ")
    assert isinstance(facts.observation(OPTION), Unseen)


def test_root_that_does_not_exist(make, tmp_path, site) -> None:
    transport = make(Host(name="image", address=str(tmp_path / "none"), transport=Via.CHROOT))
    assert "No such file or directory" in reason(look(transport, ETC, name="image"), ETC)
