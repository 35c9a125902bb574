"""What a misbehaving cloud does to the scope: incomplete with a reason, never an empty catalog."""

import dataclasses
import os
import signal
import threading
import time

import pytest

from imagegate.errors import UsageError
from imagegate.model import Kind, Seen, Unseen
from imagegate.probes import FLAVOR, IMAGE, MEMBERS, SERVER


def scopes(found):
    return {(one.region, one.what): one for one in found.catalogs}


def names(found):
    return sorted(one.name for one in found.targets)


def test_lists_every_page_and_joins_servers(cloud, transport):
    for _ in range(7):
        cloud.image()
    windows = cloud.image(os_type="Windows", os_hidden=True)
    cloud.flavors = [{"id": "f1", "name": "u2.c1m2"}]
    for _ in range(4):
        cloud.server_record(image={"id": windows["id"]})
    found = transport.discover({"fake": ["kr1"]})
    assert all(one.complete for one in found.catalogs)
    assert scopes(found)["KR1", "images"].count == 8
    assert len(found.targets) == 12
    server = next(one for one in found.targets if one.kind is Kind.INSTANCE)
    assert server.attributes["flavor"] == {"u2.c1m2"}
    assert server.attributes["os"] == {"windows"}
    assert server.owner == cloud.servers[0]["tenant_id"]
    before = transport.requests
    facts = transport.look(server, [SERVER, FLAVOR], timeout_s=5, fresh=False)
    assert transport.requests == before, "the listing is not asked for again"
    assert facts[FLAVOR].type == "u2"
    assert facts[SERVER].flavor_name == "u2.c1m2"
    image = next(one for one in found.targets if one.kind is Kind.IMAGE)
    assert image.attributes["owner"] == {"self", image.owner}
    assert facts.observation(SERVER).at.tzinfo is not None
    assert transport.look(image, [IMAGE], timeout_s=5, fresh=True)[IMAGE].mine
    assert found.auditors[0].roles == ("reader",)


def test_marker_deleted_between_pages(cloud, transport):
    for _ in range(9):
        cloud.image()

    def delete_markers(request):
        if request.query.get("marker") and len(cloud.images) > 6 and "os_hidden" not in request.query:
            cloud.images = [one for one in cloud.images if one["id"] != request.query["marker"]]

    cloud.on(delete_markers)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert scopes(found)["KR1", "images"].complete
    assert {f"golden-{number}" for number in range(9)} == set(names(found)), "each once, the deleted ones included"


def test_whole_page_deleted_meanwhile(cloud, transport):
    for _ in range(9):
        cloud.image()

    def delete(request):
        if request.query.get("marker") == "00000000-0000-0000-0000-000000000006":
            cloud.images = cloud.images[6:]

    cloud.on(delete)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert scopes(found)["KR1", "images"].complete
    assert len(found.targets) == 9


def test_marker_that_is_always_refused(cloud, transport, kit):
    for _ in range(9):
        cloud.image()
    cloud.on(lambda request: kit.html(400, "No image found") if "marker" in request.query else None)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    scope = scopes(found)["KR1", "images"]
    assert not scope.complete
    assert len(found.targets) == 3


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda kit: kit.html(403, "You are not authorized to complete get_images action."), "HTTP 403"),
        (lambda kit: kit.html(500, "Boom &amp; <b>bust</b>"), "HTTP 500 from the image service of KR1: Boom & bust"),
        (lambda kit: kit.Reply(200, body=b"<html>Login</html>"), "not JSON"),
        (lambda kit: kit.Reply(200, body=b'{"images": [', claim=None), "not JSON"),
        (lambda kit: kit.Reply(200, body=b'{"images": []}', claim=900), "broke off"),
        (lambda kit: kit.Reply(200, json={"images": {}}), "no list of images"),
        (lambda kit: kit.Reply(200, json=[]), "no list of images"),
        (lambda kit: kit.Reply(200, json={"images": [], "next": "http://evil.example/v2/images?marker=1"}), "refused"),
        (lambda kit: kit.Reply(200, json={"images": [], "next": "//evil.example/v2/images?marker=1"}), "refused"),
        (lambda kit: kit.Reply(200, json={"images": [], "next": "/v2/secrets?marker=1"}), "refused"),
        (lambda kit: kit.Reply(200, json={"images": [], "next": 7}), "not a string"),
        (lambda kit: kit.Reply(200, json={"images": [], "next": "http://[::1/v2/images?a=1"}), "not a URL"),
        (lambda kit: kit.Reply(200, json={"images": [{"name": "x"}]}), "without an id"),
        (lambda kit: kit.Reply(200, json={"images": ["x"]}), "without an id"),
        (lambda kit: kit.Reply(200, body=b"[" * 100_000), "not JSON"),
        (lambda kit: kit.Reply(302, headers={"Location": "http://evil.example/v2/images"}), "not followed"),
        (lambda kit: kit.Reply(204), "HTTP 204"),
    ],
)
def test_second_page_is_wrong(cloud, transport, kit, reply, reason):
    for _ in range(5):
        cloud.image()

    def spoil(request):
        return reply(kit) if "marker" in request.query and request.path.endswith("/v2/images") else None

    cloud.on(spoil)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    scope = scopes(found)["KR1", "images"]
    assert not scope.complete
    assert reason in scope.reason
    assert "page 2" in scope.reason
    assert len(found.targets) >= 3, "what was seen stays"


def test_list_without_end(cloud, transport, kit):
    first = cloud.image()
    answer = {"images": [first], "next": "/v2/images?marker=1"}
    cloud.on(lambda request: kit.Reply(json=answer) if request.path.endswith("/v2/images") else None)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert "does not end" in scopes(found)["KR1", "images"].reason
    assert cloud.sent("GET", "/v2/images") < 10


def test_list_that_grows_for_ever(cloud, make_transport, kit):
    transport = make_transport(dataclasses.replace(kit.QUICK, records=50))
    count = iter(range(10**9))

    def grow(request):
        if not request.path.endswith("/v2/images"):
            return None
        number = next(count)
        return kit.Reply(json={"images": [{"id": f"i{number}"}], "next": f"/v2/images?marker=i{number}"})

    cloud.on(grow)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert scopes(found)["KR1", "images"].reason.startswith("more than 50 records")


def test_body_too_large(cloud, make_transport, kit):
    transport = make_transport(dataclasses.replace(kit.QUICK, body_bytes=1000))
    for _ in range(3):
        cloud.image(description="x" * 1000)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert "larger than 1000 bytes" in scopes(found)["KR1", "images"].reason


@pytest.mark.parametrize("how", [{"hang_s": 30}, {"trickle_s": 0.2}])
def test_server_that_hangs(cloud, make_transport, kit, how):
    transport = make_transport(dataclasses.replace(kit.QUICK, read_s=0.4, catalog_s=1.0, attempts=2))
    cloud.on(lambda request: kit.Reply(json={"images": []}, **how) if request.path.endswith("/v2/images") else None)
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert scopes(found)["KR1", "images"].reason


@pytest.mark.parametrize("place", ["/v3/auth/tokens", "/v2/images", "/servers/detail"])
def test_an_interrupt_gives_up_requests_that_nobody_answers(cloud, make_transport, kit, place):
    transport = make_transport(dataclasses.replace(kit.QUICK, read_s=600, token_s=600, catalog_s=600))
    cloud.on(lambda request: kit.Reply(hang_s=600) if request.path.endswith(place) else None)

    def interrupt():
        while not any(request.path.endswith(place) for request in cloud.log):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            transport.discover({"fake": ["KR1"]})
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    for one in threading.enumerate():  # an interrupt while the pool starts a thread leaves that one to end by itself
        if one.name.startswith("imagegate-openstack"):
            one.join(60)
            assert not one.is_alive()


def test_the_end_of_the_transport_gives_up_looks_that_nobody_answers(cloud, make_transport, kit):
    transport = make_transport(dataclasses.replace(kit.QUICK, read_s=600))
    cloud.image(visibility="shared")
    (target,) = transport.discover({"fake": ["KR1"]}, what=["images"]).targets
    cloud.on(lambda request: kit.Reply(hang_s=600) if request.path.endswith("/members") else None)

    def end():
        while not cloud.sent("GET", "/members"):
            time.sleep(0.01)
        transport.close()

    thread = threading.Thread(target=end)
    thread.start()
    seen = transport.look(target, [MEMBERS], timeout_s=600, fresh=False).observation(MEMBERS)
    thread.join()
    assert isinstance(seen, Unseen)


def test_largest_page_that_the_server_grants(cloud, make_transport, kit):
    transport = make_transport(dataclasses.replace(kit.QUICK, page=1000))
    for _ in range(7):
        cloud.image()
    cloud.server_record()
    cloud.on(lambda r: kit.html(400, "limit too large") if int(r.query.get("limit", "0")) > 100 else None)
    found = transport.discover({"fake": ["KR1"]})
    assert all(one.complete for one in found.catalogs)
    assert len(found.targets) == 8


def test_hidden_images_that_cannot_be_listed(cloud, transport, kit):
    cloud.image()
    cloud.on(lambda r: kit.html(403, "no") if "os_hidden" in r.query else None)
    assert (
        "hidden images: page 1: HTTP 403"
        in scopes(transport.discover({"fake": None}, what=["images"]))["KR1", "images"].reason
    )


def test_record_that_cannot_be_read_is_a_target_all_the_same(cloud, transport):
    cloud.image(protected="true")
    good = cloud.image()
    del cloud.image()["protected"]
    found = transport.discover({"fake": None}, what=["images"])
    assert scopes(found)["KR1", "images"].complete
    reasons = []
    for target in found.targets:
        observation = transport.look(target, [IMAGE], timeout_s=5, fresh=False).observation(IMAGE)
        reasons.append("seen" if isinstance(observation, Seen) else observation.reason)
        assert isinstance(observation, Seen) is (target.id == good["id"])
    assert reasons == ["record's 'protected' is a string, not a boolean", "seen", "record lacks 'protected'"]


def test_flavors_that_cannot_be_listed(cloud, transport, kit):
    cloud.server_record()
    cloud.server_record(metadata={"os_type": "Linux"})
    cloud.on(lambda r: kit.html(403, "no flavors") if "/flavors" in r.path else None)
    found = transport.discover({"fake": None}, what=["servers"])
    assert scopes(found)["KR1", "servers"].complete
    assert [one.unseen for one in found.targets] == [{"flavor", "os"}, {"flavor"}]
    assert "flavor" not in found.targets[0].attributes
    observation = transport.look(found.targets[0], [FLAVOR], timeout_s=5, fresh=False).observation(FLAVOR)
    assert "HTTP 403" in observation.reason
    assert cloud.sent("GET", "/flavors/f1") == 1, "asked once, not once per server"


def test_regions(cloud, transport):
    cloud.regions = {"image": ["KR1", "JP1"], "compute": ["JP1"]}
    found = scopes(transport.discover({"fake": ["kr1", "KR1", "KR2"]}))
    assert found["KR1", "images"].complete
    assert found["KR2", "images"].reason == "region KR2 is not in the service catalog (it has JP1, KR1)"
    assert found["KR1", "servers"].reason.startswith("the service catalog has no compute service in region kr1")
    assert {one.path.split("/")[2] for one in cloud.log if "images-of" in one.path} == {"KR1"}


def test_all_regions(cloud, transport):
    cloud.regions = {"image": ["KR1", "JP1"], "compute": ["JP1"]}
    found = scopes(transport.discover({"fake": None}))
    assert set(found) == {("KR1", "images"), ("JP1", "images"), ("JP1", "servers")}
    assert all(one.complete for one in found.values())


def test_no_service_at_all(cloud, transport):
    cloud.regions = {"image": []}
    found = scopes(transport.discover({"fake": None}))
    assert found["*", "images"].reason == "the service catalog has no image service"
    assert not found["*", "servers"].complete


def test_wrong_password(cloud, configured, transport, kit):
    configured({"fake": kit.entry(cloud, password="not this one")})
    found = transport.discover({"fake": ["KR1"]})
    assert {one.complete for one in found.catalogs} == {False}
    reason = scopes(found)["KR1", "images"].reason
    assert "check username, password and project of cloud fake" in reason
    assert "not this one" not in reason
    assert cloud.sent("POST", "/v3/auth/tokens") == 1, "a refusal is not repeated: accounts get locked"


@pytest.mark.parametrize(
    ("reply", "reason", "attempts"),
    [
        (lambda kit: kit.html(503, "Try later"), "503", 3),
        (lambda kit: kit.html(404, "no"), "no Identity API", 1),
        (lambda kit: kit.html(500, "no"), "500", 1),
        (lambda kit: kit.Reply(201, body=b"<html>hi", headers={"X-Subject-Token": "t"}), "no token", 1),
        (lambda kit: kit.Reply(201, json={"token": {}}, headers={"X-Subject-Token": "t"}), "is no token", 1),
        (lambda kit: kit.Reply(201, json={"token": []}, headers={"X-Subject-Token": "t"}), "is no token", 1),
        (lambda kit: kit.Reply(302, headers={"Location": "http://evil.example/"}), "no token", 1),
    ],
)
def test_identity_service_that_gives_no_token(*, cloud, transport, kit, reply, reason, attempts):
    cloud.on(lambda request: reply(kit) if request.path == "/v3/auth/tokens" else None)
    found = transport.discover({"fake": None})
    assert [one.region for one in found.catalogs] == ["*", "*"]
    assert reason in found.catalogs[0].reason
    assert cloud.sent("POST", "/v3/auth/tokens") == attempts


def test_nothing_listens(configured, transport, kit, cloud):
    entry = kit.entry(cloud)
    entry["auth"]["auth_url"] = "http://127.0.0.1:9/v3"
    configured({"fake": entry, "good": kit.entry(cloud)})
    found = transport.discover({"fake": ["KR1"], "good": ["KR1"]}, what=["images"])
    assert {(one.cloud, one.complete) for one in found.catalogs} == {("fake", False), ("good", True)}
    assert "Connection refused" in found.catalogs[0].reason


def test_no_tls_where_it_is_expected(configured, transport, kit, cloud):
    entry = kit.entry(cloud)
    entry["auth"]["auth_url"] = cloud.url.replace("http:", "https:") + "/v3"
    configured({"fake": entry})
    found = transport.discover({"fake": ["KR1"]}, what=["images"])
    assert "TLS" in found.catalogs[0].reason


def test_no_clouds(transport):
    assert transport.discover({}).targets == ()


def test_unknown_kind_of_catalog(transport):
    with pytest.raises(UsageError):
        transport.discover({"fake": None}, what=["volumes"])


def test_nhn_cloud_token(cloud, configured, transport, kit):
    """Identity v2.0 as NHN Cloud documents it: no issued microseconds in ``expires``, no version in the image URL."""
    configured(
        {
            "nhn": {
                "auth_type": "v2password",
                "identity_api_version": "2.0",
                "auth": {
                    "auth_url": f"{cloud.url}/v2.0",
                    "tenant_id": kit.PROJECT,
                    "username": "auditor@example.com",
                    "password": kit.PASSWORD,
                },
            }
        }
    )
    cloud.tokens.add("gAAAAAexampletoken")
    tenant = {"id": kit.PROJECT, "name": "pQrStUvW", "groupId": "x", "description": "", "enabled": True}
    access = {
        "token": {
            "id": "gAAAAAexampletoken",
            "issued_at": "2026-06-01T00:10:20.000123",
            "expires": "2099-06-01T12:10:19Z",
            "tenant": {**tenant, "project_domain": "NORMAL"},
        },
        "serviceCatalog": [
            {
                "type": "compute",
                "name": "nova",
                "endpoints": [{"region": "KR1", "publicURL": f"{cloud.url}/nova/KR1/v2/{kit.PROJECT}"}],
            },
            {
                "type": "image",
                "name": "glance",
                "endpoints": [
                    {"region": "KR1", "publicURL": f"{cloud.url}/images-of/KR1"},
                    {"region": "JP1", "publicURL": f"{cloud.url}/images-of/JP1"},
                ],
            },
        ],
        "user": {"id": "1111", "username": "c0ffee00", "name": "c0ffee00", "roles": [{"name": "project_admin"}]},
        "metadata": {"roles": ["9999"], "is_admin": 0},
    }

    def tokens(request):
        if request.path != "/v2.0/tokens":
            return None
        assert request.body["auth"]["tenantId"] == kit.PROJECT
        return kit.Reply(json={"access": access})

    cloud.on(tokens)
    image = cloud.image(visibility="shared")
    found = transport.discover({"nhn": ["kr1"]})
    assert [(one.user, one.project, one.roles) for one in found.auditors] == [
        ("c0ffee00", kit.PROJECT, ("project_admin",))
    ]
    assert {key: one.complete for key, one in scopes(found).items()} == {
        ("KR1", "images"): True,
        ("KR1", "servers"): True,
    }
    assert [one.id for one in found.targets] == [image["id"]]


def test_token_of_no_project(cloud, transport, kit):
    def tokens(request):
        if request.path != "/v3/auth/tokens":
            return None
        reply = cloud.log_in(request)
        del reply.json["token"]["project"]
        return reply

    cloud.on(tokens)
    assert "belongs to no project" in transport.discover({"fake": None}).catalogs[0].reason
