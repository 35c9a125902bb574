"""Five Linux hosts and two Windows instances, one of them dead: one report, the right verdicts and exit code."""

import json

import pytest
from ruamel.yaml import YAML
from tests.real.guests import require_guests, ssh
from tests.real.support import validate
from tests.real.windows import RELEASED, Gate, Site, entry, finding, verdicts, write_inventory

from imagegate.sandbox import windows
from imagegate.sandbox.fleet import fleet

pytestmark = pytest.mark.real

LINUX = "linux-machine-id-reset"
WINDOWS = {
    "windows-cloudbase-init-on-demand": {"released": RELEASED},
    "windows-reboot-not-pending": None,
    "windows-space-available": None,
}
FIX = ("--fix", "--fix-level", "disruptive")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The fleet, the peers, and an audit of all of them."""
    require_guests()
    folder = tmp_path_factory.mktemp("mixed")
    site = Site(tmp_path_factory.mktemp("peers"))
    try:
        site.start_all({"win-live": {"faults": ("cloudbase-auto",)}, "win-dead": {}})
        environment = site.environment
        windows.power_off(site.peers["win-dead"].folder)
        states = ("id", "empty", "empty", "uninitialized", "empty")
        with fleet(5, folder / "fleet", machine_ids=states) as linux:
            hosts = YAML(typ="safe").load(linux.inventory)["instances"]
            everybody = {
                **{name: {"os": "linux", **host} for name, host in hosts.items()},
                **{name: entry(peer) for name, peer in site.peers.items()},
            }
            inventory = write_inventory(folder / "inventory.yaml", everybody)
            policy = folder / "policy.yaml"
            rules = [
                {"for": {"instance": {"os": "linux"}}, "require": {LINUX: None}},
                {"for": {"instance": {"os": "windows"}}, "require": WINDOWS},
            ]
            policy.write_text(json.dumps({"policy": "mixed", "version": 1, "rules": rules}))
            yield linux, Gate(folder, policy, inventory, environment)
    finally:
        site.close()


def test_one_report_of_a_mixed_fleet(mixed):
    linux, audit = mixed
    before = audit(command="audit")
    assert before.code == 1, before.stdout
    validate(before.report)
    assert {host.name: verdicts(before, host.name)[LINUX] for host in linux.hosts} == {
        "h000": "fail", "h001": "pass", "h002": "pass", "h003": "pass", "h004": "pass",
    }  # fmt: skip
    assert verdicts(before, "win-live") == {
        "windows-cloudbase-init-on-demand": "fail",
        "windows-reboot-not-pending": "pass",
        "windows-space-available": "pass",
    }
    assert verdicts(before, "win-dead") == dict.fromkeys(WINDOWS, "unknown")
    assert before.report["scope"]["targets"] == {"selected": 7, "seen": 6}
    (dead,) = before.report["scope"]["unreachable"]
    assert dead["target"] == "win-dead"
    assert "refused" in dead["reason"]
    assert before.report["counts"] == {
        "pass": 6, "fail": 2, "unknown": 3, "not-applicable": 0, "waived": 0, "fixed": 0, "attested": 0,
    }  # fmt: skip
    assert before.stdout.count("connection refused") <= 3, "a dead host is told once, not once for each check"


def test_both_kinds_are_mended_in_one_run(mixed):
    linux, audit = mixed
    fixed = audit(*FIX, command="audit")
    assert fixed.code == 10, fixed.stdout
    assert finding(fixed, "h000", LINUX)["remedy"]["state"] == "verified"
    assert finding(fixed, "win-live", "windows-cloudbase-init-on-demand")["remedy"]["state"] == "verified"
    assert ssh(linux.root, "h000", "cat /etc/machine-id") == ""
    after = audit(command="audit")
    assert after.code == 10
    assert after.report["counts"]["pass"] == 8
    living = [name for name in (*(host.name for host in linux.hosts), "win-live") for name in ("--instance", name)]
    assert audit(*living, command="audit").code == 0
