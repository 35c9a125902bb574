"""A captured image holds the guest's real root, and a server made from it is a real guest."""

import json
import subprocess
import time

import pytest

from imagegate import sandbox
from imagegate.sandbox import captures, guests, net, servers

pytestmark = pytest.mark.usefixtures("_guests_possible")


class Owner:
    """Nova and Glance as the images' owner sees them."""

    def __init__(self, box):
        self.box = box
        password = json.loads((box.root / "secrets.json").read_text())["golden"]
        self.headers = {"X-Auth-Token": servers.token(box.ports, box.projects["golden"], "golden", password)}

    def nova(self, method, path, body=None):
        return net.request(self.box.ports["nova"], method, f"/v2.1{path}", body=body, headers=self.headers)

    def image(self, ident):
        return net.request(
            self.box.ports["glance-KR1"], "GET", f"/v2/images/{ident}", headers=self.headers
        ).json()  # fmt: skip

    def cinder(self, method, path, body=None, **headers):
        port, project = self.box.ports["cinder"], self.box.projects["golden"]
        return net.request(port, method, f"/v3/{project}{path}", body=body, headers={**self.headers, **headers})

    def upload(self, volume, name, **more):
        """The answer to os-volume_upload_image."""
        asked = {"image_name": name, "disk_format": "qcow2", "container_format": "bare", **more}
        said = {"OpenStack-API-Version": "volume 3.1"}
        return self.cinder("POST", f"/volumes/{volume}/action", {"os-volume_upload_image": asked}, **said)

    def servers(self):
        return {one["id"]: one for one in self.nova("GET", "/servers/detail").json()["servers"]}

    def named(self, name):
        (found,) = [one for one in self.servers().values() if one["name"] == name]
        return found

    def capture(self, server, name):
        asked = self.nova("POST", f"/servers/{server['id']}/action", {"createImage": {"name": name}})
        assert asked.status == 202, asked.body
        ident = asked.headers["location"].rpartition("/")[2]
        wait(lambda: self.image(ident)["status"] == "active")
        return self.image(ident)

    def create(self, name, image, flavor):
        body = {"server": {"name": name, "imageRef": image, "flavorRef": flavor}}
        made = self.nova("POST", "/servers", body)
        assert made.status == 202, made.body
        return made.json()["server"]["id"]

    def become(self, ident, status):
        wait(lambda: self.servers()[ident]["status"] == status)
        return self.servers()[ident]


def wait(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ssh(root, name, command):
    command = ["ssh", "-F", str(root / "ssh_config"), name, command]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_server_made_from_a_captured_image_is_a_real_clone_and_goes_with_the_server(tmp_path, assert_nothing_left):
    root = tmp_path / "run"
    box = sandbox.up(root, guests=[sandbox.GuestSpec(name="src", user="ubuntu", flavor="u2.c1m2")])
    try:
        owner = Owner(box)
        source = owner.named("src")
        flavor, base = source["flavor"]["id"], source["image"]["id"]
        ssh(root, "src", "sudo sh -c 'echo kept > /etc/kept; rm /etc/issue; sync'")
        image = owner.capture(source, "img")
        assert image["size"] > 1_000_000

        ident = owner.create("clone-a", image["id"], flavor)
        metadata = owner.become(ident, "ACTIVE")["metadata"]
        guest = guests.read(root, "clone-a")
        told = {"sandbox_address": guest.address, "sandbox_port": "2222", "sandbox_user": "ubuntu"}
        assert metadata == told
        assert guest.address != guests.read(root, "src").address
        seen = ssh(
            root, "clone-a", "cat /etc/kept /etc/hostname; [ -e /etc/issue ] || echo removed; sudo id -u"
        ).split()
        assert seen == ["kept", "clone-a", "removed", "0"]
        identity, key = "cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub"
        assert ssh(root, "clone-a", identity) == ssh(root, "src", identity)  # as the source left it
        assert ssh(root, "clone-a", key) != ssh(root, "src", key)

        owner.nova("POST", f"/servers/{ident}/action", {"os-stop": None})
        owner.become(ident, "SHUTOFF")
        assert not guests.is_running(root, "clone-a")
        owner.nova("DELETE", f"/servers/{ident}")
        wait(lambda: ident not in owner.servers())
        assert guests.known(root) == ("src",)
        assert "clone-a" not in (root / "inventory.yaml").read_text()

        # a name that is taken: no server, and the guest that has it is left alone
        taken = owner.create("src", image["id"], flavor)
        assert "already" in owner.become(taken, "ERROR")["fault"]["message"]
        owner.nova("DELETE", f"/servers/{taken}")
        wait(lambda: taken not in owner.servers())
        assert guests.is_up(root, "src")

        # images without such data are as they were: a server is a record
        plain = owner.create("plain", base, flavor)
        assert owner.become(plain, "ACTIVE")["metadata"] == {}
        assert owner.capture(owner.servers()[plain], "nothing")["size"] == 1024
        assert guests.known(root) == ("src",)
    finally:
        sandbox.down(root)
    assert_nothing_left(root)


def test_a_guest_on_a_volume_is_captured_by_block_storage_and_cloned_from_volumes(tmp_path, assert_nothing_left):
    root = tmp_path / "run"
    box = sandbox.up(root, guests=[sandbox.GuestSpec(name="src", user="ubuntu", flavor="m2.c1m2", volume_gb=2)])
    try:
        owner = Owner(box)
        source = owner.named("src")
        (attached,) = source["os-extended-volumes:volumes_attached"]
        volume = owner.cinder("GET", f"/volumes/{attached['id']}").json()["volume"]
        assert (volume["status"], volume["bootable"], volume["size"]) == ("in-use", "true", 2)
        assert volume["attachments"][0]["server_id"] == source["id"]

        ssh(root, "src", "sudo sh -c 'echo kept > /etc/kept; sync'")
        assert owner.upload(volume["id"], "img").status == 400, "in use, and nobody forces it"
        asked = owner.upload(volume["id"], "img", force=True, visibility="private", protected=True)
        assert asked.status == 202, asked.body
        ident = asked.json()["os-volume_upload_image"]["image_id"]
        wait(lambda: owner.image(ident)["status"] == "active")
        image = owner.image(ident)
        assert (image["disk_format"], image["protected"], image["visibility"]) == ("qcow2", True, "private")
        assert image["virtual_size"] == 2 * 2**30
        assert 1_000_000 < image["size"] < 2**30

        wait(lambda: owner.cinder("GET", f"/volumes/{volume['id']}").json()["volume"]["status"] == "in-use")
        disk = {
            "uuid": ident, "source_type": "image", "destination_type": "volume", "boot_index": 0, "volume_size": 2,
            "delete_on_termination": True,
        }  # fmt: skip
        body = {"server": {"name": "clone-a", "flavorRef": source["flavor"]["id"], "block_device_mapping_v2": [disk]}}
        made = owner.nova("POST", "/servers", body)
        assert made.status == 202, made.body
        clone = made.json()["server"]["id"]
        assert owner.become(clone, "ACTIVE")["metadata"]["sandbox_address"] == guests.read(root, "clone-a").address
        assert ssh(root, "clone-a", "cat /etc/kept /etc/hostname").split() == ["kept", "clone-a"]
        owner.nova("DELETE", f"/servers/{clone}")
        wait(lambda: guests.known(root) == ("src",))
        wait(lambda: len(owner.cinder("GET", "/volumes").json()["volumes"]) == 1)
    finally:
        sandbox.down(root)
    assert_nothing_left(root)


def test_only_a_captured_root_is_taken_for_one(tmp_path):
    (tmp_path / "up").mkdir()
    (tmp_path / "other").mkdir()
    for name, wanted in {"zeros": False, "other": False, "up": True}.items():
        file = tmp_path / f"{name}.tar"
        if name == "zeros":
            file.write_bytes(b"\0" * 4096)
        else:
            subprocess.run(["tar", "--create", f"--file={file}", f"--directory={tmp_path}", name], check=True)
        assert captures.is_capture(file) is wanted, name
    with pytest.raises(sandbox.SandboxUsageError, match="no name for a guest"):
        captures.boot(tmp_path, "Not A Name", "id", tmp_path / "up.tar")
