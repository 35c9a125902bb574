"""What several renderers ask of the records of a report: what stands, what could not be seen, and in which words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from imagegate.report.safe import TEXT_LIMIT, visible

Record = Mapping[str, Any]

SCOPE = "imagegate-scope"
"""The name, beside those of checks, under which forms that know only findings tell what the run could not see."""

SEVERITIES = ("low", "medium", "high", "critical")
VERDICTS = ("pass", "fail", "unknown", "not-applicable")

_INTERRUPTED = 2
_STORIES = {"capture", "prove"}
"""Commands that do more than judge: their end can be bad where all findings are good."""

UNKNOWN_POLICY = "policy.yaml"
"""Stands for the policy's file in reports that do not tell it."""


def waived(finding: Record) -> bool:
    """A fail beside which a waiver stands."""
    return finding["verdict"] == "fail" and finding["waiver"] is not None


def fixed(finding: Record) -> bool:
    """A fail that was mended and looked at again."""
    return bool(finding["verdict"] == "fail" and finding["remedy"]["state"] == "verified")


def attested(finding: Record) -> bool:
    """An unknown beside which somebody's word stands."""
    return finding["verdict"] == "unknown" and finding["attestation"] is not None


def stands(finding: Record) -> bool:
    """Whether it counts against the run: a fail that is neither waived nor fixed, or an unknown nobody attests."""
    if finding["verdict"] == "fail":
        return not (waived(finding) or fixed(finding))
    return finding["verdict"] == "unknown" and not attested(finding)


def rank(severity: str) -> int:
    """0 for low to 3 for critical."""
    return SEVERITIES.index(severity)


def urgency(finding: Record) -> tuple[int, int]:
    """A key that sorts the worst first: fails by severity, then unknowns by severity."""
    return (0 if finding["verdict"] == "fail" else 1, -rank(finding["severity"]))


def worst(findings: Iterable[Record], most: int) -> list[Record]:
    """At most ``most`` of ``findings``, the worst first, in the report's order where they are equally bad."""
    return nsmallest(most, findings, key=urgency)


def place(target: Record) -> str:
    """``nhn/KR1``, or nothing for a target of no cloud."""
    return "" if target["cloud"] is None else f"{target['cloud']}/{target['region'] or '-'}"


def path_of(target: Record) -> str:
    """The target's full name: ``nhn/KR1/image/<id>``."""
    return "/".join(part for part in (place(target), target["kind"], target["id"]) if part)


def saying(finding: Record) -> str:
    """The finding in one sentence that shows all of itself: what is wrong, or why nobody can tell."""
    if finding["verdict"] != "fail":
        return visible(finding["reason"] or finding["note"] or finding["title"], TEXT_LIMIT)
    wrong = [f"{each['subject']}: {each['actual']}, expected {each['expected']}" for each in finding["violations"]]
    return visible("; ".join(wrong) or finding["title"], TEXT_LIMIT)


def waiver_words(waiver: Record) -> str:
    """Who lets a fail stand, until when, and why."""
    ticket = f" ({waiver['ticket']})" if waiver.get("ticket") else ""
    text = f"waived until {waiver['until']} by {waiver['approved_by']}{ticket}: {waiver['reason']}"
    return visible(text, TEXT_LIMIT)


def attestation_words(word: Record) -> str:
    """Whose word stands beside an unknown, until when, and what it says."""
    return visible(f"attested by {word['by']} on {word['on']} until {word['until']}: {word['statement']}", TEXT_LIMIT)


def beside_words(finding: Record) -> str | None:
    """What stands beside the verdict: a waiver, an attestation or a verified fix; None if nothing does."""
    if waived(finding):
        return waiver_words(finding["waiver"])
    if attested(finding):
        return attestation_words(finding["attestation"])
    return "fixed and verified" if fixed(finding) else None


def moment(text: str) -> datetime:
    """A time of the report."""
    return datetime.fromisoformat(text)


def policy_place(head: Mapping[str, Any], finding: Record | None = None) -> tuple[str, int]:
    """File and line of the policy that ask for this: line 1 where the report does not tell it."""
    policy = head["policy"]
    rules, line = policy.get("rules", ()), 1
    if finding is not None and finding["rule"] is not None and finding["rule"] < len(rules):
        line = rules[finding["rule"]]["lines"].get(finding["check"], 1)
    return policy.get("file", UNKNOWN_POLICY), line


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that the run could not see or do as a whole; ``name`` is short and stable, ``text`` says why."""

    name: str
    text: str

    @property
    def fingerprint(self) -> str:
        """Names this gap across runs, as those of findings do."""
        return hashlib.sha256(json.dumps([SCOPE, self.name]).encode()).hexdigest()[:16]


def gaps(head: Mapping[str, Any]) -> Iterator[Gap]:
    """Lost catalogs, instances nobody could look for or no rule selects, an exceeded limit, a run that ended badly.

    With any of these a reader who sees the findings alone would see green where nothing was looked at. Unreachable
    targets are not among them: each has findings of its own, which are unknown.
    """
    found = {gap.name: gap for gap in _of_scope(head["scope"])}
    yield from found.values()
    run, counts = head["run"], head["counts"]
    code, command = run["exit_code"], run["command"]
    standing = counts["fail"] - counts["waived"] - counts["fixed"] + counts["unknown"] - counts["attested"]
    if code == _INTERRUPTED or (code and (command in _STORIES or not (found or standing))):
        yield _gap(command if command in _STORIES else "run", run.get("meaning") or f"exit code {code}")


def _of_scope(scope: Mapping[str, Any]) -> Iterator[Gap]:
    for catalog in scope["catalog"]:
        if not catalog["complete"]:
            what = f"{catalog.get('what', 'images')} of {catalog['cloud']}/{catalog['region']}"
            why = catalog.get("reason") or "the listing is not complete"
            yield _gap(what, f"{what} could not be listed whole: {why}")
    for name in scope.get("missing", ()):
        yield _gap(f"instance {name}", f"instance {name} could not be looked for")
    for name in scope.get("unselected", ()):
        yield _gap(f"rule for {name}", f"no rule of the policy selects {name}")
    for text in scope.get("owed", ()):
        yield _gap("protection", text)
    if scope.get("limit") is not None:
        yield _gap("limit", f"nothing was applied: {scope['limit']}")


def _gap(name: str, text: str) -> Gap:
    return Gap(name=visible(name), text=visible(text, TEXT_LIMIT))
