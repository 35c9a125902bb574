"""How a copy ends: what is removed, kept, left to others, and gone on with."""

import uuid
from dataclasses import replace

import pytest
from tests.unit.openstack.copying.scene import DATA, MARK, Act

from imagegate.errors import StepError, StepRefused
from imagegate.model import Level, Phase
from imagegate.steps import SetProtected


def test_what_somebody_else_is_making_beside_ours_is_left_alone(there, source, quick):
    make = {"name": "x", "visibility": "private", "source_image_id": source["id"]}
    there.do(type("R", (), {"method": "POST", "body": make}), [])
    (theirs,) = there.images
    there.do(type("R", (), {"method": "POST", "body": {**make, MARK: "w0"}}), [])
    Act(quick)()
    assert theirs in there.images
    assert [MARK in image for image in there.images.values()] == [False, False]


def test_a_creation_whose_answer_is_lost_leaves_nothing(kit, there, source, quick):
    def lost(do):
        do()
        return kit.Reply(502)

    there.faults = {"POST images": [lost]}
    with pytest.raises(StepError, match="HTTP 502") as caught:
        Act(quick)()
    assert there.images == {}
    assert caught.value.changed is False
    assert there.log.count("POST images") == 1


def test_what_cannot_be_removed_is_named(kit, there, source, quick):
    there.faults = {"PUT file": [kit.Reply(500)], "DELETE image": [kit.Reply(503)]}
    with pytest.raises(StepError, match="the next run takes care of it") as caught:
        Act(quick)()
    (left,) = there.images
    assert f"image {left} (golden) in region KR2 is half-made" in str(caught.value)
    assert caught.value.changed is True
    act = Act(quick)
    assert [(copy.image.id, copy.how) for copy in act.step.unfinished(act.look())] == [(left, "link")]
    act()
    assert left not in there.images
    assert len(there.images) == 1


def test_whole_data_is_kept_when_finishing_fails(kit, there, source, quick):
    there.faults = {"POST members": [kit.Reply(413)]}
    with pytest.raises(StepError, match="has all its data; the next run finishes it") as caught:
        Act(quick, members=("a" * 32,))()
    assert caught.value.changed is True
    (left,) = there.images
    Act(quick, members=("a" * 32,))()
    assert list(there.images) == [left]
    assert MARK not in there.images[left]
    assert there.log.count("PUT file") == 1


def test_what_another_run_has_taken_over_is_not_removed(kit, there, source, quick):
    def stolen(_):
        next(iter(there.images.values()))[MARK] = "another"
        return kit.Reply(409)

    there.faults = {"PUT file": [stolen]}
    with pytest.raises(StepError, match="HTTP 409"):
        Act(quick)()
    assert len(there.images) == 1
    assert "DELETE image" not in there.log


def test_what_somebody_finished_meanwhile_is_left_alone(kit, there, source, quick):
    act = Act(quick)
    there.faults = {"PUT file": [kit.Reply(500)], "DELETE image": [kit.Reply(503)]}
    with pytest.raises(StepError):
        act()
    seen = act.look()
    (left,) = there.images
    there.images[left].pop(MARK)
    with pytest.raises(StepError, match="finished by somebody else"):
        quick.carry(act.target, act.step, seen, act.watch)
    assert list(there.images) == [left]


@pytest.mark.parametrize("does_it", [False, True])
def test_whenever_it_ends_the_next_run_comes_to_the_end(there, source, make_transport, kit, does_it):
    """The region dies before each request in turn, or right after it has carried it out: nobody cleans up."""

    def act():
        return Act(make_transport(replace(kit.QUICK, attempts=1)), members=("a" * 32,), protected=True)

    moments = 0
    while True:
        there.images.clear()
        there.log.clear()
        first = act()
        seen = first.look()
        there.log.clear()
        there.dies_at, there.does_it = moments, does_it
        try:
            first.transport.carry(first.target, first.step, seen, first.watch)
            ended = True
        except StepError:
            ended = False
        there.dies_at = None
        for image in there.images.values():
            unfinished = MARK in image
            assert image["protected"] is not unfinished, "what is not finished can be deleted, what is finished cannot"
            assert unfinished or image["status"] == "active"
        second = act()
        if not second.step.done(second.look()):
            second()
        (copy,) = there.images.values()
        assert (copy["status"], copy["size"], copy["protected"], MARK in copy) == ("active", len(DATA), True, False)
        assert {row["member_id"] for row in copy["_members"]} == {"a" * 32}
        if ended:
            break
        moments += 1
    assert moments == 6, "POST, PUT, GET, PATCH, POST members, PATCH"


def test_a_token_that_is_rejected_in_the_middle(kit, there, source, quick):
    there.faults = {"PUT file": [kit.Reply(401)]}
    with pytest.raises(StepError, match="wanted the data a second time"):
        Act(quick)()
    assert there.images == {}


def test_a_name_that_another_image_has_there_is_left_to_it(there, source, quick):
    there.do(type("R", (), {"method": "POST", "body": {"name": "golden", "visibility": "private"}}), [])
    (other,) = there.images
    with pytest.raises(StepRefused, match=f"its name there would be golden, which is taken by image {other}"):
        Act(quick)()
    assert list(there.images) == [other]
    Act(quick, name="{name}-kr2")()
    assert len(there.images) == 2


def test_two_copies_of_one_run_never_take_one_name(cloud, there, source, quick):
    source["created_at"] = "2026-05-10T08:00:00Z"
    other = cloud.image(**{**source, "id": str(uuid.UUID(int=77))})
    act = Act(quick)
    second = next(one for one in quick.discover({"fake": ["KR1"]}, what=("images",)).targets if one.id == other["id"])
    seen = quick.look(second, act.step.reads, timeout_s=5, fresh=True)
    act()
    with pytest.raises(StepRefused, match="takes this name in the same run"):
        quick.carry(second, act.step, seen, act.watch)
    assert len(there.images) == 1


def test_cancelled_before_it_begins(there, source, quick):
    act = Act(quick)
    act.watch.cancelled.set()
    with pytest.raises(StepError, match="interrupted"):
        act()
    assert "POST images" not in there.log


def test_only_so_many_at_once(there, source, make_transport, kit):
    transport = make_transport(replace(kit.QUICK, copies=1))
    act, waiting = Act(transport), Act(transport)
    waiting.watch.cancelled.set()
    held = []

    def slow(do):
        with pytest.raises(StepRefused, match="interrupted before it began"):
            waiting()
        held.append(True)
        return do()

    there.faults = {"POST images": [slow]}
    act()
    assert held == [True]


def test_another_step_is_not_carried(there, source, quick):
    act = Act(quick)
    step = SetProtected(
        protected=True, subject="x", summary="protect", level=Level.SAFE, phase=Phase.PROTECTION, why="test"
    )
    with pytest.raises(StepError, match="nothing can carry this out"):
        quick.carry(act.target, step, act.look(), act.watch)


# looking
