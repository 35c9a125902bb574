"""Stand-ins for Windows: shared ones, and new ones for tests that change them for good."""

import contextlib

import pytest

from imagegate.sandbox import windows
from imagegate.sandbox.windows import prefixes


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """An instance that tests leave as they found it."""
    folder = tmp_path_factory.mktemp("shared") / "win"
    yield windows.start(folder, windows.WindowsSpec(name="win-01", backend="model", max_shells=3))
    windows.stop(folder)


@pytest.fixture
def start(tmp_path):
    """Start instances; all are ended with the test."""
    with contextlib.ExitStack() as stack:

        def started(name="win-01", **spec):
            folder = tmp_path / name
            stack.callback(windows.stop, folder)
            return windows.start(folder, windows.WindowsSpec(name=name, **({"backend": "model"} | spec)))

        yield started


@pytest.fixture(scope="module")
def wine(tmp_path_factory, require):
    """An instance with Wine, that tests leave as they found it; on CI there must be one."""
    reason = prefixes.missing()
    if reason is not None:
        require(f"Wine and mingw-w64: {reason}")
    folder = tmp_path_factory.mktemp("wine") / "win"
    yield windows.start(folder, windows.WindowsSpec(name="win-01", backend="wine"))
    windows.stop(folder)


@pytest.fixture(params=["model", "wine"])
def either(request):
    """An instance of each back end, that tests leave as they found it."""
    return request.getfixturevalue({"model": "shared"}.get(request.param, request.param))
