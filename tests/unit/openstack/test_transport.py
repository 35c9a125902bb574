"""Looks and writes: what is asked, what is repeated, what is never repeated."""

import dataclasses
import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imagegate.errors import Owner, StepError
from imagegate.model import Facts, Level, Phase, Seen, Target, Unseen
from imagegate.probes import FLAVOR, IMAGE, MEMBER_PROJECTS, MEMBERS, SERVER, File
from imagegate.steps import AddMember, Manual, RemoveMember, SetProtected, StopServer
from imagegate.transports import Transport

PLAN: dict[str, Any] = {"subject": "image", "level": Level.SAFE, "phase": Phase.PROTECTION, "why": "test"}


@pytest.fixture
def only(cloud, transport):
    """The only image of the cloud, as a target."""

    def find(**fields):
        record = cloud.image(**fields)
        found = transport.discover({"fake": None})
        return next(one for one in found.targets if one.id == record["id"])

    return find


def look(transport, target, *probes, fresh=False, timeout_s=5.0) -> Facts:
    return transport.look(target, probes, timeout_s=timeout_s, fresh=fresh)


def test_is_a_transport(transport):
    checked: Transport = transport
    assert checked.remote
    assert len(checked.sources) == 3


def test_members_of_a_shared_image_of_ours(cloud, transport, only, kit):
    target = only(visibility="shared")
    cloud.members[target.id] = [
        {"member_id": "b" * 32, "status": "pending"},
        {"member_id": "a" * 32, "status": "accepted"},
    ]
    facts = look(transport, target, MEMBERS)
    assert [(one.project[0], one.status) for one in facts[MEMBERS].members] == [("a", "accepted"), ("b", "pending")]
    look(transport, target, MEMBERS)
    assert cloud.sent("GET", "/members") == 1
    look(transport, target, MEMBERS, fresh=True)
    assert cloud.sent("GET", "/members") == 2


@pytest.mark.parametrize("visibility", ["private", "public", "community"])
def test_images_that_are_not_shared_cost_no_request(cloud, transport, only, visibility):
    target = only(visibility=visibility)
    before = transport.requests
    assert look(transport, target, IMAGE, MEMBERS)[MEMBERS].members == ()
    assert transport.requests == before


def test_members_of_others_stay_unseen(transport, only):
    target = only(visibility="shared", owner="f" * 32)
    observation = look(transport, target, MEMBERS).observation(MEMBERS)
    assert observation.reason == f"owned by project {'f' * 32}: only its owner can list the members"


@pytest.mark.parametrize(
    "answer",
    [
        [], {}, {"members": {}}, {"members": ["x"]}, {"members": [{"member_id": 1, "status": "pending"}]},
        {"members": [{"member_id": "x"}]}, {"members": [], "next": "/v2/more"},
    ],
)  # fmt: skip
def test_members_that_cannot_be_read(cloud, transport, only, kit, answer):
    target = only(visibility="shared")
    cloud.on(lambda r: kit.Reply(json=answer) if r.path.endswith("/members") else None)
    assert isinstance(look(transport, target, MEMBERS).observation(MEMBERS), Unseen)


def test_fresh_look_at_what_is_gone(cloud, transport, only):
    target = only()
    cloud.images.clear()
    assert isinstance(look(transport, target, IMAGE).observation(IMAGE), Seen)
    facts = look(transport, target, IMAGE, MEMBERS, fresh=True)
    assert facts.observation(IMAGE).reason == f"image {target.id} is gone (HTTP 404)"
    assert isinstance(facts.observation(MEMBERS), Unseen)


def test_fresh_look_that_answers_another_image(cloud, transport, only, kit):
    target = only()
    cloud.on(lambda r: kit.Reply(json={"id": "other"}) if r.path.endswith(target.id) else None)
    assert "not the record" in look(transport, target, IMAGE, fresh=True).observation(IMAGE).reason


def test_fresh_look_at_a_server(cloud, transport):
    cloud.flavors = [{"id": "f1", "name": "c2.c2m4"}]
    cloud.server_record()
    target = next(iter(transport.discover({"fake": None}).targets))
    cloud.servers[0]["status"] = "ACTIVE"
    assert look(transport, target, SERVER)[SERVER].status == "SHUTOFF"
    facts = look(transport, target, SERVER, FLAVOR, fresh=True)
    assert facts[SERVER].status == "ACTIVE"
    assert facts[FLAVOR].type == "c2"
    assert cloud.sent("GET", f"/servers/{target.id}") == 1
    cloud.servers.clear()
    assert "server" in look(transport, target, SERVER, fresh=True).observation(SERVER).reason


def test_probe_of_another_kind(transport, only):
    observation = look(transport, only(), SERVER, File(path="/etc/machine-id")).observation(SERVER)
    assert observation.owner is Owner.TOOL


def test_target_of_a_region_that_was_not_reached(transport):
    target = Target(kind="image", id="x", name="x", cloud="fake", region="KR9")
    assert "was not reached" in look(transport, target, IMAGE).observation(IMAGE).reason
    step = SetProtected(**PLAN, summary="protect", protected=True)
    with pytest.raises(StepError):
        transport.apply(target, Manual(**PLAN, summary="by hand"), look(transport, target), timeout_s=1)
    assert step.source


def test_projects_are_asked_for_once_where_that_is_forbidden(cloud, transport):
    for _ in range(20):
        image = cloud.image(visibility="shared")
        cloud.members[image["id"]] = [{"member_id": image["id"], "status": "pending"}]
    targets = transport.discover({"fake": None}, what=["images"]).targets
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda one: look(transport, one, MEMBER_PROJECTS).observation(MEMBER_PROJECTS), targets))
    assert {one.reason for one in seen} == {"this role may not look projects up (HTTP 403)"}
    assert sum("/v3/projects/" in one.path for one in cloud.log) == 1


def test_missing_projects(cloud, transport, only, kit):
    target = only(visibility="shared")
    cloud.members[target.id] = [{"member_id": name * 32, "status": "pending"} for name in "abc"]

    def projects(request):
        if "/v3/projects/" not in request.path:
            return None
        return kit.Reply(404, json={"error": {}}) if "b" * 32 in request.path else kit.Reply(json={"project": {}})

    cloud.on(projects)
    assert look(transport, target, MEMBER_PROJECTS)[MEMBER_PROJECTS].missing == ("b" * 32,)
    look(transport, target, MEMBER_PROJECTS, fresh=True)
    assert sum("/v3/projects/" in one.path for one in cloud.log) == 4  # our own, before a 404 is believed


def test_a_gateway_that_finds_no_project_at_all_says_nothing(cloud, transport, only, kit):
    target = only(visibility="shared")
    cloud.members[target.id] = [{"member_id": "a" * 32, "status": "pending"}]
    cloud.on(lambda request: kit.html(404, "no such page") if "/v3/projects/" in request.path else None)
    unseen = look(transport, target, MEMBER_PROJECTS).observation(MEMBER_PROJECTS)
    assert "does not find our own project" in unseen.reason


# reads are repeated where that may help


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_reads_are_repeated(cloud, transport, only, kit, status):
    target = only()
    cloud.once("GET", target.id, kit.html(status, "busy"), kit.html(status, "busy"))
    assert look(transport, target, IMAGE, fresh=True)[IMAGE].id == target.id
    assert cloud.sent("GET", target.id) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 500, 501])
def test_answers_that_stay_the_same_are_not_repeated(cloud, transport, only, kit, status):
    target = only()
    cloud.once("GET", target.id, kit.html(status, "no"))
    look(transport, target, IMAGE, fresh=True)
    assert cloud.sent("GET", target.id) == 1


@pytest.mark.parametrize("after", ["0", "1", "99999999999999999999", "soon", "-1", "Mon, 23 Nov 2020 04:44:39 GMT"])
def test_retry_after(cloud, transport, only, kit, after):
    target = only()
    cloud.once("GET", target.id, kit.Reply(429, body=b"slow down", headers={"Retry-After": after}))
    assert look(transport, target, IMAGE, fresh=True)[IMAGE].id == target.id


def test_retry_after_beyond_the_deadline(cloud, transport, only, kit):
    target = only()
    cloud.once("GET", target.id, kit.Reply(429, body=b"slow down", headers={"Retry-After": "20"}))
    observation = look(transport, target, IMAGE, fresh=True, timeout_s=0.1).observation(IMAGE)
    assert observation.reason == "HTTP 429 from the image service of KR1: slow down"
    assert cloud.sent("GET", target.id) == 1


def test_connection_that_breaks_is_repeated(cloud, transport, only, kit):
    target = only()
    cloud.once("GET", target.id, kit.Reply(200, body=b'{"id": "', claim=500))
    assert look(transport, target, IMAGE, fresh=True)[IMAGE].id == target.id


def test_token_is_renewed_once(cloud, transport, only):
    target = only()
    cloud.tokens.clear()
    assert look(transport, target, IMAGE, fresh=True)[IMAGE].id == target.id
    assert cloud.sent("POST", "/v3/auth/tokens") == 2


def test_token_that_is_refused_again(cloud, transport, only, kit):
    target = only()
    cloud.on(lambda r: kit.html(401, f"no, {r.headers['x-auth-token']}") if r.path.endswith(target.id) else None)
    reason = look(transport, target, IMAGE, fresh=True).observation(IMAGE).reason
    assert reason == "HTTP 401 from the image service of KR1: no, ***"
    assert cloud.sent("GET", target.id) == 2


def test_connections_are_reused(cloud, transport, only):
    target = only(visibility="shared")
    opened = len({one.headers["host"] for one in cloud.log})
    before = threading.active_count()
    for _ in range(20):
        look(transport, target, IMAGE, MEMBERS, fresh=True)
    assert opened == 1
    assert threading.active_count() <= before + 1, "one server thread per connection"


# writes


def protect(target, **more):
    return SetProtected(**{**PLAN, "summary": "protect the image", "protected": True, **more})


def test_write(cloud, transport, only, kit):
    target = only()
    seen = look(transport, target, IMAGE)

    def patch(request):
        if request.method != "PATCH":
            return None
        assert request.headers["content-type"] == "application/openstack-images-v2.1-json-patch"
        assert request.path == f"/images-of/KR1/v2/images/{target.id}"
        cloud.images[0]["protected"] = request.body[0]["value"]
        return kit.Reply(json=cloud.images[0])

    cloud.on(patch)
    step = protect(target)
    transport.apply(target, step, seen, timeout_s=5)
    assert step.done(look(transport, target, IMAGE)), "the listing is out of date after a write"


@pytest.mark.parametrize(
    ("reply", "changed", "text"),
    [
        (lambda kit: kit.html(403, "Forbidden &lt;here&gt;"), False, "HTTP 403 from the image service of KR1"),
        (lambda kit: kit.Reply(409, json={"conflictingRequest": {"message": "busy\x1b[31m"}}), False, r"busy\x1b[31m"),
        (lambda kit: kit.html(500, "Boom"), True, "Boom"),
        (lambda kit: kit.html(503, "later"), True, "later"),
        (lambda kit: kit.Reply(302, headers={"Location": "http://evil.example/"}), True, "not followed"),
        (lambda kit: kit.Reply(200, hang_s=30), True, "timed out"),
    ],
)
def test_writes_are_sent_once(*, cloud, transport, only, kit, reply, changed, text):
    target = only()
    seen = look(transport, target, IMAGE)
    cloud.on(lambda request: reply(kit) if request.method == "PATCH" else None)
    with pytest.raises(StepError) as caught:
        transport.apply(target, protect(target), seen, timeout_s=1)
    assert caught.value.changed is changed
    assert text in str(caught.value)
    assert cloud.sent("PATCH", target.id) == 1


def test_a_write_that_is_throttled_is_sent_again(cloud, transport, only, kit):
    target = only()
    seen = look(transport, target, IMAGE)
    cloud.once("PATCH", target.id, kit.html(429, "slow"), kit.Reply(429, headers={"Retry-After": "0"}))
    cloud.on(lambda request: kit.Reply(json=cloud.images[0]) if request.method == "PATCH" else None)
    transport.apply(target, protect(target), seen, timeout_s=5)
    assert cloud.sent("PATCH", target.id) == 3


@pytest.mark.parametrize(
    ("replies", "changed", "text"),
    [
        (lambda kit: [kit.html(429, "slow")] * 3, False, "HTTP 429 from the image service of KR1: slow"),
        (lambda kit: [kit.html(429, "slow"), kit.html(503, "later")], True, "HTTP 503"),
        (lambda kit: [kit.html(429, "slow"), kit.Reply(409, json={"message": "busy"})], False, "busy"),
    ],
)
def test_a_write_that_is_throttled_ends_with_the_last_answer(*, cloud, transport, only, kit, replies, changed, text):
    target = only()
    seen = look(transport, target, IMAGE)
    cloud.once("PATCH", target.id, *replies(kit))
    with pytest.raises(StepError) as caught:
        transport.apply(target, protect(target), seen, timeout_s=5)
    assert caught.value.changed is changed
    assert text in str(caught.value)
    assert cloud.sent("PATCH", target.id) == len(replies(kit))


def test_write_to_a_protected_image(cloud, transport, only, kit):
    target = only(protected=True)
    seen = look(transport, target, IMAGE)
    cloud.on(lambda request: kit.html(403, "no") if request.method == "PATCH" else None)
    with pytest.raises(StepError, match="the image is protected"):
        transport.apply(target, protect(target, protected=False), seen, timeout_s=1)


def test_write_with_no_connection(cloud, transport, only):
    target = only()
    seen = look(transport, target, IMAGE)
    cloud.server.shutdown()
    cloud.server.server_close()
    for one in transport._clouds.values():  # no connection is left over
        one.requests.close()
    with pytest.raises(StepError, match="Connection refused") as caught:
        transport.apply(target, protect(target), seen, timeout_s=1)
    assert caught.value.changed is False, "nothing was sent"


def test_write_after_the_end(cloud, transport, only):
    target = only()
    seen = look(transport, target, IMAGE)
    transport.close()
    with pytest.raises(StepError, match="the connections to the cloud were ended before") as caught:
        transport.apply(target, protect(target), seen, timeout_s=1)
    assert caught.value.changed is False, "nothing was sent"
    assert not cloud.sent("PATCH", target.id)


def test_write_without_a_token(cloud, transport, only, kit):
    target = only()
    seen = look(transport, target, IMAGE)
    cloud.tokens.clear()
    cloud.on(lambda r: kit.Reply(401, json={"error": {"message": "gone"}}) if "/auth/tokens" in r.path else None)
    with pytest.raises(StepError) as caught:
        transport.apply(target, protect(target), seen, timeout_s=1)
    assert caught.value.changed is False


def test_states_that_are_reached_already(cloud, transport, only, kit):
    target = only(visibility="shared")
    seen = look(transport, target, IMAGE, MEMBERS)
    cloud.once("POST", "/members", kit.html(409, "duplicate"))
    cloud.once("DELETE", "/" + "a" * 32, kit.html(404, "not a member"))
    plan = {**PLAN, "summary": "change a member", "project": "a" * 32}
    transport.apply(target, AddMember(**plan), seen, timeout_s=5)
    transport.apply(target, RemoveMember(**plan), seen, timeout_s=5)
    assert cloud.log[-2].body == {"member": "a" * 32}


def test_stop(cloud, transport, kit):
    cloud.server_record(status="ACTIVE")
    target = next(iter(transport.discover({"fake": None}).targets))
    cloud.once("POST", "/action", kit.Reply(202))
    transport.apply(target, StopServer(**PLAN, summary="stop"), look(transport, target, SERVER), timeout_s=5)
    assert cloud.log[-1].body == {"os-stop": None}
    assert cloud.log[-1].path.endswith(f"/v2/{kit.PROJECT}/servers/{target.id}/action")


def test_many_threads_renew_a_token_once(cloud, transport):
    for _ in range(12):
        cloud.image()
    targets = transport.discover({"fake": None}, what=["images"]).targets
    cloud.tokens.clear()
    barrier = threading.Barrier(12)

    def fresh(target):
        barrier.wait()
        return look(transport, target, IMAGE, fresh=True)[IMAGE].id

    with ThreadPoolExecutor(12) as pool:
        assert len(list(pool.map(fresh, targets))) == 12
    assert cloud.sent("POST", "/v3/auth/tokens") == 2


def test_compressed_answers(cloud, make_transport, kit):
    """The cap holds for what comes out of the compression, not for what is sent."""
    records = [cloud.image(description="x" * 200_000) for _ in range(3)]
    packed = gzip.compress(json.dumps({"images": records}).encode())
    headers = {"Content-Encoding": "gzip"}
    cloud.on(lambda r: kit.Reply(body=packed, headers=headers) if r.path.endswith("/v2/images") else None)
    found = make_transport().discover({"fake": None}, what=["images"])
    assert found.catalogs[0].complete
    assert len(found.targets) == 3
    small = make_transport(dataclasses.replace(kit.QUICK, body_bytes=100_000))
    assert "larger than 100000 bytes" in small.discover({"fake": None}, what=["images"]).catalogs[0].reason
