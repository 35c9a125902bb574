"""What the engine plans, writes, refuses and verifies."""


from tests.checks.world import (
    EMPTY,
    Slip,
    Told,
    World,
    engine,
    full,
    instance,
    pair,
    run,
    scrub,
    server,
    toy,
)  # fmt: skip
from tests.unit.engine.scene import TOY, A, B, a_guest, finding, remedy

from imagegate.engine import MAX_ROUNDS
from imagegate.errors import StepError
from imagegate.model import Fix, Level, RemedyState, Verdict
from imagegate.plan import Grant
from imagegate.probes import SERVER
from imagegate.steps import Manual


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
