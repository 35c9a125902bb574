"""Images of Windows are proven by two clones, over WinRM: real Nova, Glance and Cinder, and stand-ins for Windows."""

import shlex
import time

import pytest
from tests.real.guests import Compute, imagegate
from tests.real.support import User, running, validate

from imagegate import sandbox
from imagegate.sandbox import net, windows, windows_guests
from imagegate.sandbox.windows.machine import sysprep

pytestmark = pytest.mark.real

NAME, VARIABLE = "win-01", "SANDBOX_WIN_01_PASSWORD"
CHECKS = {"clone-windows-sid-differs", "clone-machine-guid-differs", "clone-host-name-differs"}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A whole sandbox with one Windows instance on a volume."""
    spec = sandbox.WindowsGuestSpec(name=NAME, backend="model", flavor="c2.c2m4", volume_gb=1)
    with running(tmp_path_factory.mktemp("windows") / "run", guests=[spec]) as box:
        yield box


def upload(box, name):
    """Capture the instance by hand, as it is; the image's record."""
    compute, owner = Compute(box), User(box)
    (volume,) = compute.server(NAME)["os-extended-volumes:volumes_attached"]
    asked = {"image_name": name, "disk_format": "qcow2", "container_format": "bare", "force": True}
    answer = net.request(
        box.ports["cinder"], "POST", f"/v3/{owner.project}/volumes/{volume['id']}/action",
        body={"os-volume_upload_image": asked}, headers=compute.headers,
    )  # fmt: skip
    ident = answer.json()["os-volume_upload_image"]["image_id"]
    deadline = time.monotonic() + 120
    while owner.get(ident)["status"] != "active":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return owner.get(ident)


def prove(box, image, reports, *more):
    said = imagegate(
        "prove", image, "--cloud", "sandbox", "--region", "KR1", "--flavor", "c2.c2m4", "--volume-size", 1,
        "--address-from", "metadata:sandbox_address", "--password-env", VARIABLE, *more,
        reports=reports, clouds_yaml=box.clouds_yaml,
    )  # fmt: skip
    if said.report is not None:
        validate(said.report)
    return said


@pytest.fixture
def password(box, monkeypatch):
    words = shlex.split(box.passwords.read_text())
    value = next(word.partition("=")[2] for word in words if word.startswith(f"{VARIABLE}="))
    monkeypatch.setenv(VARIABLE, value)
    return value


def verdicts(said):
    return {found["check"]: found["verdict"] for found in said.report["findings"]}


def test_an_image_of_windows_as_it_runs_fails_and_a_generalised_one_passes(box, password, tmp_path):
    raw = upload(box, "golden-win-raw")
    assert raw["os_type"] == "Windows", "as the image that the volume was made of"
    folder = windows_guests.machine(box.root, NAME)
    with windows.changing(folder) as machine:
        sid = machine.state.machine_sid
        guid = machine.registry.listing(r"HKLM\SOFTWARE\Microsoft\Cryptography")[0]["MachineGuid"].data

    said = prove(box, "golden-win-raw", tmp_path / "raw", "--ca-file", box.root / "ca.pem")
    assert said.code == 1, said.stdout + said.stderr
    assert verdicts(said) == dict.fromkeys(CHECKS, "fail")
    assert said.report["scope"]["relaxed"] == []
    assert windows_guests.known(box.root) == (NAME,)

    Compute(box).act(NAME, {"os-stop": None}, "SHUTOFF")
    with windows.changing(folder) as machine:  # as sysprep leaves it
        sysprep.set_image_state(machine, sysprep.GENERALIZED["oobe"])
    upload(box, "golden-win")
    proof = prove(box, "golden-win", tmp_path / "proof")
    assert proof.code == 0, proof.stdout + proof.stderr
    assert verdicts(proof) == dict.fromkeys(CHECKS, "pass")
    assert "certificates" in proof.report["scope"]["relaxed"][0]
    assert [one["removed"] for one in proof.report["prove"]["servers"]] == [True, True]
    assert windows_guests.known(box.root) == (NAME,)

    left = "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file()) + said.stdout + said.stderr
    for secret in (sid, guid, password):
        assert secret not in left


def test_without_the_password_nothing_is_made(box, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    if "golden-win-raw" not in {image["name"] for image in User(box).images().values()}:
        upload(box, "golden-win-raw")
    said = prove(box, "golden-win-raw", tmp_path / "reports")
    assert (said.code, said.report) == (4, None)
    assert f"--password-env {VARIABLE}" in said.stderr
