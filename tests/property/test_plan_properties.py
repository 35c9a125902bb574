"""Laws of planning, for any steps of any checks under any grant."""

from hypothesis import given
from hypothesis import strategies as st
from tests.checks.world import EMPTY, NOW, TODAY, Slip, a_file, full, instance, pair, scrub, toy
from tests.strategies import thorough

from imagegate.judge import judge
from imagegate.model import Facts, Fix, Level, Phase, Refusal, RemedyState, Seen, Verdict
from imagegate.plan import Grant, make_plan, over_limit, refuse_all

WEB = instance("web")
NAMES = ("linux-first-empty", "linux-second-empty", "linux-third-empty")
PATHS = ("/a", "/b")
DIRTY = Facts({a_file(path): Seen(value=full(), at=NOW) for path in PATHS}, NOW)
LEVELS = (Level.SAFE, Level.DISRUPTIVE, Level.DESTRUCTIVE)

steps = st.builds(
    scrub,
    st.sampled_from(PATHS),
    level=st.sampled_from(Level),
    phase=st.sampled_from((Phase.CONTENT, Phase.IDENTITY, Phase.POWER)),
    undo=st.sampled_from((None, "undo it")),
)
refusals = st.builds(Refusal, subject=st.just("/a"), reason=st.sampled_from(("no", "never")))


def check(name, script, fix, effort):
    """A failing check with a plan."""
    return toy(name, steps=script, fix=fix, effort=effort)


@st.composite
def checks(draw):
    """Some checks, each with a script of steps and refusals."""
    return [
        check(
            name,
            [
                *draw(st.lists(steps, max_size=3)),
                *draw(st.lists(refusals, max_size=1) if draw(st.booleans()) else st.just([])),
            ],
            draw(st.sampled_from((Fix.SOMETIMES, Fix.SOMETIMES, Fix.SOMETIMES, Fix.NEVER))),
            draw(st.sampled_from((Level.MANUAL, Level.MANUAL, Level.MANUAL, Level.DISRUPTIVE))),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    ]


grants = st.builds(
    Grant,
    level=st.none() | st.sampled_from(LEVELS),
    ceiling=st.sampled_from(LEVELS),
    never=st.frozensets(st.sampled_from(NAMES)),
    named_checks=st.frozensets(st.sampled_from(NAMES)),
    named_targets=st.frozensets(st.sampled_from(("web", "other"))),
)


def planned(of, grant, waivers=()):
    """The plan of failing checks."""
    findings = [judge(pair(c, WEB, waivers=waivers), DIRTY, today=TODAY) for c in of]
    assert all(found.verdict is Verdict.FAIL for found in findings)
    return make_plan(WEB, findings, DIRTY, grant)


def script(one):
    """What a check wants to do."""
    return list(one.plan(DIRTY, None))


@thorough
@given(checks(), grants)
def test_no_step_is_granted_beyond_what_command_line_and_policy_allow(of, grant):
    plan = planned(of, grant)
    for item in plan.granted:
        step = item.step
        assert step.level in LEVELS
        assert grant.level is not None
        assert step.level <= min(grant.level, grant.ceiling)
        assert set(item.checks) - grant.never
        assert step.level is not Level.SAFE or step.undo
        if step.level is Level.DESTRUCTIVE:
            assert set(item.checks) & grant.named_checks
            assert "web" in grant.named_targets


@thorough
@given(checks(), grants)
def test_half_a_fix_is_never_granted(of, grant):
    """A check that is to be mended has all its steps granted, and no refusal; of one that is not, a step is granted
    only for another check that wants the very same."""
    plan = planned(of, grant)
    whole = {one.id for one in of if plan.remedy(one.id).state is RemedyState.PLANNED}
    granted = {item.step for item in plan.granted}
    if grant.level is not None:
        for one in of:
            wanted = script(one)
            mine = {item for item in wanted if not isinstance(item, Refusal) and item.level is not Level.MANUAL}
            if one.id in whole:
                assert mine <= granted
                assert not any(isinstance(item, Refusal) for item in wanted)
    for item in plan.granted:
        assert whole & set(item.checks), f"{item.step.summary} mends nothing whole"


@thorough
@given(checks(), grants)
def test_every_fix_that_is_not_planned_says_why(of, grant):
    plan = planned(of, grant)
    for one in of:
        remedy = plan.remedy(one.id)
        assert (remedy.state is RemedyState.REFUSED) is bool(remedy.reason)
        if script(one):
            assert remedy.state is not RemedyState.NONE


@thorough
@given(checks(), grants)
def test_a_plan_is_in_the_order_of_phases_with_a_persons_work_last_and_nothing_twice(of, grant):
    order = [(item.step.level is Level.MANUAL, item.step.phase) for item in planned(of, grant).steps]
    assert order == sorted(order)
    done = [item.step for item in planned(of, grant).steps]
    assert len(done) == len(set(done))


@thorough
@given(checks(), grants)
def test_each_granted_step_expects_exactly_what_the_granted_ones_before_it_leave(of, grant):
    seen = DIRTY
    for item in planned(of, grant).granted:
        assert item.expects == item.step.basis(seen)
        seen = item.step.simulate(seen)


@thorough
@given(checks(), grants, st.sampled_from(LEVELS), st.frozensets(st.sampled_from(NAMES)))
def test_ceiling_and_never_only_lower(of, grant, ceiling, never):
    lowered = Grant(
        level=grant.level,
        ceiling=min(ceiling, grant.ceiling),
        never=grant.never | never,
        named_checks=grant.named_checks,
        named_targets=grant.named_targets,
    )
    assert {item.step for item in planned(of, lowered).granted} <= {item.step for item in planned(of, grant).granted}


@thorough
@given(checks(), grants)
def test_a_waived_fail_has_no_plan(of, grant):
    plan = planned(of, grant, waivers=(Slip(),))
    assert plan.steps == plan.refusals == ()


@thorough
@given(checks(), grants)
def test_what_is_not_a_fail_has_no_plan(of, grant):
    clean = Facts({a_file(path): Seen(value=EMPTY, at=NOW) for path in PATHS}, NOW)
    for seen in (clean, Facts({}, NOW)):
        findings = [judge(pair(one, WEB), seen, today=TODAY) for one in of]
        assert make_plan(WEB, findings, seen, grant).steps == ()


@thorough
@given(checks(), grants)
def test_refusing_all_leaves_nothing_granted_and_every_step_with_a_reason(of, grant):
    plan = refuse_all(planned(of, grant), "not confirmed")
    assert plan.granted == ()
    assert all(item.refused for item in plan.steps)
    assert over_limit([plan], 0) is None
