"""Sandboxes for the tests of the sandbox: real ones, as few as possible."""

import os
import subprocess

import pytest

from imagegate import sandbox
from imagegate.sandbox import processes, rootfs


@pytest.fixture(scope="session")
def _guests_possible():
    """Real guests; where they are impossible the test is skipped, but on CI it fails."""
    reason = rootfs.available()
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(f"CI must boot real guests, but {reason}")
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Keystone and two Glances."""
    root = tmp_path_factory.mktemp("sandbox") / "run"
    yield sandbox.up(root, services=sandbox.IMAGE_SERVICES)
    sandbox.down(root)


@pytest.fixture
def assert_nothing_left():
    def check(root):
        assert not root.exists()
        assert processes.belonging_to(root) == []
        assert (
            str(root)
            not in subprocess.run(["cat", "/proc/self/mountinfo"], capture_output=True, text=True, check=True).stdout
        )

    return check
