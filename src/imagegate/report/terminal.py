"""What a person reads: what is wrong and what would mend it, by target; then how far the run could see.

Targets without a problem are only counted, unless ``verbose``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imagegate.baseline import Change, Since
from imagegate.model import Finding, RemedyState, Target, Verdict
from imagegate.plan import Plan
from imagegate.report.build import fingerprint
from imagegate.report.lines import BLANK, Line, line, plain, show
from imagegate.report.safe import visible
from imagegate.report.steps import plan_lines, target_line
from imagegate.report.summary import summary_lines
from imagegate.report.words import REMEDY_WORDS, afterwards, plural
from imagegate.result import Result

if TYPE_CHECKING:
    from imagegate.report.lines import Out

SHOWN_TARGETS = 200
"""So many targets with a problem are shown on a terminal before the report is referred to; all with ``verbose``."""

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_CHANGES = {Change.NEW: ("new", "bold red"), Change.CHANGED: ("changed", "bold yellow"), Change.SAME: ("old", "dim")}
_MARGIN = 4


def render_plan(plans: Iterable[Plan], console: Out) -> None:
    """Print what is about to be done, before it is confirmed."""
    plans = [plan for plan in plans if plan.steps or plan.refusals]
    granted = sum(len(plan.granted) for plan in plans)
    title = f": {plural(granted, 'step')} on {plural(len(plans), 'target')}"
    show([line(0, ("the plan", "bold"), title), BLANK], console)
    for plan in plans:
        show([target_line(plan.target), *plan_lines(plan), BLANK], console)


def render_result(
    result: Result,
    console: Out,
    *,
    verbose: bool = False,
    next_command: str | None = None,
    report_path: Path | None = None,
    forms: Sequence[str] = (),
) -> None:
    """Print the whole result; ``forms`` are further files beside those that ``report_path`` always has."""
    limit = None if verbose else SHOWN_TARGETS
    lines = result_lines(
        result, verbose=verbose, limit=limit, next_command=next_command, report_path=report_path, forms=forms
    )
    show(lines, console)


def render(result: Result, *, next_command: str | None = None) -> Iterator[str]:
    """The result as plain text, in chunks: ``report.txt``."""
    return plain(result_lines(result, verbose=False, limit=None, next_command=next_command, report_path=None))


def result_lines(
    result: Result,
    *,
    verbose: bool,
    limit: int | None,
    next_command: str | None,
    report_path: Path | None,
    forms: Sequence[str] = (),
) -> Iterator[Line]:
    """All lines of a result."""
    groups = _by_target(result.findings)
    shown = groups if verbose else {key: group for key, group in groups.items() if any(map(_worth_a_look, group))}
    plans = {plan.target.key: plan for plan in result.plans}
    for key, group in islice(shown.items(), limit):
        yield from _target_lines(group, plans.get(key), since=result.since, verbose=verbose)
        yield BLANK
    if limit is not None and len(shown) > limit:
        yield line(0, f"… and {plural(len(shown) - limit, 'more target')} with a problem: see the report")
        yield BLANK
    yield from summary_lines(
        result, quiet_targets=len(groups) - len(shown), next_command=next_command, report_path=report_path, forms=forms
    )


def _by_target(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.target.key, []).append(finding)
    return groups


def _worth_a_look(finding: Finding) -> bool:
    return finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


def _target_lines(
    group: Sequence[Finding], plan: Plan | None, *, since: Callable[[Finding], Since | None], verbose: bool
) -> Iterator[Line]:
    target: Target = group[0].target
    yield target_line(target)
    for finding in group:
        if finding.verdict is Verdict.FAIL:
            yield from _fail_lines(finding, since(finding))
    yield from _unknown_lines(group)
    if plan is not None and (plan.steps or plan.refusals):
        yield line(2, ("the plan", "bold"))
        yield from plan_lines(plan, group)
    yield from _quiet_lines(group, verbose=verbose)


def _fail_lines(finding: Finding, since: Since | None) -> Iterator[Line]:
    check = finding.check
    word, style = _word(finding)
    severity = str(check.severity)
    change = () if since is None else (" ", _CHANGES[since.change])
    name = ("  " + fingerprint(finding), "dim")
    yield line(2, (word, style), *change, " ", (severity, _STYLES[severity]), f" {check.id}: {check.title}", name)
    yield from _mended_lines(finding) if finding.fixed else _wrong_lines(finding)
    yield from _note_lines(finding)
    if (waiver := finding.waiver) is not None:
        ticket = f" ({waiver.ticket})" if waiver.ticket else ""
        yield line(_MARGIN, f"waived until {waiver.until} by {waiver.approved_by}{ticket}: {waiver.reason}")
    state = finding.remedy.state
    if state in {RemedyState.FAILED, RemedyState.NOT_VERIFIED, RemedyState.REFUSED}:
        reason = f": {finding.remedy.reason}" if finding.remedy.reason else ""
        yield line(_MARGIN, (REMEDY_WORDS[state], "red"), reason)
    elif finding.fixed and finding.remedy.reason:
        yield line(_MARGIN, (REMEDY_WORDS[state], "green"), f": {finding.remedy.reason}")
    if (now := afterwards(finding)) is not None:
        yield line(_MARGIN, ("after: ", "dim"), now)


def _wrong_lines(finding: Finding) -> Iterator[Line]:
    for each in finding.violations:
        yield line(_MARGIN, (visible(each.subject), "bold"), f": {each.actual}, expected {each.expected}")
        if each.hint:
            yield line(_MARGIN + 2, ("hint: ", "dim"), each.hint)


def _mended_lines(finding: Finding) -> Iterator[Line]:
    """What was wrong, and that it is as expected now: a look said so, or the fail would not count as fixed."""
    after = finding.remedy.after
    gone = after is not None and after.verdict is Verdict.NOT_APPLICABLE
    for each in finding.violations:
        now = "does not matter any more" if gone else each.expected
        yield line(
            _MARGIN, (visible(each.subject), "bold"), ": before: ", (visible(each.actual), "red"), " / after: ",
            (visible(now), "green"),
        )  # fmt: skip


def _word(finding: Finding) -> tuple[str, str]:
    if finding.fixed:
        return "FIXED", "green"
    return ("WAIVED", "yellow") if finding.waived else ("FAIL", "bold red")


def _unknown_lines(group: Sequence[Finding]) -> Iterator[Line]:
    """Checks that are unknown for one reason are one entry: a dead host is one line, not N."""
    by_reason: dict[tuple[str, int], list[Finding]] = {}
    for finding in group:
        if finding.verdict is Verdict.UNKNOWN:
            by_reason.setdefault((finding.reason or "no reason given", id(finding.attestation)), []).append(finding)
    for (reason, _), findings in by_reason.items():
        word = findings[0].attestation
        label = ("UNKNOWN", "bold magenta") if word is None else ("ATTESTED", "yellow")
        yield line(2, label, f" {', '.join(finding.check.id for finding in findings)}")
        yield line(_MARGIN, reason)
        for finding in findings:
            yield from _note_lines(finding)
        if word is not None:
            yield line(_MARGIN, f"attested by {word.by} on {word.on} until {word.until}: {word.statement}")


def _quiet_lines(group: Sequence[Finding], *, verbose: bool) -> Iterator[Line]:
    passed = [finding for finding in group if finding.verdict is Verdict.PASS]
    idle = [finding for finding in group if finding.verdict is Verdict.NOT_APPLICABLE]
    if not verbose:
        for finding in passed:
            if finding.note:
                yield line(2, ("pass", "green"), f" {finding.check.id}")
                yield from _note_lines(finding)
        counts = [f"{plural(len(passed), 'check')} passed"] if passed else []
        counts += [f"{len(idle):,} not applicable"] if idle else []
        if counts:
            yield line(2, (", ".join(counts), "dim"))
        return
    for finding in passed:
        yield line(2, ("pass", "green"), f" {finding.check.id}: {finding.check.title}")
        yield from _note_lines(finding)
    for finding in idle:
        yield line(2, ("not applicable", "dim"), f" {finding.check.id}: {finding.reason or 'no reason given'}")


def _note_lines(finding: Finding) -> Iterator[Line]:
    if finding.note:
        yield line(_MARGIN, ("note: ", "dim"), finding.note)
