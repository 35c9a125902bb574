"""What is seen of copies in another region, and of regions that are not there."""

from dataclasses import replace

import pytest
from tests.unit.openstack.copying.scene import DATA, PROBE, Act, look

from imagegate.errors import Owner, StepError
from imagegate.model import Seen, Unseen
from imagegate.probes import IMAGE, MEMBERS
from imagegate.transports.openstack import OpenStack


def test_a_region_outside_the_run_is_listed_once(cloud, there, source, quick):
    for _ in range(3):
        cloud.image(name="more")
    targets = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert {target.region for target in targets} == {"KR1"}
    assert not quick.at_hand(targets[0], [IMAGE, PROBE])
    for target in targets:
        assert look(quick, target, PROBE)[PROBE].images == ()
    assert there.log.count("GET images") == 2, "one list, and one of what is hidden"
    assert quick.at_hand(targets[0], [IMAGE, PROBE])
    assert not quick.at_hand(targets[0], [IMAGE, replace(PROBE, members=True)])
    assert [(one.region, one.complete) for one in quick.also] == [("KR2", True)]
    look(quick, targets[0], PROBE, fresh=True)
    assert there.log.count("GET images") == 4


def test_its_own_region_costs_nothing(cloud, there, source, quick):
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    fact = look(quick, target, replace(PROBE, region="kr1"))[replace(PROBE, region="kr1")]
    assert (fact.home, fact.images, fact.source.size) == ("KR1", (), len(DATA))
    assert there.log == []


def test_members_are_asked_for_where_they_matter(cloud, kit, there, source, quick):
    there.do(type("R", (), {"method": "POST", "body": {"name": "x", "visibility": "shared", "source_image_id": source["id"]}}), [])
    (ident,) = there.images
    there.faults = {"GET members": [kit.Reply(json={"members": [{"member_id": "m1", "status": "accepted"}]})] * 1}
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    (copy,) = look(quick, target, PROBE)[PROBE].images
    assert (copy.image.id, copy.members) == (ident, None)
    (copy,) = look(quick, target, replace(PROBE, members=True), fresh=True)[replace(PROBE, members=True)].images
    assert [(one.project, one.status) for one in copy.members] == [("m1", "accepted")]


def test_a_list_that_is_lost_is_no_empty_region(kit, there, source, quick):
    there.faults = {"GET images": [kit.Reply(500)] * 3}
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    unseen = look(quick, target, PROBE).observation(PROBE)
    assert isinstance(unseen, Unseen)
    assert unseen.reason.startswith("the images of region KR2 were not read to their end: page 1: HTTP 500")
    assert [one.complete for one in quick.also] == [False]
    assert isinstance(look(quick, target, PROBE, fresh=True).observation(PROBE), Unseen | Seen)


@pytest.mark.parametrize("strange", [{"name": ["a"]}, {"checksum": 5}, {"status": None, "name": 5}])
def test_an_unreadable_record_may_be_anybodys_copy(there, source, quick, strange):
    there.do(type("R", (), {"method": "POST", "body": {"name": "x", "visibility": "private"}}), [])
    next(iter(there.images.values())).update(strange)
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert "that is no text" in look(quick, target, PROBE).observation(PROBE).reason


def test_copies_of_others_stay_unseen(cloud, there, source, quick):
    source["owner"] = "somebody"
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert look(quick, target, PROBE).observation(PROBE).reason == (
        "owned by project somebody: only its owner sees all its images"
    )


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("US1", "has KR1, KR2); NHN Cloud closed its region US1 on 2026-03-31: take it out of the policy"),
        ("JP1", "region JP1 is not in the service catalog (it has KR1, KR2)"),
    ],
)
def test_regions_that_the_catalog_lacks(there, source, quick, region, said):
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    probe = replace(PROBE, region=region)
    unseen = look(quick, target, probe).observation(probe)
    assert unseen.reason.endswith(said)
    assert unseen.owner is Owner.TARGET
    assert [(one.region, one.complete) for one in quick.also] == [(region, False)]


def test_a_transport_that_does_not_know_the_place(there, source, quick, configured):
    act = Act(quick)
    elsewhere = replace(act.target, region="KR9")
    with pytest.raises(StepError, match="was not reached"):
        quick.carry(elsewhere, act.step, act.look(), act.watch)
    assert isinstance(OpenStack().look(act.target, [PROBE, MEMBERS], timeout_s=1, fresh=True).observation(PROBE), Unseen)
