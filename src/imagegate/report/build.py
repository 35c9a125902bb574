"""Result → the records of ``report.json`` (schema version 1), as plain JSON values.

``fingerprint`` names one problem across runs: ``imagegate.fingerprint`` tells what it is made of.

``evidence`` are the digests of the facts that the verdict rests on. After a fix the facts at hand are newer than the
verdict: they then stand in ``remedy.evidence``, and ``evidence`` is empty. What was seen then is ``remedy.after``.

``parameters`` are complete, with the defaults: they tell what was judged, whatever a later version's defaults are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from imagegate.baseline import Baseline, Change, Former
from imagegate.codec import digest
from imagegate.fingerprint import fingerprint as name_of
from imagegate.model import NO_REMEDY, After, Check, Facts, Finding, Probe, Remedy, Seen, Step, Target, Violation
from imagegate.report import words
from imagegate.report.access import access
from imagegate.result import PolicyInfo, Result
from imagegate.transports import CatalogScope

SCHEMA_VERSION = 1

_CACHED = 50_000
_CACHED_SMALL = 2_000

Record = dict[str, Any]


def head(result: Result) -> Record:
    """Everything of the report but the findings."""
    scope, counts, code = result.scope, result.counts, result.exit_code
    checks = {finding.check.id: finding.check for finding in result.findings}.values()
    return {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": result.run_id,
            "command": result.command,
            "started": words.utc(result.started),
            "finished": words.utc(result.finished),
            "complete": result.complete,
            "interrupted": result.interrupted,
            "exit_code": int(code),
            "meaning": words.meaning(result),
            "fail_on": str(result.fail_on),
            "max_unknown": result.max_unknown,
            "fail_on_new": result.fail_on_new,
        },
        "tool": {"name": "imagegate", "version": words.tool_version(), "checks_digest": result.checks_digest},
        "auditor": [
            {"cloud": one.cloud, "user": one.user, "project": one.project, "roles": list(one.roles)}
            for one in result.auditors
        ],
        "policy": {
            "name": result.policy.name,
            "version": result.policy.version,
            "title": result.policy.title,
            "digest": result.policy.digest,
            **_places(result.policy),
        },
        "scope": {
            "targets": {"selected": scope.selected, "seen": scope.seen},
            "unreachable": [{"target": lost.target, "reason": lost.reason} for lost in scope.unreachable],
            "catalog": [_catalog(catalog) for catalog in scope.catalogs],
            "images": {"distinct": scope.images, "seen_from_several": scope.images_from_several},
            "rules_without_targets": list(scope.rules_without_targets),
            "strict_rules": scope.strict_rules,
            "deselected": scope.deselected,
            "missing": list(scope.missing),
            "unselected": list(scope.unselected),
            "relaxed": list(scope.relaxed),
            "warnings": list(scope.warnings),
            "requests": scope.requests,
            "limit": result.limit,
            **({"owed": list(result.owed)} if result.owed else {}),
        },
        "counts": {
            "pass": counts.passed,
            "fail": counts.fail,
            "unknown": counts.unknown,
            "not-applicable": counts.not_applicable,
            "waived": counts.waived,
            "fixed": counts.fixed,
            "attested": counts.attested,
        },
        "checks": {check.id: _explained(result, check) for check in sorted(checks, key=lambda check: check.id)},
        "access": list(access(result)),
        "waivers": [one.record() for one in result.granted if one.what == "waiver"],
        "attestations": [one.record() for one in result.granted if one.what == "attestation"],
        **({} if result.baseline is None else {"baseline": _baseline(result.baseline)}),
        **({} if result.story is None else {result.story.key: dict(result.story.record)}),
    }


def _places(policy: PolicyInfo) -> Record:
    if policy.file is None:
        return {}
    return {"file": policy.file, "rules": [{"lines": dict(lines)} for lines in policy.places]}


def _baseline(baseline: Baseline) -> Record:
    """``run`` is null where there was no run to compare with. ``not_resolved`` stood, and was not seen in order."""
    return {
        "run": baseline.run,
        "finished": None if baseline.finished is None else words.utc(baseline.finished),
        "counts": {
            "new": baseline.count(Change.NEW),
            "resolved": len(baseline.resolved),
            "changed": baseline.count(Change.CHANGED),
            "same": baseline.count(Change.SAME),
        },
        "resolved": [_former(former) for former in baseline.resolved],
        "not_resolved": [{**_former(former), "why": former.why} for former in baseline.not_resolved],
    }


def _former(former: Former) -> Record:
    return {
        "check": former.check,
        "severity": former.severity,
        "fingerprint": former.fingerprint,
        "target": dict(former.target),
        "first_seen": former.first_seen,
        "resolved_after_s": former.resolved_after_s,
    }


def _explained(result: Result, check: Check) -> Record:
    return {
        "title": check.title,
        "severity": str(check.severity),
        "fix": str(check.fix),
        "about": dict(result.explanations.get(check.id, {})),
    }


def _catalog(catalog: CatalogScope) -> Record:
    return {
        "cloud": catalog.cloud,
        "region": catalog.region,
        "project": catalog.project,
        "what": catalog.what,
        "pages": catalog.pages,
        catalog.what: catalog.count,
        "complete": catalog.complete,
        "reason": catalog.reason,
        "owner": None if catalog.owner is None else str(catalog.owner),
    }


def fingerprint(finding: Finding) -> str:
    """The name of this problem across runs."""
    return name_of(finding.check.id, finding.target.key, finding.violations)


class Findings:
    """The records of a result's findings, one at a time. What findings share is made once."""

    __slots__ = ("_checks", "_digests", "_hints", "_params", "_result", "_targets")

    def __init__(self, result: Result) -> None:
        self._result = result
        self._checks: dict[str, Record] = {}
        self._targets: dict[str, Record] = {}
        self._params: dict[int, tuple[Any, Any]] = {}
        self._digests: dict[tuple[str, Probe[Any], datetime], str | None] = {}
        self._hints = {
            (plan.target.key, refused.check): refused.refusal.hint
            for plan in result.plans
            for refused in plan.refusals
            if refused.refusal.hint is not None
        }

    def __iter__(self) -> Iterator[Record]:
        return map(self.record, self._result.findings)

    def record(self, finding: Finding) -> Record:
        """One finding."""
        target, key = finding.target, finding.target.key
        latest = self._result.facts.get(key)
        facts = latest
        if latest is not None and latest.at != finding.observed_at:
            facts = self._result.facts_before.get(key)
        after = latest if latest is not facts else None
        since = self._result.since(finding)
        return {
            **self._check(finding.check),
            "fingerprint": fingerprint(finding),
            "target": self._target(key, target),
            "rule": finding.rule,
            "parameters": self._parameters(finding.params),
            "observed_at": words.utc(finding.observed_at),
            "evidence": self._evidence(key, finding, facts),
            "verdict": str(finding.verdict),
            "violations": _violations(finding.violations),
            "reason": finding.reason,
            "owner": None if finding.owner is None else str(finding.owner),
            "note": finding.note,
            "waiver": _beside(finding.waiver, "reason", "ticket", "approved_by", "until", "line"),
            "attestation": _beside(finding.attestation, "statement", "by", "on", "until", "line"),
            "remedy": _NO_REMEDY
            if finding.remedy is NO_REMEDY
            else _remedy(finding.remedy, self._hints.get((key, finding.check.id)), self._evidence(key, finding, after)),
            **({} if since is None else {"change": str(since.change), "first_seen": since.first_seen}),
        }

    def _check(self, check: Check) -> Record:
        if (known := self._checks.get(check.id)) is None:
            known = {"check": check.id, "title": check.title, "severity": str(check.severity)}
            self._checks[check.id] = known
        return known

    def _target(self, key: str, target: Target) -> Record:
        if (known := self._targets.get(key)) is None:
            if len(self._targets) >= _CACHED_SMALL:
                self._targets.clear()
            known = self._targets[key] = {
                "id": target.id,
                "name": target.name,
                "kind": str(target.kind),
                "cloud": target.cloud,
                "region": target.region,
                "owner": target.owner,
                "seen_from": list(target.seen_from),
                "key": key,
            }
        return known

    def _parameters(self, params: Any) -> Any:
        known = self._params.get(id(params))
        if known is None or known[0] is not params:
            if len(self._params) >= _CACHED_SMALL:
                self._params.clear()
            known = self._params[id(params)] = (params, _dump(params))
        return known[1]

    def _evidence(self, key: str, finding: Finding, facts: Facts | None) -> list[str]:
        if facts is None:
            return []
        digests = (self._digest(key, probe, facts) for probe in finding.check.looks(finding.params))
        return [each for each in digests if each is not None]

    def _digest(self, key: str, probe: Probe[Any], facts: Facts) -> str | None:
        place = (key, probe, facts.at)
        if place not in self._digests:
            if len(self._digests) >= _CACHED:
                self._digests.clear()
            seen = facts.observation(probe)
            self._digests[place] = _digest(probe, seen.value) if isinstance(seen, Seen) else None
        return self._digests[place]


def _digest(probe: Probe[Any], value: object) -> str:
    """The digest of a fact; one that is no JSON (lone surrogates, types of a user's own probe) costs no report."""
    try:
        return digest(probe, value)
    except (TypeError, ValueError):
        text = f"{probe.key}\n{value!r}"
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _dump(params: Any) -> Any:
    if not isinstance(params, BaseModel):
        return {}
    try:
        return json.loads(params.model_dump_json(by_alias=True))
    except (TypeError, ValueError):  # a type of a user's own check that is no JSON
        return {name: repr(value) for name, value in params}


def _beside(permission: Any, *names: str) -> Record | None:
    if permission is None:
        return None
    values = ((name, getattr(permission, name, None)) for name in names)
    return {name: value if value is None or isinstance(value, int) else str(value) for name, value in values}


_NO_REMEDY: Record = {"state": str(NO_REMEDY.state), "steps": [], "reason": None}


def _violations(violations: Sequence[Violation]) -> list[Record]:
    return [
        {"subject": each.subject, "expected": each.expected, "actual": each.actual, "hint": each.hint}
        for each in violations
    ]


def _remedy(remedy: Remedy, hint: str | None, evidence: list[str]) -> Record:
    more = {"hint": hint, "evidence": evidence, "after": None if remedy.after is None else _after(remedy.after)}
    return {
        "state": str(remedy.state),
        "steps": [_step(step, done=step in remedy.done) for step in remedy.steps],
        "reason": remedy.reason,
        **{name: value for name, value in more.items() if value},
    }


def _after(after: After) -> Record:
    return {
        "verdict": str(after.verdict),
        "observed_at": words.utc(after.observed_at),
        "violations": _violations(after.violations),
        "reason": after.reason,
    }


def _step(step: Step, *, done: bool) -> Record:
    return {
        "subject": step.subject,
        "summary": step.summary,
        "level": str(step.level),
        "why": step.why,
        "undo": step.undo,
        "then": step.then,
        "done": done,
    }
