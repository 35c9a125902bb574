"""Apply the plan of one target: re-read, compare, write, wait, re-read; the first error ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from imagegate.errors import StepBlocked, StepError, StepOvertaken, StepRefused, TargetError, Unobserved
from imagegate.journal import Journal
from imagegate.model import Facts, Phase, Probe, Step, Target
from imagegate.pauses import Pauses
from imagegate.plan import Plan, PlannedStep
from imagegate.progress import Progress
from imagegate.shield import Shield

Look = Callable[[Collection[Probe[Any]]], Facts]
"""A fresh look at the target of the plan."""

Light = dict[Probe[Any], tuple[object, object]]
"""What steps brought to light: what the plan foresaw there, and what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How far a plan came. ``begun`` tells whether the write of the ``failed`` step was attempted, ``overtaken`` that
    it was not because of what the steps before it brought to light; ``unrestored`` why a protection that was lifted
    could not be put back."""

    done: tuple[Step, ...] = ()
    failed: Step | None = None
    reason: str | None = None
    begun: bool = False
    overtaken: bool = False
    unrestored: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What mending needs: eyes, hands, a journal, and the wish to stop.

    ``before_power`` is called right before the first step that takes the power away, while the guest can still be
    looked at; ``after_power`` when that step is done. ``no_lifting`` says why the protection of an image may not be
    lifted for a change that the cloud refuses otherwise, None if it may.
    """

    look: Look
    apply: Callable[[Step, Facts], None]
    journal: Journal
    progress: Progress
    cancelled: threading.Event
    before_power: Callable[[], None]
    after_power: Callable[[], None]
    no_lifting: str | None = None


def apply_plan(plan: Plan, hands: Hands) -> Outcome:
    """Apply the granted steps of ``plan`` in order.

    Each step is compared with fresh facts right before the write and verified by fresh facts after it. A protection
    that had to be lifted is put back at the end, whatever the end is. Never raises: what went wrong here must not cost
    the report of what was done elsewhere; the outcome tells.
    """
    shield = Shield(plan.target, hands, write)
    unrestored: str | None = None
    try:
        outcome = _apply_steps(plan, hands, shield)
    finally:
        unrestored = shield.put_back()
    return replace(outcome, unrestored=unrestored)


def _apply_steps(plan: Plan, hands: Hands, shield: Shield) -> Outcome:
    done: list[Step] = []
    light: Light = {}
    for planned in plan.granted:
        step = planned.step
        if hands.cancelled.is_set():
            return Outcome(done=tuple(done), failed=step, reason="interrupted before this step")
        try:
            if step.phase is Phase.COPIES and (reason := shield.put_back()) is not None:  # a copy is protected as it is
                raise StepRefused(reason)
            hands.progress.applying(plan.target, step)
            if step.phase is Phase.POWER:
                hands.before_power()
            _apply(plan.target, planned, hands, shield, light)
            if step.phase is Phase.POWER:
                hands.after_power()
        except Exception as error:  # noqa: BLE001 - see above
            reason = str(error) if isinstance(error, TargetError) else f"{type(error).__name__}: {error}"
            hands.progress.applied(plan.target, step, reason)
            begun = not isinstance(error, StepRefused | Unobserved)
            overtaken = isinstance(error, StepOvertaken)
            return Outcome(done=tuple(done), failed=step, reason=reason, begun=begun, overtaken=overtaken)
        done.append(step)
        hands.progress.applied(plan.target, step, None)
    return Outcome(done=tuple(done))


def _apply(target: Target, planned: PlannedStep, hands: Hands, shield: Shield, light: Light) -> None:
    before = _compared(planned, hands, light)
    if before is None:
        return
    step = planned.step
    try:
        after = write(target, step, before, hands)
    except StepBlocked as blocked:
        shield.lift(before, blocked)
        before = _compared(planned, hands, light)
        if before is None:
            return
        after = write(target, step, before, hands)
    foreseen = step.simulate(before)
    light.update({p: (foreseen[p], after[p]) for p in step.reveals if p in after and foreseen[p] != after[p]})


def _compared(planned: PlannedStep, hands: Hands, light: Light) -> Facts | None:
    """Fresh facts that are as the plan expects them; None if the step's effect is there already."""
    step = planned.step
    before = hands.look(step.reads)
    if step.done(before):
        return None
    if step.basis(before) == planned.expects:
        return before
    if step.basis(_in_the_dark(before, light)) == planned.expects:
        raise StepOvertaken(
            f"{step.subject}: the step before brought to light what is not in the plan: not begun, run again"
        )
    raise StepRefused(f"{step.subject} changed since the plan was made: nothing was written")


def _in_the_dark(seen: Facts, light: Light) -> Facts:
    """What would be seen if nothing had come to light; what has changed since it did stays as it is."""
    for probe, (foreseen, came) in light.items():
        if probe in seen and seen[probe] == came:
            seen = seen.with_fact(probe, foreseen)
    return seen


def write(
    target: Target,
    step: Step,
    before: Facts,
    hands: Hands,
    *,
    owes: Step | None = None,
    restores: str | None = None,
    begun: Callable[[int], None] | None = None,
) -> Facts:
    """Carry out one step: intent on disk, ``begun`` told its number, the write, the wait for its effect, the result.

    ``owes`` and ``restores`` go into the journal. Returns what was seen when the effect showed. What ``restores`` is
    carried out also where the journal cannot be written: that it is owed stands there already.
    """
    try:
        number = hands.journal.intent(target, step, before, owes=owes, restores=restores)
    except OSError as error:
        if restores is not None:
            hands.apply(step, before)
            return _wait(step, hands)
        raise StepRefused(f"{step.subject}: nothing was written, since the journal cannot be: {error}") from error
    if begun is not None:
        begun(number)
    try:
        hands.apply(step, before)
        after = _wait(step, hands)
    except Unobserved as error:
        hands.journal.result(number, step, state="not-verified", reason=str(error))
        raise StepError(f"done, but it cannot be verified: {error}", changed=True) from error
    except StepRefused as error:
        hands.journal.result(number, step, state="refused", reason=str(error), changed=False)
        raise
    except Exception as error:
        changed = not isinstance(error, StepError) or error.changed
        hands.journal.result(number, step, state="failed", reason=str(error), changed=changed)
        raise
    hands.journal.result(number, step, state="verified", after=after)
    return after


def _wait(step: Step, hands: Hands) -> Facts:
    deadline = time.monotonic() + step.patience_s
    pauses = Pauses()
    while True:
        seen = hands.look(step.reads)
        left = deadline - time.monotonic()
        try:
            if step.done(seen):
                return seen
            if (reason := step.stuck(seen)) is not None:
                raise StepError(f"{step.subject}: {reason}", changed=True)
        except Unobserved:  # while there is time, a failed look is no answer
            if left <= 0:
                raise
        if left <= 0:
            waited = f" within {step.patience_s:.0f} s" if step.patience_s else ""
            raise StepError(f"{step.subject}: the change did not show{waited}", changed=True)
        if hands.cancelled.wait(pauses.next(left)):
            raise StepError(f"{step.subject}: interrupted while waiting for the change to show", changed=True)
