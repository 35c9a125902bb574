"""SARIF 2.1.0 (OASIS, errata 01), for GitHub code scanning and other collectors of analysis results.

Results are fails and unknowns. A pass, a not-applicable and a verified fix are none, though the standard has words for
the first two (``kind``): GitHub shows every result as an open alert, whatever its kind, and closes the alert of a
result that is gone. The counts of all of them stand in the run's properties.

- A fail is of the kind ``fail`` with a level by its severity; ``security-severity`` of its rule tells GitHub more.
- An unknown is ``open`` ("insufficient information to decide"), with the level ``none`` that the standard demands.
- A waiver and an attestation are suppressions: external, accepted, with who and why, and the place in the policy.
- The fingerprint is ours. GitHub reads only ``primaryLocationLineHash``, and would otherwise compute it from the line
  of the file, which all targets of a rule share.
- Targets are logical locations. GitHub wants a file as well: the policy, at the line that asks for the check.
- What could not be seen as a whole is an execution notification of the level ``error``, and by that the run was not
  successful: its results are not complete. Unreachable targets and warnings are notifications too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from imagegate.report.build import Record
from imagegate.report.document import encode
from imagegate.report.past import Context
from imagegate.report.records import (
    attestation_words,
    attested,
    fixed,
    gaps,
    path_of,
    place,
    policy_place,
    saying,
    waived,
    waiver_words,
)
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

FINGERPRINT = "imagegate/v1"

_LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}
_SCORES = {"low": "2.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}
"""In the middle of what GitHub takes for low, medium, high and critical."""

_CHANGES = {"new": "new", "changed": "updated", "same": "unchanged"}
_SHORT = 1000
"""Characters of a description; GitHub cuts at 1,024."""


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """One run in chunks, a result a line."""
    head = document.head
    rules = list(head.get("checks", {}))
    yield f'{{"$schema": "{SCHEMA}",\n "version": "2.1.0",\n "runs": [{{\n'
    for name, value in _run(head).items():
        yield f'  "{name}": {encode(value)},\n'
    yield '  "results": ['
    separator = "\n   "
    for finding in document.findings:
        if (finding["verdict"] == "fail" and not fixed(finding)) or finding["verdict"] == "unknown":
            yield separator + encode(_result(head, rules, finding))
            separator = ",\n   "
    yield "\n  ]}]}\n"


def _run(head: Mapping[str, Any]) -> Record:
    run, tool, policy = head["run"], head["tool"], head["policy"]
    baseline = head.get("baseline")
    category = f"imagegate {run['command']} {visible(policy['name'])}"
    return {
        "tool": {
            "driver": {
                "name": tool["name"],
                "version": tool["version"],
                "rules": [_rule(name, check) for name, check in head.get("checks", {}).items()],
            }
        },
        "automationDetails": {
            "id": f"{quote(category, safe=' ')}/{run['id']}",
            "description": {"text": _plain(f"{policy.get('title') or policy['name']}, version {policy['version']}")},
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(head)],
        "properties": {
            "counts": head["counts"],
            "targets": head["scope"]["targets"],
            "complete": run["complete"],
            "policyDigest": policy["digest"],
            "checksDigest": tool["checks_digest"],
            **({} if baseline is None else {"baseline": {n: baseline.get(n) for n in ("run", "finished", "counts")}}),
        },
    }


def _rule(name: str, check: Record) -> Record:
    about: dict[str, str] = check.get("about") or {}
    title, severity = visible(check["title"], _SHORT), check["severity"]
    why = " ".join(about.get("Why it matters", "").split())
    sections = [(heading, _prose(text)) for heading, text in about.items()]
    return {
        "id": name,
        "shortDescription": {"text": _plain(title)},
        "fullDescription": {"text": _plain(why or title, _SHORT)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "help": {
            "text": _doubled("\n\n".join([title, *(f"{heading}: {text}" for heading, text in sections)])),
            "markdown": _doubled(
                "\n\n".join([f"# {name}", *(f"## {heading}\n\n{text}" for heading, text in sections)])
            ),
        },
        "properties": {
            "security-severity": _SCORES[severity],
            "precision": "very-high",
            "tags": ["security", "compliance", name.partition("-")[0]],
            "fix": check.get("fix"),
        },
    }


def _invocation(head: Mapping[str, Any]) -> Record:
    run, scope = head["run"], head["scope"]
    lost = [("error", gap.name, gap.text) for gap in gaps(head)]
    lost += [
        (
            "warning",
            f"unreachable {visible(each['target'])}",
            f"{visible(each['target'])}: {visible(each['reason'], TEXT_LIMIT)}",
        )
        for each in scope["unreachable"]
    ]
    lost += [("warning", "relaxed", f"verification turned off: {text}") for text in scope.get("relaxed", ())]
    lost += [("note", "warning", text) for text in scope.get("warnings", ())]
    return {
        "executionSuccessful": run["exit_code"] not in {2, 3, 4} and all(level != "error" for level, _, _ in lost),
        "exitCode": run["exit_code"],
        "exitCodeDescription": run.get("meaning") or f"exit code {run['exit_code']}",
        "startTimeUtc": run["started"],
        "endTimeUtc": run["finished"],
        "toolExecutionNotifications": [
            {"descriptor": {"id": name}, "level": level, "message": {"text": _plain(text)}}
            for level, name, text in lost
        ],
    }


def _result(head: Mapping[str, Any], rules: list[str], finding: Record) -> Record:
    check, target = finding["check"], finding["target"]
    unknown = finding["verdict"] == "unknown"
    name, where = visible(target["name"]), visible(place(target))
    text = f"{target['kind']} {name}{f' ({where})' if where else ''}: {'unknown: ' if unknown else ''}{saying(finding)}"
    suppressions = [_suppression(head, finding)] if waived(finding) or attested(finding) else []
    return {
        "ruleId": check,
        **({"ruleIndex": rules.index(check)} if check in rules else {}),
        "kind": "open" if unknown else "fail",
        "level": "none" if unknown else _LEVELS[finding["severity"]],
        "message": {"text": _plain(text)},
        "locations": [
            {
                "physicalLocation": _physical(*policy_place(head, finding)),
                "logicalLocations": [
                    {"name": name, "fullyQualifiedName": visible(path_of(target), TEXT_LIMIT), "kind": "resource"}
                ],
            }
        ],
        "fingerprints": {FINGERPRINT: finding["fingerprint"]},
        "partialFingerprints": {"primaryLocationLineHash": f"{finding['fingerprint']}:1"},
        **_state(head, finding),
        "suppressions": suppressions,
        "properties": {
            "severity": finding["severity"],
            "target": target,
            "observedAt": finding["observed_at"],
            "evidence": finding["evidence"],
            "violations": finding["violations"],
            "remedy": finding["remedy"]["state"],
            "note": finding["note"],
            **({"firstSeen": finding["first_seen"]} if finding.get("first_seen") else {}),
        },
    }


def _state(head: Mapping[str, Any], finding: Record) -> Record:
    """On all results or none, as the standard demands: what does not stand has not changed where it matters."""
    return {"baselineState": _CHANGES[finding.get("change") or "same"]} if "baseline" in head else {}


def _suppression(head: Mapping[str, Any], finding: Record) -> Record:
    permission = finding["waiver"] or finding["attestation"]
    words = waiver_words(permission) if finding["waiver"] else attestation_words(permission)
    return {
        "kind": "external",
        "status": "accepted",
        "justification": words,
        "location": {"physicalLocation": _physical(policy_place(head)[0], permission.get("line") or 1)},
        "properties": {"until": permission["until"]},
    }


def _physical(path: str, line: int) -> Record:
    uri = quote(path.encode("utf-8", "backslashreplace"), safe="/")
    return {
        "artifactLocation": {"uri": uri},
        "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 2},
    }


def _prose(text: str) -> str:
    return "\n".join(visible(line, TEXT_LIMIT) for line in text.split("\n"))


def _plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """As the text of a message: no link, wherever the target's name has the form of one, and no placeholder."""
    return _doubled(visible(text, limit).replace("](", "] ("))


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
