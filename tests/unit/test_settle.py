"""What came of a finding: the verdict seen stays, what was seen afterwards decides, and only a look calls it fixed."""

from dataclasses import replace

import pytest
from tests.checks.world import NOW, TODAY, Slip, a_file, full, instance, pair, scrub, toy

from imagegate.judge import judge
from imagegate.mend import Outcome
from imagegate.model import Facts, Fix, Level, Refusal, RemedyState, Seen, Unseen, Verdict
from imagegate.plan import Grant, make_plan
from imagegate.settle import Work, not_begun, settle
from imagegate.steps import Manual

WEB = instance("web")
A, B = a_file("/a"), a_file("/b")
SCRUB_A, SCRUB_B = scrub("/a"), scrub("/b")
BY_HAND = Manual(subject="/a", summary="empty it by hand", why="nobody else can")

MENDED = toy()
MANUAL = toy("linux-manual-empty", steps=[BY_HAND], fix=Fix.NEVER)
NO_PLAN = toy("linux-bare-empty", steps=[], fix=Fix.NEVER)
REFUSED = toy("linux-refused-empty", steps=[Refusal(subject="/a", reason="it is a link")])
GUEST_OF_A = toy("linux-apt-empty", applies=lambda seen, want: None if seen[A].size else "there is nothing in it")
MOODY = toy("linux-moody-empty", applies=lambda seen, want: None if seen[A].size != 9 else "nine is not our business")


def seen(a=7, b=7, lost=None):
    """What was seen of both files."""
    if lost:
        return Facts({probe: Unseen(reason=lost, at=NOW) for probe in (A, B)}, NOW)
    return Facts({A: Seen(value=full(a), at=NOW), B: Seen(value=full(b), at=NOW)}, NOW)


def judged(check, facts, **more):
    return judge(pair(check, WEB, **more), facts, today=TODAY)


def planned(check, facts, **more):
    """A finding as it is before anything is applied."""
    finding = judged(check, facts, **more)
    plan = make_plan(WEB, [finding], facts, Grant(level=Level.DISRUPTIVE))
    return finding.with_remedy(plan.remedy(check.id))


def work(*done, failed=None, begun=False, reason=None, unrestored=None):
    return Work(
        done=done, outcome=Outcome(done=done, failed=failed, begun=begun, reason=reason, unrestored=unrestored)
    )


def settled(check, after, did, *, before=None, steps=None, **more):
    return settle(planned(check, before or seen(), **more), judged(check, after, **more), did, steps)


def without_after(finding):
    """The finding without what was seen afterwards."""
    return finding.with_remedy(replace(finding.remedy, after=None))


@pytest.mark.parametrize(
    ("check", "steps"), [(MANUAL, (BY_HAND,)), (REFUSED, ()), (NO_PLAN, ())], ids=["manual", "refused", "no plan"]
)
def test_a_fail_that_had_no_step_of_its_own_and_was_mended_by_anothers_is_fixed(check, steps):
    found = settled(check, seen(a=0), work(SCRUB_A))
    assert (found.verdict, found.fixed, found.stands) == (Verdict.FAIL, True, False)
    assert found.remedy.reason == "mended along with others: scrub /a"
    assert (found.remedy.steps, found.remedy.done) == (steps, ())
    assert found.violations == planned(check, seen()).violations, "the verdict seen has changed"


def test_only_the_steps_that_touch_what_a_check_looks_at_are_named():
    assert settled(MANUAL, seen(a=0), work(SCRUB_B, SCRUB_A)).remedy.reason == "mended along with others: scrub /a"


def test_a_step_that_two_rounds_did_is_named_once():
    assert settled(MANUAL, seen(a=0), work(SCRUB_A, SCRUB_A)).remedy.reason == "mended along with others: scrub /a"


def test_a_fail_that_is_gone_after_steps_that_do_not_say_that_they_touch_it_is_fixed_with_other_words():
    found = settled(MANUAL, seen(a=0), work(SCRUB_B))
    assert found.fixed
    assert found.remedy.reason == "as required after what was done for others: scrub /b"


def test_a_write_that_failed_half_way_may_have_mended_it():
    found = settled(MANUAL, seen(a=0), work(failed=SCRUB_A, begun=True, reason="HTTP 503"))
    assert found.fixed
    assert found.remedy.reason == "mended along with others: scrub /a"


@pytest.mark.parametrize(
    ("after", "did"),
    [
        (seen(a=7), work(SCRUB_A)),
        (seen(a=3), work(SCRUB_A)),
        (seen(lost="connection reset"), work(SCRUB_A)),
        (seen(a=0), work()),
        (seen(a=0), work(failed=SCRUB_A, reason="changed since the plan was made")),
        (seen(a=0), work(SCRUB_A, unrestored="the protection could not be put back")),
    ],
    ids=["still fails", "fails otherwise", "unseen", "nothing was done", "nothing was begun", "left unprotected"],
)
@pytest.mark.parametrize("check", [MANUAL, REFUSED, NO_PLAN])
def test_what_was_not_seen_mended_by_this_run_stays_as_it_was(check, after, did):
    found = settled(check, after, did)
    assert without_after(found) == planned(check, seen())
    assert found.stands


def test_a_check_that_no_longer_applies_is_content_only_if_a_step_touched_what_it_looks_at():
    by_us = settled(GUEST_OF_A, seen(a=0), work(SCRUB_A))
    assert (by_us.verdict, by_us.fixed) == (Verdict.FAIL, True)
    assert by_us.remedy.reason == (
        "no longer applies after what was done for others: scrub /a: there is nothing in it"
    )  # fmt: skip
    by_others = settled(GUEST_OF_A, seen(a=0), work(SCRUB_B))
    assert by_others.stands


def test_a_waived_fail_is_not_called_fixed_whatever_became_of_it():
    before = judged(MENDED, seen(), waivers=(Slip(),))
    found = settle(before, judged(MENDED, seen(a=0), waivers=(Slip(),)), work(SCRUB_A), None)
    assert without_after(found) == before
    assert (found.waived, found.fixed) == (True, False)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (seen(lost="silent"), seen(a=0), Verdict.UNKNOWN),
        (seen(lost="silent"), seen(a=7), Verdict.FAIL),
        (seen(a=0), seen(a=7), Verdict.FAIL),
        (seen(a=0), seen(lost="silent"), Verdict.UNKNOWN),
        (seen(a=9), seen(a=7), Verdict.FAIL),
        (seen(a=0), seen(a=9), Verdict.PASS),
        (seen(a=9), seen(a=0), Verdict.NOT_APPLICABLE),
    ],
    ids=[
        "unknown, then good", "unknown, then bad", "good, then bad", "good, then unseen", "not applicable, then bad",
        "good, then not applicable", "not applicable, then good",
    ],
)  # fmt: skip
def test_a_neighbour_is_told_the_worse_of_what_was_seen_and_never_called_fixed(before, after, verdict):
    found = settle(judged(MOODY, before), judged(MOODY, after), work(SCRUB_B), None)
    assert (found.verdict, found.fixed) == (verdict, False)


@pytest.mark.parametrize(
    ("after", "did", "state", "reason"),
    [
        (seen(a=0), work(SCRUB_A), RemedyState.VERIFIED, None),
        (seen(a=0), work(failed=SCRUB_A, begun=True, reason="HTTP 503"), RemedyState.VERIFIED, None),
        (seen(a=0), work(SCRUB_B, failed=SCRUB_A, reason="changed"), RemedyState.VERIFIED,
         "as required after what was done for others: scrub /b"),
        (seen(a=0), work(failed=SCRUB_A, reason="changed"), RemedyState.REFUSED, "changed"),
        (seen(a=7), work(failed=SCRUB_A, reason="changed"), RemedyState.REFUSED, "changed"),
        (seen(a=7), work(failed=SCRUB_A, begun=True, reason="HTTP 503"), RemedyState.FAILED, "HTTP 503"),
        (seen(a=7), work(SCRUB_A), RemedyState.NOT_VERIFIED, "applied, but it still fails"),
        (seen(lost="silent"), work(SCRUB_A), RemedyState.NOT_VERIFIED,
         "applied, but it cannot be seen whether it helped"),
        (seen(a=0), work(SCRUB_A, unrestored="left unprotected"), RemedyState.NOT_VERIFIED, "left unprotected"),
    ],
)  # fmt: skip
def test_what_came_of_steps_of_its_own(after, did, state, reason):
    found = settled(MENDED, after, did, steps=(SCRUB_A,))
    assert (found.verdict, found.remedy.state, found.remedy.reason) == (Verdict.FAIL, state, reason)


@pytest.mark.parametrize(
    ("did", "state"),
    [
        (work(SCRUB_A), RemedyState.VERIFIED),
        (work(failed=SCRUB_A, begun=True, reason="HTTP 503"), RemedyState.VERIFIED),
        (work(failed=SCRUB_A, reason="changed"), RemedyState.REFUSED),
    ],
)
def test_the_verdict_seen_stays_where_a_check_whose_steps_were_planned_applies_no_more(did, state):
    found = settled(GUEST_OF_A, seen(a=0), did, steps=(SCRUB_A,))
    assert (found.verdict, found.remedy.state) == (Verdict.FAIL, state)


def test_what_a_person_has_to_do_is_left_where_the_steps_did_not_suffice():
    both = toy("linux-both-empty", ("/a", "/b"), steps=[SCRUB_A, BY_HAND])
    found = settled(both, seen(a=0), work(SCRUB_A), steps=(SCRUB_A,))
    assert found.remedy.state is RemedyState.APPLIED
    assert found.remedy.reason == "a person has to do the rest: empty it by hand"


@pytest.mark.parametrize(
    ("check", "before", "after", "did", "steps"),
    [
        (MENDED, seen(), seen(a=0), work(SCRUB_A), (SCRUB_A,)),
        (MENDED, seen(), seen(a=3), work(SCRUB_A), (SCRUB_A,)),
        (MENDED, seen(), seen(a=3), work(failed=SCRUB_A, begun=True, reason="HTTP 503"), (SCRUB_A,)),
        (MENDED, seen(), seen(lost="silent"), work(SCRUB_A), (SCRUB_A,)),
        (MENDED, seen(), seen(a=0), work(SCRUB_A, unrestored="left unprotected"), (SCRUB_A,)),
        (GUEST_OF_A, seen(), seen(a=0), work(SCRUB_A), (SCRUB_A,)),
        (MANUAL, seen(), seen(a=0), work(SCRUB_A), None),
        (MANUAL, seen(), seen(a=7), work(SCRUB_B), None),
        (REFUSED, seen(), seen(a=3), work(SCRUB_A), None),
        (MENDED, seen(lost="silent"), seen(a=0), work(SCRUB_B), None),
    ],
)
def test_what_was_seen_afterwards_stands_beside_what_was_seen_before(check, before, after, did, steps):
    found = settled(check, after, did, before=before, steps=steps)
    first, then = judged(check, before), judged(check, after)
    assert (found.verdict, found.violations, found.reason) == (first.verdict, first.violations, first.reason)
    told = found.remedy.after
    assert (told.verdict, told.violations, told.reason, told.observed_at) == (
        then.verdict, then.violations, then.reason, NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"), [(seen(a=0), seen(a=0)), (seen(a=0), seen(a=7)), (seen(lost="silent"), seen(a=7))]
)
def test_what_was_well_or_came_to_light_has_no_before_and_after(before, after):
    assert settled(MENDED, after, work(SCRUB_B), before=before).remedy.after is None


def test_notes_of_both_looks_are_kept_once():
    before, after = planned(MANUAL, seen()), judged(MANUAL, seen(a=0))
    found = settle(replace(before, note="one; two"), replace(after, note="two; three"), work(SCRUB_A), None)
    assert found.note == "one; two; three"


@pytest.mark.parametrize(
    ("check", "state"), [(MENDED, RemedyState.REFUSED), (MANUAL, RemedyState.MANUAL), (NO_PLAN, RemedyState.NONE)]
)
def test_where_nothing_was_begun_only_what_was_planned_is_refused(check, state):
    found = not_begun(planned(check, seen()), "another run holds it")
    assert found.remedy.state is state
    assert found.remedy.reason == ("another run holds it" if state is RemedyState.REFUSED else None)
    assert found.remedy.after is None, "nobody looked again"

