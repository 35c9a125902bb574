"""How the waivers and attestations of a policy fared in a run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from imagegate.judge import Pair
from imagegate.model import Finding, Verdict
from imagegate.policy_model import Attestation, Policy, Waiver
from imagegate.probes.waivers import ENDING_SOON_DAYS, WaiversFact, WaiverState, WaiverUse, waiver_state
from imagegate.selectors import Outcome

_CHECK = "policy-waivers-current"
_WORST = tuple(WaiverState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A waiver or an attestation (``what``) of the policy; ``matches`` counts the targets of the run it is about."""

    what: str
    permission: Waiver | Attestation
    matches: int
    state: WaiverState

    @property
    def about(self) -> str:
        """Which targets, or which finding, in words."""
        print_ = getattr(self.permission, "fingerprint", None)
        parts = [
            None if self.permission.selector is None else str(self.permission.selector),
            None if print_ is None else f"finding {print_}",
        ]
        return ", ".join(part for part in parts if part)

    def record(self) -> dict[str, Any]:
        """As in ``report.json``."""
        given = self.permission
        own = ("reason", "ticket", "approved_by") if isinstance(given, Waiver) else ("statement", "by", "on")
        values = {name: getattr(given, name) for name in own}
        return {
            "check": given.check,
            "for": self.about,
            **{name: str(value) if isinstance(value, date) else value for name, value in values.items()},
            "until": str(given.until),
            "line": given.line,
            "matches": self.matches,
            "state": str(self.state),
        }


def uses(policy: Policy, pairs: Iterable[Pair], findings: Sequence[Finding]) -> tuple[WaiverUse, ...]:
    """How often each was used, waivers first, in the order of the policy."""
    beside = [id(one) for finding in findings for one in (finding.waiver, finding.attestation) if one is not None]
    matched: dict[int, set[str]] = {}
    for pair in pairs:
        for one in (*pair.waivers, *pair.attestations):
            matched.setdefault(id(one), set()).add(pair.target.key)
    return tuple(
        WaiverUse(
            what=what,
            check=one.check,
            until=one.until,
            used=beside.count(id(one)) or _may_need(one, findings),
            matches=beside.count(id(one)) if _is_of_one(one) else len(matched.get(id(one), ())),
            line=one.line,
        )
        for what, one in _all(policy)
    )


def granted(policy: Policy, fact: WaiversFact, today: date) -> tuple[Granted, ...]:
    """What is to be said of each, in the same order. ``fact`` holds the uses."""
    soon = next((each.params.ending_soon_days for each in policy.fleet if each.check.id == _CHECK), ENDING_SOON_DAYS)
    return tuple(
        Granted(
            what=what,
            permission=one,
            matches=use.matches,
            state=waiver_state(use, fact, today=today, ending_soon_days=soon),
        )
        for (what, one), use in zip(_all(policy), fact.waivers, strict=True)
    )


def together(parts: Iterable[Sequence[Granted]]) -> tuple[Granted, ...]:
    """Those of several runs of one policy as those of one."""
    found: dict[tuple[str, int], Granted] = {}
    for each in (one for part in parts for one in part):
        key = (each.what, each.permission.index)
        if (known := found.get(key)) is not None:
            worst = min(known.state, each.state, key=_WORST.index)
            found[key] = replace(each, matches=known.matches + each.matches, state=worst)
        else:
            found[key] = each
    return tuple(found.values())


def _all(policy: Policy) -> Iterable[tuple[str, Waiver | Attestation]]:
    yield from (("waiver", one) for one in policy.waivers)
    yield from (("attestation", one) for one in policy.attestations)


def _is_of_one(one: Waiver | Attestation) -> bool:
    return isinstance(one, Waiver) and one.fingerprint is not None


def _may_need(permission: Waiver | Attestation, findings: Sequence[Finding]) -> int:
    """How many findings it could stand beside, if they or their targets had been seen whole: it is not unused then."""
    count = 0
    for finding in findings:
        if finding.check.id == permission.check:
            outcome = permission.match(finding.target).outcome
            unknown = finding.verdict is Verdict.UNKNOWN and outcome is Outcome.YES
            count += unknown or outcome is Outcome.UNSEEN
    return count
