"""Laws of judging, for any check, however it behaves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.checks.world import EXPIRED, TODAY, Slip, a_file, instance, pair, toy
from tests.strategies import facts_of, foreign, thorough, unseen

from imagegate.errors import Owner, Unobserved
from imagegate.judge import judge
from imagegate.model import Note, Unseen, Verdict, Violation
from imagegate.result import count

A, B, C = a_file("/a"), a_file("/b"), a_file("/c")
WEB = instance("web")

items = st.one_of(
    st.builds(Note, text=foreign),
    st.builds(Violation, subject=foreign, expected=foreign, actual=foreign),
    st.builds(Unobserved, st.just("file:/c"), foreign),
    st.builds(ValueError, foreign),
)
slips = st.lists(st.sampled_from((Slip(), EXPIRED)), max_size=2)


@st.composite
def checks(draw):
    """A check that yields and raises whatever, and may not apply."""
    script = draw(st.lists(items, max_size=4))

    def evaluate(seen, want):
        for item in script:
            if isinstance(item, Exception):
                raise item
            yield item

    reason = draw(st.sampled_from((None, None, None, "gone")))
    return script, replace(
        toy(), needs=(A, B), uses=(C,), evaluate=evaluate, applies=lambda seen, want: reason,
        attestable=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def judged(draw):
    """A finding, with the script behind it."""
    script, check = draw(checks())
    seen = draw(facts_of((), (A, B, C)))
    one = pair(
        check,
        WEB,
        waivers=draw(slips),
        attestations=draw(slips),
        unseen=draw(st.sampled_from((None, None, None, "who knows"))),
    )
    return script, one, seen, judge(one, seen, today=TODAY)


@thorough
@given(judged())
def test_a_pass_needs_every_needed_look_no_violation_and_no_trouble(drawn):
    script, one, seen, found = drawn
    if found.verdict is Verdict.PASS:
        assert one.unseen is None
        assert {A, B} <= {probe for probe in seen if probe in seen}
        assert all(isinstance(item, Note) for item in script)


@thorough
@given(judged())
def test_each_verdict_carries_what_belongs_to_it_and_nothing_else(drawn):
    _, one, _, found = drawn
    verdict = found.verdict
    assert bool(found.violations) is (verdict is Verdict.FAIL)
    assert (found.reason is not None) is (verdict in {Verdict.UNKNOWN, Verdict.NOT_APPLICABLE})
    assert (found.owner is not None) is (verdict is Verdict.UNKNOWN)
    assert (found.waiver is not None) is (verdict is Verdict.FAIL and Slip() in one.waivers)
    crashed = found.owner is Owner.TOOL and "the check failed" in (found.reason or "")  # nobody attested that
    attested = verdict is Verdict.UNKNOWN and one.check.attestable and Slip() in one.attestations and not crashed
    assert (found.attestation is not None) is attested


@thorough
@given(judged())
def test_permissions_change_nothing_of_what_was_seen(drawn):
    _, one, seen, found = drawn
    plain = judge(replace(one, waivers=(), attestations=()), seen, today=TODAY)
    assert replace(found, waiver=None, attestation=None, note=None) == replace(plain, note=None)


@thorough
@given(judged())
def test_a_finding_stands_is_excused_or_is_none_of_a_fail(drawn):
    *_, found = drawn
    counts = count([found])
    assert counts.passed + counts.fail + counts.unknown + counts.not_applicable == 1
    assert found.stands is (found.verdict is Verdict.FAIL and not found.waived)
    assert counts.waived <= counts.fail
    assert counts.attested <= counts.unknown


@thorough
@given(facts_of((B,)), unseen)
def test_the_owner_of_an_unknown_is_that_of_the_look(seen, look):
    check = replace(toy(), needs=(A, B))
    facts = seen.merged(type(seen)({A: look}, seen.at))
    found = judge(pair(check, WEB), facts, today=TODAY)
    assert isinstance(facts.observation(A), Unseen)
    assert (found.verdict, found.owner, found.reason) == (Verdict.UNKNOWN, look.owner, look.reason)
    assert found.owner in Owner
