"""The core types: words, order, facts without defaults, what a finding counts as."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.checks.world import EMPTY, NOW, TODAY, Slip, a_file, full, instance, pair, scrub, toy

from imagegate.errors import Unobserved
from imagegate.judge import judge
from imagegate.model import (
    Facts,
    Kind,
    Level,
    Phase,
    Probe,
    Remedy,
    RemedyState,
    Seen,
    Severity,
    Step,
    Target,
    Unseen,
    Verdict,
)

A, B = a_file("/a"), a_file("/b")
ONE = Facts({A: Seen(value=full(), at=NOW)}, NOW)


@pytest.mark.parametrize("word", list(Level) + list(Severity))
def test_a_word_reads_as_it_prints(word):
    assert type(word).parse(str(word)) is word
    assert str(word) == word.name.lower()


def test_a_word_that_does_not_exist_names_those_that_do():
    with pytest.raises(ValueError, match="'harmless' is not one of safe, disruptive, destructive, manual"):
        Level.parse("harmless")


def test_levels_and_severities_are_ordered():
    assert Level.SAFE < Level.DISRUPTIVE < Level.DESTRUCTIVE < Level.MANUAL
    assert Severity.LOW < Severity.MEDIUM < Severity.HIGH < Severity.CRITICAL


def test_phases_cut_the_login_late_take_the_power_last_and_narrow_before_widening():
    guest = [
        Phase.CONTENT,
        Phase.ACCOUNTS,
        Phase.IDENTITY,
        Phase.LOGIN,
        Phase.RESTART,
        Phase.GENERALIZE,
        Phase.POWER,
    ]
    image = [
        Phase.UNPROTECT,
        Phase.PROPERTIES,
        Phase.REMOVE_MEMBERS,
        Phase.VISIBILITY,
        Phase.ADD_MEMBERS,
        Phase.PROTECTION,
        Phase.COPIES,
    ]
    assert guest == sorted(guest)
    assert image == sorted(image)
    assert {*guest, *image} == set(Phase)


def test_the_key_of_a_target_is_stable_and_tells_kind_place_and_id():
    image = Target(kind=Kind.IMAGE, id="ID", name="n", cloud="nhn", region="KR1")
    assert image.key == "image:nhn/KR1/ID"
    assert Target(kind=Kind.INSTANCE, id="here", name="here").key == "instance:-/-/here"


def test_an_attribute_is_unseen_by_name_or_with_its_whole_family():
    target = Target(kind=Kind.INSTANCE, id="i", name="n", unseen=frozenset({"metadata", "os"}))
    assert not target.sees("os")
    assert not target.sees("metadata.team")
    assert target.sees("flavor")
    assert target.sees("metadatum")


def test_targets_are_equal_whatever_their_attributes():
    web = instance("web")
    assert replace(web, attributes={"os": frozenset({"linux"})}, unseen=frozenset({"flavor"})) == web
    assert hash(web) == hash(instance("web"))


# ---- facts


def test_a_fact_that_was_seen_is_there():
    assert ONE[A] == full()
    assert A in ONE
    assert list(ONE) == [A]
    assert len(ONE) == 1


def test_a_fact_that_was_not_looked_at_is_an_error_and_not_a_default():
    with pytest.raises(Unobserved, match="file:/b: was not looked at"):
        ONE[B]
    assert B not in ONE
    assert ONE.observation(B) is None


def test_a_fact_that_could_not_be_seen_is_an_error_with_the_reason():
    lost = ONE.without(A, "permission denied")
    with pytest.raises(Unobserved) as caught:
        lost[A]
    assert (caught.value.subject, caught.value.reason) == ("file:/a", "permission denied")
    assert A not in lost
    assert isinstance(lost.observation(A), Unseen)


def test_a_fact_that_is_none_was_seen():
    seen = ONE.with_fact(A, None)
    assert A in seen
    assert seen[A] is None


def test_facts_do_not_change_when_others_are_made_of_them():
    ONE.with_fact(A, EMPTY)
    ONE.without(A)
    ONE.merged(Facts({B: Seen(value=EMPTY, at=NOW)}, NOW))
    assert Facts({A: Seen(value=full(), at=NOW)}, NOW) == ONE


def test_facts_do_not_share_the_mapping_that_they_are_made_of():
    observations = {A: Seen(value=full(), at=NOW)}
    seen = Facts(observations, NOW)
    observations.clear()
    assert seen == ONE


def test_newer_facts_win_and_bring_their_time():
    later = NOW + timedelta(minutes=1)
    merged = ONE.merged(Facts({A: Seen(value=EMPTY, at=later), B: Seen(value=full(), at=later)}, later))
    assert (merged[A], merged[B], merged.at) == (EMPTY, full(), later)


def test_facts_differ_by_value_by_time_and_from_other_things():
    assert ONE.with_fact(A, EMPTY) != ONE
    assert Facts({}, NOW) != Facts({}, datetime(2020, 1, 1, tzinfo=UTC))
    assert Facts({}, NOW) != {}


def test_the_repr_of_facts_shows_no_value():
    assert repr(ONE) == "Facts(file:/a)"


def test_the_base_types_ask_to_be_filled_in():
    step = Step(subject="s", summary="s", level=Level.SAFE, phase=Phase.CONTENT, why="w")
    for call in (
        lambda: Probe().key,
        lambda: step.reads,
        lambda: step.basis(ONE),
        lambda: step.simulate(ONE),
        lambda: step.done(ONE),
    ):
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize("value", [instance("web"), A, scrub(), Remedy(state=RemedyState.NONE), toy()])
def test_core_types_cannot_be_changed(value):
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)


# ---- what a finding counts as


def finding(file, state=RemedyState.NONE, **record):
    """A finding of the toy check."""
    found = judge(pair(toy(), instance("web"), **record), ONE.with_fact(A, file), today=TODAY)
    return found.with_remedy(Remedy(state=state))


@pytest.mark.parametrize("state", RemedyState)
def test_only_a_verified_fix_of_a_fail_counts_as_fixed(state):
    assert finding(full(), state).fixed is (state is RemedyState.VERIFIED)
    assert finding(full(), state).stands is (state is not RemedyState.VERIFIED)
    assert not finding(EMPTY, state).fixed
    assert not finding(EMPTY, state).stands


def test_a_waived_fail_does_not_stand_and_a_pass_is_not_waived():
    assert finding(full(), waivers=(Slip(),)).waived
    assert not finding(full(), waivers=(Slip(),)).stands
    assert not replace(finding(EMPTY), waiver=Slip()).waived


def test_only_an_unknown_is_attested():
    assert replace(finding(EMPTY), verdict=Verdict.UNKNOWN, attestation=Slip()).attested
    assert not replace(finding(full()), attestation=Slip()).attested


def test_a_remedy_leaves_the_verdict_alone():
    found = finding(full(), RemedyState.VERIFIED)
    assert (found.verdict, len(found.violations)) == (Verdict.FAIL, 1)


def test_the_probes_of_a_check_are_what_it_needs_then_what_it_uses():
    assert replace(toy(), uses=(B,)).probes == (A, B)


def test_the_model_imports_nothing_of_imagegate_but_its_errors():
    code = "import sys, imagegate.model; print(sorted(name for name in sys.modules if name.startswith('imagegate')))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "['imagegate', 'imagegate.errors', 'imagegate.model']"
