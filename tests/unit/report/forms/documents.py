"""Reports for the tests of forms: the five that the issue names, some more, and any that hypothesis can think of."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from tests.golden import cases

from imagegate.report import document as json_report
from imagegate.report.formats import FORMATS
from imagegate.report.past import Context
from imagegate.report.stored import Document, document_of

Record = dict[str, Any]
NASTY = (
    *("</td><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "]]>", "<!--", "-->"),
    *("[click](http://evil.example)", "![x](http://evil.example/x.png)", "http://evil.example", "www.evil.example"),
    *("@org/team", "#1", "!2", "GH-3", ":tada:", "~label", "a|b", "`x`", "``", "```", "**b**", "_i_", "|", "\\|"),
    *("::set-env name=PATH::/tmp", "::stop-commands::x", "##[add-mask]x", "##vso[task.setvariable]x", "%0A::error::x"),
    *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", '"', "'", ",", ";", "\r\n", "\n", "\x00", "\x1b[2J", "\x7f"),
    *("\u202e", "\u200b", "\u2028", "\udc80", "\uffff", "골든", "金", "\U0001f600", "{0}", "{", "}", "%", "%25", "\\", " "),
    *("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "x" * 300, "</details>", "<summary>", "~~~", "~", "$x$", "\n# head", "\n- x"),
)
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=12), max_size=4).map("".join)
some_text = texts.filter(bool)
ids = st.sampled_from(["catalog-image-protected", "linux-machine-id-reset", "capture-task-idle", "x-y"])
severities = st.sampled_from(["low", "medium", "high", "critical"])
days = st.sampled_from(["2026-11-22", "2026-12-31", "2027-05-20"])
TIME = "2026-11-22T10:15:12.500Z"


def render(form: str, document: Document, context: Context | None = None) -> str:
    return "".join(FORMATS[form].render(document, context or Context()))


def target(name: str = "golden-web", kind: str = "image", **more: Any) -> Record:
    place = {"cloud": "nhn", "region": "KR1", "owner": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"}
    return {"id": f"id-of-{name}", "name": name, "kind": kind, **place, **more}


def finding(verdict: str = "fail", number: int = 0, **more: Any) -> Record:
    failed = verdict == "fail"
    subject = {"subject": "protected", "expected": "true", "actual": "false", "hint": "anybody can delete it"}
    return {
        "check": "catalog-image-protected", "title": "The image cannot be deleted by mistake", "severity": "medium",
        "fingerprint": f"{number:016x}", "target": target(f"golden-{number}"), "rule": 0, "parameters": {"exact": True},
        "observed_at": TIME, "evidence": ["sha256:" + "ab" * 32], "verdict": verdict,
        "violations": [subject] if failed else [],
        "reason": None if verdict in {"pass", "fail"} else "HTTP 403 from the image API",
        "owner": "target" if verdict == "unknown" else None, "note": None, "waiver": None, "attestation": None,
        "remedy": {"state": "none", "steps": [], "reason": None}, **more,
    }  # fmt: skip


WAIVER = {
    "reason": "migrating", "ticket": "OPS-1", "approved_by": "security", "until": "2026-12-31", "line": 31,
}  # fmt: skip
WORD = {"statement": "ticked", "by": "release", "on": "2026-11-20", "until": "2027-05-20", "line": 40}
STEP = {
    "subject": "protected", "summary": "protect the image", "level": "safe", "why": "it could be deleted",
    "undo": "unprotect it", "then": None, "done": False,
}  # fmt: skip


def remedy(state: str, **more: Any) -> Record:
    return {"state": state, "steps": [STEP], "reason": None, **more}


def head(findings: list[Record], **more: Any) -> Record:
    verdicts = [each["verdict"] for each in findings]
    checks = {
        each["check"]: {
            "title": each["title"], "severity": each["severity"], "fix": "always",
            "about": {"Why it matters": "``x`` is lost.", "Fix": "Protect it.", "References": "A guide."},
        }
        for each in findings
    }  # fmt: skip
    standing = [e for e in findings if e["verdict"] == "fail" and not e["waiver"] and e["remedy"]["state"] != "verified"]
    whole = {
        "schema_version": 1,
        "run": {
            "id": "20261122T101500Z-3f2a", "command": "audit", "started": "2026-11-22T10:15:00.000Z", "finished": TIME,
            "complete": True, "interrupted": False, "exit_code": 1 if standing else 10 if "unknown" in verdicts else 0,
            "meaning": "a fail stands" if standing else "compliant: all is well", "fail_on": "low", "max_unknown": 0,
        },
        "tool": {"name": "imagegate", "version": "0.1.0", "checks_digest": "sha256:" + "cd" * 32},
        "auditor": [],
        "policy": {
            "name": "golden", "version": 3, "title": None, "digest": "sha256:" + "ab" * 32,
            "file": "policies/golden.yaml", "rules": [{"lines": {"catalog-image-protected": 12}}],
        },
        "scope": {
            "targets": {"selected": len(findings), "seen": len(findings) - verdicts.count("unknown")},
            "unreachable": [], "catalog": [], "rules_without_targets": [], "strict_rules": False, "deselected": 0,
            "missing": [], "unselected": [], "relaxed": [], "warnings": [], "requests": 1, "limit": None,
        },
        "counts": {
            **{name: verdicts.count(name) for name in ("pass", "fail", "unknown", "not-applicable")},
            "waived": sum(each["waiver"] is not None for each in findings),
            "fixed": sum(each["remedy"]["state"] == "verified" for each in findings),
            "attested": sum(each["attestation"] is not None for each in findings),
        },
        "checks": checks,
        "access": [],
    }  # fmt: skip
    for name, value in more.items():
        whole[name] = {**whole.get(name, {}), **value} if isinstance(value, dict) else value
    return whole


def document(findings: list[Record], **more: Any) -> Document:
    return Document(head=head(findings, **more), findings=findings)


def every_verdict() -> Document:
    return document(
        [
            finding("pass", 0, note="a remark"),
            finding("fail", 1, remedy=remedy("planned")),
            finding("fail", 2, waiver=WAIVER),
            finding("fail", 3, remedy=remedy("refused", reason="it is a link")),
            finding("unknown", 4),
            finding("unknown", 5, attestation=WORD, check="windows-password-initialised", severity="critical"),
            finding("not-applicable", 6),
            finding("pass", 7, rule=None, target=target("golden", "policy", cloud=None, region=None, owner=None)),
            finding("fail", 8, severity="critical", target=target("web-01", "instance", owner=None)),
            finding("fail", 9, severity="low"),
        ]
    )


def fix_run() -> Document:
    return document([finding("fail", n, remedy=remedy(s)) for n, s in enumerate(("verified", "failed", "not-verified"))])


def many(count: int = 10_000) -> Document:
    verdicts, severities = ("fail", "pass", "unknown", "not-applicable", "fail"), ("low", "medium", "high", "critical")
    made = [
        finding(verdicts[n % 5], n, check=f"check-{n % 40}", severity=severities[n % 40 % 4]) for n in range(count)
    ]
    return document(made)


def compared() -> Document:
    """With a baseline, and waivers in every state."""
    gone = {
        "check": "catalog-image-protected", "severity": "medium", "fingerprint": "f" * 16, "target": target("gone"),
        "first_seen": "2026-10-01T00:00:00.000Z", "resolved_after_s": 86400,
    }  # fmt: skip
    first = "2026-11-01T00:00:00.000Z"
    made = [
        *(finding("fail", n, change=change, first_seen=first) for n, change in enumerate(("new", "changed", "same"))),
        finding("unknown", 3, change="new", first_seen=None), finding("fail", 4, waiver=WAIVER), finding("pass", 5),
    ]  # fmt: skip
    states = ("in force", "ending soon", "expired", "unused", "over-broad")
    waivers = [
        {"check": "x-y", "for": "image golden-*", "reason": "r", "ticket": None, "approved_by": "a", "until": until,
         "line": 3 + n, "matches": n, "state": state}
        for n, (state, until) in enumerate(zip(states, ["2026-12-31", "2026-11-25", "2026-01-01", "2027-01-01", "2027-02-01"], strict=True))
    ]  # fmt: skip
    counts = {"new": 2, "resolved": 1, "changed": 1, "same": 1}
    baseline = {"run": "20261101T000000Z-aaaa", "finished": first, "counts": counts, "resolved": [gone]}
    return document(made, baseline=baseline, waivers=waivers, attestations=[])


def lost() -> Document:
    """Much that could not be seen, and not one finding."""
    catalog = {
        "cloud": "nhn", "region": "KR2", "project": None, "what": "images", "pages": 0, "images": 0, "complete": False,
        "reason": "not in the service catalog", "owner": None,
    }  # fmt: skip
    scope = {"catalog": [catalog], "missing": [f"web-{n}" for n in range(20)], "relaxed": ["web-09: host key"]}
    run = {"complete": False, "exit_code": 10, "meaning": "no fail stands, but something could not be seen"}
    return document([], scope=scope, run=run)


DOCUMENTS: dict[str, Callable[[], Document]] = {
    **{f"case {name}": lambda made=made: document_of(made()) for name, made in cases.CASES.items()},
    "nothing at all": lambda: document([]),
    "every verdict": every_verdict,
    "a fix run": fix_run,
    "a baseline": compared,
    "a lost region": lost,
    "10,000 findings": many,
}


@st.composite
def any_document(draw: st.DrawFn) -> Document:
    """A report whose every text is hostile."""
    findings = draw(st.lists(any_finding(), max_size=6))
    for number, each in enumerate(findings):
        each["fingerprint"] = f"{number:016x}"
    severity = {each["check"]: each["severity"] for each in findings}
    for each in findings:
        each["severity"] = severity[each["check"]]
    unreachable = st.lists(st.fixed_dictionaries({"target": texts, "reason": texts}), max_size=2)
    listing = st.fixed_dictionaries(
        {
            "cloud": texts, "region": texts, "project": texts, "what": st.just("images"), "pages": st.integers(0, 9),
            "images": st.integers(0, 9), "complete": st.booleans(), "reason": st.none() | texts, "owner": st.none(),
        }
    )  # fmt: skip
    few = st.lists(texts, max_size=2)
    scope = {name: draw(few) for name in ("missing", "unselected", "relaxed", "warnings")}
    scope |= {"unreachable": draw(unreachable), "catalog": draw(st.lists(listing, max_size=2))}
    scope["limit"] = draw(st.none() | texts)
    policy = {"name": draw(some_text), "title": draw(st.none() | texts), "file": draw(some_text)}
    code = draw(st.sampled_from([0, 1, 2, 5, 10, 11]))
    run = {"exit_code": code, "meaning": draw(texts), "fail_on": draw(severities), "complete": draw(st.booleans())}
    permission = {"check": "x-y", "for": draw(texts), "reason": draw(texts), "ticket": None, "line": 3, "matches": 1}
    waiver = {**permission, "approved_by": draw(texts), "until": draw(days), "state": "expired"}
    more = {"waivers": [waiver]} if draw(st.booleans()) else {}
    return document(findings, policy=policy, scope=scope, run=run, **more)


@st.composite
def any_finding(draw: st.DrawFn) -> Record:
    verdict = draw(st.sampled_from(["pass", "fail", "unknown", "not-applicable"]))
    made = finding(verdict, check=draw(ids), title=draw(texts), severity=draw(severities), note=draw(st.none() | texts))
    place = draw(st.none() | some_text)
    made["target"] = {
        "id": draw(some_text), "name": draw(texts), "kind": draw(st.sampled_from(["image", "instance", "policy"])),
        "cloud": place, "region": None if place is None else draw(st.none() | some_text),
        "owner": draw(st.none() | some_text),
    }  # fmt: skip
    made["rule"] = draw(st.none() | st.integers(0, 3))
    made["parameters"] = {draw(some_text): draw(texts)}
    wrong = st.fixed_dictionaries({"subject": texts, "expected": texts, "actual": texts, "hint": st.none() | texts})
    step = st.fixed_dictionaries({"summary": texts, "undo": st.none() | texts}).map(lambda given: {**STEP, **given})
    if verdict == "fail":
        made["violations"] = draw(st.lists(wrong, min_size=1, max_size=2))
        state = draw(st.sampled_from(["none", "manual", "planned", "refused", "verified", "failed"]))
        made["remedy"] = {"state": state, "steps": draw(st.lists(step, max_size=2)), "reason": draw(st.none() | texts)}
        if state != "verified" and draw(st.booleans()):
            made["waiver"] = {**WAIVER, "reason": draw(texts), "approved_by": draw(texts), "ticket": draw(texts)}
    elif verdict != "pass":
        made["reason"] = draw(texts)
        if verdict == "unknown" and draw(st.booleans()):
            made["attestation"] = {**WORD, "statement": draw(texts), "by": draw(texts)}
    return made


def as_json(made: Document) -> Record:
    """As it is in ``report.json``."""
    return json.loads(json_report.encode({**made.head, "findings": [*made.findings]}))


def shows(text: str) -> bool:
    """Whether all of it shows on one line; kinds of spaces that are not plain ones do, to whoever looks."""
    return all(char.isprintable() or unicodedata.category(char) == "Zs" for char in text)

