"""Words and small pieces that several renderers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from imagegate.model import Finding, Kind, RemedyState, Target, Verdict
from imagegate.result import ExitCode, Result

EXIT_WORDS = {
    ExitCode.COMPLIANT: "compliant: everything that was required was seen, and no fail stands",
    ExitCode.FAIL: "a fail stands",
    ExitCode.INTERRUPTED: "interrupted: what was done before is reported",
    ExitCode.INTERNAL: "internal error of imagegate",
    ExitCode.USAGE: "the command line or the policy has to be put right",
    ExitCode.NOTHING: "nothing was judged that should have been: no target was selected",
    ExitCode.WARNINGS: "too many warnings",
    ExitCode.UNKNOWN: "no fail stands, but something could not be seen",
    ExitCode.FIX_FAILED: "a fix failed, stopped part way, was not verified, or a limit was exceeded",
}

TOLERATED = "what stands is tolerated (--fail-on, --max-unknown): it proves no compliance"
INCOMPLETE = "nothing that was judged failed, but this run is not complete: it proves no compliance"

OF_OLD_FAILS = {
    ExitCode.COMPLIANT: "nothing new fails (--fail-on-new); {old}: it proves no compliance",
    ExitCode.FAIL: "a new fail stands (--fail-on-new); {old} as well",
    ExitCode.UNKNOWN: "no new fail stands (--fail-on-new; {old}), but something could not be seen",
}

REMEDY_WORDS = {
    RemedyState.MANUAL: "a person has to do this",
    RemedyState.PLANNED: "can be fixed",
    RemedyState.REFUSED: "not fixed",
    RemedyState.APPLIED: "fix applied, not yet verified",
    RemedyState.VERIFIED: "fixed and verified",
    RemedyState.NOT_VERIFIED: "fix not verified",
    RemedyState.FAILED: "fix failed",
}

_TRIED = frozenset({RemedyState.APPLIED, RemedyState.NOT_VERIFIED, RemedyState.FAILED})
_WRONG_SHOWN = 5


def rules_named(rules: Iterable[int], places: Sequence[Mapping[str, int]]) -> str:
    """Rules of the policy by index, each with the line of the first check it requires: ``rule 4 (line 31)``."""
    lines = {rule: min(places[rule].values(), default=None) for rule in range(len(places))}
    return ", ".join(f"rule {rule}" + (f" (line {line})" if (line := lines.get(rule)) else "") for rule in rules)


def meaning(result: Result) -> str:
    """The exit code in words; a run is called compliant only if it is complete and nothing was tolerated."""
    if result.story is not None and result.story.meaning is not None:
        return result.story.meaning
    code, old = result.exit_code, result.old_fails
    if old and code in OF_OLD_FAILS:
        stand = "stands" if old == 1 else "stand"
        return OF_OLD_FAILS[code].format(old=f"{plural(old, 'old fail')} {stand}")
    if result.exit_code is ExitCode.COMPLIANT and result.tolerated:
        return TOLERATED
    if result.exit_code is ExitCode.COMPLIANT and not result.complete:
        return INCOMPLETE
    return EXIT_WORDS[result.exit_code]


def afterwards(finding: Finding) -> str | None:
    """What was seen of a finding that is not fixed, once something was attempted on its target.

    None where nothing was, or where it only says again what the finding says and nothing was done for it.
    """
    after = finding.remedy.after
    if after is None or finding.fixed:
        return None
    same = (after.verdict, after.violations) == (finding.verdict, finding.violations)
    if same and finding.remedy.state not in _TRIED:
        return None
    if after.verdict is Verdict.FAIL:
        wrong = [f"{each.subject}: {each.actual}" for each in after.violations[:_WRONG_SHOWN]]
        more = len(after.violations) - len(wrong)
        return "; ".join(wrong) + (f" (and {more:,} more)" if more else "")
    if after.verdict is Verdict.PASS:
        return "as required"
    return f"{'could not be seen' if after.verdict is Verdict.UNKNOWN else 'no longer applies'}: {after.reason}"


def tool_version() -> str:
    """The version of imagegate that is installed."""
    try:
        return version("imagegate")
    except PackageNotFoundError:
        return "unknown"


def utc(moment: datetime) -> str:
    """ISO 8601 with milliseconds, in UTC, with Z. A time without a zone is UTC."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def place(target: Target) -> str:
    """``nhn/KR1``, or nothing for a target of no cloud."""
    return "" if target.cloud is None else f"{target.cloud}/{target.region or '-'}"


def ambiguous_names(findings: Iterable[Finding]) -> frozenset[tuple[Kind, str]]:
    """The names that several targets share, with the kind of those targets."""
    first: dict[tuple[Kind, str], str] = {}
    return frozenset(
        (finding.target.kind, finding.target.name)
        for finding in findings
        if first.setdefault((finding.target.kind, finding.target.name), finding.target.key) != finding.target.key
    )


def plural(count: int, word: str) -> str:
    """``1 target``, ``1,200 targets``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
