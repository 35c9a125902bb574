"""The parts of the documentation that need a cloud or a guest: their commands, run as they stand."""

import os
import re
import shutil
import subprocess

import pytest
from tests.docs.following import follow
from tests.real.support import CI

from imagegate import sandbox
from imagegate.sandbox import SandboxError, environment

pytestmark = pytest.mark.real


def test_the_tutorials_cloud_is_judged_mended_and_taken_back(tmp_path):
    home = tmp_path / "home"
    cache = home / ".cache" / "imagegate"
    cache.mkdir(parents=True)
    try:
        tools = environment.ensure()
    except SandboxError as error:
        if CI:
            raise
        pytest.skip(f"no sandbox here: {error}")
    for made in tools.parent.parent.iterdir():  # environments and templates are made once; only the sandbox is of this test
        if made.name != "run":
            (cache / "sandbox").mkdir(exist_ok=True)
            (cache / "sandbox" / made.name).symlink_to(made)
    environ = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CACHE_HOME": str(home / ".cache")}
    try:
        assert follow("tutorial.md", tmp_path, kinds=("", "real"), environ=environ) == 9
    finally:
        sandbox.down(cache / "sandbox" / "run")


def test_the_how_tos_own_check_judges_a_root_of_files(tmp_path):
    """build-01 is a folder with busybox in it: a guest is reached the same way, by ssh instead of chroot."""
    busybox = shutil.which("busybox")
    if os.geteuid() != 0 or busybox is None:
        assert not CI, "CI has root and busybox"
        pytest.skip("needs root, and busybox")
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "root").mkdir()
    needed = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stdout
    for path in [busybox, *re.findall(r"(/\S+) \(0x", needed)]:
        place = root / ("bin/busybox" if path == busybox else path.lstrip("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"], check=True)
    history = root / "root" / ".bash_history"
    history.write_text("ssh db-prod\n")
    hosts = f"instances:\n  build-01: {{transport: chroot, address: {root}, os: linux}}\n"
    assert follow("howto/own-check.md", tmp_path, kinds=("", "real"), files={"hosts.yaml": hosts}) == 3
    assert history.read_text() == "ssh db-prod\n", "a gate without --fix changes nothing"
