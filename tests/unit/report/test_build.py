"""Records: fingerprint, evidence, parameters, times."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from tests.golden import cases

from imagegate import Params, Violation
from imagegate.codec import digest
from imagegate.model import Facts, Finding, Probe, Seen, Source, Verdict
from imagegate.probes import IMAGE
from imagegate.report import build, document
from imagegate.report.words import rules_named, utc


def fails(*subjects: str, **more: Any) -> Finding:
    violations = tuple(Violation(subject=name, expected="a", actual="b") for name in subjects)
    parts: dict[str, Any] = {"check": cases.PROTECTED, "target": cases.image("golden", 1), "rule": 0, "params": None}
    return Finding(verdict=Verdict.FAIL, violations=violations, observed_at=cases.NOW, **{**parts, **more})


def test_fingerprint_is_pinned() -> None:
    """Stored histories hold it: it must not change within a schema version."""
    assert build.fingerprint(fails("protected")) == "2766e382ee8ad2d9"


def test_fingerprint_names_the_problem() -> None:
    one = build.fingerprint(fails("a", "b"))
    assert one == build.fingerprint(fails("b", "a", "a"))
    assert one == build.fingerprint(replace(fails("a", "b"), observed_at=cases.NOW + timedelta(days=1), note="x"))
    others = [
        fails("a"),
        fails("a", "c"),
        fails("a", "b", check=cases.MEMBERS_ALLOWED),
        fails("a", "b", target=cases.image("golden", 2)),
        fails("a", "b", target=cases.image("golden", 1, "KR2")),
        fails('a", "b'),
    ]
    assert len({one, *map(build.fingerprint, others)}) == len(others) + 1
    assert one == build.fingerprint(fails("a", "b", target=replace(cases.image("renamed", 1), owner=None)))


def test_evidence_is_the_digest_of_the_facts() -> None:
    web = cases.image("golden", 1)
    seen = cases.image_facts(web)
    made = cases.result([cases.pair(cases.PROTECTED, web)], {web.key: seen})
    (record,) = build.Findings(made)
    assert record["evidence"] == [digest(IMAGE, seen[IMAGE])]


def test_newer_facts_are_evidence_of_the_remedy() -> None:
    first = next(iter(build.Findings(cases.fixed())))
    assert first["evidence"] == []
    assert len(first["remedy"]["evidence"]) == 1


def test_refused_fixes_bring_their_hint() -> None:
    records = [record for record in build.Findings(cases.audit()) if record["target"]["name"] == "build-02"]
    assert records[0]["remedy"]["hint"] == "find out who made it so"


class Odd(Params):
    """Values that JSON has no word for."""

    ratio: float = float("nan")
    """A number."""
    day: date | None = None
    """A day."""
    thing: Any = None
    """Anything."""


def test_parameters_are_whole_json() -> None:
    web = cases.image("golden", 1)
    one = replace(cases.PROTECTED, params=Odd)
    for params, wanted in ((Odd(day=cases.TODAY), "2026-11-22"), (Odd(thing=object), None)):
        made = cases.result([cases.pair(one, web, params=params)], {web.key: cases.image_facts(web)})
        (record,) = json.loads("".join(document.render(made)))["findings"]
        assert set(record["parameters"]) == {"ratio", "day", "thing"}
        if wanted:
            assert record["parameters"] == {"ratio": None, "day": wanted, "thing": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class OddFact:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OddProbe(Probe[OddFact]):
    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = OddFact

    @property
    def key(self) -> str:
        return "odd"


def test_a_fact_that_is_no_json_costs_no_report() -> None:
    web, probe = cases.image("golden", 1), OddProbe()
    one = cases.check("catalog-odd-thing", needs=(probe,), evaluate=lambda seen, want: (), plan=lambda seen, want: ())
    seen = Facts({probe: Seen(value=OddFact(text="\udc80"), at=cases.NOW)}, cases.NOW)
    made = cases.result([cases.pair(one, web)], {web.key: seen})
    (record,) = build.Findings(made)
    assert record["evidence"][0].startswith("sha256:")


@pytest.mark.parametrize(
    "moment, text",
    [
        (datetime(2026, 11, 22, 10, 15, tzinfo=UTC), "2026-11-22T10:15:00.000Z"),
        (datetime(2026, 11, 22, 10, 15, tzinfo=UTC).replace(tzinfo=None), "2026-11-22T10:15:00.000Z"),
        (datetime(2026, 11, 22, 19, 15, 1, 999999, tzinfo=timezone(timedelta(hours=9))), "2026-11-22T10:15:01.999Z"),
    ],
)
def test_times_are_utc(moment: datetime, text: str) -> None:
    assert utc(moment) == text


def test_json_is_ascii_without_controls_and_readable_by_strict_readers() -> None:
    text = document.encode({"a": "\x7f\x1b\udc80😀é\u2028"})
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"a": "\x7f\x1b\\udc80😀é\u2028"}


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((), "rule 0, rule 1"),
        (({"a-b": 12, "c-d": 9},), "rule 0 (line 9), rule 1"),
        (({}, {"a-b": 31}), "rule 0, rule 1 (line 31)"),
    ],
)
def test_rules_without_targets_are_told_by_number_and_line(places: tuple[dict[str, int], ...], said: str) -> None:
    assert rules_named((0, 1), places) == said
