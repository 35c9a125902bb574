"""Runs made by hand: what was judged, in a word per pair of check and target."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.golden import cases

from imagegate.model import Finding, Remedy, RemedyState, Severity, Target, Verdict, Violation
from imagegate.report.build import head
from imagegate.report.write import write_reports
from imagegate.result import PolicyInfo, Result, ScopeInfo
from imagegate.runs.brief import RunHead, briefs_of, head_of
from imagegate.runs.compare import Pair, Place, View, view_of
from imagegate.runs.index import Index
from imagegate.runs.scan import sync

FIRST = datetime(2026, 11, 1, 8, tzinfo=UTC)
CHECKS = {
    name: cases.check(f"catalog-{name}-ok", title=f"{name} is ok", severity=severity)
    for name, severity in (("a", Severity.CRITICAL), ("b", Severity.HIGH), ("c", Severity.LOW))
}
IMAGES = {name: cases.image(f"golden-{name}", number) for number, name in enumerate("uvwxyz", start=1)}
WAIVER = cases.Waiver(reason="x", approved_by="y", until=date(2026, 12, 31))
WORD = cases.Attestation(statement="x", by="y", on=date(2026, 11, 20), until=date(2026, 12, 31))
WHOLE = (cases.catalog("images", "KR1"),)

Spec = Mapping[str, str]
"""``{"a/u": "fail member 1 member 2"}``: check ``a`` on image ``u``."""


def finding(pair: str, word: str) -> Finding:
    check, name = pair.split("/")
    kind, _, rest = word.partition(" ")
    violations = [Violation(subject=s, expected="no", actual="yes") for s in rest.split(", ")] if rest else []
    if kind in {"fail", "waived", "fixed"} and not violations:
        violations = [Violation(subject="protected", expected="true", actual="false")]
    verdicts = {"pass": Verdict.PASS, "n/a": Verdict.NOT_APPLICABLE, "unknown": Verdict.UNKNOWN,
                "attested": Verdict.UNKNOWN}  # fmt: skip
    return Finding(
        check=CHECKS[check], target=IMAGES[name], verdict=verdicts.get(kind, Verdict.FAIL), rule=0, params=None,
        observed_at=cases.NOW, violations=tuple(violations), reason="why" if kind in verdicts else None,
        waiver=WAIVER if kind == "waived" else None, attestation=WORD if kind == "attested" else None,
        remedy=Remedy(state=RemedyState.VERIFIED if kind == "fixed" else RemedyState.NONE),
    )  # fmt: skip


def run(day: float, spec: Spec | Iterable[Finding] = (), **more: Any) -> Result:
    """A run that ended so many days after the first of November."""
    found = [finding(*each) for each in spec.items()] if isinstance(spec, Mapping) else list(spec)
    finished = FIRST + timedelta(days=day)
    targets = {each.target.key for each in found}
    scope: dict[str, Any] = {"selected": len(targets), "seen": len(targets), "catalogs": WHOLE}
    scope |= {name: more.pop(name) for name in ("catalogs", "deselected") if name in more}
    parts: dict[str, Any] = {
        "run_id": f"{finished - timedelta(minutes=1):%Y%m%dT%H%M%SZ}-{more.pop('mark', 'aaaa')}",
        "started": finished - timedelta(minutes=1), "finished": finished, "command": "audit", "facts": {},
        "findings": found, "scope": ScopeInfo(**scope),
        "policy": PolicyInfo(name=more.pop("policy", "golden"), version=1, title=None, digest="sha256:" + "ab" * 32),
    }  # fmt: skip
    return replace(cases.compliant(), **{**parts, **more})


def keep(folder: Path, *runs: Result) -> list[str]:
    """Write the reports of runs; their ids."""
    for each in runs:
        write_reports(each, folder, say=_never)
    return [each.run_id for each in runs]


def _never(text: str) -> None:
    raise AssertionError(text)


def run_head(result: Result) -> RunHead:
    return head_of(head(result))


def view(result: Result) -> View[Pair]:
    return view_of(run_head(result), list(briefs_of(result.findings)))


def place(pair: Pair) -> Place:
    for target in IMAGES.values():
        if target.key == pair[1]:
            return Place(target.key, str(target.kind), target.cloud, target.region)
    kind, _, rest = pair[1].partition(":")
    cloud, region, _ = rest.split("/", 2)
    return Place(pair[1], kind, cloud, region)


def pair(text: str) -> Pair:
    check, name = text.split("/")
    return CHECKS[check].id, IMAGES[name].key


def target(name: str) -> Target:
    return IMAGES[name]


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Everything but the numbers, which depend on the order."""
    told = connection.execute("SELECT id, policy, standing, exit_code FROM runs ORDER BY id").fetchall()
    spans = connection.execute(
        'SELECT policy, checks.name, targets.key, since, until FROM spans JOIN pairs ON pairs.id = pair JOIN checks '
        'ON checks.id = pairs."check" JOIN targets ON targets.id = pairs.target ORDER BY 1, 2, 3, 4'
    ).fetchall()
    return [*told, *spans]


def afresh(folder: Path) -> list[tuple[object, ...]]:
    """The rows of an index that is made of the reports alone."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        index = Index(connection)
        index.create()
        sync(index, folder)
        return rows(connection)
