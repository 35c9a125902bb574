"""The protection of an image that had to be lifted for a change, and the duty to put it back.

Some clouds refuse to change a protected image. Lifting is journalled with what it owes before it happens: after a kill
or a power cut the next run finds the debt (``debts``) and pays it before anything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagegate.errors import StepBlocked, StepRefused
from imagegate.model import Facts, Step, Target
from imagegate.probes.image import IMAGE
from imagegate.steps.image import protection

if TYPE_CHECKING:
    from imagegate.mend import Hands

PAUSES_S = (0.2, 1.0, 3.0)
"""How long to wait between the attempts to put a protection back."""

Write = Callable[..., object]
"""``mend.write``: journal, apply, verify, journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """``step`` has to be done again; ``name`` is ``RUN/n``; ``settle`` writes down that it was."""

    step: Step
    name: str
    settle: Callable[[], None]


@dataclass(slots=True)
class Shield:
    """Of one target, while it is changed. ``write`` carries out one step with everything that belongs to it."""

    target: Target
    hands: Hands
    write: Write
    debt: Debt | None = field(default=None)

    def lift(self, before: Facts, blocked: StepBlocked) -> None:
        """Take the protection away, if that was granted. Raises ``StepRefused`` if it was not."""
        if self.hands.no_lifting is not None:
            raise StepRefused(f"{blocked}: it may not be lifted for the change: {self.hands.no_lifting}") from blocked
        if not self.hands.journal.kept:
            raise StepRefused(f"{blocked}: it is not lifted without a journal (a report folder)") from blocked
        if self.debt is not None or not before[IMAGE].protected:
            raise blocked
        step = protection(protected=False, why="the cloud refuses to change a protected image")
        owed = protection(protected=True, why="it was protected before this run lifted that for a change")
        journal = self.hands.journal

        def taken(number: int) -> None:
            self.debt = Debt(step=owed, name=journal.name_of(number), settle=lambda: journal.settled(number))

        self.hands.progress.applying(self.target, step)
        try:
            self.write(self.target, step, before, self.hands, owes=owed, begun=taken)
        except Exception as error:
            self.hands.progress.applied(self.target, step, str(error))
            raise
        self.hands.progress.applied(self.target, step, None)

    def put_back(self) -> str | None:
        """Pay the debt, if there is one, whatever else happened. Never raises: returns why it could not be paid, or
        that it was and the journal cannot be told."""
        debt = self.debt
        if debt is None:
            return None
        for pause in (*PAUSES_S, None):
            self.hands.progress.applying(self.target, debt.step)
            try:
                self._pay(debt)
            except Exception as error:  # noqa: BLE001 - whatever it is: try again, then tell
                reason = str(error) or type(error).__name__
                self.hands.progress.applied(self.target, debt.step, reason)
            else:
                self.hands.progress.applied(self.target, debt.step, None)
                self.debt = None
                return self._settle(debt)
            if pause is not None:
                time.sleep(pause)
        return (
            f"{self.target.name} is NOT PROTECTED any more and was before ({debt.name}): {reason}; "
            "the next run with --fix and this report folder puts the protection back first"
        )

    def _pay(self, debt: Debt) -> None:
        seen = self.hands.look(debt.step.reads)
        if not debt.step.done(seen):
            self.write(self.target, debt.step, seen, self.hands, restores=debt.name)

    def _settle(self, debt: Debt) -> str | None:
        try:
            debt.settle()
        except OSError as error:
            return (
                f"{self.target.name} is protected again ({debt.name}), which cannot be written down: {error}; "
                "the next run with --fix and this report folder looks once more"
            )
        return None
