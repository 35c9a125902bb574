"""Stand-ins for Windows, each with faults of its own: break → fail → fix → look → pass, and what must not be touched.

All of them are looked at, mended and looked at again in the same few runs; each test reads what became of one fault.
"""

from types import SimpleNamespace

import pytest
from tests.real.support import running
from tests.real.windows import Gate, actual, finding, passwords, put_back, verdicts, write_policy

from imagegate import sandbox
from imagegate.sandbox import windows, windows_guests

pytestmark = pytest.mark.real

TASK, SERVICE, REARM = "windows-renew-task-present", "windows-cloudbase-init-on-demand", "windows-rearm-available"
REBOOT, APPX, ANSWERS = "windows-reboot-not-pending", "windows-appx-provisioned", "windows-answer-file-valid"
SPACE, TOOL = "windows-space-available", "windows-sysprep-tool-present"
CHECKS = (TASK, SERVICE, REARM, REBOOT, APPX, ANSWERS, SPACE, TOOL)

FAULTS = {
    "task-missing": (TASK, "none of 3 tasks runs ipconfig", "safe"),
    "task-disabled": (TASK, "disabled", "safe"),
    "task-logon-trigger": (TASK, "logon", "safe"),
    "task-trigger-disabled": (TASK, "trigger", "safe"),
    "task-expired": (TASK, "2020-01-01", "safe"),
    "task-wrong-account": (TASK, "builder", "safe"),
    "task-release": (TASK, "/release", "safe"),
    "task-needs-network": (TASK, "network", "safe"),
    "task-on-mains-only": (TASK, "mains", "safe"),
    "cloudbase-auto": (SERVICE, "start type auto", "safe"),
    "skip-rearm": (REARM, "SkipRearm: 1", "safe"),
    "reboot-servicing": (REBOOT, "RebootPending", "disruptive"),
    "reboot-update": (REBOOT, "RebootRequired", "disruptive"),
    "reboot-renames": (REBOOT, "PendingFileRenameOperations", "disruptive"),
    "appx-user-only": (APPX, "installed for 1 of them only", "disruptive"),
    "answer-file-missing": (ANSWERS, "absent", "person"),
    "answer-file-malformed": (ANSWERS, "malformed", "person"),
    "answer-file-password": (ANSWERS, "one in clear text", "person"),
    "answer-file-no-generalize": (ANSWERS, "without generalize", "person"),
    "space-full": (SPACE, "20 KB free", "person"),
    "cloudbase-missing": (SERVICE, "not there", "nobody"),
    "rearm-used-up": (REARM, "0 left", "nobody"),
    "sysprep-missing": (TOOL, "absent", "nobody"),
}
"""Each fault: the check that fails for it, a part of its reason, and who mends it."""

INSTANCES = {
    "win-a": ("task-missing", "cloudbase-auto", "reboot-servicing", "answer-file-missing"),
    "win-b": ("task-disabled", "skip-rearm", "reboot-update", "answer-file-malformed"),
    "win-c": ("task-logon-trigger", "appx-user-only", "reboot-renames", "answer-file-password"),
    "win-d": ("task-trigger-disabled", "answer-file-no-generalize", "space-full", "korean"),
    "win-e": ("task-expired", "cloudbase-missing", "rearm-used-up", "japanese"),
    "win-f": ("task-wrong-account", "sysprep-missing", "no-appx"),
    "win-g": ("task-release", "answer-file-wrong-folder"),
    "win-h": ("task-needs-network",),
    "win-i": ("task-on-mains-only",),
    "win-j": ("task-no-run-level",),
    "win-k": ("not-elevated", "task-missing"),
    "win-l": ("task-missing",),
}
"""Who has which; Korean and Japanese ones among them. ``win-l`` has a useless task of the name that the fix would give."""

WHERE = {fault: name for name, faults in INSTANCES.items() for fault in faults if name not in {"win-k", "win-l"}}
PLAIN = r"\imagegate-renew-dhcp"


def machine(box, name):
    return windows_guests.machine(box.root, name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The four runs: before, with the safe steps, with the disruptive ones, and after a person's work as well."""
    specs = [sandbox.WindowsGuestSpec(name=name, backend="model", faults=faults) for name, faults in INSTANCES.items()]
    folder = tmp_path_factory.mktemp("scenarios")
    with running(folder / "run", guests=specs) as box:
        with windows.changing(machine(box, "win-l")) as inside:
            windows.store_task(inside.drive, PLAIN, windows.task(arguments="/release", name=PLAIN))
        policy = write_policy(folder / "policy.yaml", dict.fromkeys(CHECKS), fix={"ceiling": "disruptive"})
        gate = Gate(folder, policy, box.inventory, passwords(box), box.clouds_yaml)
        before = gate(*INSTANCES)
        safe = gate(*INSTANCES, "--fix")
        disruptive = gate(*INSTANCES, "--fix", "--fix-level", "disruptive")
        for fault in ("answer-file-missing", "answer-file-malformed", "answer-file-password"):
            with windows.changing(machine(box, WHERE[fault])) as inside:
                put_back(inside)
        with windows.changing(machine(box, "win-d")) as inside, inside.changing() as state:
            put_back(inside)
            state.disk_free = 30_000_000_000
        after = gate(*INSTANCES)
        yield SimpleNamespace(box=box, gate=gate, before=before, safe=safe, disruptive=disruptive, after=after)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_is_mended_and_passes(runs, fault):
    (check, reason, who), name = FAULTS[fault], WHERE[fault]
    before = finding(runs.before, name, check)
    assert before["verdict"] == "fail"
    assert reason in actual(before)
    level = {"safe": runs.safe, "disruptive": runs.disruptive}.get(who)
    if level is None:
        assert finding(runs.disruptive, name, check)["remedy"]["state"] in {"manual", "refused"}
    else:
        assert finding(level, name, check)["remedy"]["state"] == "verified", level.stdout
    if who == "disruptive":
        assert finding(runs.safe, name, check)["remedy"]["state"] == "refused", "not granted"
    assert finding(runs.after, name, check)["verdict"] == ("fail" if who == "nobody" else "pass")


@pytest.mark.parametrize("name", [name for name in INSTANCES if name not in {"win-k", "win-l"}])
def test_nothing_else_fails(runs, name):
    """Language, missing AppX, an answer file in the other folder and a missing run level are no faults."""
    mine = {check for fault in INSTANCES[name] if fault in FAULTS for check in [FAULTS[fault][0]]}
    assert {check for check, verdict in verdicts(runs.before, name).items() if verdict != "pass"} == mine


def test_what_passes_all_the_same_is_told(runs):
    assert "warning" in finding(runs.before, "win-g", ANSWERS)["note"]
    assert "highest" in finding(runs.before, "win-j", TASK)["note"]
    assert "no AppX" in finding(runs.before, "win-f", APPX)["note"]


def test_an_account_that_is_not_elevated_sees_nothing_and_changes_nothing(runs):
    for ran in (runs.before, runs.disruptive):
        found = [f for f in ran.report["findings"] if f["target"]["name"] == "win-k"]
        assert {(f["verdict"], f["owner"]) for f in found} == {("unknown", "user")}
        assert all("elevated" in f["reason"] for f in found)


def test_a_name_that_is_taken_is_not_overwritten(runs):
    found = finding(runs.safe, "win-l", TASK)
    assert found["verdict"] == "fail"
    assert found["remedy"]["state"] == "refused"
    assert "/release" in actual(finding(runs.after, "win-l", TASK))


def test_exit_codes(runs):
    """Fails stand to the end, and one instance is unknown: a fail counts more."""
    assert [ran.code for ran in (runs.before, runs.safe, runs.disruptive, runs.after)] == [1, 1, 1, 1]
    assert runs.gate("win-a", "win-k").code == 10


def test_a_second_fix_has_nothing_to_do(runs):
    again = runs.gate("win-a", "win-h", "--fix", "--fix-level", "disruptive")
    assert again.code == 0, again.stdout
    assert {f["remedy"]["state"] for f in again.report["findings"]} == {"none"}
    assert not (again.folder / "journal.jsonl").exists()
