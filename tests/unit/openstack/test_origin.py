"""The image that an instance was made from: where its record comes from, and what is left when there is none."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagegate.model import Seen, Unseen
from imagegate.probes import ORIGIN, SERVER, SOURCE_IMAGE, OriginImageFact

METADATA = {
    "os_type": "Windows",
    "image_name": "Windows 2016 STD (2019.04.25) EN",
    "description": "Windows 2016 STD (2019.04.25)",
}
SAID = {"server_name": METADATA["image_name"], "server_description": METADATA["description"]}
ORIGINAL = {"name": "Windows 2016 STD (2019.04.25) EN", "visibility": "public", "owner": "e" * 32, "os_type": "Windows"}


@pytest.fixture
def win(cloud, transport):
    """A server of an image, found by ``discover``; ``what`` as in an audit, or servers alone as the gate has it."""

    def find(image, *, what=("servers",), metadata=METADATA):
        cloud.flavors[:] = [{"id": "f1", "name": "m2.c2m4"}]
        record = cloud.server_record(image={"id": image["id"]} if image else "", metadata=metadata)
        found = transport.discover({"fake": None}, what=what)
        return next(one for one in found.targets if one.id == record["id"])

    return find


def observe(transport, target, *, fresh=False, timeout_s=5.0):
    return transport.look(target, [ORIGIN], timeout_s=timeout_s, fresh=fresh).observation(ORIGIN)


def seen(transport, target, **more):
    observation = observe(transport, target, **more)
    assert isinstance(observation, Seen), observation
    return observation.value


@pytest.mark.parametrize(
    "custom",
    [
        {"release_date": "2019.04.25", "description": "first"},
        {"properties": {"release_date": "2019.04.25", "description": "first"}},
        {"release_date": "2019.04.25", "properties": {"release_date": "2030.01.01", "description": "first"}},
    ],
    ids=["flat", "nested", "both: a flat key wins"],
)
@pytest.mark.parametrize("what", [("servers",), ("images", "servers")])
def test_the_image_and_what_the_server_says(*, cloud, transport, win, custom, what):
    image = cloud.image(**ORIGINAL, **custom)
    target = win(image, what=what)
    assert seen(transport, target) == OriginImageFact(
        image_id=image["id"], public=True, release_date="2019.04.25", name=ORIGINAL["name"], description="first", **SAID
    )
    assert cloud.sent("GET", f"/v2/images/{image['id']}") == (0 if "images" in what else 1)


@pytest.mark.parametrize(
    ("fields", "public"),
    [
        ({"visibility": "public", "owner": "e" * 32}, True),
        ({"visibility": "public", "owner": None}, True),
        ({"visibility": "public"}, False),
        ({"visibility": "private"}, False),
        ({"visibility": "shared", "owner": "e" * 32}, False),
        ({"visibility": "community", "owner": "e" * 32}, False),
    ],
)
def test_public_is_what_no_project_of_ours_can_edit(*, cloud, transport, win, fields, public):
    assert seen(transport, win(cloud.image(**fields))).public is public


def test_what_is_not_there_is_none(cloud, transport, win):
    fact = seen(transport, win(cloud.image(name=None, release_date="", description=None), metadata={}))
    assert (fact.release_date, fact.name, fact.description) == (None, None, None)
    assert (fact.server_name, fact.server_description) == (None, None)


@pytest.mark.parametrize("os_type", [None, ""])
def test_an_os_that_the_image_does_not_say_is_unseen(cloud, win, os_type):
    target = win(cloud.image(**{**ORIGINAL, "os_type": os_type}), metadata={})
    assert ("os" in target.attributes, "os" in target.unseen) == (False, True)


def test_origin_and_source_of_a_server_cost_one_request(cloud, transport, win):
    image = cloud.image(**ORIGINAL)
    target = win(image)
    facts = transport.look(target, [ORIGIN, SOURCE_IMAGE], timeout_s=5, fresh=False)
    assert facts[ORIGIN].name == facts[SOURCE_IMAGE].image.name == ORIGINAL["name"]
    assert cloud.sent("GET", f"/v2/images/{image['id']}") == 1


def test_a_release_date_that_is_no_text_is_shown_as_it_is(cloud, transport, win):
    assert seen(transport, win(cloud.image(release_date=["2019.04.25"]))).release_date == '["2019.04.25"]'


def test_booted_from_a_volume(cloud, transport, win):
    target = win(None)
    before = transport.requests
    assert seen(transport, target) == OriginImageFact(image_id=None, **SAID)
    assert transport.requests == before


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "image {} is gone, or not for this project to see (HTTP 404)"),
        (403, "image {} may not be looked at with these credentials (HTTP 403)"),
    ],
)
def test_an_image_that_cannot_be_had_any_more(*, cloud, transport, win, kit, status, reason):
    image = cloud.image(**ORIGINAL)
    cloud.on(lambda r: kit.html(status, "no") if r.path.endswith(image["id"]) else None)
    fact = seen(transport, win(image))
    assert fact == OriginImageFact(image_id=image["id"], gone=reason.format(image["id"]), **SAID)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda kit: kit.html(500, "boom"), "HTTP 500"),
        (lambda kit: kit.html(503, "busy"), "HTTP 503"),
        (lambda kit: kit.Reply(hang_s=30), "timed out"),
        (lambda kit: kit.Reply(json={"id": "other"}), "not the record of this image"),
        (lambda kit: kit.Reply(body=b"<html>"), "not JSON"),
    ],
)
def test_a_look_that_failed_is_no_image_that_is_gone(*, cloud, transport, win, kit, reply, reason):
    image = cloud.image(**ORIGINAL)
    target = win(image)
    cloud.on(lambda r: reply(kit) if r.path.endswith(image["id"]) else None)
    observation = observe(transport, target, timeout_s=1)
    assert isinstance(observation, Unseen)
    assert observation.reason.startswith(f"image {image['id']}: ")
    assert reason in observation.reason


@pytest.mark.parametrize("field", ["visibility", "owner"])
def test_whose_image_it_is_must_be_said(cloud, transport, win, field):
    image = cloud.image(**ORIGINAL)
    target = win(image)
    del image[field]
    assert observe(transport, target).reason == f"image {image['id']}: record lacks {field!r}"


def test_no_image_service(cloud, transport, win):
    image = cloud.image(**ORIGINAL)
    del cloud.regions["image"]
    assert "no image service" in observe(transport, win(image)).reason


def test_a_server_that_is_gone(cloud, transport, win):
    target = win(cloud.image(**ORIGINAL))
    cloud.servers.clear()
    assert observe(transport, target, fresh=True).reason == f"server: server {target.id} is gone (HTTP 404)"


def test_one_request_for_all_instances_of_an_image(cloud, transport):
    image, old = cloud.image(**ORIGINAL), "0" * 32
    for number in range(12):
        cloud.server_record(image={"id": old if number % 2 else image["id"]}, metadata={"os_type": "Windows"})
    targets = transport.discover({"fake": None}, what=["servers"]).targets
    assert cloud.sent("GET", image["id"]) == 0, "nobody asked yet"
    barrier = threading.Barrier(12)

    def look(target):
        barrier.wait()
        return seen(transport, target)

    with ThreadPoolExecutor(12) as pool:
        facts = list(pool.map(look, targets))
    assert [fact.gone is None for fact in facts] == [True, False] * 6
    assert (cloud.sent("GET", image["id"]), cloud.sent("GET", old)) == (1, 1)


def test_the_os_of_the_same_image_costs_no_second_request(cloud, transport, win):
    image = cloud.image(**ORIGINAL)
    target = win(image, metadata={})
    assert target.attributes["os"] == {"windows"}
    assert seen(transport, target).public
    assert cloud.sent("GET", image["id"]) == 1


def test_a_fresh_look_asks_again(cloud, transport, win):
    image = cloud.image(**ORIGINAL, release_date="2019.04.25")
    target = win(image)
    assert seen(transport, target).release_date == "2019.04.25"
    image["release_date"] = "2020.08.18"
    assert seen(transport, target).release_date == "2019.04.25"
    assert seen(transport, target, fresh=True).release_date == "2020.08.18"


def test_silence_is_not_remembered(cloud, transport, win, kit):
    """A refusal stays one; that nobody answered may be different for the next instance."""
    image = cloud.image(**ORIGINAL)
    target = win(image)
    cloud.once("GET", image["id"], kit.Reply(hang_s=30))
    assert isinstance(observe(transport, target, timeout_s=0.3), Unseen)
    assert seen(transport, target).public


def test_a_silent_image_service_does_not_hold_up_the_list(cloud, transport, kit):
    """The os of an image is asked for once in the list, whatever comes of it."""
    ident = cloud.image(**ORIGINAL)["id"]
    for _ in range(5):
        cloud.server_record(image={"id": ident})
    cloud.on(lambda r: kit.Reply(body=b"{", claim=50) if r.path.endswith(ident) else None)
    found = transport.discover({"fake": None}, what=["servers"])
    assert {"os" in one.unseen for one in found.targets} == {True}
    assert cloud.sent("GET", ident) == kit.QUICK.attempts


def test_secrets_in_metadata_stay_withheld(cloud, transport, win):
    target = win(cloud.image(**ORIGINAL), metadata={**METADATA, "admin_password": "hunter2"})
    facts = transport.look(target, [ORIGIN, SERVER], timeout_s=5, fresh=True)
    assert "hunter2" not in repr(facts[ORIGIN]) + repr(facts[SERVER])
