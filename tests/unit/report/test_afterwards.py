"""Before and after a mend, in each report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.golden import cases

from imagegate.model import NO_REMEDY, After, Finding, RemedyState, Verdict, Violation
from imagegate.report import build, junit, terminal
from imagegate.report.words import afterwards


def with_after(finding: Finding, state: RemedyState, after: After | None) -> Finding:
    return finding.with_remedy(replace(finding.remedy, state=state, after=after))


def after(verdict: Verdict, *wrong: Violation, reason: str | None = None) -> After:
    return After(verdict=verdict, observed_at=cases.LATER, violations=wrong, reason=reason)


def wrong(subject: str, actual: str = "pending") -> Violation:
    return Violation(subject=subject, expected="no access", actual=actual)


FAIL = next(finding for finding in cases.audit().findings if finding.check is cases.PROTECTED and finding.violations)
SAME = after(Verdict.FAIL, *FAIL.violations)
TRIED = (RemedyState.APPLIED, RemedyState.FAILED, RemedyState.NOT_VERIFIED)
IDLE = (RemedyState.NONE, RemedyState.MANUAL, RemedyState.REFUSED)


@pytest.mark.parametrize(
    ("states", "seen", "text"),
    [
        (TRIED, SAME, "protected: false"),
        (IDLE, SAME, None),
        ((*TRIED, *IDLE), None, None),
        ((RemedyState.VERIFIED,), after(Verdict.PASS), None),
        ((*TRIED, *IDLE), after(Verdict.PASS), "as required"),
        ((*TRIED, *IDLE), after(Verdict.UNKNOWN, reason="connection reset"), "could not be seen: connection reset"),
        ((*TRIED, *IDLE), after(Verdict.NOT_APPLICABLE, reason="not shared"), "no longer applies: not shared"),
        ((*TRIED, *IDLE), after(Verdict.FAIL, wrong("a"), wrong("b", "accepted")), "a: pending; b: accepted"),
        (TRIED, after(Verdict.FAIL, *(wrong(str(n)) for n in range(1007))),
         "0: pending; 1: pending; 2: pending; 3: pending; 4: pending (and 1,002 more)"),
    ],
)  # fmt: skip
def test_what_is_told_of_the_look_afterwards(
    states: tuple[RemedyState, ...], seen: After | None, text: str | None
) -> None:
    assert {afterwards(with_after(FAIL, state, seen)) for state in states} == {text}


def test_the_record_has_it_only_where_something_was_attempted() -> None:
    made = cases.fixed()
    records = {record["check"]: record["remedy"] for record in build.Findings(made)}
    assert records[cases.PROTECTED.id]["after"] == {
        "verdict": "pass", "observed_at": "2026-11-22T10:15:09.000Z", "violations": [], "reason": None,
    }  # fmt: skip
    [left] = records[cases.MEMBERS_ALLOWED.id]["after"]["violations"]
    assert left == {"subject": "member " + "2" * 32, "expected": "no access", "actual": "pending", "hint": None}
    assert "after" not in records[cases.RESET.id]


def test_a_fixed_fail_that_no_longer_applies_is_not_said_to_be_as_expected() -> None:
    made = cases.fixed()
    gone = with_after(made.findings[0], RemedyState.VERIFIED, after(Verdict.NOT_APPLICABLE, reason="not shared"))
    text = "".join(terminal.render(replace(made, findings=[gone])))
    assert "protected: before: false / after: does not matter any more" in text
    assert "after: true" not in text


def test_junit_says_what_is_still_wrong_even_where_no_fix_was_planned() -> None:
    made = cases.fixed()
    bare = FAIL.with_remedy(replace(NO_REMEDY, after=after(Verdict.FAIL, wrong("another"))))
    assert "after: another: pending" in "".join(junit.render(replace(made, findings=[bare])))
