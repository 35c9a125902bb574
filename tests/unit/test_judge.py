"""Facts to findings: what the verdict is, whose fault an unknown is, and what stands beside."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.checks.world import EMPTY, EXPIRED, NOW, TODAY, Slip, a_file, full, instance, pair, toy

from imagegate.errors import Owner, Unobserved
from imagegate.fingerprint import fingerprint
from imagegate.judge import judge
from imagegate.model import Facts, Note, Seen, Unseen, Verdict, Violation

A, B = a_file("/a"), a_file("/b")
WEB = instance("web")


def facts(**files) -> Facts:
    """What was seen: ``a=EMPTY``."""
    return Facts({a_file(f"/{name}"): Seen(value=value, at=NOW) for name, value in files.items()}, NOW)


def lost(probe, reason, owner) -> Facts:
    """A look in vain."""
    return Facts({probe: Unseen(reason=reason, at=NOW, owner=owner)}, NOW)


def found(check=None, seen=None, **record):
    """The finding of a toy check."""
    return judge(pair(check or toy(), WEB, **record), facts(a=full()) if seen is None else seen, today=TODAY)


def test_what_is_as_required_passes():
    finding = found(seen=facts(a=EMPTY))
    assert (finding.verdict, finding.violations, finding.reason, finding.owner) == (Verdict.PASS, (), None, None)
    assert finding.observed_at == NOW
    assert finding.rule == 0


def test_what_is_not_as_required_fails_with_what_is_wrong():
    finding = found()
    assert finding.verdict is Verdict.FAIL
    assert finding.violations == (Violation(subject="/a", expected="0 bytes", actual="7 bytes"),)
    assert finding.stands


@pytest.mark.parametrize("owner", list(Owner))
def test_a_look_in_vain_is_unknown_and_its_owner_is_that_of_the_look(owner):
    finding = found(seen=lost(A, "no route to host", owner))
    assert (finding.verdict, finding.reason, finding.owner) == (Verdict.UNKNOWN, "no route to host", owner)


def test_what_was_never_looked_at_is_unknown_and_the_tools_fault():
    finding = found(seen=facts())
    assert (finding.verdict, finding.owner) == (Verdict.UNKNOWN, Owner.TOOL)
    assert finding.reason == "file:/a was not looked at"


def test_a_target_that_may_not_be_meant_is_unknown_whatever_was_seen():
    finding = found(seen=facts(a=EMPTY), unseen="the flavor could not be seen, by which rule 0 selects")
    assert (finding.verdict, finding.owner) == (Verdict.UNKNOWN, Owner.TARGET)
    assert finding.reason == "the flavor could not be seen, by which rule 0 selects"


@pytest.mark.parametrize("owner", list(Owner))
def test_a_missing_part_that_the_check_asks_for_on_the_way_is_unknown_with_the_owner_of_that_look(owner):
    check = replace(toy(paths=("/a", "/b")), needs=(A,), uses=(B,))
    seen = facts(a=full()).merged(lost(B, "permission denied", owner))
    finding = found(check, seen)
    assert (finding.verdict, finding.reason, finding.owner) == (Verdict.UNKNOWN, "permission denied", owner)
    assert finding.violations == ()


def test_a_missing_part_that_the_check_does_not_ask_for_matters_to_nobody():
    check = replace(toy(), uses=(B,))
    assert found(check, facts(a=EMPTY)).verdict is Verdict.PASS


def test_a_check_that_breaks_is_unknown_and_the_tools_fault():
    def evaluate(seen, want):
        yield Note(text="so far so good")
        raise ZeroDivisionError("a bug")

    finding = found(replace(toy(), evaluate=evaluate))
    assert (finding.verdict, finding.owner) == (Verdict.UNKNOWN, Owner.TOOL)
    assert finding.reason == "the check failed: ZeroDivisionError: a bug"
    assert finding.note is None


def test_a_check_that_says_unobserved_about_nothing_in_particular_is_unknown():
    def evaluate(seen, want):
        raise Unobserved("the moon", "clouds")
        yield

    finding = found(replace(toy(), evaluate=evaluate))
    assert (finding.verdict, finding.reason, finding.owner) == (Verdict.UNKNOWN, "clouds", Owner.TARGET)


def test_a_check_with_no_business_here_is_not_applicable_and_is_not_evaluated():
    def evaluate(seen, want):
        raise AssertionError("was evaluated")
        yield

    finding = found(replace(toy(), applies=lambda seen, want: "it is on its way out", evaluate=evaluate))
    assert (finding.verdict, finding.reason) == (Verdict.NOT_APPLICABLE, "it is on its way out")


def test_not_applicable_needs_a_look_too():
    finding = found(replace(toy(), applies=lambda seen, want: "never"), facts())
    assert finding.verdict is Verdict.UNKNOWN


def test_notes_stand_beside_a_pass_and_beside_a_fail():
    def notes(*violations):
        return replace(toy(), evaluate=lambda seen, want: iter([Note(text="one"), *violations, Note(text="two")]))

    wrong = Violation(subject="a", expected="b", actual="c")
    assert found(notes()).note == "one; two"
    assert found(notes(wrong)).note == "one; two"
    assert found(notes(wrong)).violations == (wrong,)


def test_where_a_fact_comes_from_is_noted_once():
    origin = "seen an hour ago, right before the instance was stopped"
    seen = Facts({p: Seen(value=EMPTY, at=NOW, origin=origin) for p in (A, B)}, NOW)
    assert found(toy(paths=("/a", "/b")), seen).note == origin


def test_an_origin_of_a_fact_that_the_check_does_not_look_at_is_not_noted():
    seen = Facts({A: Seen(value=EMPTY, at=NOW), B: Seen(value=EMPTY, at=NOW, origin="elsewhere")}, NOW)
    assert found(seen=seen).note is None


# ---- waivers


def test_a_waiver_in_force_stands_beside_a_fail_through_its_last_day():
    slip = Slip(TODAY)
    finding = found(waivers=(slip,))
    assert (finding.verdict, finding.waiver, finding.waived, finding.stands) == (Verdict.FAIL, slip, True, False)


def test_an_expired_waiver_leaves_a_note_and_the_fail_stands():
    finding = found(waivers=(EXPIRED,))
    assert (finding.verdict, finding.waiver, finding.stands) == (Verdict.FAIL, None, True)
    assert finding.note == "a waiver for this expired on 2026-11-21"


def test_of_several_expired_waivers_the_last_is_named():
    finding = found(waivers=(Slip(date(2026, 11, 1)), EXPIRED, Slip(date(2025, 1, 1))))
    assert finding.note == "a waiver for this expired on 2026-11-21"


def test_with_one_in_force_the_expired_ones_are_not_worth_a_note():
    slip = Slip(TODAY + timedelta(days=1))
    finding = found(waivers=(EXPIRED, slip))
    assert (finding.waiver, finding.note) == (slip, None)


def test_a_waiver_never_covers_an_unknown_nor_a_pass():
    assert found(seen=lost(A, "silence", Owner.TARGET), waivers=(Slip(),)).waiver is None
    passed = found(seen=facts(a=EMPTY), waivers=(EXPIRED,))
    assert (passed.waiver, passed.note) == (None, None)


def test_a_waiver_of_one_finding_covers_that_one_alone():
    this = fingerprint(found().check.id, WEB.key, found().violations)
    slip, other = Slip(TODAY, fingerprint=this), Slip(TODAY, fingerprint="0" * 16)
    assert found(waivers=(other,)).waiver is None
    assert found(waivers=(other, slip)).waiver is slip
    assert found(waivers=(other, Slip(TODAY))).waived
    two = toy(paths=("/a", "/b"))
    assert found(two, facts(a=full(), b=EMPTY), waivers=(slip,)).waiver is slip
    assert found(two, facts(a=full(), b=full()), waivers=(slip,)).waiver is None


def test_a_waiver_of_one_finding_that_expired_is_noted_beside_that_one_alone():
    this = fingerprint(found().check.id, WEB.key, found().violations)
    day = TODAY - timedelta(days=1)
    assert found(waivers=(Slip(day, fingerprint=this),)).note == "a waiver for this expired on 2026-11-21"
    assert found(waivers=(Slip(day, fingerprint="0" * 16),)).note is None


# ---- attestations

ASKS_A_PERSON = replace(toy(), attestable=True)


def test_an_attestation_stands_beside_the_unknown_of_an_attestable_check():
    finding = found(ASKS_A_PERSON, lost(A, "no API tells", Owner.TARGET), attestations=(Slip(),))
    assert (finding.verdict, finding.attested) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("check", "seen", "slip"),
    [
        (toy(), lost(A, "silence", Owner.TARGET), Slip()),  # not attestable
        (ASKS_A_PERSON, lost(A, "silence", Owner.TARGET), EXPIRED),
        (ASKS_A_PERSON, facts(a=full()), Slip()),  # a fail was seen
        (ASKS_A_PERSON, facts(a=EMPTY), Slip()),
    ],
)
def test_an_attestation_stands_nowhere_else(check, seen, slip):
    finding = found(check, seen, attestations=(slip,))
    assert (finding.attestation, finding.attested) == (None, False)


def test_an_attestation_leaves_the_verdict_unknown():
    finding = found(ASKS_A_PERSON, facts(a=EMPTY), attestations=(Slip(),), unseen="who knows")
    assert finding.verdict is Verdict.UNKNOWN


def test_the_time_of_the_finding_is_that_of_the_look():
    earlier = datetime(2026, 1, 1, tzinfo=UTC)
    assert found(seen=Facts({A: Seen(value=EMPTY, at=earlier)}, earlier)).observed_at == earlier
