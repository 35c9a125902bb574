"""The transport for Windows guests: one shell of WinRM per look."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from imagegate.errors import Owner, StepError
from imagegate.inventory import Host, Inventory, Via
from imagegate.model import Facts, Observation, Probe, Seen, Source, Step, Target, Unseen
from imagegate.steps.windows import WindowsStep
from imagegate.transports.windows import acting
from imagegate.transports.windows.asking import Questions, ask, unfit
from imagegate.transports.windows.decode import Heard, NotElevated, check_elevated, decode
from imagegate.transports.windows.diagnose import Trouble, interrupted
from imagegate.transports.windows.listening import listen
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.session import Lost, Session, connect

_log = logging.getLogger(__name__)
_LEAST_S = 2.0


class WindowsTransport:
    """Looks at and changes the Windows guests of an inventory. Thread-safe.

    ``run_key`` is what identities are hashed with; without one they are not looked at.
    ``requests`` maps a host's name to the number of HTTP requests of its last exchange.
    """

    sources = frozenset({Source.GUEST})
    remote = True

    def __init__(self, inventory: Inventory, *, run_key: bytes | None = None) -> None:
        self._inventory = inventory
        self._run_key = run_key
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._sessions: set[Session] = set()
        self.requests: dict[str, int] = {}

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Never: a look is an exchange with the guest."""
        return False

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """Look at ``target`` in one exchange; every look is a fresh one. Never raises for a target's fault."""
        host = self._host(target)
        if host is None:
            reason = f"{target.name}: no inventory entry tells how to reach it over WinRM"
            return _unseen(probes, Trouble(reason=reason, owner=Owner.USER))
        now = datetime.now(UTC)
        misfits: dict[Probe[Any], Observation] = {
            probe: Unseen(reason=wrong, at=now, owner=Owner.TOOL)
            for probe in probes
            if (wrong := unfit(probe)) is not None
        }
        fit = [probe for probe in probes if probe not in misfits]
        facts = Facts(misfits, now)
        return facts.merged(self._look(host, fit, timeout_s)) if fit else facts

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """Carry out one ``WindowsStep``. Raises ``StepError``; its text has the guest's own words, cleaned and cut."""
        host = self._host(target)
        if host is None or not isinstance(step, WindowsStep):
            raise StepError(f"{target.name}: the Windows transport cannot do this: {step.summary}", changed=False)
        action = step.action(seen)

        def converse(limit_s: float, carry_out: Callable[[Session], None]) -> None:
            session = self._connect(host, time.monotonic() + limit_s)
            try:
                carry_out(session)
            finally:
                self._leave(host, session)

        try:
            acting.act(action, converse, timeout_s)
        except acting.Failed as failed:
            said = str(failed).removeprefix(f"{host.name}: ")
            raise StepError(f"{host.name}: {step.summary}: {said}", changed=failed.changed) from None

    def close(self) -> None:
        """Give up what is under way; idempotent. No look succeeds afterwards."""
        self._closed.set()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.abort()

    def _host(self, target: Target) -> Host | None:
        host = self._inventory.hosts.get(target.guest) if target.guest is not None else None
        return host if host is not None and host.transport is Via.WINRM else None

    def _look(self, host: Host, probes: Sequence[Probe[Any]], timeout_s: float) -> Facts:
        questions = ask(probes)
        deadline = time.monotonic() + timeout_s
        heard = self._converse(host, questions, deadline)
        if heard.trouble is not None and heard.trouble.gone and deadline - time.monotonic() > _LEAST_S:
            _log.debug("%s: once more", heard.trouble.reason)
            heard = self._converse(host, questions, deadline)
        if heard.trouble is not None and not heard.sections:
            return _unseen(probes, heard.trouble)
        at = datetime.now(UTC)
        return Facts({probe: _observe(host, probe, heard, at, self._run_key) for probe in probes}, at)

    def _converse(self, host: Host, questions: Questions, deadline: float) -> Heard:
        """All that one shell tells."""
        try:
            session = self._connect(host, deadline)
        except Lost as lost:
            return Heard(trouble=replace(lost.trouble, gone=False))
        try:
            return listen(session, questions)
        finally:
            self._leave(host, session)

    def _connect(self, host: Host, deadline: float) -> Session:
        if self._closed.is_set():
            raise Lost(interrupted(host))
        started: list[Session] = []

        def opened(session: Session) -> None:
            with self._lock:
                self._sessions.difference_update(started)
                self._sessions.add(session)
            started[:] = [session]

        try:
            return connect(host, deadline=deadline, stop=self._closed, opened=opened)
        except Lost:
            for session in started:
                self._forget(host, session)
            raise

    def _leave(self, host: Host, session: Session) -> None:
        session.close()
        self._forget(host, session)

    def _forget(self, host: Host, session: Session) -> None:
        with self._lock:
            self._sessions.discard(session)
            self.requests[host.name] = session.requests
        _log.debug("%s: %d requests", host.name, session.requests)


def _observe(host: Host, probe: Probe[Any], heard: Heard, at: datetime, run_key: bytes | None) -> Observation:
    try:
        check_elevated(heard)
        return Seen(value=decode(probe, heard, run_key=run_key), at=at)
    except NotElevated as wrong:
        return Unseen(reason=f"{host.name}: {wrong}", at=at, owner=Owner.USER)
    except Unclear as unclear:
        trouble = heard.trouble
        if trouble is not None and str(unclear) == trouble.reason:
            return Unseen(reason=trouble.reason, at=at, owner=trouble.owner)
        return Unseen(reason=f"{host.name}: {unclear}", at=at)


def _unseen(probes: Collection[Probe[Any]], trouble: Trouble) -> Facts:
    now = datetime.now(UTC)
    return Facts({probe: Unseen(reason=trouble.reason, at=now, owner=trouble.owner) for probe in probes}, now)
