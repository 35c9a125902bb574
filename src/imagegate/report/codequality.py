"""What stands, for the Code Quality widget of GitLab's merge requests: a JSON array, an entry a line.

The widget compares the fingerprints of two pipelines and shows what came and what went. Each entry points to the line
of the policy that asks for what is missing, since that is what a merge request can hold. Waived and fixed fails and
attested unknowns degrade nothing and are left out; GitLab has no word for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagegate.report.build import Record
from imagegate.report.document import encode
from imagegate.report.past import Context
from imagegate.report.records import SCOPE, Gap, gaps, path_of, policy_place, saying, stands
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

_FAIL = {"low": "minor", "medium": "major", "high": "critical", "critical": "blocker"}
_UNKNOWN = {"low": "info", "medium": "info", "high": "minor", "critical": "major"}
"""What may be wrong weighs less than what is."""

_GAP = "critical"


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """The array in chunks, an entry each."""
    head = document.head
    yield "["
    separator = "\n"
    for entry in _entries(head, document):
        yield separator + encode(entry)
        separator = ",\n"
    yield "\n]\n"


def _entries(head: Any, document: Document) -> Iterator[Record]:
    for gap in gaps(head):
        yield _gap(head, gap)
    for finding in document.findings:
        if stands(finding):
            yield _entry(head, finding)


def _entry(head: Any, finding: Record) -> Record:
    target, unknown = finding["target"], finding["verdict"] == "unknown"
    what = "unknown: " if unknown else ""
    path, line = policy_place(head, finding)
    return {
        "description": visible(
            f"{target['kind']} {visible(target['name'])} ({visible(path_of(target))}): {what}{saying(finding)}",
            TEXT_LIMIT,
        ),
        "check_name": finding["check"],
        "fingerprint": finding["fingerprint"],
        "severity": (_UNKNOWN if unknown else _FAIL)[finding["severity"]],
        "location": {"path": visible(path), "lines": {"begin": line}},
    }


def _gap(head: Any, gap: Gap) -> Record:
    path, line = policy_place(head)
    return {
        "description": gap.text,
        "check_name": SCOPE,
        "fingerprint": gap.fingerprint,
        "severity": _GAP,
        "location": {"path": visible(path), "lines": {"begin": line}},
    }
