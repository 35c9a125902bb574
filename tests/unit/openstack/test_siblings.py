"""Images of one name and of one family: from the listing where it told, asked for where it must be fresh."""

import pytest

from imagegate.errors import StepRefused
from imagegate.model import Level, Phase, Unseen
from imagegate.probes import GENERATIONS, IMAGE, NAMESAKES, GenerationsProbe, NamesakesProbe
from imagegate.steps import Rename

TWIN = {"name": "golden-web-20260510"}


def look(transport, target, probe, fresh=False):
    return transport.look(target, [probe], timeout_s=5.0, fresh=fresh).observation(probe)


@pytest.fixture
def targets(cloud, transport):
    """Discover, and find a target by the number of its image."""

    def find(number=0):
        found = {one.id: one for one in transport.discover({"fake": None}, what=["images"]).targets}
        return found[cloud.images[number]["id"]]

    return find


def test_namesakes_are_ours_and_stay(cloud, transport, targets):
    cloud.image(**TWIN)
    twin = cloud.image(**TWIN)
    hidden = cloud.image(**TWIN, os_hidden=True)
    cloud.image(**TWIN, owner="f" * 32)
    cloud.image(**TWIN, status="pending_delete")
    cloud.image(name="golden-web-20260511")
    target = targets()
    before = transport.requests
    assert look(transport, target, NAMESAKES).value.images == (twin["id"], hidden["id"])
    assert transport.requests == before, "the listing told"
    assert transport.at_hand(target, [IMAGE, NAMESAKES, GENERATIONS])


def test_a_fresh_look_asks_for_the_name(cloud, transport, targets):
    cloud.image(**TWIN)
    target = targets()
    assert look(transport, target, NAMESAKES).value.images == ()
    twin = cloud.image(**TWIN)
    assert look(transport, target, NAMESAKES, fresh=True).value.images == (twin["id"],)
    asked = [one.query for one in cloud.log if "name" in one.query]
    assert {(query["name"], query["owner"]) for query in asked} == {(TWIN["name"], cloud.images[0]["owner"])}


def test_who_has_another_name(cloud, transport, targets):
    cloud.image()
    other = cloud.image(name="taken: this one")
    probe = NamesakesProbe(name="taken: this one")
    assert look(transport, targets(), probe, fresh=True).value.images == (other["id"],)
    assert not any("name" in one.query for one in cloud.log), "a colon is an operator to the API"
    assert look(transport, targets(1), probe, fresh=True).value.images == (), "the image itself is no other"


def test_a_filter_that_loses_the_image_itself_proves_nothing(cloud, transport, targets, kit):
    cloud.image(**TWIN)
    target = targets()
    cloud.on(lambda r: kit.Reply(json={"images": []}) if "name" in r.query else None)
    assert "lacks the image itself" in look(transport, target, NAMESAKES, fresh=True).reason


@pytest.mark.parametrize("probe", [NAMESAKES, GENERATIONS])
def test_siblings_of_others_images_stay_unseen(cloud, transport, targets, probe):
    cloud.image(owner="f" * 32)
    assert look(transport, targets(), probe).reason.endswith("only its owner sees all its images")


@pytest.mark.parametrize("probe", [NAMESAKES, GENERATIONS])
def test_a_catalog_that_was_not_read_to_its_end_tells_nothing(cloud, transport, targets, kit, probe):
    for _ in range(5):
        cloud.image()
    cloud.on(lambda r: kit.html(500, "no") if "marker" in r.query else None)
    assert look(transport, targets(), probe).reason.startswith("the catalog was not read to its end: page 2: HTTP 500")


@pytest.mark.parametrize(
    ("strange", "reason"),
    [({"name": 7}, "a name that is no text"), ({"created_at": None}, "when it was created"), ({"created_at": 7}, "when")],
)
def test_an_unreadable_record_may_be_anybodys_sibling(cloud, transport, targets, strange, reason):
    cloud.image()
    cloud.image(**strange)
    assert reason in look(transport, targets(), GENERATIONS).reason


def test_generations(cloud, transport, targets):
    for month in (5, 6, 7):
        cloud.image(name=f"golden-web-2026{month:02}10", created_at=f"2026-{month:02}-10T00:00:00Z")
    cloud.image(name="golden-web-20260810", created_at="2026-08-10T00:00:00Z", status="queued")
    cloud.image(name="golden-db-20260810", created_at="2026-08-10T00:00:00Z")
    seen = [look(transport, targets(number), GENERATIONS).value for number in range(4)]
    newest = "golden-web-20260710"
    assert [(one.newer, one.newest) for one in seen] == [(2, newest), (1, newest), (0, None), (0, None)]


def test_generations_by_the_policys_rule(cloud, transport, targets):
    for number, name in enumerate(("web-a1", "web-b7", "db-a2")):
        cloud.image(name=name, created_at=f"2026-05-1{number}T00:00:00Z")
    probe = GenerationsProbe(generation="-[a-z][0-9]")
    target = targets()
    assert transport.at_hand(target, [IMAGE, probe])
    assert (look(transport, target, probe).value.newer, look(transport, target, GENERATIONS).value.newer) == (1, 0)


def test_the_catalog_is_listed_for_siblings_where_it_was_not(cloud, transport, targets):
    """Somebody made the region's index go away: it is read again, once."""
    cloud.image(**TWIN)
    target = targets()
    region = transport._regions["fake", "KR1"]
    region.listed = None
    assert not transport.at_hand(target, [NAMESAKES])
    before = transport.requests
    assert not isinstance(look(transport, target, GENERATIONS), Unseen)
    assert not isinstance(look(transport, target, NAMESAKES), Unseen)
    assert transport.requests == before + 2, "the list and that of hidden images"


def test_two_images_that_both_find_a_name_free_do_not_both_take_it(cloud, transport, targets, kit):
    cloud.image()
    cloud.image()
    cloud.on(lambda r: kit.Reply(json=cloud.images[0]) if r.method == "PATCH" else None)
    found = [targets(0), targets(1)]
    step = Rename(name="new", subject="name", summary="rename", level=Level.DISRUPTIVE, phase=Phase.PROPERTIES, why="w")
    seen = [transport.look(target, step.reads, timeout_s=5.0, fresh=True) for target in found]
    for _ in range(2):
        transport.apply(found[0], step, seen[0], timeout_s=5.0)
    with pytest.raises(StepRefused, match=f"{found[0].key} takes this name in the same run: nothing was written"):
        transport.apply(found[1], step, seen[1], timeout_s=5.0)
    assert [one.path.rpartition("/")[2] for one in cloud.log if one.method == "PATCH"] == [found[0].id] * 2
