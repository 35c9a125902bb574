"""Sandboxes for the tests against real peers: as few as possible, made when first needed, always taken down."""

import signal

import pytest
from tests.real import recipe
from tests.real.killing import behind_traps
from tests.real.support import running

from imagegate import sandbox


@pytest.fixture(scope="session", autouse=True)
def _sigterm_is_an_interrupt():
    """Sandboxes are taken down when a CI job is cancelled, too."""
    old = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, old)


@pytest.fixture(scope="session", autouse=True)
def _locks_of_our_own(tmp_path_factory):
    """Runs with --fix lock their targets in the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Keystone and two Glances that hold the 1,000 images of the recipe. Tests leave it as they found it."""
    with recipe.loaded(tmp_path_factory.mktemp("loaded") / "run") as box:
        yield box


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """Keystone and two empty Glances, for tests that change images: each makes its own, under names of its own."""
    with running(tmp_path_factory.mktemp("cloud") / "run", services=sandbox.IMAGE_SERVICES) as box:
        yield box


@pytest.fixture(scope="session")
def killing(tmp_path_factory):
    """A whole sandbox with block storage, without guests, whose services stand behind traps that kill commands."""
    folder = tmp_path_factory.mktemp("killed")
    with running(folder / "run", services=sandbox.EVERY_SERVICE) as box, behind_traps(box, folder) as scene:
        yield scene
