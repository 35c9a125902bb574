"""The OpenStack transport against real Keystone, Glance and Nova on loopback."""

import os
import time
from dataclasses import replace
from urllib.parse import quote

import pytest
import requests
import yaml

from imagegate import sandbox
from imagegate.errors import StepError, StepRefused
from imagegate.model import Facts, Kind, Level, Phase, Unseen
from imagegate.probes import (
    FLAVOR,
    GENERATIONS,
    IMAGE,
    MEMBER_PROJECTS,
    MEMBERS,
    NAMESAKES,
    ORIGIN,
    SERVER,
    GenerationsProbe,
    OriginImageFact,
)
from imagegate.properties import addable
from imagegate.steps import (
    AddMember,
    RemoveMember,
    Rename,
    SetMinimum,
    SetProperty,
    SetProtected,
    SetTag,
    SetVisibility,
    StopServer,
)
from imagegate.transports.openstack import Limits, OpenStack, discovery
from imagegate.transports.openstack.http import Service

pytestmark = pytest.mark.real
PLAN = {"subject": "test", "summary": "test step", "level": Level.SAFE, "phase": Phase.PROTECTION, "why": "test"}
PATCH = "application/openstack-images-v2.1-json-patch"
SMALL = Limits(page=5, wait_initial_s=0.05)


class Api:
    """The same services as somebody else sees them."""

    def __init__(self, clouds, name):
        auth = clouds[name]["auth"]
        user = {"name": auth["username"], "password": auth["password"], "domain": {"id": "default"}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"id": auth["project_id"]}},
            }
        }
        answer = requests.post(auth["auth_url"] + "/auth/tokens", json=body, timeout=30)
        assert answer.status_code == 201
        self.project = auth["project_id"]
        self.keystone = auth["auth_url"]
        self.session = requests.Session()
        self.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self.urls = {
            (service["type"], endpoint["region"]): endpoint["url"].rstrip("/").removesuffix("/v2")
            for service in answer.json()["token"]["catalog"]
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public"
        }

    def call(self, method, path, *, region="KR1", service="image", **more):
        answer = self.session.request(method, self.urls[service, region] + path, timeout=60, **more)
        assert answer.ok, answer.text
        return answer

    def image(self, name, *, members=(), region="KR1", **fields):
        body = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "private", **fields}
        ident = self.call("POST", "/v2/images", region=region, json=body).json()["id"]
        for project in members:
            self.call("POST", f"/v2/images/{ident}/members", region=region, json={"member": project})
        return ident

    def delete(self, ident, region="KR1"):
        self.call("DELETE", f"/v2/images/{ident}", region=region)


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    root = tmp_path_factory.mktemp("openstack") / "root"
    try:
        running = sandbox.up(root)
    except sandbox.SandboxError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"the sandbox cannot be started: {error}")
    yield running
    sandbox.down(root)


@pytest.fixture
def clouds(peers, monkeypatch):
    for key in list(os.environ):
        if key.startswith("OS_"):
            monkeypatch.delenv(key)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(peers.clouds_yaml))
    return yaml.safe_load(peers.clouds_yaml.read_text())["clouds"]


@pytest.fixture
def golden(clouds):
    api = Api(clouds, "sandbox-v3")
    yield api
    api.session.close()


@pytest.fixture
def transport(clouds):
    made = OpenStack(SMALL)
    yield made
    made.close()


def discover(transport, cloud="sandbox-v3", regions=("KR1",), what=("images",)):
    return transport.discover({cloud: regions}, what=what)


def target_of(found, ident):
    return next(one for one in found.targets if one.id == ident)


def scopes(found):
    return {(one.region, one.what): one for one in found.catalogs}


def look(transport, target, *probes, fresh=True) -> Facts:
    return transport.look(target, probes, timeout_s=60, fresh=fresh)


@pytest.mark.parametrize("cloud", ["sandbox", "sandbox-v3"])
def test_both_identity_versions(golden, transport, cloud):
    ident = golden.image(f"golden-{cloud}", os_type="linux")
    found = discover(transport, cloud, None, ("images", "servers"))
    assert {key: one.complete for key, one in scopes(found).items()} == {
        ("KR1", "images"): True, ("KR2", "images"): True, ("KR1", "servers"): True,
    }  # fmt: skip
    assert [(one.user, one.project) for one in found.auditors] == [("golden", golden.project)]
    assert "member" in found.auditors[0].roles
    target = target_of(found, ident)
    assert (target.region, target.attributes["owner"]) == ("KR1", {golden.project, "self"})
    assert target.attributes["property.os_type"] == {"linux"}
    assert look(transport, target, IMAGE)[IMAGE].mine


@pytest.mark.parametrize("cloud", ["sandbox", "sandbox-v3"])
def test_wrong_password(clouds, transport, monkeypatch, tmp_path, cloud):
    clouds[cloud]["auth"]["password"] = "not-this-one"
    wrong = tmp_path / "clouds.yaml"
    wrong.write_text(yaml.safe_dump({"clouds": clouds}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(wrong))
    found = discover(transport, cloud, ["KR1", "KR2"])
    assert {(one.region, one.complete) for one in found.catalogs} == {("KR1", False), ("KR2", False)}
    assert "check username, password and project" in found.catalogs[0].reason
    assert transport.requests <= 2, "a refusal is not repeated: accounts get locked"


def test_auth_url_without_its_version(clouds, transport, monkeypatch, tmp_path):
    clouds["sandbox"]["auth"]["auth_url"] = clouds["sandbox"]["auth"]["auth_url"].removesuffix("/v2.0")
    wrong = tmp_path / "clouds.yaml"
    wrong.write_text(yaml.safe_dump({"clouds": clouds}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(wrong))
    assert "ends in /v2.0" in discover(transport, "sandbox").catalogs[0].reason


def test_token_that_was_revoked(golden, transport, monkeypatch):
    """The token is revoked before Glance has ever seen it: keystonemiddleware keeps what it has validated."""
    original = discovery.log_in

    def log_in_and_revoke(cloud, **more):
        done = original(cloud, **more)
        token = cloud.session.get_token()
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        assert requests.delete(f"{golden.keystone}/auth/tokens", headers=headers, timeout=30).status_code == 204
        return done

    monkeypatch.setattr(discovery, "log_in", log_in_and_revoke)
    found = discover(transport)
    assert scopes(found)["KR1", "images"].complete
    assert transport.requests >= 4, "token, refused page, token, page"


def test_small_pages_and_hidden_images(golden, transport):
    made = [golden.image(f"page-{number}") for number in range(31)]
    golden.call(
        "PATCH", f"/v2/images/{made[3]}", json=[{"op": "replace", "path": "/os_hidden", "value": True}],
        headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
    )  # fmt: skip
    found = discover(transport)
    scope = scopes(found)["KR1", "images"]
    assert scope.complete
    assert scope.pages >= 7
    assert set(made) <= {one.id for one in found.targets}
    assert scope.count == len(found.targets) == len({one.id for one in found.targets})


def test_markers_deleted_between_pages(golden, transport, monkeypatch):
    """Each marker is deleted right before it is used; nothing that stays is missed."""
    made = [golden.image(f"marker-{number}") for number in range(12)]
    deleted = []
    original = Service.read

    def read(self, path, deadline):
        marker = next((one for one in made if f"marker={one}" in path and one not in deleted), None)
        if marker and len(deleted) < 3:
            golden.delete(marker)
            deleted.append(marker)
        return original(self, path, deadline)

    monkeypatch.setattr(Service, "read", read)
    found = discover(transport)
    assert deleted
    assert scopes(found)["KR1", "images"].complete
    assert set(made) <= {one.id for one in found.targets}
    gone = look(transport, target_of(found, deleted[0]), IMAGE).observation(IMAGE)
    assert gone.reason == f"image {deleted[0]} is gone (HTTP 404)"


def test_missing_region(golden, transport):
    found = scopes(discover(transport, regions=["kr1", "JP1"]))
    assert found["KR1", "images"].complete
    assert found["JP1", "images"].reason == "region JP1 is not in the service catalog (it has KR1, KR2)"


def test_glance_that_stops_half_way(peers, golden, transport, monkeypatch):
    for number in range(12):
        golden.image(f"half-{number}", region="KR2")
    original = Service.read

    def read(self, path, deadline):
        if "marker=" in path and "KR2" in self.name:
            sandbox.stop_service(peers.root, "glance-KR2")
        return original(self, path, deadline)

    monkeypatch.setattr(Service, "read", read)
    try:
        found = discover(transport, regions=None)
    finally:
        sandbox.start_service(peers.root, "glance-KR2")
    assert scopes(found)["KR1", "images"].complete
    lost = scopes(found)["KR2", "images"]
    assert not lost.complete
    assert lost.reason.startswith("page 2: no connection: ")
    assert lost.count == 5


def test_members(peers, golden, clouds, transport):
    shown = [peers.projects["web-prod"], peers.projects["web-stage"]]
    ident = golden.image("shared", visibility="shared", members=[*shown, "no-such-project"])
    prod = Api(clouds, "sandbox-web-prod")
    prod.call("PUT", f"/v2/images/{ident}/members/{prod.project}", json={"status": "accepted"})
    prod.session.close()
    target = target_of(discover(transport), ident)
    members = {one.project: one.status for one in look(transport, target, MEMBERS)[MEMBERS].members}
    assert members == {shown[0]: "accepted", shown[1]: "pending", "no-such-project": "pending"}
    seen = target_of(discover(transport, "sandbox-web-prod"), ident)
    assert seen.attributes["owner"] == {golden.project}
    observation = look(transport, seen, MEMBERS).observation(MEMBERS)
    assert observation.reason.startswith(f"owned by project {golden.project}")


def test_member_projects(golden, clouds, transport):
    """Default roles may not ask Keystone for other projects; an administrator may."""
    targets = {}
    for cloud, api in (("sandbox-v3", golden), ("sandbox-admin", Api(clouds, "sandbox-admin"))):
        ident = api.image("shared", visibility="shared", members=[golden.project[::-1], api.project])
        targets[cloud] = target_of(discover(transport, cloud), ident)
        api.session.close()
    before = transport.requests
    for _ in range(3):
        assert isinstance(look(transport, targets["sandbox-v3"], MEMBER_PROJECTS).observation(MEMBER_PROJECTS), Unseen)
    assert transport.requests - before == 3 * 2 + 1, "image and members each time, Keystone once"
    missing = look(transport, targets["sandbox-admin"], MEMBER_PROJECTS)[MEMBER_PROJECTS].missing
    assert missing == (golden.project[::-1],)
    older = target_of(discover(transport, "sandbox"), targets["sandbox-v3"].id)
    assert "v2.0" in look(transport, older, MEMBER_PROJECTS).observation(MEMBER_PROJECTS).reason


def test_image_steps(peers, golden, transport):
    ident = golden.image("steps")
    target = target_of(discover(transport), ident)
    other = peers.projects["web-prod"]

    def apply(step):
        transport.apply(target, step, look(transport, target, IMAGE, MEMBERS), timeout_s=30)
        assert step.done(look(transport, target, *step.reads, fresh=False)), "the write makes the listing stale"

    with pytest.raises(StepError, match="Not allowed to create members") as caught:
        apply(AddMember(**PLAN, project=other))
    assert caught.value.changed is False
    apply(SetVisibility(**PLAN, visibility="shared"))
    apply(AddMember(**PLAN, project=other))
    apply(AddMember(**PLAN, project=other))
    apply(SetProtected(**PLAN, protected=True))
    apply(RemoveMember(**PLAN, project=other))
    apply(RemoveMember(**PLAN, project=other))
    apply(SetVisibility(**PLAN, visibility="private"))
    apply(SetProtected(**PLAN, protected=False))
    seen = look(transport, target, IMAGE)
    golden.delete(ident)
    with pytest.raises(StepError, match="HTTP 404"):
        transport.apply(target, SetProtected(**PLAN, protected=True), seen, timeout_s=30)


def test_record_steps(golden, transport):
    ident = golden.image("record")
    target = target_of(discover(transport), ident)

    def apply(step):
        before = look(transport, target, *step.reads)
        assert not step.done(before)
        step.basis(before)
        transport.apply(target, step, before, timeout_s=30)
        after = look(transport, target, *step.reads)
        assert step.done(after)
        assert step.done(step.simulate(before))
        kept = replace(after[IMAGE], updated_at=before[IMAGE].updated_at)
        assert step.simulate(before)[IMAGE] == kept, "nothing else has changed"

    for key in ("os_type", "a/b~1", "~01//", "ключ и ключ", "x" * 255, "os_hash_algorithm", ".."):
        for value in ("linux", "two words, ünd ☃", "x" * 2000, "false", None):
            apply(SetProperty(**PLAN, key=key, value=value))
    for tag in ("web", "a b?#;&=+", "a,b", "x" * 255, "%2F", "~", "...", " "):
        assert addable(tag)
        apply(SetTag(**PLAN, tag=tag))
        apply(SetTag(**PLAN, tag=tag, there=False))
    for field in ("min_disk", "min_ram"):
        for value in (50, 2**31 - 1, 0):
            apply(SetMinimum(**PLAN, field=field, value=value))
    for name in ("golden", "in:golden", 'eq:"a,b"', "a%_b", "ÜBER", "x" * 255):
        apply(Rename(**PLAN, name=name))


def test_a_record_that_changed_meanwhile(golden, transport):
    """What the API itself refuses when the look is no longer true: 409 for a property that is gone."""
    ident = golden.image("meanwhile", role="web")
    target = target_of(discover(transport), ident)
    before = look(transport, target, IMAGE)
    edit = [{"op": "remove", "path": "/role"}]
    golden.call("PATCH", f"/v2/images/{ident}", json=edit, headers={"Content-Type": PATCH})
    for value in ("db", None):
        with pytest.raises(StepError, match="HTTP 409") as caught:
            transport.apply(target, SetProperty(**PLAN, key="role", value=value), before, timeout_s=30)
        assert caught.value.changed is False
    off = SetTag(**PLAN, tag="never-there", there=False)
    transport.apply(target, off, before, timeout_s=30)
    assert off.done(look(transport, target, IMAGE)), "gone already is as wished"


@pytest.mark.parametrize("name", ["twin", "in:twin", 'eq:"twin"', "TWIN_%", "a,b", "zwölf ☃", "'"])
def test_namesakes(golden, clouds, transport, name):
    first, second = golden.image(name), golden.image(name)
    hidden = golden.image(name)
    golden.call(
        "PATCH", f"/v2/images/{hidden}", json=[{"op": "replace", "path": "/os_hidden", "value": True}],
        headers={"Content-Type": PATCH},
    )  # fmt: skip
    golden.image(name.swapcase() + ".")
    golden.image(name, region="KR2")
    prod = Api(clouds, "sandbox-web-prod")
    prod.image(name, visibility="community")
    prod.session.close()
    target = target_of(discover(transport), first)
    for fresh in (False, True):
        assert set(look(transport, target, NAMESAKES, fresh=fresh)[NAMESAKES].images) == {second, hidden}
    another = golden.image("another")
    other = target_of(discover(transport), another)
    step = Rename(**PLAN, name=name)
    with pytest.raises(StepRefused, match="is taken by image"):
        step.basis(look(transport, other, *step.reads))


def test_generations(golden, transport):
    made = []
    for month in (1, 2, 3):
        made.append(golden.image(f"gen-web-2026{month:02}01"))
        time.sleep(1.1)  # Glance keeps whole seconds
    golden.image("gen-db-20260401")
    for ident in made[:2]:
        golden.call("PUT", f"/v2/images/{ident}/file", data=b"x", headers={"Content-Type": "application/octet-stream"})
    found = discover(transport)
    seen = [look(transport, target_of(found, ident), GENERATIONS, fresh=False)[GENERATIONS] for ident in made]
    assert [(one.newer, one.newest) for one in seen] == [(1, "gen-web-20260201"), (0, None), (0, None)]
    by_rule = GenerationsProbe(generation="-[a-z]+-[0-9]+")
    assert look(transport, target_of(found, made[0]), by_rule)[by_rule].newer == 1, "a queued image is no generation"


def test_somebody_elses_image(golden, clouds, transport):
    prod = Api(clouds, "sandbox-web-prod")
    ident = golden.image("theirs", visibility="shared", members=[prod.project])
    prod.call("PUT", f"/v2/images/{ident}/members/{prod.project}", json={"status": "accepted"})
    prod.session.close()
    target = target_of(discover(transport, "sandbox-web-prod"), ident)
    with pytest.raises(StepError, match="not authorized to complete modify_image") as caught:
        transport.apply(target, SetProtected(**PLAN, protected=True), look(transport, target, IMAGE), timeout_s=30)
    assert caught.value.changed is False


def test_servers(golden, transport):
    image = golden.image("boot", os_type="Linux", release_date="2019.04.25")
    golden.call("PUT", f"/v2/images/{image}/file", data=b"x", headers={"Content-Type": "application/octet-stream"})
    flavors = golden.call("GET", "/flavors", service="compute").json()["flavors"]
    flavor = next(one["id"] for one in flavors if one["name"] == "m2.c1m2")
    body = {"server": {"name": "web-01", "imageRef": image, "flavorRef": flavor, "networks": "none"}}
    body["server"]["metadata"] = {"image_name": "boot (2019.04.25)"}
    newer = {"X-OpenStack-Nova-API-Version": "2.37"}
    made = golden.call("POST", "/servers", service="compute", json=body, headers=newer).json()["server"]["id"]
    path = f"/servers/{quote(made)}"
    wait(lambda: golden.call("GET", path, service="compute").json()["server"]["status"] == "ACTIVE")

    found = discover(transport, what=("images", "servers"))
    assert scopes(found)["KR1", "servers"].complete
    target = target_of(found, made)
    assert (target.kind, target.owner, target.unseen) == (Kind.INSTANCE, golden.project, frozenset())
    assert target.attributes["flavor"] == {"m2.c1m2"}
    assert target.attributes["os"] == {"linux"}, "from the image"
    facts = look(transport, target, SERVER, FLAVOR)
    assert (facts[SERVER].power_state, facts[SERVER].image_id, facts[FLAVOR].type) == (1, image, "m2")
    origin = look(transport, target, ORIGIN, fresh=False)[ORIGIN]
    assert origin == OriginImageFact(
        image_id=image, public=False, release_date="2019.04.25", name="boot", server_name="boot (2019.04.25)"
    )
    golden.delete(image)
    origin = look(transport, target, ORIGIN)[ORIGIN]
    assert origin == OriginImageFact(
        image_id=image,
        gone=f"image {image} is gone, or not for this project to see (HTTP 404)",
        server_name="boot (2019.04.25)",
    )

    stop = StopServer(**PLAN)
    transport.apply(target, stop, facts, timeout_s=30)
    wait(lambda: stop.done(look(transport, target, SERVER)))
    transport.apply(target, stop, look(transport, target, SERVER), timeout_s=30)
    golden.call("DELETE", path, service="compute")
    wait(lambda: isinstance(look(transport, target, SERVER).observation(SERVER), Unseen))


def wait(until, timeout_s=30.0):
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.2)
