"""Apply the plan of one target: re-read, compare, write, wait, re-read; the first error ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from imagegate.errors import StepError, StepRefused, TargetError, Unobserved
from imagegate.journal import Journal
from imagegate.model import Facts, Phase, Probe, Step, Target
from imagegate.plan import Plan, PlannedStep
from imagegate.progress import Progress

Look = Callable[[Collection[Probe[Any]]], Facts]
"""A fresh look at the target of the plan."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How far a plan came. ``begun`` tells whether the write of the ``failed`` step was attempted."""

    done: tuple[Step, ...] = ()
    failed: Step | None = None
    reason: str | None = None
    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What mending needs: eyes, hands, a journal, and the wish to stop.

    ``before_power`` is called right before the first step that takes the power away, while the guest can still be
    looked at; ``after_power`` when that step is done.
    """

    look: Look
    apply: Callable[[Step, Facts], None]
    journal: Journal
    progress: Progress
    cancelled: threading.Event
    before_power: Callable[[], None]
    after_power: Callable[[], None]


def apply_plan(plan: Plan, hands: Hands) -> Outcome:
    """Apply the granted steps of ``plan`` in order.

    Each step is compared with fresh facts right before the write and verified by fresh facts after it. Never raises:
    what went wrong here must not cost the report of what was done elsewhere; the outcome tells.
    """
    done: list[Step] = []
    for planned in plan.granted:
        step = planned.step
        if hands.cancelled.is_set():
            return Outcome(done=tuple(done), failed=step, reason="interrupted before this step")
        hands.progress.applying(plan.target, step)
        try:
            if step.phase is Phase.POWER:
                hands.before_power()
            _apply(plan.target, planned, hands)
            if step.phase is Phase.POWER:
                hands.after_power()
        except Exception as error:  # noqa: BLE001 - see above
            reason = str(error) if isinstance(error, TargetError) else f"{type(error).__name__}: {error}"
            hands.progress.applied(plan.target, step, reason)
            begun = not isinstance(error, StepRefused | Unobserved)
            return Outcome(done=tuple(done), failed=step, reason=reason, begun=begun)
        done.append(step)
        hands.progress.applied(plan.target, step, None)
    return Outcome(done=tuple(done))


def _apply(target: Target, planned: PlannedStep, hands: Hands) -> None:
    step = planned.step
    before = hands.look(step.reads)
    if step.done(before):
        return
    now = step.basis(before)
    if now != planned.expects:
        raise StepRefused(f"{step.subject} changed since the plan was made: nothing was written")
    hands.journal.intent(target, step, now)
    try:
        hands.apply(step, before)
        _wait(step, hands)
    except Unobserved as error:
        hands.journal.result(target, step, state="not-verified", reason=str(error))
        raise StepError(f"done, but it cannot be verified: {error}", changed=True) from error
    except Exception as error:
        hands.journal.result(target, step, state="failed", reason=str(error))
        raise
    hands.journal.result(target, step, state="verified")


def _wait(step: Step, hands: Hands) -> None:
    deadline = time.monotonic() + step.patience_s
    pause = _FIRST_PAUSE_S
    while True:
        seen = hands.look(step.reads)
        left = deadline - time.monotonic()
        try:
            if step.done(seen):
                return
            if (reason := step.stuck(seen)) is not None:
                raise StepError(f"{step.subject}: {reason}", changed=True)
        except Unobserved:  # while there is time, a failed look is no answer
            if left <= 0:
                raise
        if left <= 0:
            waited = f" within {step.patience_s:.0f} s" if step.patience_s else ""
            raise StepError(f"{step.subject}: the change did not show{waited}", changed=True)
        if hands.cancelled.wait(min(pause, left)):
            raise StepError(f"{step.subject}: interrupted while waiting for the change to show", changed=True)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
