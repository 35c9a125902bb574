"""The end of what a person reads: the scope first, then the counts, the exit code in words, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from imagegate.baseline import Baseline, Change
from imagegate.model import Severity
from imagegate.policy_model import Waiver
from imagegate.probes.waivers import WaiverState
from imagegate.report.lines import Line, Piece, line
from imagegate.report.safe import visible
from imagegate.report.words import meaning, plural, rules_named, tool_version
from imagegate.result import Counts, ExitCode, Result
from imagegate.transports import CatalogScope

_LISTED = 50
_WHY = {"not-seen": "not seen", "target-gone": "on targets that are gone", "not-required": "no longer required"}


def summary_lines(
    result: Result,
    *,
    quiet_targets: int,
    next_command: str | None,
    report_path: Path | None,
    forms: Sequence[str] = (),
) -> Iterator[Line]:
    """Scope, counts, exit code, where the report is (``forms`` are further files there), and what to run next."""
    policy = result.policy
    whose = f"imagegate {tool_version()} {result.command}, policy {visible(policy.name)} version {policy.version}"
    yield line(0, ("scope", "bold"), f" of {whose}, run {result.run_id}")
    yield from _scope_lines(result)
    if result.story is not None:
        yield line(0, (result.story.key, "bold"))
        for text in result.story.lines:
            yield line(2, text)
    yield from _granted_lines(result)
    yield line(0, ("result", "bold"))
    yield line(2, _counts(result.counts))
    if result.baseline is not None:
        yield line(2, *_baseline(result.baseline))
    if quiet_targets:
        yield line(2, f"{plural(quiet_targets, 'target')} without a problem")
    if result.limit is not None:
        yield line(2, ("nothing was applied: ", "bold red"), result.limit)
    if result.fail_on > Severity.LOW:
        yield line(2, f"fails below {result.fail_on} do not count for the exit code (--fail-on {result.fail_on})")
    if result.max_unknown:
        tolerated = f"{plural(result.max_unknown, 'unknown target')} tolerated (--max-unknown {result.max_unknown})"
        yield line(2, f"{result.unknown_targets} unknown, {tolerated}")
    code = result.exit_code
    style = "bold green" if code is ExitCode.COMPLIANT and result.complete and not result.tolerated else "bold red"
    yield line(2, (f"exit code {int(code)}", style), f": {meaning(result)}")
    if report_path is not None:
        told = f" (also {', '.join(forms)})" if forms else ""
        yield line(0, ("report", "bold"), f" {report_path}{told}")
    if next_command is not None:
        command = next_command.startswith(("imagegate ", "pytest "))
        yield line(0, ("next", "bold"), f" {next_command}", whole=command)


def _counts(counts: Counts) -> str:
    waived = f" ({counts.waived:,} waived, {counts.fixed:,} fixed)" if counts.waived or counts.fixed else ""
    attested = f" ({counts.attested:,} attested)" if counts.attested else ""
    return (
        f"{counts.passed:,} pass, {counts.fail:,} fail{waived}, "
        f"{counts.unknown:,} unknown{attested}, {counts.not_applicable:,} not applicable"
    )


def _baseline(baseline: Baseline) -> tuple[Piece, ...]:
    new, changed, same = (baseline.count(change) for change in (Change.NEW, Change.CHANGED, Change.SAME))
    if baseline.run is None:
        return (f"no complete run to compare with: {'all of it is' if new else 'nothing fails that would be'} new",)
    now = f"{new:,} new, {changed:,} changed, {same:,} the same, {len(baseline.resolved):,} resolved"
    lost = Counter(former.why for former in baseline.not_resolved)
    rest = "".join(f", {number:,} {_WHY[why]}" for why, number in sorted(lost.items()))
    return (f"since run {baseline.run}: ", (now, "bold red" if new else ""), rest)


def _granted_lines(result: Result) -> Iterator[Line]:
    """All waivers and attestations; of a gate, those that are about what it judged and those to do something about."""
    calm = {WaiverState.IN_FORCE, WaiverState.ENDING_SOON} if result.command == "gate" else set()
    shown = [one for one in result.granted if one.matches or one.state not in calm]
    if shown:
        yield line(0, ("waivers and attestations", "bold"), " of the policy")
    for one in islice(shown, _LISTED):
        given = one.permission
        if isinstance(given, Waiver):
            who, why = f"{given.approved_by}{f' ({given.ticket})' if given.ticket else ''}", given.reason
        else:
            who, why = given.by, given.statement
        style = "" if one.state is WaiverState.IN_FORCE else "yellow"
        yield line(
            2, (str(one.state), style), f", line {given.line}: {given.check} for {visible(one.about)}, ",
            f"{plural(one.matches, 'target')}, until {given.until} by {who}: {why}",
        )  # fmt: skip
    if len(shown) > _LISTED:
        yield line(2, f"… and {len(shown) - _LISTED:,} more: see the report")


def _scope_lines(result: Result) -> Iterator[Line]:
    scope = result.scope
    yield line(2, f"targets: {scope.selected:,} selected by the policy, {scope.seen:,} seen")
    for catalog in scope.catalogs:
        yield line(2, *_catalog(catalog))
    if scope.images_from_several:
        several = f"{scope.images_from_several:,} of {plural(scope.images, 'image')} seen from several clouds"
        yield line(2, f"{several}: each is one target")
    for auditor in result.auditors:
        roles = f", roles {', '.join(map(visible, auditor.roles))}" if auditor.roles else ""
        who = f"{visible(auditor.user or 'unknown user')}, project {visible(auditor.project or 'unknown')}{roles}"
        yield line(2, f"{visible(auditor.cloud)}: seen as {who}")
    for lost in islice(scope.unreachable, _LISTED):
        yield line(2, ("not reached", "magenta"), f" {visible(lost.target)}: {lost.reason}")
    if len(scope.unreachable) > _LISTED:
        yield line(2, ("not reached", "magenta"), f" … and {plural(len(scope.unreachable) - _LISTED, 'more target')}")
    for name in scope.missing:
        yield line(2, ("missing", "magenta"), f" {visible(name)}: could not be looked for")
    for name in scope.unselected:
        yield line(2, ("not selected", "red"), f" {visible(name)}: no rule of the policy selects it")
    if scope.rules_without_targets:
        strict = " (strict_rules: an error)" if scope.strict_rules else ""
        named = rules_named(scope.rules_without_targets, result.policy.places)
        yield line(2, f"rules without targets: {named}{strict}")
    if scope.deselected:
        yield line(2, ("not complete", "yellow"), f": {plural(scope.deselected, 'pair')} deselected")
    for text in scope.relaxed:
        yield line(2, ("verification turned off", "bold yellow"), f" {text}")
    for text in scope.warnings:
        yield line(2, ("warning", "yellow"), f" {text}")
    if not (scope.catalogs or scope.selected):
        yield line(2, "no cloud was contacted and no target was selected")


def _catalog(catalog: CatalogScope) -> tuple[Piece, ...]:
    project = f", project {visible(catalog.project)}" if catalog.project else ""
    where = f"{catalog.what} of {visible(catalog.cloud)}/{visible(catalog.region)}{project}: "
    seen = f"{plural(catalog.count, catalog.what.removesuffix('s'))} on {plural(catalog.pages, 'page')}"
    if catalog.complete:
        return (where, f"{seen}, complete")
    return (where, ("NOT COMPLETE", "bold magenta"), f", {seen}: {catalog.reason or 'no reason given'}")
