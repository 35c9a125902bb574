"""Findings to plans: order, expectations, grants, limits."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from tests.checks.world import EMPTY, NOW, TODAY, Slip, a_file, full, instance, pair, scrub, toy

from imagegate.judge import judge
from imagegate.model import (
    NO_REMEDY,
    Facts,
    Fix,
    Level,
    Phase,
    Probe,
    Refusal,
    RemedyState,
    Seen,
    Source,
    Step,
    Verdict,
)  # fmt: skip
from imagegate.plan import Grant, Plan, make_plan, over_limit, refuse_all
from imagegate.steps import Manual

WEB = instance("web")
DIRTY = Facts({a_file(path): Seen(value=full(), at=NOW) for path in ("/a", "/b", "/c")}, NOW)
DISRUPTIVE = Grant(level=Level.DISRUPTIVE)
BY_HAND = Manual(subject="/a", summary="do it by hand", why="nobody else can")


def plan_of(*checks, grant=DISRUPTIVE, seen=DIRTY, **record):
    """The plan of toy checks on one target."""
    return make_plan(WEB, [judge(pair(c, WEB, **record), seen, today=TODAY) for c in checks], seen, grant)


def summaries(plan):
    """The steps of a plan."""
    return [planned.step.summary for planned in plan.steps]


def reasons(plan):
    """Why each step is not granted."""
    return [planned.refused for planned in plan.steps]


# ---- what is planned


def test_only_fails_are_planned_for():
    seen = Facts({a_file("/a"): Seen(value=EMPTY, at=NOW)}, NOW)
    assert plan_of(toy(), seen=seen) == Plan(target=WEB)
    assert plan_of(toy(), seen=Facts({}, NOW)) == Plan(target=WEB)


def only_a_person(**record):
    """A check that only a person can answer; its plan has a step for one, and one of its own."""
    return toy(steps=[BY_HAND, scrub("/a")], attestable=True, **record)


def test_what_only_a_person_can_see_gets_the_steps_for_a_person_and_no_others():
    plan = plan_of(only_a_person(), seen=Facts({}, NOW))
    assert [planned.step for planned in plan.steps] == [BY_HAND]
    assert plan.granted == ()
    assert plan.remedy("linux-toy-empty").state is RemedyState.MANUAL


@pytest.mark.parametrize("case", ["attested", "not attestable"])
def test_an_unknown_that_somebody_attested_or_nobody_can_is_left_alone(case):
    check = only_a_person() if case == "attested" else toy(steps=[BY_HAND])
    assert plan_of(check, seen=Facts({}, NOW), attestations=(Slip(),)) == Plan(target=WEB)


def test_a_planner_that_needs_what_only_a_person_can_see_costs_nothing_else():
    def asks(seen, _want):
        yield BY_HAND
        yield scrub("/a") if seen[a_file("/a")] else BY_HAND

    plan = plan_of(replace(only_a_person(), plan=asks), seen=Facts({}, NOW))
    assert summaries(plan) == ["do it by hand"]
    assert plan.refusals == ()


def test_a_planner_for_a_person_that_breaks_says_so():
    def breaks(_seen, _want):
        raise ValueError("odd")
        yield

    plan = plan_of(replace(only_a_person(), plan=breaks), seen=Facts({}, NOW))
    assert [fix.refusal.reason for fix in plan.refusals] == ["the planner failed: ValueError: odd"]


def test_a_waived_fail_is_left_alone():
    assert plan_of(toy(), waivers=(Slip(),)) == Plan(target=WEB)


def test_steps_run_in_the_order_of_their_phases_and_within_one_as_planned():
    mixed = [
        scrub("/a", summary="power", phase=Phase.POWER), scrub("/a", summary="identity", phase=Phase.IDENTITY),
        scrub("/a", summary="content 2"), scrub("/a", summary="content 1"),
    ]  # fmt: skip
    assert summaries(plan_of(toy(steps=mixed))) == ["content 2", "content 1", "identity", "power"]


def test_steps_of_several_checks_are_sorted_together():
    first = toy("linux-first-empty", steps=[scrub("/a", summary="late", phase=Phase.LOGIN)])
    second = toy("linux-second-empty", steps=[scrub("/a", summary="early", phase=Phase.CONTENT)])
    assert summaries(plan_of(first, second)) == ["early", "late"]


def test_a_persons_work_comes_last_and_is_never_granted():
    plan = plan_of(toy(steps=[BY_HAND, scrub(phase=Phase.POWER)]))
    assert summaries(plan) == ["scrub /a", "do it by hand"]
    assert reasons(plan) == [None, "only a person can do this"]


def test_a_persons_work_does_not_hold_back_the_rest():
    assert [planned.step.summary for planned in plan_of(toy(steps=[BY_HAND, scrub()])).granted] == ["scrub /a"]


def test_equal_steps_of_several_checks_are_done_once_for_all_of_them():
    plan = plan_of(toy("linux-first-empty"), toy("linux-second-empty"))
    [planned] = plan.steps
    assert planned.checks == ("linux-first-empty", "linux-second-empty")


def test_steps_that_do_the_same_for_another_reason_are_one_with_all_reasons():
    other = replace(scrub(), why="it is old", undo="put it back", then="say so")
    for first, second in ((scrub(), other), (other, scrub())):
        plan = plan_of(toy("linux-first-empty", steps=[first]), toy("linux-second-empty", steps=[second]))
        assert plan.steps == (
            replace(
                plan.steps[0],
                step=replace(first, why=f"{first.why}; {second.why}"),
                checks=("linux-first-empty", "linux-second-empty"),
            ),
        )


def test_steps_that_do_something_else_stay_two():
    longer = replace(scrub(), patience_s=9.0)
    assert len(plan_of(toy("linux-first-empty"), toy("linux-second-empty", steps=[longer])).steps) == 2


def test_an_equal_step_is_granted_if_one_of_its_checks_may_be_fixed():
    never = replace(DISRUPTIVE, never=frozenset({"linux-first-empty"}))
    for order in ((0, 1), (1, 0)):
        checks = [toy("linux-first-empty"), toy("linux-second-empty")]
        plan = plan_of(*(checks[n] for n in order), grant=never)
        assert reasons(plan) == [None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Step):
    """A step whose basis is several files, so that it shows what was done before it."""

    source: ClassVar[Source] = Source.GUEST

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (a_file("/a"), a_file("/b"))

    def basis(self, seen):
        return [seen[probe].size for probe in self.reads]

    def simulate(self, seen):
        return seen

    def done(self, seen):
        return False


SUM = Sum(subject="/a", summary="sum", level=Level.DISRUPTIVE, phase=Phase.LOGIN, why="to see")


def expected_by_sum(plan):
    """What the last step expects."""
    [planned] = [planned for planned in plan.steps if planned.step == SUM]
    return planned.expects


def test_a_step_expects_what_the_granted_steps_before_it_leave_behind():
    assert expected_by_sum(plan_of(toy(steps=[SUM, scrub("/a"), scrub("/b")]))) == [0, 0]


def test_a_step_does_not_expect_what_a_refused_step_would_have_done():
    never = replace(DISRUPTIVE, never=frozenset({"linux-first-empty"}))
    refused = toy("linux-first-empty", steps=[scrub("/a")])
    assert expected_by_sum(plan_of(refused, toy("linux-second-empty", steps=[SUM]), grant=never)) == [7, 7]


def test_a_step_expects_the_work_of_an_equal_step_that_only_a_later_check_was_granted():
    never = replace(DISRUPTIVE, never=frozenset({"linux-first-empty"}))
    checks = [toy("linux-first-empty", steps=[scrub("/a")]), toy("linux-second-empty", steps=[scrub("/a"), SUM])]
    assert expected_by_sum(plan_of(*checks, grant=never)) == [0, 7]


def test_without_fix_the_plan_shows_what_would_be_as_if_all_were_done():
    plan = plan_of(toy(steps=[SUM, scrub("/a")]), grant=Grant())
    assert expected_by_sum(plan) == [0, 7]
    assert plan.granted == ()


# ---- checks that break their word


def test_a_planner_that_breaks_has_none_of_its_steps_planned_and_the_others_have():
    def breaks(seen, want):
        yield scrub("/b")
        raise ZeroDivisionError("a bug")

    plan = plan_of(replace(toy("linux-first-empty"), plan=breaks), toy("linux-second-empty"))
    assert summaries(plan) == ["scrub /a"]
    assert [refused.refusal.reason for refused in plan.refusals] == ["the planner failed: ZeroDivisionError: a bug"]


def test_a_planner_that_asks_for_what_was_not_seen_is_refused_with_the_reason():
    def asks(seen, want):
        yield scrub("/b")
        seen[a_file("/unseen")]

    plan = plan_of(replace(toy(), plan=asks))
    assert plan.steps == ()
    assert [r.refusal.reason for r in plan.refusals] == ["file:/unseen could not be seen: was not looked at"]


def test_a_step_on_what_was_not_seen_is_refused_and_the_others_are_planned():
    blind = toy("linux-first-empty", steps=[scrub("/unseen")])
    plan = plan_of(blind, toy("linux-second-empty"))
    assert summaries(plan) == ["scrub /a"]
    assert [r.refusal.reason for r in plan.refusals] == ["file:/unseen could not be seen: was not looked at"]


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (toy(steps=[scrub("/b"), scrub(level=Level.DISRUPTIVE)], effort=Level.SAFE), "declares safe at most"),
        (toy(steps=[scrub(level=Level.SAFE, undo=None)]), "a safe step without an undo"),
        (toy(steps=[scrub()], fix=Fix.NEVER), "declares that it is never fixed"),
    ],
)
def test_a_step_that_breaks_a_declaration_is_refused_and_no_half_of_the_fix_is_granted(check, reason):
    plan = plan_of(check)
    assert reason in plan.refusals[0].refusal.reason
    assert plan.granted == ()
    assert plan.remedy(check.id).state is RemedyState.REFUSED


# ---- half a fix is no fix


def test_a_refusal_beside_steps_holds_the_steps_back():
    plan = plan_of(toy(steps=[scrub("/a"), Refusal(subject="/b", reason="it is a link")]))
    assert reasons(plan) == ["half a fix is none: it is a link"]
    assert plan.remedy("linux-toy-empty").state is RemedyState.REFUSED
    assert plan.remedy("linux-toy-empty").reason == "it is a link"


def test_one_step_above_the_grant_holds_all_steps_of_its_check_back_and_only_those():
    both = toy("linux-first-empty", steps=[scrub("/a"), scrub("/b", level=Level.DESTRUCTIVE)])
    plan = plan_of(both, toy("linux-second-empty", ("/c",)))
    assert [planned.step.summary for planned in plan.granted] == ["scrub /c"]
    assert plan.remedy("linux-first-empty").reason == "destructive: needs --fix-level destructive"
    assert plan.remedy("linux-second-empty").state is RemedyState.PLANNED


STOP = replace(scrub("/b"), phase=Phase.POWER, summary="stop it")


def test_the_power_is_not_taken_from_a_guest_that_still_has_to_be_changed():
    worse = toy("linux-toy-worse", steps=[scrub("/a", level=Level.DESTRUCTIVE)])
    stop = toy("linux-toy-stop", steps=[scrub("/c"), STOP])
    plan = plan_of(worse, stop, toy("linux-toy-free", ("/b",)))
    reason = "first comes what needs it running: scrub /a"
    assert dict(zip(summaries(plan), reasons(plan), strict=True)) == {
        "scrub /a": "destructive: needs --fix-level destructive",
        "scrub /c": reason,
        "scrub /b": None,
        "stop it": reason,
    }


def test_the_power_is_taken_when_all_that_is_left_is_for_a_person():
    plan = plan_of(toy("linux-toy-hand", steps=[BY_HAND]), toy("linux-toy-stop", steps=[STOP]))
    assert [planned.step.summary for planned in plan.granted] == ["stop it"]


def test_a_check_half_of_whose_steps_another_check_may_take_stays_refused():
    both = toy("linux-first-empty", steps=[scrub("/a"), scrub("/b", level=Level.DESTRUCTIVE)])
    plan = plan_of(both, toy("linux-second-empty"))
    assert [planned.step.summary for planned in plan.granted] == ["scrub /a"]
    assert plan.remedy("linux-first-empty").state is RemedyState.REFUSED
    assert plan.remedy("linux-second-empty").state is RemedyState.PLANNED


# ---- refused until something else is done


def behind(steps, subject="/a"):
    """A check that refuses as long as /a is full, and then plans ``steps``."""

    def plan(seen, _want):
        yield scrub("/c")
        if seen[a_file("/a")].size:
            yield Refusal(subject=subject, reason="/a is full")
        else:
            yield from steps

    return replace(toy("linux-toy-behind", ("/a", "/b", "/c")), plan=plan)


@pytest.mark.parametrize("grant", [DISRUPTIVE, Grant()])
@pytest.mark.parametrize("first", [True, False])
def test_what_another_check_mends_first_is_no_reason_to_refuse(first, grant):
    late = behind([scrub("/b")])
    plan = plan_of(*([late, toy()] if first else [toy(), late]), grant=grant)
    assert summaries(plan) == ["scrub /a", "scrub /c", "scrub /b"]
    assert [planned.checks for planned in plan.steps] == [("linux-toy-empty", late.id), (late.id,), (late.id,)]
    assert plan.remedy(late.id).state is RemedyState.PLANNED
    assert plan.refusals == ()


def test_what_another_check_mends_may_be_all_that_was_to_be_done():
    late = replace(behind([]), plan=lambda seen, _: [Refusal(subject="/a", reason="full")] if seen[a_file()].size else [])
    plan = plan_of(toy(), late)
    assert [(planned.step.summary, planned.checks) for planned in plan.steps] == [
        ("scrub /a", ("linux-toy-empty", late.id))
    ]
    assert plan.remedy(late.id).state is RemedyState.PLANNED


@pytest.mark.parametrize(
    ("late", "other", "grant"),
    [
        (behind([scrub("/b")]), toy("linux-toy-other", ("/b",)), DISRUPTIVE),
        (behind([scrub("/b")], subject="/z"), toy(), DISRUPTIVE),
        (behind([Refusal(subject="/b", reason="/b is a link")]), toy(), DISRUPTIVE),
        (behind([scrub("/b")]), toy(), replace(DISRUPTIVE, never=frozenset({"linux-toy-empty"}))),
        (behind([scrub("/b")]), toy(steps=[scrub("/a", level=Level.DESTRUCTIVE)]), DISRUPTIVE),
        (behind([scrub("/b")]), toy(steps=[scrub("/a", phase=Phase.LOGIN)]), DISRUPTIVE),
        (behind([scrub("/b")]), toy(steps=[replace(BY_HAND, subject="/a")]), DISRUPTIVE),
    ],
    ids=["not mended", "about something else", "refused then too", "never", "not granted", "too late", "by hand"],
)
def test_it_stays_refused(late, other, grant):
    plan = plan_of(other, late, grant=grant)
    remedy = plan.remedy(late.id)
    assert (remedy.state, remedy.reason) == (RemedyState.REFUSED, "/a is full")
    assert "scrub /c" not in {planned.step.summary for planned in plan.granted}


# ---- grants

CHECK = "linux-toy-empty"
NAMED = Grant(
    level=Level.DESTRUCTIVE, named_checks=frozenset({CHECK}), named_targets=frozenset({"web"}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("level", "grant", "reason"),
    [
        (Level.SAFE, Grant(), "no --fix was given"),
        (Level.SAFE, Grant(level=Level.SAFE), None),
        (Level.DISRUPTIVE, Grant(level=Level.SAFE), "disruptive: needs --fix-level disruptive"),
        (Level.DISRUPTIVE, DISRUPTIVE, None),
        (Level.DISRUPTIVE, Grant(level=Level.DESTRUCTIVE), None),
        (Level.DESTRUCTIVE, DISRUPTIVE, "destructive: needs --fix-level destructive"),
        (Level.DESTRUCTIVE, NAMED, None),
        (Level.DESTRUCTIVE, replace(NAMED, named_checks=frozenset()), "needs the target and --check named"),
        (Level.DESTRUCTIVE, replace(NAMED, named_targets=frozenset()), "needs the target and --check named"),
        (Level.DESTRUCTIVE, replace(NAMED, named_targets=frozenset({"other"})), "needs the target and --check named"),
        (Level.DESTRUCTIVE, replace(NAMED, ceiling=Level.DISRUPTIVE), "the policy's fix.ceiling is disruptive"),
        (Level.DISRUPTIVE, replace(DISRUPTIVE, ceiling=Level.SAFE), "the policy's fix.ceiling is safe"),
        (Level.SAFE, replace(DISRUPTIVE, never=frozenset({CHECK})), "the policy never fixes linux-toy-empty"),
        (Level.SAFE, Grant(level=Level.SAFE, ceiling=Level.DESTRUCTIVE), None),
        (Level.DISRUPTIVE, Grant(level=Level.SAFE, ceiling=Level.DESTRUCTIVE), "needs --fix-level disruptive"),
        (Level.MANUAL, NAMED, "only a person can do this"),
    ],
)
def test_a_grant_says_why_a_step_may_not_be_applied(level, grant, reason):
    said = grant.refuses(scrub(level=level), toy(), WEB)
    assert (said is None) if reason is None else (reason in said)


def test_a_target_is_named_by_name_or_by_id():
    other = replace(WEB, id="0000-1111")
    for names in ({"web"}, {"0000-1111"}):
        assert (
            replace(NAMED, named_targets=frozenset(names)).refuses(scrub(level=Level.DESTRUCTIVE), toy(), other) is None
        )


# ---- what it means for a finding


def test_without_fix_a_remedy_is_planned():
    assert plan_of(toy(), grant=Grant()).remedy(CHECK).state is RemedyState.PLANNED


def test_without_fix_a_remedy_that_the_policy_forbids_is_refused():
    remedy = plan_of(toy(), grant=Grant(ceiling=Level.SAFE)).remedy(CHECK)
    assert (remedy.state, remedy.reason) == (RemedyState.REFUSED, "disruptive: the policy's fix.ceiling is safe")


def test_steps_for_a_person_alone_are_a_manual_remedy():
    remedy = plan_of(toy(steps=[BY_HAND], fix=Fix.NEVER)).remedy(CHECK)
    assert (remedy.state, remedy.steps) == (RemedyState.MANUAL, (BY_HAND,))


def test_a_fail_without_any_step_has_no_remedy():
    assert plan_of(toy(steps=[])).remedy(CHECK) == NO_REMEDY


# ---- limits


def plans(count):
    """Plans for so many targets."""
    return [replace(plan_of(toy()), target=instance(f"web-{n}")) for n in range(count)]


@pytest.mark.parametrize(("count", "limit", "allowed"), [(0, 0, True), (1, 1, True), (2, 1, False), (1, 0, False)])
def test_more_changed_targets_than_the_policy_allows_are_too_many(count, limit, allowed):
    said = over_limit(plans(count), limit)
    assert (said is None) is allowed
    assert allowed or said == f"{count} targets would be changed, the policy allows {limit} (limits.changed_targets)"


def test_targets_without_a_granted_step_do_not_count():
    assert over_limit([plan_of(toy(), grant=Grant()), *plans(1)], 1) is None


def test_refusing_all_refuses_what_was_granted_and_keeps_the_reasons_of_the_rest():
    plan = refuse_all(plan_of(toy(steps=[scrub(), BY_HAND])), "not confirmed")
    assert reasons(plan) == ["not confirmed", "only a person can do this"]
    assert plan.granted == ()
    assert plan.remedy(CHECK).reason == "not confirmed"


def test_the_finding_of_the_plan_is_a_fail():
    assert judge(pair(toy(), WEB), DIRTY, today=TODAY).verdict is Verdict.FAIL
