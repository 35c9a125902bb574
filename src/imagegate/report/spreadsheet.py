"""A row per finding, for spreadsheets: RFC 4180, UTF-8 with a byte order mark, and no cell that a program would run.

A cell that begins with ``=``, ``+``, ``-``, ``@`` or a control character is a formula for some of them (OWASP, "CSV
injection"): it gets an apostrophe in front.

What the run could not see as a whole (a lost region, a missing instance) comes first, in rows of the check
``imagegate-scope``: whoever filters this table alone must not take what was not looked at for green.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from imagegate.report.build import Record
from imagegate.report.past import Context
from imagegate.report.records import SCOPE, Gap, attestation_words, gaps, stands, waiver_words
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

COLUMNS = (
    *("run", "observed_at", "check", "title", "severity", "verdict", "standing", "kind", "target", "id"),
    *("cloud", "region", "owner", "violations", "reason", "note", "waived_until", "waiver", "attestation"),
    *("remedy", "steps", "change", "first_seen", "rule", "fingerprint"),
)

_FORMULA = ("=", "+", "-", "@")


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """The header, then the rows, one chunk each."""
    run = str(document.head["run"]["id"])
    yield "\ufeff" + _line(COLUMNS)
    for gap in gaps(document.head):
        yield _row(_gap(document.head["run"], gap))
    for finding in document.findings:
        yield _row(_cells(run, finding))


def _cells(run: str, finding: Record) -> dict[str, str | None]:
    target, waiver, remedy = finding["target"], finding["waiver"], finding["remedy"]
    violations = (f"{v['subject']}: {v['actual']}, expected {v['expected']}" for v in finding["violations"])
    rule = finding["rule"]
    return {
        "run": run,
        **{name: finding[name] for name in ("observed_at", "check", "title", "severity", "verdict")},
        "standing": "yes" if stands(finding) else "no",
        "kind": target["kind"],
        "target": target["name"],
        **{name: target[name] for name in ("id", "cloud", "region", "owner")},
        "violations": "; ".join(violations),
        **{name: finding[name] for name in ("reason", "note", "fingerprint")},
        "waived_until": None if waiver is None else waiver["until"],
        "waiver": None if waiver is None else waiver_words(waiver),
        "attestation": None if finding["attestation"] is None else attestation_words(finding["attestation"]),
        "remedy": remedy["state"],
        "steps": "; ".join(f"{step['level']}: {step['summary']}" for step in remedy["steps"]),
        "change": finding.get("change"),
        "first_seen": finding.get("first_seen"),
        "rule": None if rule is None else str(rule),
    }


def _gap(run: Record, gap: Gap) -> dict[str, str | None]:
    return {
        "run": run["id"],
        "observed_at": run["finished"],
        "check": SCOPE,
        "title": gap.name,
        "verdict": "unknown",
        "standing": "yes",
        "reason": gap.text,
        "fingerprint": gap.fingerprint,
    }


def _row(cells: dict[str, str | None]) -> str:
    return _line(_cell(cells.get(name)) for name in COLUMNS)


def _cell(value: str | None) -> str:
    text = visible(value or "", TEXT_LIMIT)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    return out.getvalue()
