"""What --fix changed in Windows, taken back over the same WS-Management: against the strict stand-in, without a cloud."""

from types import SimpleNamespace

import pytest
from tests.real.support import imagegate
from tests.real.windows import RELEASED, Gate, Site, actual, finding, write_policy

from imagegate.sandbox import windows
from imagegate.sandbox.windows.machine.drive import TASKS

pytestmark = pytest.mark.real

TASK, SERVICE, REARM = "windows-renew-task-present", "windows-cloudbase-init-on-demand", "windows-rearm-available"
APPX = "windows-appx-provisioned"
PLAIN = r"\imagegate-renew-dhcp"
NAME = "win-01"
REGISTER = f"register the task {PLAIN}"


@pytest.fixture
def win(tmp_path):
    """Starts a stand-in with faults; then ``gate`` and ``undo`` are the commands, ``task`` the file behind the task."""
    site = Site(tmp_path)

    def start(*faults, checks=()):
        peer = site.start(NAME, faults=faults)
        inventory = site.inventory(tmp_path / "inventory.yaml")
        policy = write_policy(
            tmp_path / "policy.json",
            {check: {"released": RELEASED} if check in {TASK, SERVICE} else None for check in (TASK, *checks)},
            select={"name": NAME},
        )
        gate = Gate(tmp_path, policy, inventory, site.environment)

        def undo(run="latest"):
            return imagegate(
                "undo", run, "--yes", "--inventory", inventory, cwd=tmp_path, clouds=tmp_path / "none.yaml",
                env=site.environment,
            )  # fmt: skip

        def task():
            with windows.changing(peer.folder) as machine:
                path = f"{TASKS}{PLAIN}"
                return machine.drive.read(path).decode("utf-16") if machine.drive.exists(path) else None

        return SimpleNamespace(peer=peer, gate=gate, undo=undo, task=task)

    yield start
    site.close()


def test_the_task_that_a_fix_registered_is_taken_back_and_the_undo_too(win):
    guest = win("task-missing")
    assert guest.task() is None
    fixed = guest.gate(NAME, "--fix")
    assert (fixed.code, finding(fixed, NAME, TASK)["remedy"]["state"]) == (0, "verified"), fixed.stdout
    assert "<Arguments>/renew</Arguments>" in guest.task()
    undone = guest.undo(fixed.folder.name)
    assert undone.code == 0, undone.stdout + undone.stderr
    assert f"taken back {REGISTER}" in undone.stdout
    assert guest.task() is None
    assert "none of 3 tasks runs ipconfig" in actual(finding(guest.gate(NAME), NAME, TASK))
    again = guest.undo(fixed.folder.name)
    assert (again.code, f"as before {REGISTER}" in again.stdout) == (0, True), "twice does nothing"
    [undo] = [path.parent.name for path in undone.reports.glob("*/journal.jsonl") if path.parent != fixed.folder]
    redone = guest.undo(undo)
    assert redone.code == 0, redone.stdout + redone.stderr
    assert f"taken back delete the task {PLAIN}" in redone.stdout
    assert finding(guest.gate(NAME), NAME, TASK)["verdict"] == "pass"


def test_what_has_a_way_back_is_taken_back_and_what_has_none_is_named(win):
    guest = win("task-missing", "cloudbase-auto", "skip-rearm", "appx-user-only", checks=(SERVICE, REARM, APPX))
    before = {check: actual(finding(guest.gate(NAME), NAME, check)) for check in (TASK, SERVICE, REARM, APPX)}
    fixed = guest.gate(NAME, "--fix", "--fix-level", "disruptive")
    assert fixed.code == 0, fixed.stdout
    undone = guest.undo(fixed.folder.name)
    assert undone.code == 11, undone.stdout + undone.stderr
    lines = [line.strip() for line in undone.stdout.splitlines()]
    fates = [line.split(" ", 2)[:2] for line in lines if line.startswith(("taken back", "no way back"))]
    assert sorted(fates) == [["no", "way"], *[["taken", "back"]] * 3]
    [lost] = [line for line in lines if line.startswith("no way back")]
    assert "the package and its users' data were not kept" in lost
    after = {check: finding(guest.gate(NAME), NAME, check) for check in before}
    assert {check: actual(after[check]) for check in (TASK, SERVICE, REARM)} == {
        check: before[check] for check in (TASK, SERVICE, REARM)
    }
    assert after[APPX]["verdict"] == "pass", "the package stays away"


def test_a_task_that_somebody_changed_since_is_left_to_them(win):
    guest = win("task-missing")
    fixed = guest.gate(NAME, "--fix")
    assert fixed.code == 0, fixed.stdout
    with windows.changing(guest.peer.folder) as machine:
        windows.store_task(machine.drive, PLAIN, windows.task(arguments="/renew Ethernet", name=PLAIN))
    theirs = guest.task()
    undone = guest.undo(fixed.folder.name)
    assert undone.code == 11, undone.stdout + undone.stderr
    assert f"changed since {REGISTER}" in undone.stdout
    assert guest.task() == theirs
