"""The engine over a strict world: what it looks at, writes, refuses, verifies and tells."""

import json
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import fields, replace

import pytest
from tests.checks.harness import catalogue
from tests.checks.world import (
    EMPTY,
    OFF,
    Inline,
    Scrub,
    Slip,
    Told,
    World,
    a_file,
    engine,
    full,
    instance,
    pair,
    run,
    scrub,
    server,
    toy,
)  # fmt: skip

from imagegate.engine import MAX_ROUNDS
from imagegate.errors import Owner, StepError
from imagegate.evidence import EvidenceStore
from imagegate.journal import Journal
from imagegate.model import Fix, Kind, Level, RemedyState, Source, Target, Verdict
from imagegate.plan import Grant
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, SERVER, ImageFact, Member, MemberProjectsFact, MembersFact
from imagegate.recording import Recording
from imagegate.steps import Manual, StopServer

A, B = a_file("/a"), a_file("/b")
TOY = toy()
STOPPED, PROTECTED, ALLOWED, VISIBLE = (
    catalogue().checks[name]
    for name in (
        "capture-instance-stopped", "catalog-image-protected", "catalog-members-allowed", "catalog-visibility-allowed"
    )
)  # fmt: skip


def a_guest(world, name="web", file=None, **change):
    """An instance with a running server and a file."""
    return world.add(instance(name), {SERVER: server(name, **change), A: file or full(), B: full()})


def finding(machine, check, target):
    """What the engine found."""
    return machine.findings[check.id, target.key]


def remedy(machine, check, target):
    """State and reason of a remedy."""
    found = finding(machine, check, target).remedy
    return found.state, found.reason


# ---- look


def test_equal_probes_of_several_checks_are_looked_at_once_per_target():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.look([pair(TOY, web), pair(toy("linux-other-empty", ("/a", "/b")), web)])
    assert world.guest_looks == ["web"]
    assert ("web", frozenset({"file:/a", "file:/b"}), False) in world.looks
    assert A in machine.facts[web.key]


def test_what_a_check_only_uses_is_looked_at_too():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.look([pair(replace(TOY, uses=(B,)), web)])
    assert B in machine.facts[web.key]


def test_a_pair_that_may_not_be_meant_is_not_looked_at():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    doubtful = pair(TOY, web, unseen="the flavor could not be seen")
    machine.look([doubtful])
    assert world.looks == []
    assert machine.judge([doubtful])[0].reason == "the flavor could not be seen"


def test_a_dead_host_is_unknown_with_its_reason_and_the_others_are_judged():
    world = World()
    dead, web = a_guest(world, "dead"), a_guest(world, "web", EMPTY)
    world.silent[dead.key] = "no route to host"
    machine, pairs = engine(world), [pair(TOY, dead), pair(TOY, web)]
    machine.look(pairs)
    found = machine.judge(pairs)
    assert [(f.verdict, f.reason) for f in found] == [(Verdict.UNKNOWN, "no route to host"), (Verdict.PASS, None)]


def test_a_server_that_is_off_is_not_contacted():
    world = World()
    web = a_guest(world, **OFF)
    machine, pairs = engine(world), [pair(TOY, web)]
    machine.look(pairs)
    [found] = machine.judge(pairs)
    assert world.guest_looks == []
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.TARGET)
    assert found.reason.startswith("the instance is off and no evidence from before is valid")


@pytest.mark.parametrize(
    "change", [{"status": "ACTIVE"}, {"power_state": 1}, {"power_state": None}, {"task_state": "powering-on"}]
)
def test_a_server_that_is_not_quite_off_is_contacted(change):
    world = World()
    web = a_guest(world, **{**OFF, **change})
    engine(world).look([pair(TOY, web)])
    assert world.guest_looks == ["web"]


def test_a_guest_that_no_cloud_lists_is_contacted_without_asking_a_cloud():
    world = World()
    here = world.add(instance("here", cloud=None), {A: EMPTY})
    machine = engine(world)
    machine.look([pair(TOY, here)])
    assert [keys for _, keys, _ in world.looks] == [frozenset({"file:/a"})]
    assert machine.judge([pair(TOY, here)])[0].verdict is Verdict.PASS


def test_an_instance_that_the_inventory_does_not_reach_is_unknown_and_the_users_fault():
    world = World()
    web = world.add(instance("web", guest=False), {SERVER: server("web"), A: EMPTY})
    machine, pairs = engine(world), [pair(TOY, web)]
    machine.look(pairs)
    [found] = machine.judge(pairs)
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.USER)
    assert "the inventory does not say how to reach it" in found.reason
    assert world.guest_looks == []


@pytest.mark.parametrize(
    ("check", "target", "words"),
    [
        (TOY, instance("here", cloud=None), "the inventory does not say"),
        (STOPPED, instance("web"), "no cloud lists this instance"),
        (PROTECTED, Target(kind=Kind.IMAGE, id="i", name="i"), "no cloud was contacted"),
    ],
)
def test_without_a_transport_the_reason_says_what_to_add(check, target, words):
    machine = engine(World(), transports={})
    machine.look([pair(check, target)])
    [found] = machine.judge([pair(check, target)])
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.USER)
    assert words in found.reason


def test_an_instance_record_of_a_guest_that_no_cloud_lists_is_unknown_though_there_is_a_cloud():
    world = World()
    here = world.add(instance("here", cloud=None), {SERVER: server("here")})
    machine = engine(world)
    machine.look([pair(STOPPED, here)])
    [found] = machine.judge([pair(STOPPED, here)])
    assert "no cloud lists this instance" in found.reason
    assert world.looks == []


def test_a_source_that_was_lost_as_a_whole_gives_its_reason_to_what_it_would_have_answered():
    machine = engine(World(), transports={}, gaps={Source.COMPUTE: "the servers of nhn/KR1 could not all be seen: 503"})
    machine.look([pair(STOPPED, instance("web"))])
    [found] = machine.judge([pair(STOPPED, instance("web"))])
    assert (found.reason, found.owner) == ("the servers of nhn/KR1 could not all be seen: 503", Owner.TARGET)


def test_facts_that_cost_nothing_are_looked_at_without_an_executor():
    def none(workers):
        raise AssertionError("an executor was made")

    world = World(remote=False)
    web = a_guest(world, **OFF)
    machine = engine(world, executor=none)
    machine.look([pair(TOY, web)])
    assert A in machine.facts[web.key]


def test_no_more_workers_are_asked_for_than_there_are_targets(monkeypatch):
    monkeypatch.setattr(Inline, "made", [])
    world = World()
    machine = engine(world)
    machine.look([pair(TOY, a_guest(world, f"web-{n}")) for n in range(3)])
    assert Inline.made == [3]


def test_no_more_workers_are_asked_for_than_the_settings_say(monkeypatch):
    monkeypatch.setattr(Inline, "made", [])
    world = World()
    machine = engine(world)
    machine.settings = replace(machine.settings, look_workers=2)
    machine.look([pair(TOY, a_guest(world, f"web-{n}")) for n in range(3)])
    assert Inline.made == [2]


def test_targets_are_looked_at_side_by_side_with_threads():
    world = World()
    pairs = [pair(TOY, a_guest(world, name)) for name in ("one", "two")]
    meeting = threading.Barrier(2, timeout=60)
    look = world.look

    def look_together(target, probes, *, timeout_s, fresh):
        if A in probes:
            meeting.wait()
        return look(target, probes, timeout_s=timeout_s, fresh=fresh)

    world.look = look_together
    machine = engine(world, executor=ThreadPoolExecutor)
    machine.look(pairs)
    assert {found.verdict for found in machine.judge(pairs)} == {Verdict.FAIL}


def test_progress_is_told_how_many_and_each_with_what_could_not_be_seen():
    world, told = World(), Told()
    dead, web = a_guest(world, "dead"), a_guest(world, "web")
    world.silent[dead.key] = "no route to host"
    engine(world, progress=told).look([pair(TOY, dead), pair(TOY, web)])
    assert told.lines[0] == ("looking", 2)
    assert sorted(told.lines[1:]) == [("looked", "dead", "no route to host"), ("looked", "web", None)]


# ---- interrupts while looking


class CtrlC(Told):
    """The main thread is interrupted right after the first look came in."""

    def looked(self, target, reason):
        super().looked(target, reason)
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_looks_keeps_what_was_seen_and_the_rest_is_unknown():
    world = World()
    pairs = [pair(TOY, a_guest(world, name, EMPTY)) for name in ("one", "two", "three")]
    machine = engine(world, progress=CtrlC())
    with pytest.raises(KeyboardInterrupt):
        machine.look(pairs)
    assert machine.cancelled.is_set()
    found = machine.judge(pairs)
    assert sorted(f.verdict for f in found) == [Verdict.PASS, Verdict.UNKNOWN, Verdict.UNKNOWN]
    lost = {(f.reason, f.owner) for f in found if f.verdict is Verdict.UNKNOWN}
    assert lost == {("the run was interrupted before this was looked at", Owner.USER)}


def test_an_interrupt_gives_up_looks_that_are_under_way_by_ending_their_transport():
    ended = threading.Event()

    class Slow(World):
        """A world where one host never answers until the connection is cut."""

        def look(self, target, probes, *, timeout_s, fresh):
            if target.id == "slow":
                assert ended.wait(60), "nobody ended the transport"
            return super().look(target, probes, timeout_s=timeout_s, fresh=fresh)

        def close(self):
            super().close()
            ended.set()

    world = Slow()
    pairs = [pair(TOY, a_guest(world, name, EMPTY)) for name in ("slow", "quick")]
    machine = engine(world, progress=CtrlC(), executor=ThreadPoolExecutor)
    with pytest.raises(KeyboardInterrupt):
        machine.look(pairs)
    assert ended.is_set()
    assert [found.verdict for found in machine.judge(pairs)] == [Verdict.UNKNOWN, Verdict.PASS]


def test_looks_that_begin_after_the_wish_to_stop_stay_undone():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.cancelled.set()
    machine.look([pair(TOY, web)])
    [found] = machine.judge([pair(TOY, web)])
    assert world.looks == []
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the run was interrupted before this was looked at")


# ---- plan


def test_every_target_with_a_fail_has_a_plan_and_no_other():
    world = World()
    bad, good = a_guest(world, "bad"), a_guest(world, "good", EMPTY)
    machine = engine(world)
    run(machine, [pair(TOY, bad), pair(TOY, good)], Grant())
    assert set(machine.plans) == {bad.key}
    assert remedy(machine, TOY, bad) == (RemedyState.PLANNED, None)
    assert remedy(machine, TOY, good) == (RemedyState.NONE, None)
    assert world.applied == []


def test_a_waived_fail_is_neither_planned_nor_mended():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    run(machine, [pair(TOY, web, waivers=(Slip(),))])
    assert finding(machine, TOY, web).waived
    assert world.applied == []
    assert world.truth[web.key][A] == full()


def test_over_the_limit_nothing_is_applied_and_every_remedy_says_why():
    world = World()
    targets = [a_guest(world, f"web-{n}") for n in range(3)]
    machine = engine(world)
    run(machine, [pair(TOY, target) for target in targets], changed_targets=2)
    assert world.applied == []
    reason = "3 targets would be changed, the policy allows 2 (limits.changed_targets)"
    assert {remedy(machine, TOY, target) for target in targets} == {(RemedyState.REFUSED, reason)}


def test_at_the_limit_all_is_applied():
    world = World()
    targets = [a_guest(world, f"web-{n}") for n in range(3)]
    run(engine(world), [pair(TOY, target) for target in targets], changed_targets=3)
    assert len(world.applied) == 3


# ---- mend


def test_a_fail_is_mended_verified_by_looking_again_and_stays_a_fail_that_was_fixed():
    world, told = World(), Told()
    web = a_guest(world)
    machine = engine(world, progress=told)
    run(machine, [pair(TOY, web)])
    found = finding(machine, TOY, web)
    assert (found.verdict, found.fixed, found.stands) == (Verdict.FAIL, True, False)
    assert found.remedy.done == found.remedy.steps == (scrub(),)
    assert machine.facts[web.key][A] == EMPTY
    assert machine.facts_before[web.key][A] == full()
    assert world.looks[-1][2], "the last look was not fresh"
    assert ("applied", "web", "scrub /a", None) in told.lines
    assert world.abuse == []


def test_every_look_for_a_write_is_fresh():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.look([pair(TOY, web)])
    before = len(world.looks)
    machine.judge([pair(TOY, web)])
    machine.plan([pair(TOY, web)], Grant(level=Level.DISRUPTIVE), changed_targets=1)
    machine.mend([pair(TOY, web)], Grant(level=Level.DISRUPTIVE))
    assert all(fresh for _, _, fresh in world.looks[before:])


def test_drift_between_plan_and_write_is_refused_and_nothing_is_written():
    world = World()
    web = a_guest(world)
    machine, pairs, grant = engine(world), [pair(TOY, web)], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    world.change(web, A, full(8))
    machine.mend(pairs, grant)
    assert world.applied == []
    assert remedy(machine, TOY, web) == (
        RemedyState.REFUSED, "/a changed since the plan was made: nothing was written",
    )  # fmt: skip


def test_a_failing_step_stops_its_target_and_not_the_others():
    world = World()
    wide = toy("linux-wide-empty", ("/a", "/b"))
    bad, good = a_guest(world, "bad"), a_guest(world, "good")

    apply = world.apply

    def fail_on_bad(target, step, seen, *, timeout_s):
        if target is bad and step.subject == "/a":
            raise StepError("read-only file system", changed=False)
        apply(target, step, seen, timeout_s=timeout_s)

    world.apply = fail_on_bad
    machine = engine(world)
    run(machine, [pair(wide, bad), pair(wide, good)])
    assert world.applied == [("good", "scrub /a"), ("good", "scrub /b")]
    assert remedy(machine, wide, bad) == (RemedyState.FAILED, "read-only file system")
    assert finding(machine, wide, good).fixed


def test_a_bug_at_one_target_does_not_cost_the_report_of_the_others():
    world = World()
    bad, good = a_guest(world, "bad"), a_guest(world, "good")
    apply = world.apply

    def bug(target, step, seen, *, timeout_s):
        if target is bad:
            raise ZeroDivisionError("a bug")
        apply(target, step, seen, timeout_s=timeout_s)

    world.apply = bug
    machine = engine(world)
    run(machine, [pair(TOY, bad), pair(TOY, good)])
    assert remedy(machine, TOY, bad) == (RemedyState.FAILED, "ZeroDivisionError: a bug")
    assert finding(machine, TOY, good).fixed


def test_a_check_whose_steps_were_not_reached_is_refused_and_not_failed():
    world = World()
    web = a_guest(world)
    world.failures["scrub /a"] = StepError("read-only file system", changed=False)
    second = toy("linux-second-empty", ("/b",))
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(second, web)])
    assert remedy(machine, TOY, web)[0] is RemedyState.FAILED
    assert remedy(machine, second, web) == (RemedyState.REFUSED, "read-only file system")


def test_a_check_whose_steps_were_done_before_another_one_failed_is_fixed():
    world = World()
    web = a_guest(world)
    world.failures["scrub /b"] = StepError("read-only file system", changed=False)
    second = toy("linux-second-empty", ("/b",))
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(second, web)])
    assert finding(machine, TOY, web).fixed
    assert remedy(machine, second, web)[0] is RemedyState.FAILED


def test_drift_after_another_checks_fix_is_refused_and_does_not_count_as_a_failed_fix():
    world = World()
    web = a_guest(world)
    second = toy("linux-second-empty", ("/b",))
    world.on_apply = lambda target, step: world.change(web, B, full(8))
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(second, web)])
    assert finding(machine, TOY, web).fixed
    assert remedy(machine, second, web) == (
        RemedyState.REFUSED, "/b changed since the plan was made: nothing was written",
    )  # fmt: skip


def test_half_of_a_fix_that_failed_is_a_failed_fix_and_tells_what_was_done():
    world = World()
    web = a_guest(world)
    wide = toy("linux-wide-empty", ("/a", "/b"))
    world.on_apply = lambda target, step: world.change(web, B, full(8))
    machine = engine(world)
    run(machine, [pair(wide, web)])
    found = finding(machine, wide, web).remedy
    assert found.state is RemedyState.FAILED
    assert found.done == (scrub("/a"),)
    assert found.steps == (scrub("/a"), scrub("/b"))


def test_a_step_that_does_not_help_is_not_verified():
    world = World()
    web = a_guest(world)
    useless = toy(paths=("/a", "/b"), steps=[scrub("/a")])
    machine = engine(world)
    run(machine, [pair(useless, web)])
    assert remedy(machine, useless, web) == (RemedyState.NOT_VERIFIED, "applied, but it still fails")
    [wrong] = finding(machine, useless, web).remedy.after.violations
    assert (wrong.subject, wrong.actual) == ("/b", "7 bytes")


def test_a_fix_after_which_the_target_is_silent_is_not_verified():
    world = World()
    web = a_guest(world)

    class Silencer(Told):
        def applied(self, target, step, problem):
            world.silent[target.key] = "connection reset"

    machine = engine(world, progress=Silencer())
    run(machine, [pair(TOY, web)])
    state, reason = remedy(machine, TOY, web)
    assert state is RemedyState.NOT_VERIFIED
    assert reason == "applied, but it cannot be seen whether it helped"
    assert finding(machine, TOY, web).remedy.after.reason == "connection reset"


def test_a_neighbour_that_passed_and_fails_after_the_fix_is_reported():
    world = World()
    web = world.add(instance("web"), {SERVER: server("web"), A: full(), B: EMPTY})
    neighbour = toy("linux-neighbour-empty", ("/b",))
    world.on_apply = lambda target, step: world.change(web, B, full())
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(neighbour, web)])
    assert finding(machine, TOY, web).fixed
    broken = finding(machine, neighbour, web)
    assert (broken.verdict, broken.stands) == (Verdict.FAIL, True)
    assert remedy(machine, neighbour, web) == (RemedyState.NOT_VERIFIED, "pass before the fixes of this run")
    assert world.applied == [("web", "scrub /a")], "a neighbour is reported, not mended"


def test_a_neighbour_that_cannot_be_seen_any_more_is_unknown():
    world = World()
    web = world.add(instance("web"), {SERVER: server("web"), A: full(), B: EMPTY})
    neighbour = toy("linux-neighbour-empty", ("/b",))
    world.on_apply = lambda target, step: world.truth[web.key].pop(B)
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(neighbour, web)])
    assert finding(machine, neighbour, web).verdict is Verdict.UNKNOWN


def test_a_neighbour_whose_fix_was_refused_stays_refused():
    world = World()
    web = a_guest(world)
    manual = toy("linux-never-empty", ("/b",), steps=[], fix=Fix.NEVER)
    harsh = toy("linux-harsh-empty", ("/b",), steps=[scrub("/b", level=Level.DESTRUCTIVE)])
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(manual, web), pair(harsh, web)])
    assert remedy(machine, manual, web) == (RemedyState.NONE, None)
    assert remedy(machine, harsh, web) == (RemedyState.REFUSED, "destructive: needs --fix-level destructive")


def test_a_check_of_whose_fix_another_check_did_a_part_stays_refused():
    world = World()
    web = a_guest(world)
    half = toy("linux-half-empty", ("/a", "/b"), steps=[scrub("/a"), scrub("/b", level=Level.DESTRUCTIVE)])
    machine = engine(world)
    run(machine, [pair(half, web), pair(TOY, web)])
    assert finding(machine, TOY, web).fixed
    assert remedy(machine, half, web)[0] is RemedyState.REFUSED


def test_a_neighbour_that_only_a_person_could_mend_is_fixed_by_what_another_check_did():
    world = World()
    web = a_guest(world)
    by_hand = Manual(subject="/a", summary="empty /a by hand", why="nobody else can")
    manual = toy("linux-never-empty", steps=[by_hand], fix=Fix.NEVER)
    machine = engine(world)
    run(machine, [pair(TOY, web), pair(manual, web)])
    assert remedy(machine, manual, web) == (RemedyState.VERIFIED, "mended along with others: scrub /a")
    assert not finding(machine, manual, web).stands


def test_a_target_that_keeps_growing_back_counts_as_not_converging():
    world = World()
    web = a_guest(world)

    class Regrow(Told):
        def applied(self, target, step, problem):
            world.change(web, A, full(10 + len(world.applied)))

    machine = engine(world, progress=Regrow())
    run(machine, [pair(TOY, web)])
    assert len(world.applied) == MAX_ROUNDS
    assert remedy(machine, TOY, web)[0] is RemedyState.NOT_VERIFIED


# ---- images: members that come back to life


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


# ---- power and evidence


def stops(world, web, updated="t1"):
    """The stop changes the server's record as a compute API does."""

    def on_apply(target, step):
        if isinstance(step, StopServer):
            world.change(web, SERVER, replace(world.truth[web.key][SERVER], updated=updated))

    world.on_apply = on_apply


def test_a_gate_mends_the_guest_stops_the_instance_and_is_green_on_evidence():
    world, told = World(), Told()
    web = a_guest(world)
    stops(world, web)
    machine = engine(world, progress=told)
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    assert [summary for _, summary in world.applied] == ["scrub /a", "stop the instance web"]
    assert finding(machine, TOY, web).fixed
    assert finding(machine, STOPPED, web).fixed
    assert "right before the instance was stopped" in finding(machine, TOY, web).note
    assert world.abuse == []


def test_the_guest_is_looked_at_right_before_the_stop_and_never_after_it():
    world = World()
    web = a_guest(world)
    stops(world, web)
    events = []
    world.on_look = lambda target, probes: events.append("guest" if A in probes else "server")
    on_apply = world.on_apply
    world.on_apply = lambda target, step: (events.append(step.summary), on_apply(target, step))
    run(engine(world), [pair(STOPPED, web), pair(TOY, web)])
    stop = events.index("stop the instance web")
    assert "guest" in events[events.index("scrub /a") + 2 : stop], "only the step's own verification was seen"
    assert "guest" not in events[stop:]


def test_what_changed_in_the_guest_right_before_the_stop_is_what_the_evidence_says():
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    machine, pairs, grant = engine(world), [pair(STOPPED, web), pair(TOY, web)], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    world.change(web, A, full())
    machine.mend(pairs, grant)
    assert finding(machine, TOY, web).verdict is Verdict.FAIL


def test_without_checks_of_the_guest_a_stop_leaves_no_evidence():
    world = World()
    web = a_guest(world)
    stops(world, web)
    machine = engine(world)
    run(machine, [pair(STOPPED, web)])
    assert finding(machine, STOPPED, web).fixed
    assert machine.evidence.load(web, world.truth[web.key][SERVER]) is None


def test_a_run_narrowed_to_one_check_keeps_evidence_of_all_that_the_policy_requires(tmp_path):
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    machine = engine(world, evidence=EvidenceStore(tmp_path))
    machine.require([pair(STOPPED, web), pair(TOY, web)])
    run(machine, [pair(STOPPED, web)])
    later = audit(world, web, tmp_path)
    assert finding(later, TOY, web).verdict is Verdict.PASS
    assert "right before the instance was stopped" in finding(later, TOY, web).note


def gate(world, web, folder):
    """One run that mends and stops, keeping its evidence in a folder."""
    machine = engine(world, evidence=EvidenceStore(folder))
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    return machine


def audit(world, web, folder):
    """A later run."""
    machine = engine(world, evidence=EvidenceStore(folder))
    run(machine, [pair(STOPPED, web), pair(TOY, web)], Grant())
    return machine


def test_a_later_run_is_green_on_the_evidence_of_an_earlier_one(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    contacted = len(world.guest_looks)
    machine = audit(world, web, tmp_path)
    assert finding(machine, TOY, web).verdict is Verdict.PASS
    assert "right before the instance was stopped" in finding(machine, TOY, web).note
    assert finding(machine, STOPPED, web).verdict is Verdict.PASS
    assert len(world.guest_looks) == contacted


def test_a_finding_about_the_power_has_the_time_of_its_own_look_and_not_of_the_evidence(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    evidence = gate(world, web, tmp_path).evidence.load(web, world.truth[web.key][SERVER])
    later = audit(world, web, tmp_path)
    assert finding(later, STOPPED, web).observed_at > evidence.at


@pytest.mark.parametrize("change", [{"updated": "t2"}, {"updated": None}, {"id": "another"}])
def test_evidence_is_void_when_the_record_of_the_server_changed(tmp_path, change):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    world.change(web, SERVER, replace(world.truth[web.key][SERVER], **change))
    assert finding(audit(world, web, tmp_path), TOY, web).verdict is Verdict.UNKNOWN


def test_evidence_is_not_used_while_the_server_runs(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    world.change(web, SERVER, server("web", updated="t1"))
    world.change(web, A, full())
    found = finding(audit(world, web, tmp_path), TOY, web)
    assert (found.verdict, found.note) == (Verdict.FAIL, None)


def test_broken_evidence_makes_its_guest_unknown_and_the_others_are_judged(tmp_path):
    world = World()
    web, other = a_guest(world), a_guest(world, "other", EMPTY)
    stops(world, web)
    gate(world, web, tmp_path)
    [path] = tmp_path.iterdir()
    path.write_text("{")
    machine = engine(world, evidence=EvidenceStore(tmp_path))
    run(machine, [pair(TOY, web), pair(TOY, other)], Grant())
    found = finding(machine, TOY, web)
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.TOOL)
    assert str(path) in found.reason
    assert finding(machine, TOY, other).verdict is Verdict.PASS


def test_evidence_that_cannot_be_kept_costs_neither_the_run_nor_what_it_knows(tmp_path):
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    (tmp_path / "evidence").write_text("a file where a folder should be")
    machine = engine(world, evidence=EvidenceStore(tmp_path / "evidence"))
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    assert world.applied == [("web", "stop the instance web")]
    assert finding(machine, STOPPED, web).fixed, "it is off, whatever became of the evidence"
    assert finding(machine, TOY, web).verdict is Verdict.PASS


# ---- interrupts while mending


def test_an_interrupt_while_mending_finishes_the_step_under_way_and_then_goes_on():
    world = World()
    pairs = [pair(toy(paths=("/a", "/b")), a_guest(world, name)) for name in ("one", "two")]
    machine = engine(world)

    class Interrupted(Inline):
        """The first wait of the main thread is interrupted, as by Ctrl-C."""

        first = True

        def submit(self, fn, /, *args, **kwargs):
            if Interrupted.first:
                Interrupted.first = False
                work = super().submit

                class Late:
                    """A future whose work is done after the interrupt."""

                    calls = 0

                    def result(self):
                        self.calls += 1
                        if self.calls == 1:
                            raise KeyboardInterrupt
                        return work(fn, *args, **kwargs).result()

                return Late()
            return super().submit(fn, *args, **kwargs)

    grant = Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=9)
    machine.settings = replace(machine.settings, executor=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.mend(pairs, grant)
    assert machine.cancelled.is_set()
    states = {p.target.id: machine.findings[p.key].remedy for p in pairs}
    assert states["two"].state is RemedyState.VERIFIED
    assert (states["one"].state, states["one"].reason) == (RemedyState.REFUSED, "interrupted before this step")


def test_a_wish_to_stop_in_the_middle_leaves_a_failed_fix_with_what_was_done():
    world = World()
    web = a_guest(world)
    wide = toy(paths=("/a", "/b"))
    machine = engine(world)
    world.on_apply = lambda target, step: machine.cancelled.set()
    run(machine, [pair(wide, web)])
    found = finding(machine, wide, web).remedy
    assert (found.state, found.reason, found.done) == (
        RemedyState.FAILED, "interrupted before this step", (scrub("/a"),),
    )  # fmt: skip
    assert machine.facts[web.key][A] == EMPTY, "what was done was not looked at"


# ---- journal, recordings, the end


def test_the_journal_has_the_intent_before_and_the_result_after_each_write(tmp_path):
    world = World()
    web = a_guest(world)
    path = tmp_path / "run" / "journal.jsonl"
    during = []
    world.on_apply = lambda target, step: during.append(len(path.read_text().splitlines()))
    run(engine(world, journal=Journal(path)), [pair(TOY, web)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert during == [1]
    assert [line["event"] for line in lines] == ["intent", "verified"]
    assert (lines[0]["target"]["id"], lines[0]["step"]["summary"]) == (web.id, "scrub /a")


def test_a_run_without_fix_leaves_no_journal(tmp_path):
    world = World()
    run(engine(world, journal=Journal(tmp_path / "journal.jsonl")), [pair(TOY, a_guest(world))], Grant())
    assert list(tmp_path.iterdir()) == []


def test_recorded_facts_are_judged_as_live_ones_and_cannot_be_changed():
    world = World()
    web = a_guest(world)
    live = engine(world)
    run(live, [pair(TOY, web)], Grant())
    recording = Recording({web.key: live.facts[web.key]})
    replay = engine(world, transports=dict.fromkeys(recording.sources, recording))
    run(replay, [pair(TOY, web)])
    assert finding(replay, TOY, web).violations == finding(live, TOY, web).violations
    assert remedy(replay, TOY, web) == (RemedyState.REFUSED, "/a: recorded facts cannot be changed")


def test_a_step_for_which_there_is_no_transport_is_a_failed_fix():
    world = World()
    web = a_guest(world)
    machine, pairs, grant = engine(world), [pair(TOY, web)], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    machine.transports = {source: world for source in world.sources if source is not Source.GUEST}
    machine.mend(pairs, grant)
    assert remedy(machine, TOY, web)[0] is RemedyState.REFUSED
    assert world.applied == []


def test_the_executor_is_the_one_that_was_given():
    made = []

    def maker(workers) -> Executor:
        made.append(workers)
        return Inline(workers)

    world = World()
    run(engine(world, executor=maker), [pair(TOY, a_guest(world))])
    assert made == [1, 1]


def test_closing_ends_each_transport_once():
    world = World()
    engine(world).close()
    assert world.closed == 1


# ---- steps that take long


class Lorry(World):
    """A world that also carries out lengthy steps: half way, ``midway`` is called."""

    def __init__(self, midway=lambda watch: None):
        super().__init__()
        self.midway = midway

    def carry(self, target, step, seen, watch):
        watch.moved(1, 2)
        self.midway(watch)
        if watch.cancelled.is_set():
            raise StepError("interrupted; nothing is left", changed=False)
        watch.moved(2, 2)
        self.apply(target, step, seen, timeout_s=1)


class Moves(Told):
    """Progress that also remembers how far lengthy steps are."""

    def moved(self, target, step, done, total):
        self.lines.append(("moved", target.id, step.summary, done, total))


class Haul(Scrub):
    """The toy step, with much to move."""

    __slots__ = ()
    lengthy = True


HAUL = Haul(**{one.name: getattr(scrub(), one.name) for one in fields(Scrub)})


def hauling(world, progress=None):
    """An engine whose only check hauls the one full file."""
    web = a_guest(world)
    machine = engine(world, progress=progress)
    return machine, [pair(toy(steps=[HAUL]), web)]


def test_a_lengthy_step_tells_how_far_it_is_and_is_verified_like_any_other():
    progress = Moves()
    machine, pairs = hauling(Lorry(), progress)
    run(machine, pairs)
    (finding,) = machine.findings.values()
    assert finding.remedy.state is RemedyState.VERIFIED
    told = [line for line in progress.lines if line[0] in {"applying", "moved", "applied"}]
    assert [line[0] for line in told] == ["applying", "moved", "moved", "applied"]
    assert told[1] == ("moved", "web", HAUL.summary, 1, 2)


def test_a_lengthy_step_hears_of_the_wish_to_stop():
    machine, pairs = hauling(Lorry(lambda watch: machine.cancelled.set()))
    run(machine, pairs)
    (finding,) = machine.findings.values()
    assert (finding.remedy.state, finding.remedy.reason) == (RemedyState.FAILED, "interrupted; nothing is left")


def test_a_transport_that_cannot_carry_is_not_asked_to_apply_a_lengthy_step():
    world = World()
    machine, pairs = hauling(world)
    run(machine, pairs)
    assert world.applied == []
    (finding,) = machine.findings.values()
    assert finding.remedy.reason == "/a: nothing can carry this out"
