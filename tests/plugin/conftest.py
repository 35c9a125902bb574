"""Runs of pytest inside pytest, on recordings and on a cloud in memory."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.plugin.recordings import ALL, POLICY, WAIVERS, record

import imagegate.pytest_gate  # noqa: F401 - imported once here, not again in each run inside the process
from imagegate.catalogue import packaged_root


@pytest.fixture
def bench(pytester, monkeypatch):
    """``bench.run(...)``: pytest on a copy of the checks; ``bench.record(...)`` says what there is to judge."""
    for name in ("CI", "PYTEST_ADDOPTS", "NO_COLOR", "FORCE_COLOR", "OS_CLOUD", "OS_AUTH_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(pytester.path / "no-clouds.yaml"))
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path / "state"))
    shutil.copytree(packaged_root(), pytester.path / "checks", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    pytester.path.joinpath("pytest.ini").write_text("[pytest]\n")
    args = ("--policy", "policy.yaml", "--facts", "facts.jsonl")

    def run(*more, checks="checks", options=args, **how):
        return pytester.runpytest_inprocess(*([checks] if checks else []), *options, *more, **how)

    def subprocess(*more, checks="checks", options=args):
        return pytester.runpytest_subprocess(*([checks] if checks else []), *options, *more)

    def report():
        return json.loads(pytester.path.joinpath("reports/latest/report.json").read_text())

    def put(*images, **how):
        waived = any(target.name.startswith("waived") for target, _ in images)
        until = datetime.now(UTC).date().replace(day=1).replace(year=datetime.now(UTC).year + 1)
        pytester.path.joinpath("policy.yaml").write_text(POLICY + (WAIVERS % until if waived else ""))
        return record(pytester.path / "facts.jsonl", *images, **how)

    put(*ALL)
    return SimpleNamespace(
        run=run, subprocess=subprocess, report=report, record=put, pytester=pytester, path=pytester.path, options=args
    )


@pytest.fixture
def cloud(bench):
    """The same with a cloud in memory that can be changed: ``bench.live(...)``."""
    source = Path(__file__).with_name("fake_cloud.py").read_text()
    bench.path.joinpath("conftest.py").write_text(source)
    bench.live = lambda *more, **how: bench.run(*more, options=("--policy", "policy.yaml"), **how)
    return bench
