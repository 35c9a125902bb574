"""What tests of real guests share: the gate of guests, ssh, the compute API, and imagegate's command line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagegate.sandbox import net, rootfs, servers

RULE = {
    "id": "linux-machine-id-reset:",
    "stop": "capture-instance-stopped: {may_run: [m2]}",
    "stop always": "capture-instance-stopped:",
}


def require_guests():
    """Real guests, or a skip with the reason; on CI they must be there."""
    reason = rootfs.available()
    if reason is not None and os.environ.get("CI"):
        pytest.fail(f"CI must run real guests, but {reason}")
    if reason is not None:
        pytest.skip(reason)


def ssh(root, name, command, *, user=None):
    """Run a command on a guest of a sandbox or fleet; returns its output."""
    place = name if user is None else f"{user}@{name}"
    done = subprocess.run(
        ["ssh", "-F", str(root / "ssh_config"), place, command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


def write_policy(path, *checks, select="{instance: {os: linux}}", clouds=None):
    """A policy with one rule that requires ``checks``, lines of YAML."""
    scope = "" if clouds is None else f"scope:\n  clouds: {{{clouds}: [KR1]}}\n"
    lines = "".join(f"      {check}\n" for check in checks)
    path.write_text(f"policy: test\nversion: 1\n{scope}rules:\n  - for: {select}\n    require:\n{lines}")
    return path


class Ran:
    """One run of the command line."""

    def __init__(self, done, report):
        self.code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr
        self.report = report

    def finding(self, target, check):
        """The one finding of ``check`` on ``target``."""
        (found,) = [f for f in self.report["findings"] if (f["target"]["name"], f["check"]) == (target, check)]
        return found

    def verdicts(self):
        """(target, check) → verdict."""
        return {(f["target"]["name"], f["check"]): f["verdict"] for f in self.report["findings"]}


def imagegate(*arguments, reports, clouds_yaml=None):
    """Run ``imagegate``; returns a ``Ran``. Only absolute paths, so that the folder does not matter."""
    environment = dict(os.environ, PYTHONWARNINGS="ignore")
    if clouds_yaml is not None:
        environment["OS_CLIENT_CONFIG_FILE"] = str(clouds_yaml)
    command = [sys.executable, "-m", "imagegate", *map(str, arguments), "--report-dir", str(reports)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    path = Path(reports) / "latest" / "report.json"
    return Ran(done, json.loads(path.read_text()) if path.exists() else None)


class Compute:
    """The owner's view of Nova."""

    def __init__(self, box):
        passwords = json.loads((box.root / "secrets.json").read_text())
        token = servers.token(box.ports, box.projects["golden"], "golden", passwords["golden"])
        self.port, self.headers = box.ports["nova"], {"X-Auth-Token": token}

    def server(self, name):
        """The server's record."""
        listed = net.request(self.port, "GET", "/v2.1/servers/detail", headers=self.headers).json()["servers"]
        (found,) = [server for server in listed if server["name"] == name]
        return found

    def act(self, name, action, status):
        """Do something with a server and wait for the status."""
        path = f"/v2.1/servers/{self.server(name)['id']}/action"
        assert net.request(self.port, "POST", path, body=action, headers=self.headers).status == 202
        deadline = time.monotonic() + 120
        while self.server(name)["status"] != status:
            assert time.monotonic() < deadline, f"{name} did not become {status}"
            time.sleep(0.05)
