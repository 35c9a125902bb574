"""How targets are reached. Each transport answers probes and carries out steps of some sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from imagegate.errors import Owner
from imagegate.model import Facts, Probe, Source, Step, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogScope:
    """What a look at the image catalog or the server list of one region saw: the report's scope.

    ``what`` is ``images`` or ``servers``; ``reason`` says why ``complete`` is False, ``owner`` whose fault that is.
    """

    what: str
    cloud: str
    region: str
    project: str | None
    pages: int
    count: int
    complete: bool
    reason: str | None = None
    owner: Owner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Whose eyes the audit used."""

    cloud: str
    user: str | None
    project: str | None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a cloud holds. Targets of an incomplete catalog are real, but others may exist."""

    targets: tuple[Target, ...] = ()
    catalogs: tuple[CatalogScope, ...] = ()
    auditors: tuple[Auditor, ...] = ()
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who hears of a lengthy step, and who can end it: ``moved`` is told bytes done and bytes in all; ``cancelled`` is
    set from anywhere."""

    moved: Callable[[int, int], None]
    cancelled: threading.Event


@runtime_checkable
class Carrier(Protocol):
    """What a transport also is that carries out lengthy steps."""

    def carry(self, target: Target, step: Step, seen: Facts, watch: Watch) -> None:
        """As ``Transport.apply`` for a lengthy step: no deadline for the whole, but for every silence. Cancelled, it
        takes back what it began and raises ``StepError``, which names what is left."""


class Transport(Protocol):
    """One way to look at targets and to change them. Thread-safe: targets are looked at in parallel."""

    @property
    def sources(self) -> frozenset[Source]:
        """The sources whose probes it answers."""

    @property
    def remote(self) -> bool:
        """False for recorded facts: nothing is contacted."""

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Whether a look that need not be fresh costs nothing: the facts are there, so that no thread is worth it."""

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """Look at ``target``: an observation for each of ``probes``, in one batch.

        Never raises for a target's fault: what cannot be seen is ``Unseen`` with a reason. ``fresh`` forbids facts
        that were fetched earlier in the run (the catalog listing); a write is always preceded by a fresh look.
        """

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """Carry out one step, given fresh facts. Raises ``StepError``, which tells whether anything was changed.

        Waiting for the effect (``patience_s``) and verifying it are the engine's business.
        """

    def close(self) -> None:
        """End connections and background processes; idempotent."""
