"""Capture for real: an instance with systemd, captured by a real Nova into a real Glance, proven by two booted clones."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.real.guests import Compute, imagegate, require_guests, ssh
from tests.real.support import Proxy, rerouted, validate

from imagegate import sandbox
from imagegate.sandbox import guests, net

NAME, GOLDEN = "build-web-01", "golden-web-20261122"
ON_VOLUME, GOLDEN_DB = "build-db-01", "golden-db-20261122"
ALL = (ON_VOLUME, NAME)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A whole sandbox with a u2 instance, and one on a volume, which nobody has prepared."""
    require_guests()
    root = tmp_path_factory.mktemp("capture") / "run"
    local = sandbox.GuestSpec(name=NAME, dbus="file", user="ubuntu", flavor="u2.c1m2")
    on_volume = sandbox.GuestSpec(name=ON_VOLUME, dbus="file", user="ubuntu", flavor="m2.c1m2", volume_gb=2)
    yield sandbox.up(root, guests=[local, on_volume])
    sandbox.down(root)


@pytest.fixture
def policy(box, tmp_path):
    """Shared with one project, protected, and how it is proven."""
    text = {
        "policy": "golden",
        "version": 1,
        "scope": {"clouds": {"sandbox": ["KR1"]}},
        "rules": [
            {
                "for": {"instance": {"os": "linux"}},
                "require": {"linux-machine-id-reset": None, "capture-instance-stopped": None},
            },
            {
                "for": {"image": {"name": "golden-*", "owner": "self"}},
                "require": {
                    "catalog-image-protected": None,
                    "catalog-members-allowed": {"allow": [{"project": box.projects["web-prod"]}], "exact": True},
                    "catalog-name-conforms": {"pattern": "golden-[a-z]+-[0-9]{8}", "dated": True},
                    "catalog-status-usable": None,
                },
            },
        ],
        "prove": {"flavor": "u2.c1m2", "address_from": "metadata:sandbox_address", "ssh_port": 2222},
    }
    path = tmp_path / "policy.yaml"
    path.write_text(json.dumps(text))
    return path


@pytest.fixture
def volumes(policy):
    """The same, proven on volumes."""
    text = json.loads(policy.read_text())
    text["prove"] |= {"flavor": "m2.c1m2", "volume_size": 2}
    policy.write_text(json.dumps(text))
    return policy


def images(box):
    """The owner's images by name."""
    compute = Compute(box)
    answer = net.request(box.ports["glance-KR1"], "GET", "/v2/images", headers=compute.headers)
    return {one["name"]: one for one in answer.json()["images"] if one["owner"] == box.projects["golden"]}


def prove(box, policy, image, reports):
    said = imagegate(
        "prove", image, "--policy", policy, "--ssh-config", box.root / "ssh_config",
        reports=reports, clouds_yaml=box.clouds_yaml,
    )  # fmt: skip
    validate(said.report)
    return said


def unfit(said):
    return {f["check"] for f in said.report["findings"] if f["verdict"] == "fail"}


@contextlib.contextmanager
def killed_when_asked(box, command, environment):
    """Nova behind a proxy that kills the command with SIGKILL when it has answered the request for an image."""
    process: list[subprocess.Popen] = []

    def strike(path, _headers, answer):
        if path.endswith("/action") and answer.headers.get("location"):
            os.kill(process[0].pid, signal.SIGKILL)
        return answer

    with Proxy(box.ports["nova"], mangle=strike) as proxy, rerouted(box, "nova", proxy.port):
        process.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        output, _ = process[0].communicate(timeout=120)
        yield process[0].returncode, output.decode()


@pytest.fixture(scope="module")
def raw(box):
    """An image of the instance as it was, asked for by hand: the gate is skipped. The id that it holds."""
    compute = Compute(box)
    before = ssh(box.root, NAME, "cat /etc/machine-id").strip()
    path = f"/v2.1/servers/{compute.server(NAME)['id']}/action"
    asked = {"createImage": {"name": "golden-raw"}}
    assert net.request(compute.port, "POST", path, body=asked, headers=compute.headers).status == 202
    deadline = time.monotonic() + 120
    while images(box)["golden-raw"]["status"] != "active":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return before


def test_an_image_of_an_unprepared_instance_is_proven_unfit(box, raw, policy, tmp_path):
    """The control."""
    said = prove(box, policy, "golden-raw", tmp_path / "reports")
    assert said.code == 1, said.stdout + said.stderr
    assert unfit(said) == {"clone-machine-id-differs", "clone-dbus-id-differs"}
    assert said.finding("golden-raw", "clone-host-keys-differ")["verdict"] == "pass"
    left = said.stdout + said.stderr + "".join(p.read_text("latin-1") for p in (tmp_path / "reports").rglob("*") if p.is_file())
    assert raw not in left
    assert guests.known(box.root) == ALL
    assert [one["name"] for one in said.report["prove"]["servers"] if not one["removed"]] == []


def struck_while_waiting(box, policy, reports, number):
    """A proof that gets a signal while its servers are made; the exit code."""
    command = [
        *(sys.executable, "-u", "-m", "imagegate", "prove", "golden-raw", "--policy", str(policy)),
        *("--report-dir", str(reports)),
    ]
    environment = dict(os.environ, PYTHONWARNINGS="ignore", OS_CLIENT_CONFIG_FILE=str(box.clouds_yaml))
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("waiting until both servers"):
                process.send_signal(number)
                break
        process.communicate(timeout=120)
    return process.returncode


def assert_nothing_left(box):
    compute = Compute(box)
    listed = net.request(compute.port, "GET", "/v2.1/servers", headers=compute.headers).json()["servers"]
    assert sorted(server["name"] for server in listed) == [*ALL]
    deadline = time.monotonic() + 120  # Nova may have been booting one when its record went
    while guests.known(box.root) != ALL:
        assert time.monotonic() < deadline, guests.known(box.root)
        time.sleep(0.1)


@pytest.mark.usefixtures("raw")
def test_a_proof_that_is_interrupted_while_its_servers_are_made_leaves_nothing(box, policy, tmp_path):
    reports = tmp_path / "reports"
    assert struck_while_waiting(box, policy, reports, signal.SIGINT) == 2
    report = json.loads((reports / "latest/report.json").read_text())
    validate(report)
    assert [one["removed"] for one in report["prove"]["servers"]] == [True, True]
    assert_nothing_left(box)


@pytest.mark.usefixtures("raw")
def test_real_clones_of_a_killed_proof_are_removed_by_its_name(box, policy, tmp_path):
    reports = tmp_path / "reports"
    assert struck_while_waiting(box, policy, reports, signal.SIGKILL) == -signal.SIGKILL
    (path,) = reports.glob("*/prove.json")
    left = {server["name"] for server in json.loads(path.read_text())["servers"]}
    deadline = time.monotonic() + 120
    while not left <= set(guests.known(box.root)):
        assert time.monotonic() < deadline, guests.known(box.root)
        time.sleep(0.1)
    cleaned = imagegate("prove", "--clean", path.parent.name, reports=reports, clouds_yaml=box.clouds_yaml)
    assert cleaned.code == 0, cleaned.stdout + cleaned.stderr
    assert all(f"server {name} (" in cleaned.stdout for name in left)
    assert_nothing_left(box)


def test_gate_fix_stop_capture_killed_resumed_compliant_and_proven(box, raw, policy, tmp_path):
    compute, reports, before = Compute(box), tmp_path / "reports", raw
    capture = ["capture", NAME, "--name", GOLDEN, "--policy", policy, "--inventory", box.root / "inventory.yaml"]

    plan = imagegate(*capture, "--plan", reports=reports, clouds_yaml=box.clouds_yaml)
    assert plan.code == 1, plan.stdout + plan.stderr
    validate(plan.report)
    assert plan.report["capture"]["stage"] == "planned"
    refused = imagegate(*capture, reports=reports, clouds_yaml=box.clouds_yaml)
    assert refused.code == 1, refused.stdout + refused.stderr
    validate(refused.report)
    assert "linux-machine-id-reset" in refused.report["capture"]["stopped"]
    assert (compute.server(NAME)["status"], GOLDEN in images(box)) == ("ACTIVE", False)
    assert ssh(box.root, NAME, "cat /etc/machine-id").strip() == before

    environment = dict(os.environ, PYTHONWARNINGS="ignore", OS_CLIENT_CONFIG_FILE=str(box.clouds_yaml))
    command = [sys.executable, "-m", "imagegate", *map(str, capture), "--report-dir", str(reports)]
    with killed_when_asked(box, [*command, "--fix", "--fix-level", "disruptive"], environment) as (code, output):
        assert code == -signal.SIGKILL, output
    (path,) = [p for p in reports.glob("*/capture.json") if json.loads(p.read_text())["stage"] == "asking"]
    assert compute.server(NAME)["status"] == "SHUTOFF"

    done = imagegate("capture", "--resume", path.parent.name, reports=reports, clouds_yaml=box.clouds_yaml)
    assert done.code == 0, done.stdout + done.stderr
    validate(done.report)
    made = done.report["capture"]
    image = images(box)[GOLDEN]
    assert (made["stage"], made["image"]["id"], made["size"]) == ("done", image["id"], image["size"])
    assert made["gate"]["exit_code"] == 0
    assert 0 < made["root"]["used"] < made["root"]["size"], "seen before it was stopped, and kept over the kill"
    assert (made["min_disk"], made["root_unseen"]) == (image["min_disk"], None)
    gate = json.loads((reports / made["gate"]["report"]).read_text())
    assert {f["check"]: f["remedy"]["state"] for f in gate["findings"]} == {
        "linux-machine-id-reset": "verified", "capture-instance-stopped": "verified",
    }  # fmt: skip
    assert (image["visibility"], image["protected"]) == ("shared", True)
    members = net.request(
        box.ports["glance-KR1"], "GET", f"/v2/images/{image['id']}/members", headers=compute.headers
    ).json()["members"]
    assert [member["member_id"] for member in members] == [box.projects["web-prod"]]
    assert sum(name == GOLDEN for name in images(box)) == 1

    said = prove(box, policy, GOLDEN, tmp_path / "proof")
    assert said.code == 0, said.stdout + said.stderr
    assert unfit(said) == set()
    assert guests.known(box.root) == ALL
    left = "".join(p.read_text("latin-1") for p in tmp_path.rglob("*") if p.is_file()) + output + done.stdout + said.stdout
    assert before not in left

    again = imagegate(*capture, reports=reports, clouds_yaml=box.clouds_yaml)
    assert again.code == 1
    assert "is taken" in again.report["capture"]["stopped"]


def cinder(box, path):
    """What block storage shows the owner."""
    return net.request(
        box.ports["cinder"], "GET", f"/v3/{box.projects['golden']}{path}", headers=Compute(box).headers
    ).json()  # fmt: skip


def test_an_instance_on_a_volume_is_captured_through_real_block_storage_and_proven_on_volumes(box, volumes, tmp_path):
    reports = tmp_path / "reports"
    before = ssh(box.root, ON_VOLUME, "cat /etc/machine-id").strip()
    said = imagegate(
        "capture", ON_VOLUME, "--name", GOLDEN_DB, "--policy", volumes, "--inventory", box.root / "inventory.yaml",
        "--fix", "--fix-level", "disruptive", reports=reports, clouds_yaml=box.clouds_yaml,
    )  # fmt: skip
    assert said.code == 0, said.stdout + said.stderr
    validate(said.report)
    made, image = said.report["capture"], images(box)[GOLDEN_DB]
    assert "os-volume_upload_image" in made["way"]
    (volume,) = cinder(box, "/volumes/detail")["volumes"]
    assert (made["root_gb"], volume["size"], image["virtual_size"]) == (2, 2, 2 * 2**30)
    assert (image["disk_format"], image["protected"], image["visibility"]) == ("qcow2", True, "shared")
    assert any("force true" in line and volume["id"] in line for line in made["planned"])
    assert (made["size"], made["image"]["id"]) == (image["size"], image["id"])
    proof = prove(box, volumes, GOLDEN_DB, tmp_path / "proof")
    assert proof.code == 0, proof.stdout + proof.stderr
    assert unfit(proof) == set()
    assert_nothing_left(box)
    assert [one["id"] for one in cinder(box, "/volumes")["volumes"]] == [volume["id"]], "their volumes went with them"
    assert before not in "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())
