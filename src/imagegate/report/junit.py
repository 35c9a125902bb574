"""JUnit XML for CI servers: a test suite for the scope, then one test case per finding.

A fail is a failure, an unknown an error; not-applicable, waived and attested ones are skipped with the reason; a fixed
one passes with a property. What could not be seen as a whole (a lost region, a missing instance, an exceeded limit) is
an error of the suite ``scope``: a reader of this file alone must not see green either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagegate.model import Finding, RemedyState, Verdict
from imagegate.report.build import fingerprint
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.words import REMEDY_WORDS, afterwards, ambiguous_names, meaning, place, plural
from imagegate.result import ExitCode, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What becomes of a test case: ``tag`` is failure, error or skipped, None for passed."""

    tag: str | None = None
    kind: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()


_PASSED = _Outcome()


def render(result: Result) -> Iterator[str]:
    """The XML in chunks."""
    scope = list(_scope_cases(result))
    ambiguous = ambiguous_names(result.findings)
    inner = _tally(outcome for _, outcome in scope)
    outer = _tally(map(_outcome, result.findings))
    seconds = max(0.0, (result.finished - result.started).total_seconds())
    both = {name: inner[name] + outer[name] for name in inner}
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f"<testsuites{_attributes(name='imagegate', time=f'{seconds:.3f}', **_without_skipped(both))}>\n"
    yield f"<testsuite{_attributes(name='scope', **inner, time='0', timestamp=_stamp(result))}>\n"
    yield from _properties(_suite_properties(result))
    for name, outcome in scope:
        yield from _case("scope", name, outcome, {})
    yield "</testsuite>\n"
    yield f"<testsuite{_attributes(name='checks', **outer, time=f'{seconds:.3f}', timestamp=_stamp(result))}>\n"
    for finding in result.findings:
        target, check = finding.target, finding.check.id
        name = visible(target.name)
        if (target.kind, target.name) in ambiguous:
            name = f"{name} ({visible(target.id)})"
        classname = f"checks.{check.partition('-')[0]}.{check}"
        yield from _case(classname, name, _outcome(finding), _case_properties(finding))
    yield "</testsuite>\n</testsuites>\n"


def _stamp(result: Result) -> str:
    return f"{result.started:%Y-%m-%dT%H:%M:%S}"


def _tally(outcomes: Iterator[_Outcome]) -> dict[str, int]:
    tags = {"failure": 0, "error": 0, "skipped": 0}
    total = 0
    for outcome in outcomes:
        total += 1
        if outcome.tag is not None:
            tags[outcome.tag] += 1
    return {"tests": total, "failures": tags["failure"], "errors": tags["error"], "skipped": tags["skipped"]}


def _outcome(finding: Finding) -> _Outcome:
    verdict = finding.verdict
    if verdict is Verdict.PASS or finding.fixed:
        return _PASSED
    if verdict is Verdict.NOT_APPLICABLE:
        return _Outcome(tag="skipped", kind=verdict, message=f"not applicable: {finding.reason or 'no reason given'}")
    if verdict is Verdict.UNKNOWN:
        if (word := finding.attestation) is not None:
            message = f"unknown, attested by {word.by} on {word.on} until {word.until}: {word.statement}"
            return _Outcome(tag="skipped", kind="attested", message=message)
        return _Outcome(tag="error", kind=verdict, message=finding.reason or "unknown", lines=tuple(_notes(finding)))
    if (waiver := finding.waiver) is not None:
        ticket = f" ({waiver.ticket})" if waiver.ticket else ""
        message = f"fails, waived until {waiver.until} by {waiver.approved_by}{ticket}: {waiver.reason}"
        return _Outcome(tag="skipped", kind="waived", message=message)
    wrong = [f"{each.subject}: {each.actual}, expected {each.expected}" for each in finding.violations]
    hints = [f"{each.subject}: hint: {each.hint}" for each in finding.violations if each.hint]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    message = wrong[0] + more if wrong else finding.check.title
    return _Outcome(tag="failure", kind=verdict, message=message, lines=(*wrong, *hints, *_notes(finding)))


def _notes(finding: Finding) -> Iterator[str]:
    if finding.note:
        yield f"note: {finding.note}"
    remedy = finding.remedy
    if remedy.state is not RemedyState.NONE:
        yield f"{REMEDY_WORDS[remedy.state]}{f': {remedy.reason}' if remedy.reason else ''}"
        for step in remedy.steps:
            yield f"{'done' if step in remedy.done else step.level}: {step.summary}"
    if (now := afterwards(finding)) is not None:
        yield f"after: {now}"


def _scope_cases(result: Result) -> Iterator[tuple[str, _Outcome]]:
    for catalog in result.scope.catalogs:
        name = f"{catalog.what} of {catalog.cloud}/{catalog.region}"
        reason = f"not seen whole: {catalog.reason or 'the listing is not complete'}"
        yield name, _PASSED if catalog.complete else _Outcome(tag="error", kind="incomplete", message=reason)
    for name in result.scope.missing:
        yield f"instance {name}", _Outcome(tag="error", kind="missing", message="could not be looked for")
    for name in result.scope.unselected:
        yield f"a rule for {name}", _Outcome(tag="error", kind="unselected", message="no rule of the policy selects it")
    for text in result.owed:
        yield "protection", _Outcome(tag="error", kind="owed", message=text)
    if result.limit is not None:
        yield "limits", _Outcome(tag="error", kind="limit", message=f"nothing was applied: {result.limit}")
    story = result.story
    if story is not None and story.code is not None:
        words = story.meaning or meaning(result)
        yield story.key, _Outcome(tag="error", kind=story.code.name.lower(), message=words)
    elif result.exit_code in {ExitCode.NOTHING, ExitCode.INTERRUPTED} and not result.scope.unselected:
        words = meaning(result)
        yield "run", _Outcome(tag="error", kind=result.exit_code.name.lower(), message=words)


def _suite_properties(result: Result) -> dict[str, str]:
    scope = result.scope
    return {
        "run": result.run_id,
        "command": result.command,
        "policy": f"{result.policy.name} version {result.policy.version} {result.policy.digest}",
        "exit_code": f"{int(result.exit_code)}: {meaning(result)}",
        "complete": "true" if result.complete else f"false, {plural(scope.deselected, 'pair')} deselected",
        "targets": f"{scope.selected} selected, {scope.seen} seen",
        **({"images_from_several": str(scope.images_from_several)} if scope.images_from_several else {}),
        **{f"relaxed.{number}": text for number, text in enumerate(scope.relaxed)},
    }


def _case_properties(finding: Finding) -> dict[str, str]:
    target = finding.target
    properties = {
        "verdict": str(finding.verdict),
        "severity": str(finding.check.severity),
        "fingerprint": fingerprint(finding),
        "target": f"{target.kind} {target.id}",
    }
    if where := place(target):
        properties["place"] = where
    if len(target.seen_from) > 1:
        properties["seen_from"] = ", ".join(target.seen_from)
    if finding.waiver is not None:
        properties["waiver"] = f"until {finding.waiver.until}: {finding.waiver.reason}"
    if finding.attestation is not None:
        properties["attestation"] = f"until {finding.attestation.until}: {finding.attestation.statement}"
    if finding.remedy.state is not RemedyState.NONE:
        properties["remedy"] = str(finding.remedy.state)
    if finding.note and not finding.stands:
        properties["note"] = finding.note
    return properties


def _case(classname: str, name: str, outcome: _Outcome, properties: dict[str, str]) -> Iterator[str]:
    yield f"<testcase{_attributes(classname=classname, name=name, time='0')}>\n"
    yield from _properties(properties)
    if outcome.tag is not None:
        attributes = _attributes(type=outcome.kind, message=outcome.message)
        text = "\n".join(_text(line) for line in outcome.lines)
        yield f"<{outcome.tag}{attributes}>{text}</{outcome.tag}>\n"
    yield "</testcase>\n"


def _properties(properties: dict[str, str]) -> Iterator[str]:
    if properties:
        inner = "".join(f'<property name="{name}" value="{_text(value)}"/>' for name, value in properties.items())
        yield f"<properties>{inner}</properties>\n"


def _without_skipped(tally: dict[str, int]) -> dict[str, str | int]:
    return {name: value for name, value in tally.items() if name != "skipped"}


def _attributes(**values: str | int) -> str:
    return "".join(f' {name}="{_text(str(value))}"' for name, value in values.items())


def _text(text: str) -> str:
    shown = visible(text, TEXT_LIMIT)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
