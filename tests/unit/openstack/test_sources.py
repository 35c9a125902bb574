"""The images behind instances: from the listing where it told, else asked for once each."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from imagegate.model import Kind, Unseen
from imagegate.probes import SERVER, SOURCE_IMAGE

BOTH, ALONE = ("images", "servers"), ("servers",)


@pytest.fixture
def servers(cloud, transport):
    """Discover; the targets that are servers, in order."""

    def find(what=ALONE):
        cloud.flavors = [{"id": "f1", "name": "c2.c2m4"}]
        found = transport.discover({"fake": None}, what=what).targets
        return sorted((one for one in found if one.kind is Kind.INSTANCE), key=lambda one: one.id)

    return find


def look(transport, target, fresh=False):
    return transport.look(target, [SERVER, SOURCE_IMAGE], timeout_s=5.0, fresh=fresh).observation(SOURCE_IMAGE)


def from_image(cloud, image, **metadata):
    return cloud.server_record(image={"id": image["id"]}, metadata={"os_type": "linux", **metadata})


def test_the_listing_tells(cloud, transport, servers):
    from_image(cloud, cloud.image(tier="gold"))
    from_image(cloud, cloud.image(os_hidden=True))
    [first, second] = servers(BOTH)
    before = transport.requests
    plain, hidden = look(transport, first).value, look(transport, second).value
    assert (plain.image.properties, plain.hidden, plain.gone) == ((("tier", "gold"),), False, None)
    assert (hidden.image.id, hidden.image_id, hidden.hidden) == (cloud.images[1]["id"], cloud.images[1]["id"], True)
    assert transport.requests == before


@pytest.mark.parametrize("gone", [False, True])
def test_each_image_is_asked_for_once(cloud, transport, servers, gone):
    image = cloud.image(os_hidden=True)
    for _ in range(8):
        from_image(cloud, image)
    found = servers()
    if gone:
        cloud.images.clear()
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda target: look(transport, target).value, found))
    assert len(seen) == 8
    assert {(one.image is None, one.hidden) for one in seen} == {(gone, not gone)}
    assert cloud.sent("GET", f"/v2/images/{image['id']}") == 1


def test_a_fresh_look_asks_again(cloud, transport, servers):
    image = cloud.image()
    from_image(cloud, image)
    [target] = servers(BOTH)
    image["status"] = "deactivated"
    assert look(transport, target).value.image.status == "active"
    assert look(transport, target, fresh=True).value.image.status == "deactivated"
    cloud.images.clear()
    assert look(transport, target, fresh=True).value.gone == "gone, or no longer for this project to see (HTTP 404)"


@pytest.mark.parametrize(("status", "again"), [(403, False), (500, True)])
def test_an_image_that_cannot_be_seen_is_not_gone_and_asked_for_again_unless_it_was_refused(
    *, cloud, transport, servers, kit, status, again
):
    image = cloud.image()
    from_image(cloud, image)
    [target] = servers()
    cloud.on(lambda r: kit.html(status, "no") if r.path.endswith(image["id"]) else None)
    seen = look(transport, target)
    assert isinstance(seen, Unseen)
    assert seen.reason.startswith(f"image {image['id']}: HTTP {status}")
    cloud.hooks.clear()
    assert isinstance(look(transport, target), Unseen) is not again
    assert look(transport, target, fresh=True).value.image.id == image["id"]


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ({"protected": "yes"}, "record's 'protected' is a string, not a boolean"),
        ({"os_hidden": "no"}, "record's 'os_hidden' is a string, not a boolean"),
    ],
)
def test_an_image_that_cannot_be_read_is_unseen(cloud, transport, servers, field, reason):
    image = cloud.image(**field)
    from_image(cloud, image)
    for what in (ALONE, BOTH):
        [target] = servers(what)
        assert look(transport, target).reason == f"image {image['id']}: {reason}"


def test_booted_from_a_volume(cloud, transport, servers):
    cloud.server_record(metadata={"image_name": "golden-0"})
    [target] = servers(BOTH)
    fact = look(transport, target).value
    assert (fact.image_id, fact.image, fact.gone, fact.current) == (None, None, None, None)


def test_the_newest_of_its_family_is_named(cloud, transport, servers):
    for month in (5, 6):
        cloud.image(name=f"golden-web-2026{month:02}10", created_at=f"2026-{month:02}-10T00:00:00Z")
    gone = {"id": "0" * 8 + "-dead"}
    for image in cloud.images:
        from_image(cloud, image)
    from_image(cloud, gone, image_name="golden-web-20260110")
    from_image(cloud, gone)
    newest = "golden-web-20260610"
    assert [look(transport, one).value.current for one in servers(BOTH)] == [newest, None, newest, None]


def test_without_a_listing_nobody_is_named(cloud, transport, servers, kit):
    """It is advice: no catalog is listed for it, and one that was not read to its end does no harm."""
    for month in (5, 6):
        cloud.image(name=f"golden-web-2026{month:02}10", created_at=f"2026-{month:02}-10T00:00:00Z")
    from_image(cloud, cloud.images[0])
    [target] = servers()
    assert look(transport, target).value.current is None
    cloud.on(lambda r: kit.html(500, "no") if r.query.get("os_hidden") else None)
    [target] = servers(BOTH)
    assert (look(transport, target).value.current, look(transport, target).value.image.id) == (
        None, cloud.images[0]["id"],
    )  # fmt: skip
