"""Facts → findings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from imagegate.errors import Owner, Unobserved
from imagegate.fingerprint import fingerprint
from imagegate.model import Check, Facts, Finding, Note, Seen, Target, Unseen, Verdict, Violation


class Permission(Protocol):
    """A waiver or an attestation of the policy."""

    @property
    def until(self) -> date:
        """The last day (UTC) on which it is in force."""

    def in_force(self, today: date) -> bool:
        """Whether it holds on this day (UTC)."""


class Waives(Permission, Protocol):
    """A waiver of the policy."""

    @property
    def fingerprint(self) -> str | None:
        """The one finding that it covers; None: whatever is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One check to judge on one target: what the policy's rules select.

    ``rule`` is the index of the rule, None for checks that every audit has. ``unseen`` says that it is not known
    whether the rule is about this target, and why: then nothing can be said about it. ``waivers`` and
    ``attestations`` are those of the policy that name this check and match this target, expired ones too.
    """

    check: Check
    target: Target
    params: Any
    rule: int | None
    unseen: str | None = None
    waivers: Sequence[Waives] = ()
    attestations: Sequence[Permission] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Unique in a run."""
        return (self.check.id, self.target.key)


def judge(pair: Pair, seen: Facts, *, today: date) -> Finding:
    """Judge one check on one target.

    Unknown as soon as a needed probe is missing. ``today`` (UTC) decides which waivers are in force. Never raises: an
    exception in a check is an unknown that the tool owns.
    """
    check = pair.check
    if pair.unseen is not None:
        return _unknown(pair, seen, pair.unseen, Owner.TARGET, today)
    for probe in check.needs:
        observation = seen.observation(probe)
        if observation is None:
            return _unknown(pair, seen, f"{probe.key} was not looked at", Owner.TOOL, today)
        if isinstance(observation, Unseen):
            return _unknown(pair, seen, observation.reason, observation.owner, today)
    notes: list[str] = []
    violations: list[Violation] = []
    try:
        not_applicable = check.applies(seen, pair.params) if check.applies else None
        if not_applicable is None:
            for item in check.evaluate(seen, pair.params):
                if isinstance(item, Note):
                    notes.append(item.text)
                elif isinstance(item, Violation) and all(
                    isinstance(text, str) for text in (item.subject, item.expected, item.actual, item.hint or "")
                ):
                    violations.append(item)
                else:
                    raise TypeError(f"evaluate yields {item!r}: neither a note nor a violation of texts")
    except Unobserved as error:
        observation = next((o for p, o in seen.items() if p.key == error.subject), None)
        owner = observation.owner if isinstance(observation, Unseen) else Owner.TARGET
        return _unknown(pair, seen, error.reason, owner, today)
    except Exception as error:  # noqa: BLE001 - a bug in one check must not cost the findings of the others
        reason = f"the check failed: {type(error).__name__}: {error}"  # nobody can have attested that
        return _finding(pair, seen, Verdict.UNKNOWN, reason=reason, owner=Owner.TOOL)
    if not_applicable is not None:
        return _finding(pair, seen, Verdict.NOT_APPLICABLE, reason=not_applicable)
    if origins := sorted(
        {origin for origin in map(_origin, map(seen.observation, check.looks(pair.params))) if origin}
    ):
        notes.extend(origins)
    if not violations:
        return _finding(pair, seen, Verdict.PASS, note="; ".join(notes) or None)
    covering = _covering(pair, violations)
    waiver = _in_force(covering, today)
    expired = max((waiver.until for waiver in covering if waiver.until < today), default=None)
    if waiver is None and expired is not None:
        notes.append(f"a waiver for this expired on {expired}")
    return _finding(
        pair, seen, Verdict.FAIL, violations=tuple(violations), note="; ".join(notes) or None, waiver=waiver
    )


def _origin(observation: object) -> str | None:
    return observation.origin if isinstance(observation, Seen) else None


def _covering(pair: Pair, violations: Sequence[Violation]) -> Sequence[Waives]:
    """The waivers of the pair that are about what is wrong."""
    if all(waiver.fingerprint is None for waiver in pair.waivers):
        return pair.waivers
    this = fingerprint(pair.check.id, pair.target.key, violations)
    return [waiver for waiver in pair.waivers if waiver.fingerprint in {None, this}]


def _in_force(permissions: Sequence[Permission], today: date) -> Permission | None:
    return next((permission for permission in permissions if permission.in_force(today)), None)


def _unknown(pair: Pair, seen: Facts, reason: str, owner: Owner, today: date) -> Finding:
    attestation = _in_force(pair.attestations, today) if pair.check.attestable else None
    return _finding(pair, seen, Verdict.UNKNOWN, reason=reason, owner=owner, attestation=attestation)


def _finding(pair: Pair, seen: Facts, verdict: Verdict, **rest: Any) -> Finding:
    return Finding(
        check=pair.check,
        target=pair.target,
        verdict=verdict,
        rule=pair.rule,
        params=pair.params,
        observed_at=seen.at,
        **rest,
    )
