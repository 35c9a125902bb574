"""The exit code table: 2, 11, 1, 10, 5, 0, in this order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.golden import cases

from imagegate.model import Finding, Remedy, RemedyState, Severity, Verdict, Violation
from imagegate.report import junit
from imagegate.result import Counts, ExitCode, ScopeInfo, Story, count

WAIVER = cases.Waiver(reason="x", approved_by="y", until=date(2026, 12, 31))
WORD = cases.Attestation(statement="x", by="y", on=cases.TODAY, until=cases.TODAY)
LOST = ScopeInfo(selected=0, seen=0, catalogs=(cases.catalog("images", "KR2", complete=False),))


def finding(verdict: Verdict, number: int = 1, **more: Any) -> Finding:
    violations = (Violation(subject="a", expected="b", actual="c"),) if verdict is Verdict.FAIL else ()
    severity = more.pop("severity", Severity.HIGH)
    state = more.pop("state", RemedyState.NONE)
    return Finding(
        check=replace(cases.PROTECTED, severity=severity), target=cases.image("golden", number), verdict=verdict,
        rule=0, params=None, observed_at=cases.NOW, violations=violations, remedy=Remedy(state=state), **more,
    )  # fmt: skip


PASS = finding(Verdict.PASS)
IDLE = finding(Verdict.NOT_APPLICABLE)
FAIL = finding(Verdict.FAIL)
LOW = finding(Verdict.FAIL, severity=Severity.LOW)
WAIVED = finding(Verdict.FAIL, waiver=WAIVER)
FIXED = finding(Verdict.FAIL, state=RemedyState.VERIFIED)
PLANNED = finding(Verdict.FAIL, state=RemedyState.PLANNED)
REFUSED = finding(Verdict.FAIL, state=RemedyState.REFUSED)
MANUAL = finding(Verdict.FAIL, state=RemedyState.MANUAL)
BROKEN = finding(Verdict.FAIL, state=RemedyState.FAILED)
UNSURE = finding(Verdict.FAIL, state=RemedyState.NOT_VERIFIED)
UNKNOWN = finding(Verdict.UNKNOWN, 7)
OTHER = finding(Verdict.UNKNOWN, 8)
ATTESTED = finding(Verdict.UNKNOWN, attestation=WORD)


@pytest.mark.parametrize(
    "findings, more, code",
    [
        ([PASS], {}, 0),
        ([PASS, IDLE, WAIVED, FIXED, ATTESTED], {}, 0),
        ([IDLE], {}, 0),
        # a protection of an earlier run that could not be put back
        ([PASS], {"owed": ("golden is NOT PROTECTED any more",)}, 11),
        ([FAIL], {"owed": ("golden is NOT PROTECTED any more",)}, 11),
        # a fail
        ([PASS, FAIL], {}, 1),
        ([PLANNED], {}, 1),
        ([REFUSED], {}, 1),
        ([MANUAL], {}, 1),
        ([FAIL, UNKNOWN], {}, 1),
        ([FAIL], {"scope": LOST}, 1),
        ([LOW], {}, 1),
        ([LOW], {"fail_on": Severity.MEDIUM}, 0),
        ([FAIL], {"fail_on": Severity.HIGH}, 1),
        ([FAIL], {"fail_on": Severity.CRITICAL}, 0),
        ([LOW, UNKNOWN], {"fail_on": Severity.CRITICAL}, 10),
        # interrupted, before everything
        ([PASS], {"interrupted": True}, 2),
        ([BROKEN, FAIL, UNKNOWN], {"interrupted": True, "limit": "x"}, 2),
        # nothing
        ([], {}, 5),
        ([PASS], {"scope": ScopeInfo(selected=1, seen=1, unselected=("web-01",))}, 5),
        ([FAIL], {"scope": ScopeInfo(selected=1, seen=1, unselected=("web-01",))}, 1),
        # unknown
        ([PASS, UNKNOWN], {}, 10),
        ([], {"scope": LOST}, 10),
        ([PASS], {"scope": LOST}, 10),
        ([PASS], {"scope": LOST, "max_unknown": 9}, 10),  # nobody knows how many targets a lost catalog hides
        ([], {"scope": LOST, "max_unknown": 9}, 10),
        ([], {"scope": ScopeInfo(selected=0, seen=0, missing=("web-01",))}, 10),
        ([UNKNOWN], {"max_unknown": 1}, 0),
        ([UNKNOWN, UNKNOWN], {"max_unknown": 1}, 0),
        ([UNKNOWN, OTHER], {"max_unknown": 1}, 10),
        ([UNKNOWN], {"max_unknown": 1, "scope": LOST}, 10),
        ([UNKNOWN, FAIL], {"max_unknown": 1}, 1),
        # a fix that came to grief
        ([BROKEN], {}, 11),
        ([UNSURE, UNKNOWN, FAIL], {}, 11),
        ([PLANNED], {"limit": "3 targets"}, 11),
        ([replace(BROKEN, check=LOW.check)], {"fail_on": Severity.CRITICAL}, 11),
    ],
)
def test_exit_code(findings: list[Finding], more: dict[str, Any], code: int) -> None:
    assert replace(cases.compliant(), findings=findings, **more).exit_code == ExitCode(code)


def test_counts_add_up() -> None:
    found = [PASS, PASS, IDLE, FAIL, WAIVED, FIXED, UNKNOWN, ATTESTED]
    counts = count(found)
    assert counts == Counts(passed=2, fail=3, unknown=2, not_applicable=1, waived=1, fixed=1, attested=1)
    assert counts.passed + counts.fail + counts.unknown + counts.not_applicable == len(found)


def test_a_waiver_covers_no_unknown() -> None:
    """Whatever stands in the field: only a fail can be waived, only an unknown attested."""
    assert not replace(UNKNOWN, waiver=WAIVER).waived
    assert not replace(FAIL, attestation=WORD).attested
    assert replace(cases.compliant(), findings=[replace(UNKNOWN, waiver=WAIVER)]).exit_code == ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("finding_", "told", "code"),
    [(PASS, None, 0), (PASS, 11, 11), (PASS, 10, 10), (FAIL, 10, 1), (FAIL, 11, 11), (UNKNOWN, 1, 1), (PASS, 2, 2)],
)
def test_a_story_has_its_say_and_the_worse_one_counts(finding_, told, code):
    story = Story(key="capture", record={}, code=None if told is None else ExitCode(told))
    assert replace(cases.compliant(), findings=[finding_], story=story).exit_code == code


def test_a_protection_that_is_owed_is_an_error_for_readers_of_junit_alone():
    owed = replace(cases.compliant(), owed=("golden is NOT PROTECTED any more",))
    assert 'type="owed" message="golden is NOT PROTECTED any more"' in "".join(junit.render(owed))
    assert 'type="owed"' not in "".join(junit.render(cases.compliant()))
