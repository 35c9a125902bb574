"""For this repository only: hypothesis profiles, and the gate for tests that need more than every machine has."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from typing import NoReturn

import pytest

CI = bool(os.environ.get("CI"))

if find_spec("hypothesis") is not None:  # `pytest checks --policy …` in a clone needs no tools of developers
    from hypothesis import HealthCheck, settings

    slow = [HealthCheck.too_slow]
    settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=slow)
    settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=slow, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if CI else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """Load pytest's own fixtures for testing plugins, but not into a run with a policy.

    ``pytest_plugins`` would break runs whose root folder is another one.
    """
    if getattr(config.option, "ig_policy", None) is None:
        config.pluginmanager.import_plugin("pytester")
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's `&` makes its children deaf to it
            signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def require() -> Callable[[str], NoReturn]:
    """``require("root on Linux")``: skips the test where that is missing; on CI, where it must be there, fails it."""

    def missing(reason: str) -> NoReturn:
        if CI:
            pytest.fail(f"CI must have what this test needs: {reason}", pytrace=False)
        pytest.skip(reason)

    return missing
