"""Removes the servers that a proof has left which was killed: exactly its own, as its state and their marks tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagegate.dates import moment
from imagegate.errors import UsageError
from imagegate.prove_servers import CALL_S, LOST_S, Left, Removal, Say, marked
from imagegate.prove_state import Made, ProveState, at_work, read_prove, write_prove
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.servers import get_server

_ON_ITS_WAY = timedelta(minutes=5)
"""A request that was sent longer ago than this has been carried out or never will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What became of the servers of ``run``: ``removed`` by id and name, ``never`` made or gone already, by name, and
    those that are ``left``."""

    run: str
    removed: tuple[tuple[str, str], ...] = ()
    never: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        return (
            *(f"server {name} ({ident}) of run {self.run}: removed" for ident, name in self.removed),
            *(f"server {name} of run {self.run}: is not there" for name in self.never),
            *(f"NOT REMOVED: server {one.name} ({one.id or 'id unknown'}): {one.reason}" for one in self.left),
        )


def clean(folder: Path, reach: Callable[[str, str], Service], *, seconds: float, say: Say) -> Cleaned:
    """Remove what the run of ``folder`` has left, within so many seconds, and write down what is gone.

    ``reach`` gives the compute API of a cloud's region. Raises ``UsageError`` for a run that is still at work, and for
    a folder without a state; ApiError where the region cannot be reached.
    """
    with at_work(folder) as holder:
        if holder is not None:
            raise UsageError(f"run {folder.name} is still at work ({holder}): it removes its servers itself")
        state = read_prove(folder)
        if not state.open:
            return Cleaned(run=state.run)
        compute = reach(state.cloud, state.region)
        cleaned, gone = _clean(state, Removal(compute, seconds, say), compute)
        servers = tuple(replace(one, gone=one.gone or one.name in gone) for one in state.servers)
        write_prove(folder, replace(state, servers=servers))
        return cleaned


def _clean(state: ProveState, removal: Removal, compute: Service) -> tuple[Cleaned, set[str]]:
    known = {server.id: server.name for server in state.open if server.id is not None}
    there, absent, left = _sorted(known, state.run, compute)
    lost = {server.name: server for server in state.open if server.id is None}
    found, problem = removal.find(set(lost), state.run, LOST_S if any(map(_recent, lost.values())) else 0.0)
    unfound = sorted(lost.keys() - set(found.values()))
    if problem is not None:
        left += [Left(id=None, name=name, reason=f"the servers cannot be listed: {problem}") for name in unfound]
        unfound = []
    there |= found
    removal.remove(there | absent)
    left += [Left(id=ident, name=(there | absent)[ident], reason=reason) for ident, reason in removal.why.items()]
    removed = tuple((ident, there[ident]) for ident in there if ident in removal.gone)
    never = (*(absent[ident] for ident in absent if ident in removal.gone), *unfound)
    cleaned = Cleaned(run=state.run, removed=removed, never=never, left=tuple(left))
    return cleaned, {*never, *(name for _, name in removed)}


def _sorted(
    known: Mapping[str, str], run: str, compute: Service
) -> tuple[dict[str, str], dict[str, str], list[Left]]:  # fmt: skip
    """The servers whose ids we know (id and name): those that are there and carry the mark, those that are not there,
    and those that nobody may touch."""
    there: dict[str, str] = {}
    absent: dict[str, str] = {}
    left: list[Left] = []
    for ident, name in known.items():
        try:
            record = get_server(compute, ident, Deadline.after(CALL_S))
        except ApiError as error:
            if error.status == 404:
                absent[ident] = name
            else:
                left.append(Left(id=ident, name=name, reason=error.reason))
            continue
        if marked(record, run):
            there[ident] = name
        else:
            reason = "it does not carry the mark of the run any more: whoever has taken it over may remove it"
            left.append(Left(id=ident, name=name, reason=reason))
    return there, absent, left


def _recent(server: Made) -> bool:
    asked = moment(server.asked)
    return asked is None or datetime.now(UTC) - asked < _ON_ITS_WAY
