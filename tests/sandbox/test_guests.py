"""Real Debian guests, their servers in a real Nova, and a small fleet."""

import json
import subprocess
import time

import pytest

from imagegate import sandbox
from imagegate.sandbox import fleet, guests, net, servers

pytestmark = pytest.mark.usefixtures("_guests_possible")


def ssh(root, name, command):
    done = subprocess.run(
        ["ssh", "-F", str(root / "ssh_config"), name, command], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


class Compute:
    """The owner's view of Nova."""

    def __init__(self, box):
        passwords = json.loads((box.root / "secrets.json").read_text())
        self.port = box.ports["nova"]
        self.headers = {"X-Auth-Token": servers.token(box.ports, box.projects["golden"], "golden", passwords["golden"])}

    def servers(self):
        answer = net.request(self.port, "GET", "/v2.1/servers/detail", headers=self.headers)
        return {server["name"]: server for server in answer.json()["servers"]}

    def act(self, name, action, status):
        path = f"/v2.1/servers/{self.servers()[name]['id']}/action"
        assert net.request(self.port, "POST", path, body=action, headers=self.headers).status == 202
        deadline = time.monotonic() + 120
        while self.servers()[name]["status"] != status:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_guests_live_and_die_with_their_servers(tmp_path, assert_nothing_left):
    root = tmp_path / "run"
    specs = [
        sandbox.GuestSpec(name="web-01", dbus="file"),
        sandbox.GuestSpec(name="web-02", user="ubuntu", machine_id="empty", flavor="u2.c1m2"),
    ]
    box = sandbox.up(root, guests=specs)
    try:
        compute = Compute(box)
        listed = compute.servers()
        assert {name: server["status"] for name, server in listed.items()} == {"web-01": "ACTIVE", "web-02": "ACTIVE"}
        assert listed["web-01"]["metadata"] == {"os_type": "linux", "image_name": "Debian Bookworm"}

        state = ssh(root, "web-01", "systemctl is-system-running || true").strip()
        assert state in {"running", "degraded", "starting"}  # a real systemd; a busy machine may cost it a unit
        identity = ssh(root, "web-01", "cat /etc/machine-id")
        assert (
            ssh(root, "web-01", "cat /var/lib/dbus/machine-id; readlink /var/lib/dbus/machine-id || true") == identity
        )
        assert ssh(root, "web-02", "cat /etc/machine-id; readlink /var/lib/dbus/machine-id") == "/etc/machine-id\n"
        assert ssh(root, "web-02", "sudo id -u") == "0\n"

        with pytest.raises(sandbox.SandboxUsageError, match="halt it"):
            guests.clone(root, "web-01", "too-early")
        for name in ("web-01", "web-02"):
            compute.act(name, {"os-stop": None}, "SHUTOFF")
            assert not guests.is_up(root, name)
            for number in ("1", "2"):
                guests.clone(root, name, f"{name}-clone-{number}")
        copied = {ssh(root, f"web-01-clone-{number}", "cat /etc/machine-id") for number in ("1", "2")}
        assert copied == {identity}
        fresh = {ssh(root, f"web-02-clone-{number}", "cat /etc/machine-id") for number in ("1", "2")}
        assert len(fresh) == 2

        compute.act("web-01", {"os-start": None}, "ACTIVE")
        assert guests.is_up(root, "web-01")
        states = {item.guest.name: item.up for item in sandbox.status(root).guests}
        assert states["web-01"]
        assert not states["web-02"]
    finally:
        sandbox.down(root)
    assert_nothing_left(root)


def test_fleet_hosts_are_reached_with_their_host_keys_verified(tmp_path, assert_nothing_left):
    root = tmp_path / "fleet"
    with fleet.fleet(4, root, machine_ids=("id", "empty", "uninitialized", "missing")) as hosts:
        found = [ssh(root, host.name, "hostname; cat /etc/machine-id || echo none") for host in hosts.hosts]
        assert [text.split()[0] for text in found] == ["h000", "h001", "h002", "h003"]
        assert len(found[0].split()[1]) == 32
        assert found[1:] == ["h001\n", "h002\nuninitialized\n", "h003\nnone\n"]
        assert "h003" in hosts.inventory.read_text()
    assert_nothing_left(root)
