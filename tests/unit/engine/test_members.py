"""Images whose members nobody sees until they are shared: mended in rounds."""


from tests.checks.world import (
    Told,
    World,
    engine,
    pair,
    run,
)  # fmt: skip
from tests.unit.engine.scene import ALLOWED, PROTECTED, VISIBLE, finding, remedy

from imagegate.model import Kind, Level, RemedyState, Target
from imagegate.plan import Grant
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, ImageFact, Member, MemberProjectsFact, MembersFact


def an_image(world, *members, visibility="private"):
    """Our image; members of a private image stay hidden until it is shared."""
    image = Target(kind=Kind.IMAGE, id="i-1", name="golden", cloud="nhn", region="KR1", owner="p-owner")
    fact = ImageFact(
        id="i-1", name="golden", owner="p-owner", mine=True, status="active", visibility=visibility, protected=False
    )
    listed = MembersFact(members=tuple(Member(project=p, status="accepted") for p in members))
    return world.add(image, {IMAGE: fact, MEMBERS: listed, MEMBER_PROJECTS: MemberProjectsFact(missing=())})


def revive(world, image, *projects):
    """Let members appear when the image becomes shared."""

    def on_apply(target, step):
        if step.summary.endswith("to shared"):
            world.change(
                image, MEMBERS, MembersFact(members=tuple(Member(project=p, status="accepted") for p in projects))
            )

    world.on_apply = on_apply


WANT = {"require": [{"project": "p-prod"}]}


def test_members_that_come_back_when_an_image_is_shared_are_removed_in_the_next_round():
    world = World()
    image = an_image(world)
    revive(world, image, "p-old")
    machine = engine(world)
    run(machine, [pair(ALLOWED, image, WANT)])
    assert [summary for _, summary in world.applied] == [
        "change visibility from private to shared", "add member p-prod", "remove member p-old (accepted)",
    ]  # fmt: skip
    found = finding(machine, ALLOWED, image)
    assert found.fixed
    assert [step.summary for step in found.remedy.done] == [summary for _, summary in world.applied]
    assert found.remedy.steps == found.remedy.done, "the report hides what a later round did"


OPENED = ["change visibility from community to shared", "change visibility from shared to private"]


def test_members_hidden_behind_a_community_image_are_removed_before_it_is_made_private_in_one_run():
    world = World()
    image = an_image(world, visibility="community")
    revive(world, image, "p-old")
    machine = engine(world)
    run(machine, [pair(VISIBLE, image, {"allowed": ["private"]})])
    applied = [OPENED[0], "remove member p-old (accepted)", OPENED[1]]
    assert [summary for _, summary in world.applied] == applied
    found = finding(machine, VISIBLE, image)
    assert found.fixed
    assert [step.summary for step in found.remedy.steps] == applied, "the report tells of each step once, in order"
    assert found.remedy.done == found.remedy.steps


def test_where_the_plan_was_confirmed_what_comes_to_light_is_not_acted_on():
    world = World()
    image = an_image(world, visibility="community")
    revive(world, image, "p-old")
    machine, pairs, grant = engine(world), [pair(VISIBLE, image, {"allowed": ["private"]})], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    machine.mend(pairs, grant, rounds=1)
    assert [summary for _, summary in world.applied] == OPENED[:1]
    found = finding(machine, VISIBLE, image).remedy
    assert found.state is RemedyState.FAILED
    assert [step.summary for step in found.steps] == OPENED
    assert "not in the plan" in found.reason


def test_a_member_that_somebody_adds_meanwhile_is_not_taken_for_one_that_was_hidden():
    world = World()
    image = an_image(world, visibility="community")

    class Meddler(Told):
        def applied(self, target, step, problem):
            new = (Member(project="p-new", status="pending"),)
            world.change(image, MEMBERS, MembersFact(members=new))

    machine = engine(world, progress=Meddler())
    run(machine, [pair(VISIBLE, image, {"allowed": ["private"]})])
    assert [summary for _, summary in world.applied] == OPENED[:1]
    state, reason = remedy(machine, VISIBLE, image)
    assert (state, reason) == (RemedyState.FAILED, "visibility changed since the plan was made: nothing was written")


def test_a_required_member_that_comes_back_by_itself_is_not_added_again():
    world = World()
    image = an_image(world)
    revive(world, image, "p-prod")
    machine = engine(world)
    run(machine, [pair(ALLOWED, image, WANT)])
    assert [summary for _, summary in world.applied] == ["change visibility from private to shared"]
    assert finding(machine, ALLOWED, image).fixed


def test_two_checks_on_one_image_are_mended_in_one_plan_with_protection_last():
    world = World()
    image = an_image(world, "p-old", visibility="shared")
    machine = engine(world)
    run(machine, [pair(PROTECTED, image), pair(ALLOWED, image, WANT)])
    assert [summary for _, summary in world.applied] == [
        "remove member p-old (accepted)", "add member p-prod", "protect the image against deletion",
    ]  # fmt: skip
    assert finding(machine, PROTECTED, image).fixed
    assert finding(machine, ALLOWED, image).fixed
