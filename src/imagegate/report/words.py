"""Words and small pieces that several renderers share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from imagegate.model import Finding, Kind, RemedyState, Target
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

_OF_OLD_FAILS = {
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


def meaning(result: Result) -> str:
    """The exit code in words; a run is called compliant only if it is complete and nothing was tolerated."""
    if result.story is not None and result.story.meaning is not None:
        return result.story.meaning
    code, old = result.exit_code, result.old_fails
    if old and code in _OF_OLD_FAILS:
        stand = "stands" if old == 1 else "stand"
        return _OF_OLD_FAILS[code].format(old=f"{plural(old, 'old fail')} {stand}")
    if result.exit_code is ExitCode.COMPLIANT and result.tolerated:
        return "what stands is tolerated (--fail-on, --max-unknown): it proves no compliance"
    if result.exit_code is ExitCode.COMPLIANT and not result.complete:
        return "nothing that was judged failed, but this run is not complete: it proves no compliance"
    return EXIT_WORDS[result.exit_code]


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
