"""The transport for Linux guests: one script per look over ssh, or into a root at hand."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.errors import Owner, StepError
from imagegate.inventory import Host, Inventory, Via
from imagegate.model import Facts, Observation, Probe, Seen, Source, Step, Target, Unseen
from imagegate.probes.kernel import KernelOption, KernelOptionFact
from imagegate.steps.files import GuestStep
from imagegate.transports.linux import backends, frames, script
from imagegate.transports.linux.decode import Fields, MountedOutside, Unclear, decode, from_mountinfo, unfit
from imagegate.transports.linux.diagnose import Trouble, diagnose
from imagegate.transports.linux.frames import Answer
from imagegate.transports.linux.ssh import Ssh
from imagegate.transports.text import clean

_log = logging.getLogger(__name__)

_REFUSED = "3"
_NO_ANSWER = {"tools": "the guest has no od", "notroot": "needs root, and the inventory says sudo: false"}
_SILENCE_S = 10.0
_LEAST_S = 1.0


class _Lost(Exception):
    """An exchange without a whole answer; ``stale`` if a kept connection, which may be dead, was used in vain."""

    def __init__(self, trouble: Trouble, *, stale: bool = False) -> None:
        self.trouble = trouble
        self.stale = stale
        super().__init__(trouble.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One script for one host: ``render`` makes it for a nonce."""

    host: Host
    render: Callable[[str], str]
    deadline: float


class LinuxTransport:
    """Looks at and changes the guests of an inventory that are not reached over WinRM. Thread-safe.

    ``run_key`` keys the digests of contents: they can be compared within a run, and tell nothing outside it.
    """

    sources = frozenset({Source.GUEST})
    remote = True

    def __init__(self, inventory: Inventory, run_key: bytes) -> None:
        self._inventory = inventory
        self._run_key = run_key
        self._ssh = Ssh()
        self._closed = threading.Event()

    def at_hand(self, target: Target, probes: Collection[Probe[Any]]) -> bool:
        """Never: a look is an exchange with the guest."""
        return False

    def look(self, target: Target, probes: Collection[Probe[Any]], *, timeout_s: float, fresh: bool) -> Facts:
        """Look at ``target`` in one exchange; every look is a fresh one. Never raises for a target's fault."""
        host = self._inventory.hosts.get(target.guest) if target.guest is not None else None
        if host is None:
            reason = f"{target.name}: no inventory entry tells how to reach it"
            return _unseen(probes, Trouble(reason=reason, owner=Owner.USER))
        reasons = {probe: unfit(probe) for probe in probes}
        fit = [probe for probe, wrong in reasons.items() if wrong is None]
        now = datetime.now(UTC)
        misfits: dict[Probe[Any], Observation] = {
            probe: Unseen(reason=wrong, at=now, owner=Owner.TOOL)
            for probe, wrong in reasons.items()
            if wrong is not None
        }
        return Facts(misfits, now).merged(self._look(host, fit, timeout_s)) if fit else Facts(misfits, now)

    def _look(self, host: Host, probes: Sequence[Probe[Any]], timeout_s: float) -> Facts:
        booted = host.transport is not Via.CHROOT
        exchange = _Exchange(
            host=host,
            render=lambda nonce: script.look_script(nonce, probes, booted=booted),
            deadline=time.monotonic() + timeout_s,
        )
        try:
            answer = self._ask(exchange)
        except _Lost as lost:
            return _unseen(probes, lost.trouble)
        at = datetime.now(UTC)
        observe = self._observe
        return Facts(
            {probe: observe(host, probe, answer.probes.get(index, {}), at) for index, probe in enumerate(probes)}, at
        )

    def apply(self, target: Target, step: Step, seen: Facts, *, timeout_s: float) -> None:
        """Run one ``GuestStep`` as root. Raises ``StepError``; its text has the guest's own words, cleaned and cut."""
        host = self._inventory.hosts.get(target.guest) if target.guest is not None else None
        if host is None or not isinstance(step, GuestStep):
            raise StepError(f"{target.name}: the Linux transport cannot do this: {step.summary}", changed=False)
        exchange = _Exchange(
            host=host,
            render=lambda nonce: script.step_script(nonce, step.script()),
            deadline=time.monotonic() + timeout_s,
        )
        try:
            answer = self._contact(exchange)
        except _Lost as lost:
            raise StepError(lost.trouble.reason, changed=not lost.trouble.untouched) from None
        code = clean(answer.exchange.get("code", [b"none"])[0], 20)
        if code != "0":
            said = clean(answer.exchange.get("output", [b""])[0]) or "it gave no reason"
            verb = "refused before any change" if code == _REFUSED else f"failed with exit code {code}"
            raise StepError(f"{host.name}: {step.summary}: {verb}: {said}", changed=code != _REFUSED)

    def close(self) -> None:
        """Give up what is under way and end the connections that are kept; idempotent. No look succeeds afterwards."""
        self._closed.set()
        self._ssh.close()

    def _ask(self, exchange: _Exchange) -> Answer:
        """One answer; a connection that was kept and turns out to be dead is replaced once."""
        try:
            return self._contact(exchange)
        except _Lost as lost:
            if not lost.stale or exchange.deadline - time.monotonic() < _LEAST_S:
                raise
            _log.debug("%s: the connection that was kept is dead, trying a new one", exchange.host.name)
        self._ssh.drop(exchange.host)
        return self._contact(exchange)

    def _contact(self, exchange: _Exchange) -> Answer:
        """One exchange: send the script, collect the frames. Raises ``_Lost``."""
        host, deadline = exchange.host, exchange.deadline
        if self._closed.is_set():
            raise _Lost(Trouble(reason=f"{host.name}: the run was interrupted", owner=Owner.USER, untouched=True))
        nonce = f"ig{secrets.token_hex(16)}"
        script_text = exchange.render(nonce).encode("utf-8", "surrogateescape")
        remaining_s = deadline - time.monotonic()
        kept = False
        if host.transport is Via.SSH:
            backend, kept = self._ssh.backend(host, remaining_s=remaining_s)
        else:
            backend = backends.other(host)
        elevate = host.sudo and host.transport in {Via.SSH, Via.LOCAL}
        started = time.monotonic()
        try:
            with self._ssh.turn(host, deadline):
                outcome = backend.converse(
                    script.bootstrap(nonce, elevate=elevate),
                    stdin=script_text,
                    deadline=deadline,
                    silence_s=min(_SILENCE_S, remaining_s / 2) if kept else None,
                    stop=self._closed,
                )
        except OSError as error:
            what = f"{error.filename or host.transport} cannot be started on this machine: {error.strerror}"
            raise _Lost(Trouble(reason=f"{host.name}: {what}", owner=Owner.USER, untouched=True)) from None
        _log.debug("%s: %s, code %d, %.3f s", host.name, outcome.end.name, outcome.code, time.monotonic() - started)
        for word, why in _NO_ANSWER.items():
            if frames.says(outcome.stdout, nonce, word):
                raise _Lost(Trouble(reason=f"{host.name}: {why}", untouched=True))
        greeted = frames.says(outcome.stdout, nonce, "hello")
        try:
            return frames.parse(outcome.stdout, nonce)
        except frames.Incomplete as incomplete:
            waited_s = time.monotonic() - started
            trouble = diagnose(host, outcome, greeted=greeted, waited_s=waited_s, problem=str(incomplete))
            raise _Lost(trouble, stale=kept and not greeted) from None

    def _observe(self, host: Host, probe: Probe[Any], fields: Fields, at: datetime) -> Observation:
        if isinstance(probe, KernelOption) and host.transport is Via.CHROOT:
            return Seen(value=KernelOptionFact(state="not-booted"), at=at)
        outside = _mounted_below(host.address) if host.transport is Via.CHROOT else None
        try:
            return Seen(value=decode(probe, fields, run_key=self._run_key, mounted_outside=outside), at=at)
        except Unclear as unclear:
            return Unseen(reason=str(unclear), at=at)


def _unseen(probes: Collection[Probe[Any]], trouble: Trouble) -> Facts:
    now = datetime.now(UTC)
    return Facts({probe: Unseen(reason=trouble.reason, at=now, owner=trouble.owner) for probe in probes}, now)


def _mounted_below(root: str) -> MountedOutside:
    """Tells, from this machine's mounts, whether something is mounted on a path inside ``root``."""

    def mounted(path: str) -> bool:
        try:
            lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
        except OSError as error:
            raise Unclear(f"mounts cannot be seen: {error.strerror}") from None
        own = f"{os.path.realpath(root).rstrip('/')}{path}"
        return any(from_mountinfo(line.split(b" ")[4]) == own for line in lines if line.count(b" ") > 4)

    return mounted
