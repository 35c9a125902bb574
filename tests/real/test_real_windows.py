"""Opt-in: the same looks at a real Windows host, which nothing here can stand in for.

    IMAGEGATE_REAL_WINDOWS=Administrator@192.0.2.20 IMAGEGATE_REAL_WINDOWS_PASSWORD=… \\
        pytest tests/real/test_real_windows.py -v

The user must be a local administrator whose remote logins are elevated (the built-in one, or see
LocalAccountTokenFilterPolicy); WinRM listens on HTTPS, port 5986 unless another one is named. Read-only, unless
IMAGEGATE_REAL_WINDOWS_WRITE=1: then a scheduled task is registered and removed again. Further variables:

    IMAGEGATE_REAL_WINDOWS_CA=FILE          the certificate to trust (WinRM's own is usually self-signed)
    IMAGEGATE_REAL_WINDOWS_INSECURE=1       trust any
    IMAGEGATE_REAL_WINDOWS_AUTH=ntlm|basic|kerberos
    IMAGEGATE_REAL_WINDOWS_RELEASED=DATE    of the image that it was made from (2019-04-25 unless said otherwise)

What is seen is written to ``reports/`` in pytest's temporary folder; the password is searched for in all of it.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from tests.real.support import Secrets, imagegate

from imagegate.inventory import load_inventory
from imagegate.model import Facts, Kind, Level, Phase, Target
from imagegate.probes import TasksOf
from imagegate.steps import RegisterTask
from imagegate.steps.task import delete_task
from imagegate.steps.windows import CommandLine, WindowsStep

PLACE, PASSWORD = "IMAGEGATE_REAL_WINDOWS", "IMAGEGATE_REAL_WINDOWS_PASSWORD"
RELEASED = os.environ.get(f"{PLACE}_RELEASED", "2019-04-25")
NAME = "real-windows"
TASKS = TasksOf(program="ipconfig")

CHECKS = {
    "windows-answer-file-valid": {},
    "windows-appx-provisioned": {},
    "windows-cloudbase-init-on-demand": {"released": RELEASED},
    "windows-generalized": {},
    "windows-reboot-not-pending": {},
    "windows-rearm-available": {},
    "windows-space-available": {},
    "windows-sysprep-tool-present": {"released": RELEASED},
}
"""All that a guest can answer without its cloud."""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (os.environ.get(PLACE) and os.environ.get(PASSWORD)),
        reason=f"opt-in: {PLACE}=user@host[:port] and {PASSWORD} name a real Windows host (see the top of this file)",
    ),
]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    """The host as the inventory has it."""
    user, _, place = os.environ[PLACE].rpartition("@")
    host, _, port = place.partition(":")
    entry = {"address": host, "transport": "winrm", "user": user, "password_env": PASSWORD}
    entry |= {"port": int(port)} if port else {}
    if auth := os.environ.get(f"{PLACE}_AUTH"):
        entry["auth"] = auth
    if authority := os.environ.get(f"{PLACE}_CA"):
        entry["ca_file"] = authority
    if os.environ.get(f"{PLACE}_INSECURE") == "1":
        entry["certificate_checking"] = False
    path = tmp_path_factory.mktemp("windows") / "inventory.yaml"
    path.write_text(json.dumps({"instances": {NAME: entry}}))
    return path


@pytest.fixture(scope="module")
def looked(inventory, tmp_path_factory):
    """Two runs of the gate, one after the other, with everything turned up."""
    folder = tmp_path_factory.mktemp("looks")
    policy = folder / "policy.yaml"
    rule = {"for": {"instance": {"os": "windows"}}, "require": CHECKS}
    policy.write_text(json.dumps({"policy": "real-windows", "version": 1, "rules": [rule]}))
    runs = []
    for number in (1, 2):
        work = folder / f"run{number}"
        work.mkdir()
        runs.append(
            imagegate(
                *("gate", NAME, "--policy", policy, "--inventory", inventory, "-vv"),
                *("--record-facts", "facts.jsonl", "--log-level=DEBUG", "--log-file=debug.log"),
                cwd=work, clouds=folder / "no-clouds.yaml", watch=True,
            )
        )  # fmt: skip
    return runs


def test_everything_that_a_guest_can_tell_is_seen(looked):
    first = looked[0]
    told = {f["check"]: (f["verdict"], f["reason"]) for f in first.report["findings"]}
    assert told.keys() == CHECKS.keys()
    assert [(check, reason) for check, (verdict, reason) in told.items() if verdict == "unknown"] == []
    assert first.code in {0, 1}, first.stdout + first.stderr


def test_two_looks_tell_the_same(looked):
    one, other = ({f["check"]: f["verdict"] for f in ran.report["findings"]} for ran in looked)
    assert one == other


def test_the_password_is_nowhere(looked):
    secrets = Secrets()
    secrets.plant("the password", os.environ[PASSWORD])
    for ran in looked:
        assert secrets.leaks_of(ran) == []
        assert secrets.leaks_in_files(ran.reports.parent) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTask(WindowsStep):
    """Take a registration back."""

    name: str

    def action(self, seen):
        return CommandLine(line=delete_task(self.name))


@pytest.mark.skipif(
    os.environ.get(f"{PLACE}_WRITE") != "1", reason=f"read-only: {PLACE}_WRITE=1 lets it register a task, and remove it"
)
def test_a_task_is_registered_and_removed(inventory):
    from imagegate.transports.windows import WindowsTransport

    windows = WindowsTransport(load_inventory(inventory))
    target = Target(kind=Kind.INSTANCE, id=NAME, name=NAME, guest=NAME)
    name = f"\\imagegate-test-{datetime.now(UTC):%Y%m%d%H%M%S}"
    words = {"subject": "test", "level": Level.SAFE, "phase": Phase.CONTENT, "why": "test"}
    register = RegisterTask(
        tasks=TASKS, name=name, description="A test of imagegate; may be deleted",
        command=r"C:\Windows\System32\ipconfig.exe", arguments="/renew", summary=f"register {name}", **words,
    )  # fmt: skip

    def look() -> Facts:
        return windows.look(target, [TASKS], timeout_s=120, fresh=True)

    try:
        before = look()
        assert not register.done(before)
        windows.apply(target, register, before, timeout_s=120)
        try:
            assert register.done(look()), "registered, with its content"
        finally:
            windows.apply(target, DeleteTask(name=name, summary=f"delete {name}", **words), before, timeout_s=120)
        assert look()[TASKS] == before[TASKS]
    finally:
        windows.close()
