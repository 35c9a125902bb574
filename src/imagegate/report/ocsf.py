"""OCSF 1.8.0: a Compliance Finding (class 2003) for every finding, as a JSON array with an event a line.

The array is what Prowler writes and what its readers expect; one event a line makes JSON lines of it with
``jq -c '.[]'`` for collectors that read those. Events say all there is, passes too: a security lake counts both.

``finding_info.uid`` is our fingerprint; ``metadata.uid`` names the event. An unknown is what OCSF calls Warning ("did
not yield a result due to missing information"). What the run could not see as a whole has an event of its own, of the
check ``imagegate-scope``; what is no longer there since the baseline is an event that closes the finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagegate.report.build import Record
from imagegate.report.document import encode
from imagegate.report.past import Context
from imagegate.report.records import (
    SCOPE,
    Gap,
    attested,
    beside_words,
    fixed,
    gaps,
    moment,
    path_of,
    place,
    saying,
    waived,
)
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

VERSION = "1.8.0"
CLASS = 2003

_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_NEW, _SUPPRESSED, _RESOLVED, _OTHER = (1, "New"), (3, "Suppressed"), (4, "Resolved"), 99
_INFORMATIONAL = (1, "Informational")
_SEVERITIES = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
_RESULTS = {
    "pass": (1, "Pass"),
    "unknown": (2, "Warning"),
    "fail": (3, "Fail"),
    "not-applicable": (99, "Not applicable"),
}
_RULE = {"type_id": 1, "type": "Rule"}


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """The array in chunks, an event each."""
    yield "["
    separator = "\n"
    for event in _events(document):
        yield separator + encode(event)
        separator = ",\n"
    yield "\n]\n"


def _events(document: Document) -> Iterator[Record]:
    head = document.head
    for gap in gaps(head):
        yield _gap_event(head, gap)
    for finding in document.findings:
        yield _event(head, finding)
    for gone in (head.get("baseline") or {}).get("resolved", ()):
        yield _resolved_event(head, gone)


def _event(head: Mapping[str, Any], finding: Record) -> Record:
    check, verdict, severity = finding["check"], finding["verdict"], _SEVERITIES[finding["severity"]]
    status, beside = _RESULTS[verdict], beside_words(finding)
    about = head.get("checks", {}).get(check, {}).get("about") or {}
    text = saying(finding)
    result = {"status_id": status[0], "status": status[1]}
    told = {
        "compliance": {
            "control": check,
            "desc": visible(finding["title"], TEXT_LIMIT),
            "standards": [_standard(head)],
            **({} if finding["rule"] is None else {"requirements": [f"rule {finding['rule']}"]}),
            **result,
            "status_code": verdict,
            "status_details": _details(finding),
            "checks": [
                {
                    "uid": check,
                    "name": visible(finding["title"], TEXT_LIMIT),
                    **_described("desc", about.get("Why it matters")),
                    "severity_id": severity[0],
                    "severity": severity[1],
                    "standards": [_standard(head)],
                    **result,
                    "version": head["tool"]["version"],
                }
            ],
            "control_parameters": [
                {"name": visible(name), "value": visible(encode(value), TEXT_LIMIT)}
                for name, value in finding["parameters"].items()
            ],
        },
        "remediation": _remediation(finding, about),
        "evidences": [{"data": {"digest": digest}} for digest in finding["evidence"]],
        "unmapped": {
            "verdict": verdict,
            "waiver": finding["waiver"],
            "attestation": finding["attestation"],
            "remedy": finding["remedy"],
            "note": finding["note"],
            "change": finding.get("change"),
        },
    }
    lasting = {"first_seen": finding["first_seen"]} if finding.get("first_seen") else {}
    return {
        **_base(
            head,
            activity=_activity(finding),
            status=_status(finding),
            severity=severity if verdict in {"fail", "unknown"} else _INFORMATIONAL,
            at=finding["observed_at"],
            target=finding["target"],
            told={**lasting, "check": check, "title": finding["title"], "fingerprint": finding["fingerprint"]},
        ),
        "message": f"{visible(finding['target']['name'])}: {text}",
        "status_code": verdict.upper(),
        **({"status_detail": beside} if beside is not None else {}),
        **{name: value for name, value in told.items() if value},
    }


def _activity(finding: Record) -> tuple[int, str]:
    if fixed(finding):
        return _CLOSE
    return _UPDATE if finding.get("change") in {"changed", "same"} else _CREATE


def _status(finding: Record) -> tuple[int, str]:
    if fixed(finding):
        return _RESOLVED
    if waived(finding) or attested(finding):
        return _SUPPRESSED
    if finding["verdict"] in {"fail", "unknown"}:
        return _NEW
    return _OTHER, _RESULTS[finding["verdict"]][1]


def _details(finding: Record) -> list[str]:
    if finding["verdict"] != "fail":
        return [saying(finding)] if finding["reason"] or finding["note"] else []
    return [
        visible(f"{each['subject']}: {each['actual']}, expected {each['expected']}", TEXT_LIMIT)
        for each in finding["violations"]
    ]


def _remediation(finding: Record, about: Mapping[str, str]) -> Record | None:
    if finding["verdict"] != "fail":
        return None
    steps = [f"{step['level']}: {step['summary']}" for step in finding["remedy"]["steps"]]
    hints = [each["hint"] for each in finding["violations"] if each["hint"]]
    text = "; ".join([*steps, *hints]) or " ".join(about.get("Fix", "").split())
    return {"desc": visible(text, TEXT_LIMIT)} if text else None


def _described(name: str, text: str | None) -> Record:
    return {name: visible(" ".join(text.split()), TEXT_LIMIT)} if text else {}


def _gap_event(head: Mapping[str, Any], gap: Gap) -> Record:
    policy = head["policy"]
    target = {
        "id": policy["name"],
        "name": policy["name"],
        "kind": "policy",
        "cloud": None,
        "region": None,
        "owner": None,
    }
    status = _RESULTS["unknown"]
    return {
        **_base(
            head,
            activity=_CREATE,
            status=_NEW,
            severity=_SEVERITIES["high"],
            at=head["run"]["finished"],
            target=target,
            told={"check": SCOPE, "title": gap.name, "fingerprint": gap.fingerprint},
        ),
        "message": gap.text,
        "status_code": "UNKNOWN",
        "compliance": {
            "control": SCOPE,
            "standards": [_standard(head)],
            "status_id": status[0],
            "status": status[1],
            "status_code": "unknown",
            "status_details": [gap.text],
        },
    }


def _resolved_event(head: Mapping[str, Any], gone: Record) -> Record:
    """The end of a finding of the baseline. Of its target only what the report kept is told."""
    check, known = gone["check"], head.get("checks", {}).get(gone["check"], {})
    target = {"cloud": None, "region": None, "owner": None, **gone["target"]}
    severity = _SEVERITIES[gone["severity"]]
    first = {"first_seen": gone["first_seen"]} if gone.get("first_seen") else {}
    return {
        **_base(
            head,
            activity=_CLOSE,
            status=_RESOLVED,
            severity=severity,
            at=head["run"]["finished"],
            target=target,
            told={**first, "check": check, "title": known.get("title", check), "fingerprint": gone["fingerprint"]},
        ),
        "message": f"{visible(target['name'])}: no longer so since run {visible(head['baseline']['run'])}",
        "status_code": "RESOLVED",
        "compliance": {"control": check, "standards": [_standard(head)], "status_id": 0, "status": "Unknown"},
    }


def _standard(head: Mapping[str, Any]) -> str:
    return visible(f"{head['policy']['name']} version {head['policy']['version']}")


def _base(
    head: Mapping[str, Any],
    *,
    activity: tuple[int, str],
    status: tuple[int, str],
    severity: tuple[int, str],
    at: str,
    target: Record,
    told: Record,
) -> Record:
    run, tool = head["run"], head["tool"]
    time = _milliseconds(at)
    cloud = target["cloud"] is not None
    return {
        "activity_id": activity[0],
        "activity_name": activity[1],
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Compliance Finding",
        "type_uid": CLASS * 100 + activity[0],
        "type_name": f"Compliance Finding: {activity[1]}",
        "time": time,
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status[0],
        "status": status[1],
        "metadata": {
            "version": VERSION,
            "product": {"name": tool["name"], "vendor_name": tool["name"], "version": tool["version"]},
            "uid": f"{run['id']}/{told['check']}/{told['fingerprint']}",
            "correlation_uid": run["id"],
            "event_code": told["check"],
            "log_name": run["command"],
            "original_time": at,
            "profiles": ["cloud"] if cloud else [],
        },
        **({"cloud": _cloud(target)} if cloud else {}),
        "finding_info": {
            "uid": told["fingerprint"],
            "title": visible(told["title"], TEXT_LIMIT),
            "types": ["Compliance"],
            "analytic": {**_RULE, "uid": told["check"], "name": told["check"]},
            "created_time": _milliseconds(told["first_seen"]) if "first_seen" in told else time,
            **({"first_seen_time": _milliseconds(told["first_seen"])} if "first_seen" in told else {}),
            "last_seen_time": time,
        },
        "resources": [_resource(target)],
    }


def _cloud(target: Record) -> Record:
    return {
        "provider": visible(target["cloud"]),
        **({} if target["region"] is None else {"region": visible(target["region"])}),
        **({} if target["owner"] is None else {"project_uid": visible(target["owner"])}),
    }


def _resource(target: Record) -> Record:
    owner = target["owner"]
    return {
        "uid": visible(target["id"]),
        "name": visible(target["name"]),
        "type": target["kind"],
        "namespace": visible(place(target) or "local"),
        "uid_alt": visible(path_of(target), TEXT_LIMIT),
        "role_id": 1,
        "role": "Target",
        **({} if target["cloud"] is None or target["region"] is None else {"region": visible(target["region"])}),
        **({} if owner is None else {"owner": _owner(visible(owner))}),
    }


def _owner(project: str) -> Record:
    """A project owns what users own elsewhere. Prowler's models demand all of this; of its name the id is known."""
    named = {"name": project, "uid": project, "type_id": 99, "type": "Project"}
    return {**named, "account": named}


def _milliseconds(text: str) -> int:
    return round(moment(text).timestamp() * 1000)
