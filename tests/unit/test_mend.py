"""Applying one plan: re-read, compare, write, wait, re-read; the first error ends it."""

import threading
from dataclasses import dataclass, field, fields, replace

import pytest
from tests.checks.world import EMPTY, NOW, TODAY, Told, World, a_file, full, instance, pair, scrub, toy

from imagegate import mend
from imagegate.errors import StepError, StepRefused
from imagegate.journal import Journal
from imagegate.judge import judge
from imagegate.mend import Hands, Outcome, apply_plan
from imagegate.model import Facts, Level, Phase, Unseen
from imagegate.pauses import JITTER
from imagegate.plan import Grant, make_plan

WEB = instance("web")
A, B = a_file("/a"), a_file("/b")


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


class Flag(threading.Event):
    """A cancelled-flag on which waiting takes no time, but is remembered."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        self.clock.now += timeout
        return self.is_set()


@dataclass
class Remembered(Journal):
    """A journal in memory."""

    lines: list = field(default_factory=list)

    path: object = None
    kept: bool = True

    def name_of(self, number):
        return f"this/{number}"

    def intent(self, target, step, before, **more):
        self.lines.append(("intent", step.summary, step.basis(before), *more.values()) if any(more.values())
                          else ("intent", step.summary, step.basis(before)))
        return len(self.lines)

    def result(self, number, step, *, state, after=None, reason=None, changed=True):
        assert self.lines[number - 1][:2] == ("intent", step.summary)
        assert (after is not None) is (state == "verified")
        self.lines.append((state, step.summary, reason))

    def settled(self, number):
        self.lines.append(("settled", number))


@pytest.fixture
def clock(monkeypatch):
    """The time that mending sees."""
    clock = Clock()
    monkeypatch.setattr(mend, "time", clock)
    return clock


class Bench:
    """A world with one target and everything that mending needs."""

    def __init__(self, clock, *steps, truth=None):
        self.world = World()
        self.world.add(WEB, truth or {A: full(), B: full()})
        self.flag = Flag(clock)
        self.told = Told()
        self.journal = Remembered()
        self.power = []
        check = toy(steps=list(steps))
        finding = judge(pair(check, WEB), self.world.facts(WEB), today=TODAY)
        self.plan = make_plan(WEB, [finding], self.world.facts(WEB), Grant(level=Level.DISRUPTIVE))
        self.look = lambda probes: self.world.look(WEB, probes, timeout_s=1, fresh=True)

    def go(self) -> Outcome:
        """Apply the plan."""
        return apply_plan(self.plan, Hands(
            look=self.look,
            apply=lambda step, seen: self.world.apply(WEB, step, seen, timeout_s=1),
            journal=self.journal,
            progress=self.told,
            cancelled=self.flag,
            before_power=lambda: self.power.append("before"),
            after_power=lambda: self.power.append("after"),
        ))  # fmt: skip


ONE, TWO = scrub("/a"), scrub("/b")


def test_all_steps_done_and_verified(clock):
    bench = Bench(clock, ONE, TWO)
    assert bench.go() == Outcome(done=(ONE, TWO))
    assert bench.world.truth[WEB.key] == {A: EMPTY, B: EMPTY}
    assert bench.world.abuse == []
    assert bench.flag.waits == []


def test_each_write_has_its_intent_before_and_its_result_after_it(clock):
    bench = Bench(clock, ONE)
    seen_at_apply = []
    bench.world.on_apply = lambda target, step: seen_at_apply.append(list(bench.journal.lines))
    bench.go()
    assert seen_at_apply == [[("intent", "scrub /a", full())]]
    assert bench.journal.lines == [("intent", "scrub /a", full()), ("verified", "scrub /a", None)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck(type(ONE)):
    """A step whose effect never shows; what is seen tells why."""

    def done(self, seen):
        return False

    def stuck(self, seen):
        return "the log says no" if seen[self.file] == EMPTY else None


def test_waiting_ends_at_once_when_the_guest_says_that_it_is_in_vain(clock):
    step = Stuck(**{f.name: getattr(ONE, f.name) for f in fields(ONE)})
    bench = Bench(clock, replace(step, patience_s=900.0))
    outcome = bench.go()
    assert outcome.reason == "/a: the log says no"
    assert outcome.begun
    assert clock.now == 0.0
    assert bench.journal.lines[-1] == ("failed", "scrub /a", "/a: the log says no")


def test_drift_since_the_plan_is_refused_and_nothing_is_written(clock):
    bench = Bench(clock, ONE, TWO)
    bench.world.change(WEB, A, full(8))
    outcome = bench.go()
    assert outcome == Outcome(failed=ONE, reason="/a changed since the plan was made: nothing was written")
    assert bench.world.applied == []
    assert bench.journal.lines == []


class Unveiling(type(ONE)):
    """A step after which another file can be seen as it always was."""

    __slots__ = ()

    @property
    def reads(self):
        return (A, B)

    @property
    def reveals(self):
        return (B,)


UNVEIL = Unveiling(**{one.name: getattr(ONE, one.name) for one in fields(ONE)})
CAME = "/b: the step before brought to light what is not in the plan: not begun, run again"
DRIFTED = "/b changed since the plan was made: nothing was written"


def unveiling(bench, size):
    """Let the second file be of this size once the first step is done."""
    bench.world.on_apply = lambda target, step: step == UNVEIL and bench.world.change(WEB, B, full(size))


def test_what_a_step_brings_to_light_overtakes_the_rest_of_the_plan_and_nothing_more_is_written(clock):
    bench = Bench(clock, UNVEIL, TWO)
    unveiling(bench, 9)
    assert bench.go() == Outcome(done=(UNVEIL,), failed=TWO, reason=CAME, overtaken=True)
    assert bench.world.applied == [("web", "scrub /a")]


def test_what_comes_to_light_as_the_plan_foresaw_it_changes_nothing(clock):
    bench = Bench(clock, UNVEIL, TWO)
    assert bench.go() == Outcome(done=(UNVEIL, TWO))


def test_what_somebody_changes_after_it_came_to_light_is_drift(clock):
    bench = Bench(clock, UNVEIL, TWO)
    unveiling(bench, 9)
    applied = bench.told.applied

    def meddle(target, step, problem):
        applied(target, step, problem)
        if step == UNVEIL:
            bench.world.change(WEB, B, full(10))

    bench.told.applied = meddle
    assert bench.go() == Outcome(done=(UNVEIL,), failed=TWO, reason=DRIFTED)


def test_what_somebody_changes_that_no_step_brings_to_light_is_drift(clock):
    bench = Bench(clock, ONE, TWO)
    bench.world.on_apply = lambda target, step: bench.world.change(WEB, B, full(9))
    assert bench.go() == Outcome(done=(ONE,), failed=TWO, reason=DRIFTED)


def test_what_would_come_to_light_with_a_step_that_somebody_else_did_is_drift(clock):
    """Nobody knows then when it changed."""
    bench = Bench(clock, UNVEIL, TWO)
    bench.world.change(WEB, A, EMPTY)
    bench.world.change(WEB, B, full(9))
    assert bench.go() == Outcome(done=(UNVEIL,), failed=TWO, reason=DRIFTED)


def test_what_came_to_light_and_cannot_be_seen_any_more_costs_the_next_step_only(clock):
    bench = Bench(clock, UNVEIL, TWO)
    bench.world.on_apply = lambda target, step: bench.world.truth[WEB.key].pop(B)
    assert bench.go() == Outcome(done=(UNVEIL,), failed=TWO, reason="file:/b: nobody knows")


def test_what_somebody_else_has_done_already_is_not_written_again(clock):
    bench = Bench(clock, ONE)
    bench.world.change(WEB, A, EMPTY)
    assert bench.go() == Outcome(done=(ONE,))
    assert bench.world.applied == []
    assert bench.journal.lines == []


def test_a_target_that_fell_silent_before_the_write_is_left_alone(clock):
    bench = Bench(clock, ONE)
    bench.world.silent[WEB.key] = "no route to host"
    assert bench.go() == Outcome(failed=ONE, reason="file:/a: no route to host")
    assert bench.world.applied == []
    assert bench.journal.lines == []


@pytest.mark.parametrize("changed", [True, False])
def test_the_first_failing_step_ends_the_plan(clock, changed):
    bench = Bench(clock, ONE, TWO)
    bench.world.failures["scrub /a"] = StepError("read-only file system", changed=changed)
    assert bench.go() == Outcome(failed=ONE, reason="read-only file system", begun=True)
    assert bench.world.applied == []
    assert bench.journal.lines[1:] == [("failed", "scrub /a", "read-only file system")]


def test_what_was_done_before_the_failing_step_is_told(clock):
    bench = Bench(clock, ONE, TWO)
    bench.world.failures["scrub /b"] = StepError("read-only file system", changed=True)
    assert bench.go() == Outcome(done=(ONE,), failed=TWO, reason="read-only file system", begun=True)


def test_a_step_that_its_transport_refuses_was_not_begun(clock):
    bench = Bench(clock, ONE)
    bench.world.failures["scrub /a"] = StepRefused("the etag does not match")
    assert bench.go() == Outcome(failed=ONE, reason="the etag does not match", begun=False)
    assert bench.journal.lines[1:] == [("refused", "scrub /a", "the etag does not match")]


def test_a_bug_while_writing_is_told_and_journalled_like_a_failure(clock):
    bench = Bench(clock, ONE)
    bench.world.failures["scrub /a"] = ZeroDivisionError("a bug")
    assert bench.go() == Outcome(failed=ONE, reason="ZeroDivisionError: a bug", begun=True)
    assert bench.journal.lines[1:] == [("failed", "scrub /a", "a bug")]


def test_an_effect_that_does_not_show_fails_the_step(clock):
    bench = Bench(clock, ONE)
    bench.world.on_apply = lambda target, step: bench.world.change(WEB, A, full())
    assert bench.go() == Outcome(failed=ONE, reason="/a: the change did not show", begun=True)
    assert bench.flag.waits == []


def test_an_effect_that_cannot_be_seen_fails_the_step_and_says_that_it_was_done(clock):
    bench = Bench(clock, ONE)

    def fall_silent(target, step):
        bench.world.silent[WEB.key] = "connection reset"

    bench.world.on_apply = fall_silent
    outcome = bench.go()
    assert outcome.reason == "done, but it cannot be verified: file:/a: connection reset"
    assert outcome.begun
    assert bench.journal.lines[-1] == ("not-verified", "scrub /a", "file:/a: connection reset")


def slow(bench, looks):
    """Let the effect of a step show only after so many looks."""
    left = [looks]

    def hide(target, step):
        real = bench.world.truth[WEB.key][A]
        bench.world.change(WEB, A, full(5))

        def reveal(target, probes):
            left[0] -= 1
            if left[0] == 0:
                bench.world.change(WEB, A, real)

        bench.world.on_look = reveal

    bench.world.on_apply = hide


def test_a_patient_step_waits_in_growing_pauses_until_its_effect_shows(clock):
    patient = replace(ONE, patience_s=300.0)
    bench = Bench(clock, patient)
    slow(bench, 4)
    assert bench.go() == Outcome(done=(patient,))
    assert bench.flag.waits == pytest.approx([0.2, 0.3, 0.45], rel=JITTER)
    assert bench.flag.waits != [0.2, 0.3, 0.45], "many who wait do not ask all at once"


def test_no_pause_is_longer_than_five_seconds_and_patience_ends(clock):
    patient = replace(ONE, patience_s=60.0)
    bench = Bench(clock, patient)
    slow(bench, 10_000)
    outcome = bench.go()
    assert (outcome.failed, outcome.reason) == (patient, "/a: the change did not show within 60 s")
    assert 5.0 * (1 - JITTER) <= max(bench.flag.waits) <= 5.0
    assert sum(bench.flag.waits) == pytest.approx(60.0)


def test_a_wish_to_stop_ends_the_waiting(clock):
    patient = replace(ONE, patience_s=60.0)
    bench = Bench(clock, patient, TWO)
    slow(bench, 10_000)
    set_later = bench.world.on_apply
    bench.world.on_apply = lambda target, step: (set_later(target, step), bench.flag.set())
    outcome = bench.go()
    assert outcome.reason == "/a: interrupted while waiting for the change to show"
    assert len(bench.flag.waits) == 1


def test_a_wish_to_stop_is_heard_before_each_step(clock):
    bench = Bench(clock, ONE, TWO)
    bench.world.on_apply = lambda target, step: bench.flag.set()
    assert bench.go() == Outcome(done=(ONE,), failed=TWO, reason="interrupted before this step")
    assert bench.world.applied == [("web", "scrub /a")]


def test_the_power_step_is_framed(clock):
    off = scrub("/b", summary="off", phase=Phase.POWER)
    bench = Bench(clock, ONE, off)
    at = []
    bench.world.on_apply = lambda target, step: at.append((step.summary, list(bench.power)))
    bench.go()
    assert at == [("scrub /a", []), ("off", ["before"])]
    assert bench.power == ["before", "after"]


def test_a_power_step_that_fails_has_no_after(clock):
    off = scrub("/a", summary="off", phase=Phase.POWER)
    bench = Bench(clock, off)
    bench.world.failures["off"] = StepError("409", changed=False)
    bench.go()
    assert bench.power == ["before"]


def test_progress_is_told_when_a_step_begins_and_how_it_ends(clock):
    bench = Bench(clock, ONE, TWO)
    bench.world.failures["scrub /b"] = StepError("no", changed=False)
    bench.go()
    assert bench.told.lines == [
        ("applying", "web", "scrub /a"), ("applied", "web", "scrub /a", None),
        ("applying", "web", "scrub /b"), ("applied", "web", "scrub /b", "no"),
    ]  # fmt: skip


def test_steps_that_were_not_granted_are_not_touched(clock):
    bench = Bench(clock, ONE)
    bench.plan = replace(bench.plan, steps=(replace(bench.plan.steps[0], refused="no --fix was given"),))
    assert bench.go() == Outcome()
    assert bench.world.looks == []


def test_the_world_of_these_tests_hides_nothing(clock):
    bench = Bench(clock, ONE)
    facts = bench.look([a_file("/unheard-of")])
    assert facts == Facts({a_file("/unheard-of"): Unseen(reason="nobody knows", at=NOW)}, NOW)
