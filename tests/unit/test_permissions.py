"""How waivers and attestations fared: matches, use, and what is to be said of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.golden import cases

from imagegate.catalogue import load_catalogue
from imagegate.fingerprint import fingerprint
from imagegate.judge import Pair, judge
from imagegate.model import Facts, Finding, Target, Unseen
from imagegate.permissions import Granted, granted, together, uses
from imagegate.policy import read_policy
from imagegate.policy_model import Policy
from imagegate.probes.waivers import WaiversFact, WaiverState

ROOT = Path(__file__).parents[2]
CHECKS = load_catalogue([ROOT / "checks"]).checks
PROTECTED = CHECKS["catalog-image-protected"]
TODAY = cases.TODAY
IMAGES = [
    replace(cases.image(f"golden-{number}", number), attributes={"name": frozenset({f"golden-{number}"})})
    for number in range(30)
]
FAR = TODAY + timedelta(days=300)
HEAD = "policy: x\nversion: 1\nrules: [{for: {image: {}}, require: {catalog-image-protected: }}]\n"


def policy(*waivers: dict[str, Any], more: str = "") -> Policy:
    lines = [HEAD + more]
    for each in waivers:
        parts = {"check": PROTECTED.id, "reason": "r", "approved_by": "a", "until": FAR, **each}
        lines.append("  - {" + ", ".join(f"{key}: {value}" for key, value in parts.items()) + "}\n")
    text = lines[0] + ("waivers:\n" if waivers else "") + "".join(lines[1:])
    return read_policy(text.encode(), "p.yaml", CHECKS, today=TODAY)


def fares(made: Policy, unprotected: set[int], unknown: set[int] = frozenset(), *, complete: bool = True,  # type: ignore[assignment]
          today: date = TODAY) -> list[tuple[int, str]]:  # fmt: skip
    pairs = [
        Pair(check=PROTECTED, target=image, params=PROTECTED.params(), rule=0,
             waivers=made.waivers_matching(PROTECTED.id, image))
        for image in IMAGES
    ]  # fmt: skip
    findings = [judge(pair, seen(pair.target, number in unprotected, number in unknown), today=today)
                for number, pair in enumerate(pairs)]  # fmt: skip
    return [(each.matches, str(each.state)) for each in of(made, pairs, findings, complete=complete, today=today)]


def of(made: Policy, pairs: list[Pair], findings: list[Finding], *, complete: bool, today: date) -> tuple[Granted, ...]:
    fact = WaiversFact(waivers=uses(made, pairs, findings), complete=complete, most=made.limits.waiver_targets)
    return granted(made, fact, today)


def seen(target: Target, bad: bool, lost: bool) -> Facts:
    if lost:
        return Facts({probe: Unseen(reason="503", at=cases.NOW) for probe in PROTECTED.needs}, cases.NOW)
    return cases.image_facts(target, protected=not bad)


PRINT_3 = fingerprint(PROTECTED.id, IMAGES[3].key, judge(
    Pair(check=PROTECTED, target=IMAGES[3], params=PROTECTED.params(), rule=0),
    cases.image_facts(IMAGES[3], protected=False), today=TODAY,
).violations)  # fmt: skip
ONE, ALL = {"for": "{image: {name: golden-3}}"}, {"for": "{image: {}}"}


@pytest.mark.parametrize(
    ("waiver", "more", "how", "told"),
    [
        (ONE, "", {}, (1, "in force")),
        (ONE, "", {"today": FAR}, (1, "ending soon")),
        (ONE, "", {"today": FAR - timedelta(days=15)}, (1, "in force")),
        (ONE, "audit: {policy-waivers-current: {ending_soon_days: 99}}\n", {"today": FAR - timedelta(days=99)},
         (1, "ending soon")),
        (ONE, "", {"today": FAR + timedelta(days=1)}, (1, "expired")),
        (ONE, "", {"unprotected": {4}}, (1, "unused")),
        (ONE, "", {"unprotected": {4}, "complete": False}, (1, "in force")),
        (ONE, "", {"unprotected": {4}, "unknown": {3}}, (1, "in force")),  # nobody knows whether it is needed
        (ALL, "", {}, (30, "over-broad")),
        (ALL, "", {"today": FAR, "complete": False}, (30, "over-broad")),
        (ALL, "limits: {waiver_targets: 30}\n", {}, (30, "in force")),
        ({"for": "{image: {name: nothing}}"}, "", {}, (0, "unused")),
        ({"fingerprint": f"'{PRINT_3}'"}, "", {}, (1, "in force")),
        ({"fingerprint": f"'{PRINT_3}'"}, "", {"unprotected": {4}}, (0, "unused")),
        ({"fingerprint": f"'{PRINT_3}'", **ALL}, "", {"unprotected": {3, 4}}, (1, "in force")),
    ],
)  # fmt: skip
def test_what_is_said_of_a_waiver(waiver: Any, more: str, how: dict[str, Any], told: tuple[int, str]) -> None:
    made = policy(waiver, more=more)
    assert fares(made, **{"unprotected": {3}, **how}) == [told]


def test_a_record_says_who_why_and_until_when() -> None:
    made = policy({"fingerprint": f"'{PRINT_3}'", "ticket": "T-1", "for": "{image: {name: [a, b], region: KR1}}"})
    (one,) = of(made, [], [], complete=False, today=TODAY)
    assert one.record() == {
        "check": PROTECTED.id, "for": f"image name=a|b, region=KR1, finding {PRINT_3}", "reason": "r", "ticket": "T-1",
        "approved_by": "a", "until": f"{FAR}", "line": 5, "matches": 0, "state": "in force",
    }  # fmt: skip


def test_of_several_parts_of_one_run_the_worst_is_said_once() -> None:
    made = policy(ONE, ALL)
    first, second = of(made, [], [], complete=False, today=TODAY)
    parts = [(first, second), (replace(first, matches=2, state=WaiverState.OVER_BROAD), replace(second, matches=1))]
    assert [(each.matches, each.state) for each in together(parts)] == [
        (2, WaiverState.OVER_BROAD), (1, WaiverState.IN_FORCE),
    ]  # fmt: skip
