"""A real Keystone and two real Glances: started, used, broken and stopped."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openstack.config
import pytest

from imagegate import sandbox
from imagegate.sandbox import net, processes, servers

CODE = """
    import sys
    from pathlib import Path
    from imagegate import sandbox
    sandbox.up(Path(sys.argv[1]), services=["keystone"], progress=lambda message: print(message, flush=True))
"""


def v2_token(box, user, password=None):
    password = password or json.loads((box.root / "secrets.json").read_text())[user]
    credentials = {"username": user, "password": password}
    body = {"auth": {"tenantId": box.projects[user], "passwordCredentials": credentials}}
    return net.request(box.ports["keystone"], "POST", "/v2.0/tokens", body=body)


def make_image(box, region, name, token, **more):
    port = box.ports[f"glance-{region}"]
    wanted = {"name": name, "disk_format": "raw", "container_format": "bare", **more}
    image = net.request(port, "POST", "/v2/images", body=wanted, headers={"X-Auth-Token": token}).json()
    uploaded = net.request(port, "PUT", f"/v2/images/{image['id']}/file", body=b"x", headers={"X-Auth-Token": token})
    assert uploaded.status == 204
    return image["id"]


def names(box, region, token):
    answer = net.request(box.ports[f"glance-{region}"], "GET", "/v2/images", headers={"X-Auth-Token": token})
    return {image["name"] for image in answer.json()["images"]}


def interrupt(root, when, number):
    """Start a sandbox in another process and send it a signal once it says `when`."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CODE), str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        for line in child.stdout:
            if line.startswith(when):
                break
        while not processes.belonging_to(root):
            time.sleep(0.01)
        child.send_signal(number)
        child.wait()


def test_v2_token_reaches_both_regions_and_each_project_sees_its_own(images):
    answer = v2_token(images, "golden")
    assert answer.status == 200
    access = answer.json()["access"]
    assert access["token"]["tenant"]["id"] == images.projects["golden"]
    kinds = {service["type"]: {e["region"] for e in service["endpoints"]} for service in access["serviceCatalog"]}
    assert kinds == {"identity": {"KR1", "KR2"}, "image": {"KR1", "KR2"}}
    token = access["token"]["id"]
    make_image(images, "KR1", "golden-a", token, visibility="private")
    make_image(images, "KR2", "golden-b", token, visibility="private")
    assert names(images, "KR1", token) == {"golden-a"}
    assert names(images, "KR2", token) == {"golden-b"}
    stranger = v2_token(images, "web-prod").json()["access"]["token"]["id"]
    assert names(images, "KR1", stranger) == set()


def test_a_wrong_password_is_refused_as_v2_does(images):
    answer = v2_token(images, "golden", "wrong")
    assert answer.status == 401
    assert answer.json()["error"]["title"] == "Unauthorized"


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")  # openstacksdk's own, at every use of its loader
@pytest.mark.parametrize("cloud", ["sandbox", "sandbox-v3", "sandbox-admin", "sandbox-web-prod", "sandbox-web-stage"])
def test_clouds_yaml_logs_in_with_openstacks_own_loader(images, cloud):
    config = openstack.config.OpenStackConfig(
        config_files=[str(images.clouds_yaml)], secure_files=[], vendor_files=[], load_envvars=False
    )
    for region in ("KR1", "KR2"):
        session = config.get_one(cloud, region_name=region).get_session()
        address = session.get_endpoint(service_type="image", region_name=region)
        assert address == f"http://127.0.0.1:{images.ports[f'glance-{region}']}"


def test_secrets_are_for_the_owner_only(images):
    assert stat.S_IMODE(images.root.stat().st_mode) == 0o700
    for path in (images.clouds_yaml, images.root / "secrets.json", images.root / "glance-KR1" / "glance-api.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_glance_stops_and_comes_back_on_its_port(images):
    port = images.ports["glance-KR2"]
    sandbox.stop_service(images.root, "glance-KR2")
    with pytest.raises(ConnectionRefusedError):
        net.request(port, "GET", "/")
    assert "glance-KR2" in sandbox.render_status(sandbox.status(images.root))
    sandbox.start_service(images.root, "glance-KR2")
    assert net.request(port, "GET", "/").status == 300


def test_a_saved_catalog_starts_elsewhere_with_its_data(images, tmp_path, assert_nothing_left):
    token = v2_token(images, "golden").json()["access"]["token"]["id"]
    image = make_image(images, "KR1", "golden-kept", token, visibility="private")
    saved = sandbox.save_template(images.root, "test-saved")
    root = tmp_path / "other"
    box = sandbox.up(root, services=["keystone", "glance-KR1"], template="test-saved")
    try:
        headers = {"X-Auth-Token": v2_token(box, "golden").json()["access"]["token"]["id"]}
        data = net.request(box.ports["glance-KR1"], "GET", f"/v2/images/{image}/file", headers=headers)
        assert data.body == b"x"
        location = f"{root}/glance-KR1/images/{image}"
        assert Path(location).exists()
    finally:
        sandbox.down(root)
        subprocess.run(["rm", "-r", str(saved)], check=True)
    assert_nothing_left(root)


def test_a_second_start_returns_the_running_one_and_refuses_another(images):
    again = sandbox.up(images.root, services=sandbox.IMAGE_SERVICES)
    assert again.pids == images.pids | {"glance-KR2": again.pids["glance-KR2"]}
    with pytest.raises(sandbox.SandboxUsageError, match="other services"):
        sandbox.up(images.root)


def test_a_killed_start_is_cleared_away_by_the_next(tmp_path, assert_nothing_left):
    root = tmp_path / "run"
    interrupt(root, "starting", signal.SIGKILL)
    left = processes.belonging_to(root)
    assert left
    box = sandbox.up(root, services=["keystone"])
    assert not any(process.is_alive() for process in left)
    assert sandbox.status(root).phase == "up"
    os.kill(box.pids["keystone"], signal.SIGKILL)
    while sandbox.status(root).phase == "up":
        time.sleep(0.01)
    assert sandbox.status(root).phase == "broken"
    assert sandbox.down(root) is True
    assert sandbox.down(root) is False
    assert_nothing_left(root)


def test_an_interrupted_start_cleans_up_itself(tmp_path, assert_nothing_left):
    interrupt(tmp_path / "run", "starting", signal.SIGINT)
    assert_nothing_left(tmp_path / "run")


def test_a_recycled_pid_is_left_alone():
    with subprocess.Popen(["sleep", "60"]) as stranger:
        actual = processes.identify(stranger.pid)
        processes.stop([processes.Process(actual.pid, actual.started - 1)])
        assert stranger.poll() is None
        stranger.terminate()


def test_a_folder_that_is_no_sandbox_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("data")
    for action in (sandbox.down, sandbox.up):
        with pytest.raises(sandbox.SandboxUsageError, match="no sandbox"):
            action(tmp_path)
    assert (tmp_path / "precious").read_text() == "data"


def test_unknown_services_and_templates_are_usage_errors(tmp_path):
    with pytest.raises(sandbox.SandboxUsageError, match="barbican"):
        sandbox.up(tmp_path / "run", services=["barbican"])
    with pytest.raises(sandbox.SandboxUsageError, match="no sandbox template 'none'"):
        sandbox.up(tmp_path / "run", services=["keystone"], template="none")


def test_allocations_that_race_for_one_provider_are_all_written(tmp_path):
    """Placement on SQLite waits for itself when two race; then Nova's servers stay in BUILD."""
    root = tmp_path / "run"
    box = sandbox.up(root, services=["placement"])
    try:
        passwords = json.loads((root / "secrets.json").read_text())
        token = servers.token(box.ports, box.projects["admin"], "admin", passwords["admin"])
        headers = {"X-Auth-Token": token, "OpenStack-API-Version": "placement 1.36"}
        provider = str(uuid.uuid4())

        def ask(method, path, body):
            return net.request(box.ports["placement"], method, path, body=body, headers=headers, timeout=120)

        assert ask("POST", "/resource_providers", {"name": "host", "uuid": provider}).status == 200
        stock = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1000}}}
        assert ask("PUT", f"/resource_providers/{provider}/inventories", stock).status == 200
        wanted = {
            "allocations": {provider: {"resources": {"VCPU": 1}}}, "consumer_generation": None,
            "project_id": "p", "user_id": "u",
        }  # fmt: skip
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(ask, "PUT", f"/allocations/{uuid.uuid4()}", wanted) for _ in range(64)]
            assert {one.result().status for one in asked} == {204}
    finally:
        sandbox.down(root)
