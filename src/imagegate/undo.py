"""A run's journal → what takes its changes back. Pure: nothing is looked at or changed here.

Newest first, and only where the target is still as the run left it: the same comparison that guards every step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from imagegate.errors import StepRefused, Unobserved
from imagegate.journal_reader import End, Entry
from imagegate.mend import Outcome
from imagegate.model import Facts, Probe, Refusal, Step, Target
from imagegate.plan import Plan, PlannedStep, RefusedFix

UNDO = "undo"
"""Stands where a plan names the check that a step is for."""


class Fate(StrEnum):
    """What becomes of one change of a run."""

    PLANNED = "planned"
    TAKEN_BACK = "taken-back"
    AS_BEFORE = "as-before"
    NO_WAY_BACK = "no-way-back"
    CHANGED_SINCE = "changed-since"
    UNSEEN = "unseen"
    NOT_ATTEMPTED = "not-attempted"
    FAILED = "failed"


GOOD = frozenset({Fate.TAKEN_BACK, Fate.AS_BEFORE})
"""Fates after which a target is as it was before the run, as far as the change goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One change of a run: the journal's entry, the step that takes it back (None if there is none), what the target
    must look like for that, and what becomes of it."""

    entry: Entry
    fate: Fate
    step: Step | None = None
    expects: object = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetUndo:
    """All that a run changed on one target, newest first."""

    target: Target
    items: tuple[Item, ...]

    @property
    def plan(self) -> Plan:
        """What is about to be done, as it is shown before it is confirmed."""
        lost = (item for item in self.items if item.fate not in {Fate.PLANNED, *GOOD})
        return Plan(
            target=self.target,
            steps=tuple(
                PlannedStep(step=item.step, checks=(UNDO,), expects=item.expects)
                for item in self.items
                if item.fate is Fate.PLANNED and item.step is not None
            ),
            refusals=tuple(
                RefusedFix(check=UNDO, refusal=Refusal(subject=item.entry.summary, reason=item.reason or item.fate))
                for item in lost
            ),
        )

    def ended(self, outcome: Outcome | None) -> TargetUndo:
        """With what came of the plan; None if it was not begun."""
        done = 0 if outcome is None else len(outcome.done)
        items: list[Item] = []
        for item in self.items:
            if item.fate is not Fate.PLANNED:
                items.append(item)
                continue
            if done > 0:
                items.append(replace(item, fate=Fate.TAKEN_BACK))
            elif done == 0 and outcome is not None:
                fate = Fate.FAILED if outcome.begun else Fate.NOT_ATTEMPTED
                items.append(replace(item, fate=fate, reason=outcome.reason))
            else:
                why = "interrupted" if outcome is None else "what came after it could not be taken back"
                items.append(replace(item, fate=Fate.NOT_ATTEMPTED, reason=why))
            done -= 1
        return replace(self, items=tuple(items))

    def refused(self, reason: str) -> TargetUndo:
        """With nothing done, for ``reason``."""
        items = (
            replace(i, fate=Fate.NOT_ATTEMPTED, reason=reason) if i.fate is Fate.PLANNED else i for i in self.items
        )
        return replace(self, items=tuple(items))


def changes(entries: Iterable[Entry]) -> list[Entry]:
    """What has to be taken back, newest first: protections that were lifted for a change are back by themselves."""
    return [e for e in reversed(list(entries)) if e.owes is None and e.restores is None]


def has_touched(entry: Entry) -> bool:
    """Whether a change may be in effect."""
    ending = entry.ending
    return ending is None or ending.end not in {End.FAILED, End.REFUSED} or ending.changed


def has_way_back(entry: Entry) -> bool:
    """Whether a change may be in effect that there is a step to take back."""
    return has_touched(entry) and _inverse(entry)[0] is not None


def probes_for(entries: Iterable[Entry]) -> tuple[Probe[Any], ...]:
    """What must be looked at to plan the undo of ``entries``."""
    return tuple(dict.fromkeys(probe for e in entries for step in [_inverse(e)[0]] if step for probe in step.reads))


def plan_undo(target: Target, entries: Collection[Entry], now: Facts) -> TargetUndo:
    """Plan what takes back ``entries``, all the changes of a run to ``target``, given fresh facts."""
    items: list[Item] = []
    for entry in changes(entries):
        item = _item(entry, now)
        items.append(item)
        if item.fate is Fate.PLANNED and item.step is not None:
            now = item.step.simulate(now)
    return TargetUndo(target=target, items=tuple(items))


def _item(entry: Entry, now: Facts) -> Item:
    if (ending := entry.ending) is not None and not has_touched(entry):
        why = "the run did not begin it" if ending.end is End.REFUSED else "the run could not apply it"
        return Item(entry=entry, fate=Fate.AS_BEFORE, reason=why)
    step, reason = _inverse(entry)
    if step is None:
        return Item(entry=entry, fate=Fate.NO_WAY_BACK, reason=reason)
    item = Item(entry=entry, fate=Fate.PLANNED, step=step)
    try:
        if step.done(now):
            return replace(item, fate=Fate.AS_BEFORE, reason="it is as it was before the run")
        expects = step.basis(_left(entry))
        if step.basis(now) != expects:
            reason = f"{step.subject} is not as the run left it: somebody changed it since"
            return replace(item, fate=Fate.CHANGED_SINCE, reason=reason)
    except Unobserved as error:
        return replace(item, fate=Fate.UNSEEN, reason=str(error))
    except StepRefused as error:
        return replace(item, fate=Fate.CHANGED_SINCE, reason=str(error))
    return replace(item, expects=expects)


def _inverse(entry: Entry) -> tuple[Step | None, str | None]:
    by_hand = f"; by hand: {entry.undo}" if entry.undo else ""
    if entry.step is None or entry.before is None:
        return None, f"the journal's step is not one of this imagegate's{by_hand}"
    try:
        step = entry.step.inverse(entry.before)
    except Unobserved as error:
        return None, f"what was there before is not known: {error}{by_hand}"
    return step, None if step is not None else f"{entry.step.no_way_back}{by_hand}"


def _left(entry: Entry) -> Facts:
    """The target as the run left it: as it was seen then, else as it should be if the step was carried out."""
    if entry.ending is not None and entry.ending.after is not None:
        return entry.ending.after
    assert entry.step is not None  # noqa: S101 - there is an inverse of it
    assert entry.before is not None  # noqa: S101 - likewise
    return entry.step.simulate(entry.before)


def counts(undone: Sequence[TargetUndo]) -> dict[Fate, int]:
    """How many changes met which fate."""
    found = [item.fate for one in undone for item in one.items]
    return {fate: found.count(fate) for fate in Fate}
