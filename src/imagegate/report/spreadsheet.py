"""A row per finding, for spreadsheets: RFC 4180, UTF-8 with a byte order mark, and no cell that a program would run.

A cell that begins with ``=``, ``+``, ``-``, ``@`` or a control character is a formula for some of them (OWASP, "CSV
injection"): it gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from imagegate.report.past import Context
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

COLUMNS = (
    *("run", "observed_at", "check", "title", "severity", "verdict", "standing", "kind", "target", "id"),
    *("cloud", "region", "owner", "violations", "reason", "note", "waived_until", "remedy", "fingerprint"),
)

_FORMULA = ("=", "+", "-", "@")


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """The header, then the rows, one chunk each."""
    run = str(document.head["run"]["id"])
    yield "\ufeff" + _line(COLUMNS)
    for finding in document.findings:
        yield _line(_row(run, finding))


def _row(run: str, finding: dict[str, Any]) -> Iterator[str]:
    target, waiver = finding["target"], finding["waiver"]
    violations = (f"{v['subject']}: {v['actual']}, expected {v['expected']}" for v in finding["violations"])
    values = (
        *(run, finding["observed_at"], finding["check"], finding["title"], finding["severity"], finding["verdict"]),
        "yes" if stands(finding) else "no",
        *(target["kind"], target["name"], target["id"], target["cloud"], target["region"], target["owner"]),
        "; ".join(violations),
        *(finding["reason"], finding["note"]),
        None if waiver is None else waiver["until"],
        finding["remedy"]["state"],
        finding["fingerprint"],
    )
    return (_cell(value) for value in values)


def stands(finding: dict[str, Any]) -> bool:
    """Whether it counts against the run: a fail that is neither waived nor fixed, or an unknown nobody attests."""
    if finding["verdict"] == "fail":
        return finding["waiver"] is None and finding["remedy"]["state"] != "verified"
    return finding["verdict"] == "unknown" and finding["attestation"] is None


def _cell(value: str | None) -> str:
    text = visible(value or "", TEXT_LIMIT)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    return out.getvalue()
