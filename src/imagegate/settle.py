"""What came of a finding, once its target was changed and looked at again. Pure.

The verdict seen never changes: a fail that was mended stays a fail, and its remedy says that it was mended. What was
seen afterwards decides, whichever check's steps brought it about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagegate.mend import Outcome
from imagegate.model import After, Finding, Level, Remedy, RemedyState, Step, Verdict

_GOOD = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run did to one target, for whichever check: the steps that were done, and how the last plan ended."""

    done: tuple[Step, ...]
    outcome: Outcome

    @property
    def changed(self) -> tuple[Step, ...]:
        """The steps that may have changed something: also the one that failed after its write was begun."""
        failed = self.outcome.failed
        begun = () if failed is None or not self.outcome.begun else (failed,)
        return tuple(dict.fromkeys((*self.done, *begun)))


def settle(before: Finding, after: Finding, work: Work, steps: tuple[Step, ...] | None) -> Finding:
    """The finding as it is reported: ``before`` is what was seen before the ``work``, ``after`` what was seen after it.

    ``steps`` are those that were to mend it, None if nothing was attempted for it. Where it is worse afterwards than
    before, the finding is what was seen afterwards; else what was seen afterwards stands in its remedy.
    """
    if before.verdict in _GOOD:
        return before if after.verdict in _GOOD else _broken(before, after)
    if steps is not None:
        found = _attempted(before, after, work, steps)
    elif before.verdict is Verdict.UNKNOWN and after.verdict is Verdict.FAIL:
        return after
    elif before.stands and work.outcome.unrestored is None and (along := _mended_along(after, work)) is not None:
        done = tuple(step for step in before.remedy.steps if step in work.done)
        found = _mended(before, after, replace(before.remedy, done=done, reason=along))
    else:
        found = before
    seen = After(verdict=after.verdict, observed_at=after.observed_at, violations=after.violations, reason=after.reason)
    return found.with_remedy(replace(found.remedy, after=seen))


def not_begun(before: Finding, reason: str) -> Finding:
    """The finding where nothing was done to its target, for ``reason``."""
    if before.remedy.state is not RemedyState.PLANNED:
        return before
    return before.with_remedy(replace(before.remedy, state=RemedyState.REFUSED, reason=reason))


def _broken(before: Finding, after: Finding) -> Finding:
    broken = Remedy(state=RemedyState.NOT_VERIFIED, reason=f"{before.verdict} before the fixes of this run")
    return after.with_remedy(broken) if after.verdict is Verdict.FAIL else after


def _attempted(before: Finding, after: Finding, work: Work, steps: tuple[Step, ...]) -> Finding:
    outcome = work.outcome
    done = tuple(step for step in steps if step in work.done)
    remedy = Remedy(state=RemedyState.NOT_VERIFIED, steps=steps, done=done, reason=outcome.reason or _still(after))
    if outcome.unrestored is not None:
        return before.with_remedy(replace(remedy, reason="; ".join(filter(None, (outcome.reason, outcome.unrestored)))))
    begun = any(step in work.changed for step in steps)
    if begun and after.verdict in _GOOD:
        return _mended(before, after, replace(remedy, reason=None))
    if (along := _mended_along(after, work)) is not None:
        return _mended(before, after, replace(remedy, reason=along))
    if outcome.failed is not None:
        return before.with_remedy(replace(remedy, state=RemedyState.FAILED if begun else RemedyState.REFUSED))
    if by_hand := [step.summary for step in before.remedy.steps if step.level is Level.MANUAL]:
        rest = f"a person has to do the rest: {'; '.join(by_hand)}"
        return before.with_remedy(replace(remedy, state=RemedyState.APPLIED, steps=before.remedy.steps, reason=rest))
    return before.with_remedy(remedy)


def _mended(before: Finding, after: Finding, remedy: Remedy) -> Finding:
    notes = (one for note in (before.note, after.note) if note for one in note.split("; "))
    note = "; ".join(dict.fromkeys(notes)) or None
    return replace(before, remedy=replace(remedy, state=RemedyState.VERIFIED), note=note)


def _mended_along(after: Finding, work: Work) -> str | None:
    """How steps that were for other checks mended it, None if they did not.

    That a check has no business with the target any more counts only where a step changed what the check looks at:
    else somebody else made it so, and nobody saw that what was required is met.
    """
    looks = set(after.check.looks(after.params))
    near = "; ".join(step.summary for step in work.changed if looks.intersection(step.reads))
    if after.verdict is Verdict.PASS and near:
        return f"mended along with others: {near}"
    if after.verdict is Verdict.PASS and work.changed:
        return f"as required after what was done for others: {'; '.join(step.summary for step in work.changed)}"
    if after.verdict is Verdict.NOT_APPLICABLE and near:
        return f"no longer applies after what was done for others: {near}: {after.reason}"
    return None


def _still(after: Finding) -> str:
    if after.verdict is Verdict.UNKNOWN:
        return "applied, but it cannot be seen whether it helped"
    return "applied, but it still fails"
