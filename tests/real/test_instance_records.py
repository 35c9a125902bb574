"""Checks of instances' records in a real Nova and Glance: break, fail, let a person mend it, look, pass."""

import contextlib
import itertools
import json
import sqlite3
import time

import pytest
from tests.real.support import User, imagegate, running

from imagegate.sandbox import layout

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
CURRENT = "catalog-servers-current"
FLAVOR, CREATION = "capture-flavor-type-known", "capture-image-creation-allowed"
IDLE, PROTECTION = "capture-task-idle", "capture-instance-protection-conforms"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with running(tmp_path_factory.mktemp("compute") / "run") as made:
        yield made


class Scene:
    """Images and servers of one test under a name of their own, and a policy for the servers."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.admin = User(box), User(box, "admin")
        self.name = f"scene{next(NUMBERS)}"

    def image(self, name, **fields):
        """An active image of ours; its id."""
        made = self.owner.create(name, **{"disk_format": "raw", "container_format": "bare", **fields})
        octets = {"Content-Type": "application/octet-stream"}
        self.owner.call("PUT", f"/v2/images/{made}/file", b"x", **octets)
        return made

    def nova(self, method, path, body=None):
        newer = {"X-OpenStack-Nova-API-Version": "2.37"}
        return self.owner.call(method, f"/v2.1{path}", body, service="nova", **newer)

    def servers(self, flavor="m2.c1m2", **images):
        """Servers by name, each from its image; waits until they run."""
        flavors = {one["name"]: one["id"] for one in self.nova("GET", "/flavors")["flavors"]}
        made = {}
        for name, image in images.items():
            server = {"name": f"{self.name}-{name}", "imageRef": image, "flavorRef": flavors[flavor], "networks": "none"}
            made[name] = self.nova("POST", "/servers", {"server": server})["server"]["id"]
        self.wait(lambda: all(self.record(ident)["status"] == "ACTIVE" for ident in made.values()))
        return made

    def record(self, server):
        return self.nova("GET", f"/servers/{server}")["server"]

    def wait(self, until):
        deadline = time.monotonic() + 120
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def audit(self, *argv, **checks):
        """An audit of this test's servers; ids of checks with _ for -."""
        wanted = {check.replace("_", "-"): want for check, want in checks.items()}
        rules = [{"for": {"instance": {"name": f"{self.name}-*"}}, "require": wanted}]
        policy = {"policy": "test", "version": 1, "scope": {"clouds": {"sandbox": ["KR1"]}}, "rules": rules}
        file = self.folder / "policy.yaml"
        file.write_text(json.dumps(policy))
        return imagegate("audit", "--policy", file, *argv, cwd=self.folder, clouds=self.box.clouds_yaml)

    def found(self, ran, check):
        """The findings of a check by the short names of servers."""
        return {name.removeprefix(f"{self.name}-"): one for name, one in ran.findings(check).items()}


@pytest.fixture
def scene(box, tmp_path):
    return Scene(box, tmp_path)


def said(finding):
    return finding["verdict"], [violation["subject"] for violation in finding["violations"]]


def test_servers_of_images_that_are_not_current(scene):
    names = ("fine", "gone", "hidden", "deactivated", "ended", "other")
    images = {name: scene.image(f"golden-{name}") for name in names}
    scene.servers(**images, twin=images["gone"])
    assert scene.audit(**{CURRENT: {"names": ["golden-*"], "owners": ["self"], "visibility": ["shared"]}}).code == 0
    scene.owner.call("DELETE", f"/v2/images/{images['gone']}")
    scene.owner.change(images["hidden"], os_hidden=True)
    scene.admin.call("POST", f"/v2/images/{images['deactivated']}/actions/deactivate")
    edit = [{"op": "add", "path": "/deprecate_date", "value": "2020.01.31"}]
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    scene.owner.call("PATCH", f"/v2/images/{images['ended']}", json.dumps(edit).encode(), **patch)
    scene.owner.change(images["other"], name="experiment")
    ran = scene.audit("--fix", "--fix-level", "disruptive", **{CURRENT: {"names": ["golden-*"]}})
    assert ran.code == 1
    assert {name: said(one) for name, one in scene.found(ran, CURRENT).items()} == {
        "fine": ("pass", []), "gone": ("fail", ["image"]), "twin": ("fail", ["image"]), "hidden": ("fail", ["image"]),
        "deactivated": ("fail", ["image status"]), "ended": ("fail", ["image deprecate_date"]),
        "other": ("fail", ["image name"]),
    }  # fmt: skip
    assert {one["remedy"]["state"] for one in scene.found(ran, CURRENT).values()} == {"none", "manual"}
    scene.owner.change(images["other"], name="golden-other")
    scene.owner.change(images["hidden"], os_hidden=False)
    again = scene.found(scene.audit(**{CURRENT: {"names": ["golden-*"]}}), CURRENT)
    assert {name for name, one in again.items() if one["verdict"] == "fail"} == {"gone", "twin", "deactivated", "ended"}


def test_what_a_capture_needs_of_the_records(scene):
    open_, closed = scene.image("golden-open", nhncloud_allow_image_create="true"), scene.image("golden-closed")
    scene.servers(open=open_, closed=closed)
    lost = scene.image("golden-lost")
    scene.servers(lost=lost)
    scene.owner.call("DELETE", f"/v2/images/{lost}")
    edit = [{"op": "add", "path": "/nhncloud_allow_image_create", "value": "False"}]
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    scene.owner.call("PATCH", f"/v2/images/{closed}", json.dumps(edit).encode(), **patch)
    checks = {FLAVOR: {}, CREATION: {}, IDLE: {}, PROTECTION: {}}
    ran = scene.audit("--fix", **checks)
    verdicts = {
        check: {name: one["verdict"] for name, one in scene.found(ran, check).items()} for check in checks
    }
    everywhere = dict.fromkeys(("open", "closed", "lost"), "pass")
    assert verdicts == {
        FLAVOR: everywhere, IDLE: everywhere, CREATION: {"open": "pass", "closed": "fail", "lost": "unknown"},
        PROTECTION: dict.fromkeys(everywhere, "unknown"),
    }  # fmt: skip
    assert "(HTTP 404)" in scene.found(ran, CREATION)["lost"]["reason"]
    assert "NHN-EXT-ATTR:protect" in scene.found(ran, PROTECTION)["open"]["reason"]
    scene.owner.change(closed, nhncloud_allow_image_create="true")
    ran = scene.audit(**{CREATION: {}, FLAVOR: {"types": ["u2"]}})
    assert scene.found(ran, CREATION)["closed"]["verdict"] == "pass"
    assert said(scene.found(ran, FLAVOR)["open"]) == ("fail", ["flavor"])


def test_a_task_that_hangs(scene):
    """As after a power cut of the compute host: the row says so, until an administrator resets the state."""
    [server] = scene.servers(web=scene.image("golden-task")).values()
    assert scene.audit(**{IDLE: {}}).code == 0
    with contextlib.closing(sqlite3.connect(layout.database_file(scene.box.root, "nova", "nova"), timeout=60)) as nova:
        nova.execute("UPDATE instances SET task_state = 'image_snapshot' WHERE uuid = ?", (server,))
        nova.commit()
    ran = scene.audit("--fix", **{IDLE: {}})
    [finding] = scene.found(ran, IDLE).values()
    assert (ran.code, finding["violations"][0]["actual"], finding["remedy"]["state"]) == (1, "image_snapshot", "manual")
    newer = {"X-OpenStack-Nova-API-Version": "2.37"}
    reset = {"os-resetState": {"state": "active"}}
    scene.admin.call("POST", f"/v2.1/servers/{server}/action", reset, service="nova", **newer)
    assert scene.audit(**{IDLE: {}}).code == 0
