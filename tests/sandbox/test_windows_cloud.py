"""A stand-in for Windows in a real Nova: its record, its power, and that nothing of it is left."""

import contextlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from winrm.protocol import Protocol

from imagegate import sandbox
from imagegate.inventory import load_inventory
from imagegate.sandbox import net, processes, servers, windows, windows_guests

NAME, OTHER = "win-01", "win-02"
IMAGE = "Windows 2016 STD (2019.04.25) EN"


class Compute:
    """The owner's view of Nova and Glance."""

    def __init__(self, box):
        passwords = json.loads((box.root / "secrets.json").read_text())
        self.ports = box.ports
        self.headers = {"X-Auth-Token": servers.token(box.ports, box.projects["golden"], "golden", passwords["golden"])}

    def server(self, name):
        """The server's record."""
        answer = net.request(self.ports["nova"], "GET", "/v2.1/servers/detail", headers=self.headers)
        return next(server for server in answer.json()["servers"] if server["name"] == name)

    def image(self, ident):
        """An image's record."""
        return net.request(self.ports["glance-KR1"], "GET", f"/v2/images/{ident}", headers=self.headers).json()

    def act(self, name, action, status):
        """Do something with a server and wait for its status."""
        path = f"/v2.1/servers/{self.server(name)['id']}/action"
        done = net.request(self.ports["nova"], "POST", path, body={action: None}, headers=self.headers)
        assert done.status == 202
        self.wait(name, status)

    def wait(self, name, status):
        """Wait until the server has the status and is at rest."""
        deadline = time.monotonic() + 120
        while (found := self.server(name))["status"] != status or found["OS-EXT-STS:task_state"]:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A cloud with two Windows instances, one of them of the time of ToastSysprep."""
    root = tmp_path_factory.mktemp("sandbox") / "run"
    newer = "Windows 2019 STD (2020.08.18) EN"
    specs = [
        sandbox.WindowsGuestSpec(name=NAME, backend="model", faults=("task-missing",)),
        sandbox.WindowsGuestSpec(
            name=OTHER, backend="model", faults=("toast-sysprep",), image_name=newer, release_date=None
        ),
    ]
    yield sandbox.up(root, guests=specs)
    sandbox.down(root)


@pytest.fixture
def compute(box):
    made = Compute(box)
    for name in (NAME, OTHER):
        if made.server(name)["status"] == "SHUTOFF":
            made.act(name, "os-start", "ACTIVE")
    return made


def passwords(box):
    lines = [shlex.split(line) for line in box.passwords.read_text().splitlines()]
    assert all(first == "export" for first, _ in lines)
    return dict(text.split("=", 1) for _, text in lines)


def run(box, name, line):
    """One command over WinRM, by what the inventory and the file of passwords say."""
    host = load_inventory(box.inventory).hosts[name]
    client = Protocol(
        endpoint=f"https://{host.address}:{host.port}/wsman", transport="ntlm", username=host.user,
        password=passwords(box)[host.password_env], ca_trust_path=str(host.ca_file),
    )  # fmt: skip
    shell = client.open_shell(codepage=65001)
    try:
        command = client.run_command(shell, line, console_mode_stdin=False)
        return client.get_command_output(shell, command)[0].decode()
    finally:
        with contextlib.suppress(requests.ConnectionError):  # a machine that has powered itself off
            client.close_shell(shell)


def machine_booted(box, name):
    with windows.changing(windows_guests.machine(box.root, name)) as machine:
        return machine.state.boots


def test_the_records_are_those_of_nhn_cloud(box, compute):
    server = compute.server(NAME)
    assert server["status"] == "ACTIVE"
    metadata = {"image_name": IMAGE, "description": "Windows 2016 STD (2019.04.25)", "os_type": "Windows"}
    assert metadata.items() <= server["metadata"].items()
    image = compute.image(server["image"]["id"])
    assert (image["name"], image["release_date"], image["visibility"]) == (IMAGE, "2019.04.25", "public")
    assert (image["os_type"], image["os_version"]) == ("Windows", "2016 STD")
    assert image["owner"] != box.projects["golden"]
    assert "release_date" not in compute.image(compute.server(OTHER)["image"]["id"])


def test_it_is_reached_by_the_inventory_and_its_password_is_for_the_owner_only(box):
    host = load_inventory(box.inventory).hosts[NAME]
    assert (host.transport, host.user, host.os, host.scheme) == ("winrm", "Administrator", "windows", "https")
    assert "Version 10.0" in run(box, NAME, "ver")
    assert stat.S_IMODE(box.passwords.stat().st_mode) == 0o600
    shown = sandbox.render_status(sandbox.status(box.root))
    assert f". {box.passwords}" in shown
    assert [password for password in passwords(box).values() if password in shown + box.inventory.read_text()] == []
    assert f"{host.address}:{host.port}" in shown


def test_nova_stops_and_starts_it(box, compute):
    boots = machine_booted(box, NAME)
    compute.act(NAME, "os-stop", "SHUTOFF")
    assert not windows_guests.is_running(box.root, NAME)
    states = {item.guest.name: item.up for item in sandbox.status(box.root).guests}
    assert states == {NAME: False, OTHER: True}
    compute.act(NAME, "os-start", "ACTIVE")
    assert windows_guests.is_up(box.root, NAME)
    assert machine_booted(box, NAME) == boots + 1
    assert "Version 10.0" in run(box, NAME, "ver")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (NAME, "shutdown /s /t 0"),
        (OTHER, 'cmd.exe /d /c "echo Y| powershell.exe -NoLogo -InputFormat None -Command ToastSysprep"'),
    ],
    ids=["shutdown", "ToastSysprep"],
)
def test_nova_learns_that_it_powered_itself_off(box, compute, name, line):
    run(box, name, line)
    compute.wait(name, "SHUTOFF")
    server = compute.server(name)
    assert (server["OS-EXT-STS:power_state"], server["OS-EXT-STS:vm_state"]) == (4, "stopped")
    assert not windows_guests.is_running(box.root, name)


def test_a_restart_from_within_is_not_the_end(box, compute):
    boots = machine_booted(box, NAME)
    run(box, NAME, "shutdown /r /t 0")
    deadline = time.monotonic() + 120
    while machine_booted(box, NAME) == boots or not windows_guests.is_up(box.root, NAME):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert compute.server(NAME)["status"] == "ACTIVE"


def test_unknown_faults_and_names_are_usage_errors(tmp_path):
    for spec, said in (
        (sandbox.WindowsGuestSpec(name="win-01", faults=("gremlins",)), "gremlins"),
        (sandbox.WindowsGuestSpec(name="WIN 01"), "no name for a guest"),
        (sandbox.WindowsGuestSpec(name="win-01", flavor="u9.c1m1"), "no flavor"),
    ):
        with pytest.raises(sandbox.SandboxUsageError, match=said):
            sandbox.up(tmp_path / "run", guests=[spec])
    assert not (tmp_path / "run").exists()


def mentioning(root):
    """Processes in whose environment or command line the folder stands: Wine's own among them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(root).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found


def test_the_command_line_offers_one_and_takes_it_away(tmp_path, assert_nothing_left):
    root = tmp_path / "run"

    def command(*words):
        return subprocess.run(
            [sys.executable, "-m", "imagegate", "sandbox", *words, "--root", str(root)],
            capture_output=True, text=True, check=True, timeout=240, env=dict(os.environ, PYTHONWARNINGS="ignore"),
        )  # fmt: skip

    try:
        done = command("up", "--windows", "--no-guests")
        assert "guest win-01" in done.stdout
        secret = windows.read(windows_guests.machine(root, "win-01")).password
        assert secret not in done.stdout + done.stderr
        assert f"passwords of Windows guests: . {root}/windows.env" in command("status").stdout
        assert mentioning(root)
        peer = windows.running(windows_guests.machine(root, "win-01"))
        os.kill(peer.pid, signal.SIGKILL)  # what it had started is found all the same
        processes.wait_gone([peer], 10)
        assert "5986 down" in command("status").stdout
    finally:
        command("down")
    assert_nothing_left(root)
    assert mentioning(root) == []
