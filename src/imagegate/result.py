"""What came of a run, and the exit code that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from imagegate.baseline import Baseline, Since
from imagegate.model import Facts, Finding, RemedyState, Severity, Verdict
from imagegate.permissions import Granted
from imagegate.plan import Plan
from imagegate.transports import Auditor, CatalogScope


class ExitCode(IntEnum):
    """What the exit code of a run means; 2 to 6 are pytest's."""

    COMPLIANT = 0
    FAIL = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING = 5
    WARNINGS = 6
    UNKNOWN = 10
    FIX_FAILED = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """A target whose guest could not be looked at, and why."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """pass + fail + unknown + not_applicable = findings; waived and fixed are parts of fail, attested of unknown."""

    passed: int
    fail: int
    unknown: int
    not_applicable: int
    waived: int
    fixed: int
    attested: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInfo:
    """Which policy was judged.

    ``file`` is where it was read: relative to the folder of the run, or its name where it lies elsewhere. ``places``
    are, by the index of the rule, the lines of the checks that it requires.
    """

    name: str
    version: int
    title: str | None
    digest: str
    file: str | None = None
    places: tuple[Mapping[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeInfo:
    """What the run could see and what it could not. It comes before the findings in every report.

    ``selected`` counts the targets that rules selected, ``seen`` those with a verdict other than unknown;
    ``images`` counts those listed, selected or not, each once, and ``images_from_several`` those of them that more than
    one entry of clouds.yaml lists.
    ``missing`` names instances that were asked for and could not be looked for; ``unselected`` names instances that no
    rule selects; ``rules_without_targets`` are indexes of rules; ``relaxed`` tells which verifications were turned off.
    """

    selected: int
    seen: int
    unreachable: tuple[Unreachable, ...] = ()
    catalogs: tuple[CatalogScope, ...] = ()
    images: int = 0
    images_from_several: int = 0
    rules_without_targets: tuple[int, ...] = ()
    strict_rules: bool = False
    missing: tuple[str, ...] = ()
    unselected: tuple[str, ...] = ()
    relaxed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    deselected: int = 0
    requests: int = 0


PRECEDENCE = (4, 3, 2, 11, 1, 10, 6, 5, 0)
"""Where several exit codes hold, the first of these is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a command did beside judging.

    ``record`` stands in ``report.json`` under the name ``key``, ``lines`` in what people read. ``code`` has its say in
    the exit code (the worse one counts), and ``meaning`` tells it in words where the findings alone would not.
    """

    key: str
    record: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    code: ExitCode | None = None
    meaning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run, whole: everything that reports are made of.

    ``facts`` are by target key, the latest ones; ``facts_before`` those of targets that were mended, from before.
    ``owed`` tells of protections that an earlier run lifted and this one could not put back. ``explanations`` are what
    the checks say of themselves: the four sections of their page, by id. With ``fail_on_new`` only fails that are new
    against ``baseline``, or worse than there, count for the exit code; without a baseline all are new. ``granted`` are
    all waivers and attestations of the policy.
    """

    run_id: str
    command: str
    started: datetime
    finished: datetime
    complete: bool
    interrupted: bool
    policy: PolicyInfo
    checks_digest: str
    scope: ScopeInfo
    auditors: tuple[Auditor, ...]
    findings: Sequence[Finding]
    plans: Sequence[Plan]
    facts: Mapping[str, Facts]
    facts_before: Mapping[str, Facts] = field(default_factory=dict)
    limit: str | None = None
    owed: tuple[str, ...] = ()
    fail_on: Severity = Severity.LOW
    max_unknown: int = 0
    problems: tuple[str, ...] = ()
    story: Story | None = None
    explanations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    baseline: Baseline | None = None
    fail_on_new: bool = False
    granted: Sequence[Granted] = ()

    @property
    def counts(self) -> Counts:
        """How many findings of each kind."""
        return count(self.findings)

    @property
    def exit_code(self) -> ExitCode:
        """What this run means, by the precedence of the contract: 2, 11, 1, 10, 5, 0."""
        told = None if self.story is None else self.story.code
        judged = self._judged
        return judged if told is None else min(judged, told, key=PRECEDENCE.index)

    @property
    def _judged(self) -> ExitCode:
        if self.interrupted:
            return ExitCode.INTERRUPTED
        broken = {RemedyState.FAILED, RemedyState.NOT_VERIFIED}
        if self.limit is not None or self.owed or any(finding.remedy.state in broken for finding in self.findings):
            return ExitCode.FIX_FAILED
        if any(finding.check.severity >= self.fail_on and self.counted(finding) for finding in self.findings):
            return ExitCode.FAIL
        if self.unknown_targets > self.max_unknown or self.lost:
            return ExitCode.UNKNOWN
        nothing = not self.scope.selected and not self.scope.deselected
        if not self.findings or nothing or self.scope.unselected:
            return ExitCode.NOTHING
        return ExitCode.COMPLIANT

    def since(self, finding: Finding) -> Since | None:
        """What a fail that stands is, seen from the baseline; None without one."""
        if self.baseline is None or not finding.stands:
            return None
        return self.baseline.fails.get((finding.check.id, finding.target.key))

    def counted(self, finding: Finding) -> bool:
        """Whether a finding is a fail that stands, and with ``fail_on_new`` one that did not stand before as it is."""
        if not (finding.stands and self.fail_on_new):
            return finding.stands
        since = self.since(finding)
        return since is None or since.worse

    @property
    def old_fails(self) -> int:
        """How many fails stand that ``fail_on_new`` lets pass."""
        return sum(finding.stands and not self.counted(finding) for finding in self.findings)

    @property
    def unknown_targets(self) -> int:
        """How many targets could not be judged whole; an instance that could not be looked for counts too."""
        targets = {f.target.key for f in self.findings if f.verdict is Verdict.UNKNOWN and not f.attested}
        return len(targets) + len(self.scope.missing)

    @property
    def lost(self) -> bool:
        """Whether a catalog was not seen whole: nobody knows how many targets that hides, no number covers it."""
        return any(not catalog.complete for catalog in self.scope.catalogs)

    @property
    def tolerated(self) -> bool:
        """Whether fails or unknowns stand that ``--fail-on``, ``--fail-on-new`` and ``--max-unknown`` let pass."""
        return bool(self.unknown_targets) or any(finding.stands for finding in self.findings)


def count(findings: Sequence[Finding]) -> Counts:
    """Count findings by verdict and by what stands beside them."""
    verdicts = dict.fromkeys(Verdict, 0)
    waived = fixed = attested = 0
    for finding in findings:
        verdicts[finding.verdict] += 1
        waived += finding.waived
        fixed += finding.fixed
        attested += finding.attested
    return Counts(
        passed=verdicts[Verdict.PASS],
        fail=verdicts[Verdict.FAIL],
        unknown=verdicts[Verdict.UNKNOWN],
        not_applicable=verdicts[Verdict.NOT_APPLICABLE],
        waived=waived,
        fixed=fixed,
        attested=attested,
    )
