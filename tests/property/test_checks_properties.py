"""Laws that hold for every check of the catalogue, whatever a guest or a cloud sends."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from tests.checks.harness import Case, catalogue, everything, table_of, target
from tests.strategies import FACTS, all_probes, facts_of, foreign, grants, patient, unseen
from tests.strategies_words import TODAY

from imagegate.codec import dump_facts, load_facts
from imagegate.errors import Owner, Unobserved
from imagegate.judge import Pair, judge
from imagegate.model import Facts, Fix, Level, Phase, Step, Verdict, Violation
from imagegate.plan import make_plan, needs_a_person

CHECKS = [pytest.param(entry, id=name) for name, entry in catalogue().entries.items()]
every_check = pytest.mark.parametrize("entry", CHECKS)


@dataclass(frozen=True)
class Slip:
    """A waiver or an attestation in force, or not."""

    until: Any
    fingerprint: str | None = None

    def in_force(self, today):
        return today <= self.until


slips = st.lists(st.builds(Slip, st.integers(-2, 2).map(lambda days: TODAY + timedelta(days=days))), max_size=2)


def wants(entry):
    """What a policy could say to a check: all that its table says, and what its table can draw."""
    table = table_of(entry)
    said = st.sampled_from([case.want for case in table.of(Case)])
    return (said if table.wants is None else said | table.wants).map(entry.check.params.model_validate)


@st.composite
def pairs(draw, entry):
    """A check on a target with any parameters and slips."""
    return Pair(
        check=entry.check, target=target(entry.check.kind), params=draw(wants(entry)), rule=0,
        waivers=draw(slips), attestations=draw(slips),
    )  # fmt: skip


@cache
def asked(name):
    """What the check of this id looks at because of something that its table says."""
    entry = catalogue().entries[name]
    if entry.check.asks is None:
        return ()
    said = (entry.check.params.model_validate(case.want) for case in table_of(entry).of(Case))
    return tuple(dict.fromkeys(probe for params in said for probe in entry.check.asks(params)))


def whole(entry):
    """Facts that hold everything the check needs; of what it uses some may be missing."""
    return facts_of(entry.check.needs, (*entry.check.uses, *asked(entry.check.id)))


def broken(entry):
    """Facts of which anything may be missing."""
    return facts_of((), (*entry.check.probes, *asked(entry.check.id)))


def without_waivers(pair):
    """The same pair for a policy without waivers and attestations."""
    return replace(pair, waivers=(), attestations=())


def proposals(check, seen, params):
    """What a planner yields, as far as it comes: it may ask for what was not seen."""
    items = []
    with suppress(Unobserved):
        items.extend(check.plan(seen, params))
    return items


@every_check
@patient
@given(data=st.data())
def test_no_violation_means_that_the_planner_has_no_step(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(whole(entry))
    finding = judge(pair, seen, today=TODAY)
    event(str(finding.verdict))
    if finding.verdict is Verdict.PASS:
        assert [item for item in proposals(entry.check, seen, pair.params) if isinstance(item, Step)] == []


@every_check
@patient
@given(data=st.data())
def test_all_steps_done_the_check_passes_and_planning_again_gives_nothing(entry, data):
    check, pair, seen = entry.check, without_waivers(data.draw(pairs(entry))), data.draw(whole(entry))
    grant = everything(check, pair.target)
    finding = judge(pair, seen, today=TODAY)
    plan = make_plan(pair.target, [finding], seen, grant)
    by_hand = any(planned.step.level is Level.MANUAL for planned in plan.steps)
    event(f"{finding.verdict}, {len(plan.granted)} steps, {len(plan.refusals)} refusals, by hand: {by_hand}")
    if finding.verdict is Verdict.FAIL:
        assert plan.steps or plan.refusals
        assert check.fix is not Fix.ALWAYS or plan.granted
    brought_to_light = False
    for planned in plan.granted:
        assert planned.step.basis(seen) == planned.expects
        seen = planned.step.simulate(seen)
        assert planned.step.done(seen)
        brought_to_light |= any(probe not in seen for probe in planned.step.reveals)
    after = judge(pair, seen, today=TODAY)
    again = make_plan(pair.target, [after], seen, grant)
    assert again.granted == ()
    if brought_to_light and after.verdict is Verdict.UNKNOWN:
        return  # a simulation cannot tell what a look would see then
    if finding.verdict is Verdict.FAIL and not plan.refusals and not by_hand:
        assert after.verdict is Verdict.PASS
        assert again.steps == again.refusals == ()


@pytest.mark.parametrize("entry", [entry for entry in CHECKS if entry.values[0].check.needs])
@patient
@given(data=st.data())
def test_a_needed_probe_that_is_missing_makes_the_verdict_unknown(entry, data):
    pair, seen, lost = data.draw(pairs(entry)), data.draw(whole(entry)), data.draw(st.sampled_from(entry.check.needs))
    looks = dict(seen.items())
    del looks[lost]
    never_looked = judge(pair, Facts(looks, seen.at), today=TODAY)
    silence = data.draw(unseen)
    in_vain = judge(pair, Facts({**looks, lost: silence}, seen.at), today=TODAY)
    assert never_looked.verdict is in_vain.verdict is Verdict.UNKNOWN
    assert never_looked.owner is Owner.TOOL
    assert (in_vain.reason, in_vain.owner) == (silence.reason, silence.owner)
    plan = make_plan(pair.target, [in_vain], seen.without(lost), everything(entry.check, pair.target))
    assert plan.granted == ()
    assert plan.steps == () or needs_a_person(in_vain)
    assert all(planned.step.level is Level.MANUAL for planned in plan.steps)


@every_check
@patient
@given(data=st.data())
def test_whatever_was_seen_neither_judge_nor_planner_breaks(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(broken(entry))
    finding = judge(pair, seen, today=TODAY)
    assert not (finding.reason or "").startswith("the check failed")
    plan = make_plan(
        pair.target, [replace(finding, verdict=Verdict.FAIL, waiver=None)], seen, everything(entry.check, pair.target)
    )
    assert not any(refused.refusal.reason.startswith("the planner failed") for refused in plan.refusals)


@every_check
@patient
@given(data=st.data())
def test_judging_and_planning_twice_gives_the_same_and_changes_no_fact(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(broken(entry))
    before = dump_facts(seen)
    findings = [judge(pair, seen, today=TODAY) for _ in range(2)]
    plans = [make_plan(pair.target, [finding], seen, everything(entry.check, pair.target)) for finding in findings]
    assert findings[0] == findings[1]
    assert plans[0] == plans[1]
    assert dump_facts(seen) == before


@every_check
@patient
@given(data=st.data())
def test_a_waiver_or_an_attestation_never_changes_what_was_seen(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(broken(entry))
    beside, plain = judge(pair, seen, today=TODAY), judge(without_waivers(pair), seen, today=TODAY)
    assert (beside.verdict, beside.violations, beside.reason, beside.owner) == (
        plain.verdict, plain.violations, plain.reason, plain.owner,
    )  # fmt: skip
    assert beside.waiver is None or beside.verdict is Verdict.FAIL
    assert beside.attestation is None or (beside.verdict is Verdict.UNKNOWN and entry.check.attestable)
    if beside.waived:
        plan = make_plan(pair.target, [beside], seen, everything(entry.check, pair.target))
        assert plan.steps == plan.refusals == ()


@every_check
@patient
@given(data=st.data())
def test_the_verdict_survives_a_recording(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(broken(entry))
    again = load_facts(dump_facts(seen))
    assert again == seen
    assert judge(pair, again, today=TODAY) == judge(pair, seen, today=TODAY)


@every_check
@patient
@given(data=st.data())
def test_a_plan_keeps_the_order_the_levels_and_the_grant(entry, data):
    check, pair, seen = entry.check, without_waivers(data.draw(pairs(entry))), data.draw(whole(entry))
    grant = data.draw(grants(check, pair.target))
    plan = make_plan(pair.target, [judge(pair, seen, today=TODAY)], seen, grant)
    machine = [planned.step for planned in plan.steps if planned.step.level is not Level.MANUAL]
    assert [step.phase for step in machine] == sorted(step.phase for step in machine)
    assert all((step.phase >= Phase.UNPROTECT) is (check.kind == "image") for step in machine)
    assert all(step.undo for step in machine if step.level is Level.SAFE)
    assert all(step.level <= check.effort for step in machine)
    granted = [planned.step for planned in plan.granted]
    assert granted in ([], machine), "half a fix was granted"
    for step in granted:
        assert grant.level is not None
        assert step.level <= grant.level
        assert step.level <= grant.ceiling
        assert check.id not in grant.never
        assert step.level is not Level.DESTRUCTIVE or check.id in grant.named_checks


@every_check
@patient
@given(data=st.data())
def test_a_violation_says_something_else_than_what_is_required(entry, data):
    pair, seen = data.draw(pairs(entry)), data.draw(whole(entry))
    for violation in judge(pair, seen, today=TODAY).violations:
        assert isinstance(violation, Violation)
        assert violation.subject
        assert violation.expected != violation.actual


@patient
@given(probe=all_probes, text=foreign)
def test_every_type_of_probe_has_a_strategy_for_what_it_sees(probe, text):
    assert type(probe) in FACTS
