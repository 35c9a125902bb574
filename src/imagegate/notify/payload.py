"""What a hook is told of a run, as plain JSON values: counts, what the exit code means, and the worst that stands.

Nothing that a guest or a cloud said is in it, but names: no values, no reasons, no errors. The schema is
``imagegate/schemas/notification.schema.json``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from imagegate.report.records import SEVERITIES, Record, gaps, stands, worst
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document

VERSION = 1
SHOWN = 10
"""Findings and gaps that are named; the others are counted."""

_KEEP = 200


def payload(document: Document) -> dict[str, Any]:
    """The notification of a run."""
    head = document.head
    run, policy = head["run"], head["policy"]
    standing = dict.fromkeys(SEVERITIES, 0)
    unknown = new = count = 0
    kept: list[Record] = []
    for finding in document.findings:
        if not stands(finding):
            continue
        count += 1
        new += finding.get("change") == "new"
        if finding["verdict"] == "fail":
            standing[finding["severity"]] += 1
        else:
            unknown += 1
        kept.append(finding)
        if len(kept) >= _KEEP:
            kept = worst(kept, SHOWN)
    lost = [gap.name for gap in gaps(head)]
    baseline = head.get("baseline")
    return {
        "schema_version": VERSION,
        "kind": "imagegate.run",
        "run": {
            **{name: run[name] for name in ("id", "command", "started", "finished", "complete", "exit_code")},
            "meaning": None if run.get("meaning") is None else visible(run["meaning"], TEXT_LIMIT),
        },
        "tool": {"name": head["tool"]["name"], "version": head["tool"]["version"]},
        "policy": {"name": visible(policy["name"]), "version": policy["version"], "digest": policy["digest"]},
        "targets": {**head["scope"]["targets"], "unreachable": len(head["scope"]["unreachable"])},
        "counts": dict(head["counts"]),
        "standing": {**standing, "unknown": unknown},
        "gaps": {"count": len(lost), "first": lost[:SHOWN]},
        "baseline": None if baseline is None else {"run": baseline.get("run"), "counts": dict(baseline["counts"])},
        "findings": {"count": count, "new": new, "worst": [_finding(each) for each in worst(kept, SHOWN)]},
    }


def _finding(finding: Record) -> dict[str, Any]:
    target = finding["target"]
    return {
        **{name: finding[name] for name in ("check", "severity", "verdict", "fingerprint")},
        "change": finding.get("change"),
        "target": {
            "kind": target["kind"],
            **{
                name: None if target[name] is None else visible(target[name])
                for name in ("id", "name", "cloud", "region")
            },
        },
    }


def notification_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the notification."""
    text = files("imagegate").joinpath("schemas", "notification.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
