"""Join what the clouds list with what the inventory can reach, and pick what the command line names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from imagegate.errors import UsageError
from imagegate.model import Kind, Target


class GuestEntry(Protocol):
    """What joining needs to know of an inventory entry."""

    @property
    def name(self) -> str:
        """The entry's name: a server's name or id."""

    @property
    def address(self) -> str | None:
        """Where the guest answers."""

    @property
    def os(self) -> str | None:
        """``linux`` or ``windows`` where the inventory or the transport tells."""


def join(targets: Sequence[Target], guests: Mapping[str, GuestEntry]) -> tuple[list[Target], list[str]]:
    """Tell each instance how its guest is reached, and add the guests that no cloud lists.

    An entry belongs to the server with its name as id, else as name (one server may be seen through two clouds); an
    entry by id wins over one by name. A name that two servers share belongs to neither: the address could be the
    other's. Returns the targets and warnings.
    """
    by_id: dict[str, list[Target]] = defaultdict(list)
    by_name: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        if target.kind is Kind.INSTANCE:
            by_id[target.id].append(target)
            by_name[target.name].append(target)
    routes: dict[str, GuestEntry] = {}
    lonely: list[Target] = []
    warnings: list[str] = []
    for name, guest in sorted(guests.items(), key=lambda entry: entry[0] in by_id):
        servers = by_id.get(name) or by_name.get(name, [])
        if len({server.id for server in servers}) > 1:
            ids = ", ".join(sorted(server.id for server in servers))
            warnings.append(f"the inventory's {name} is the name of several servers ({ids}): name it by id")
        elif servers:
            routes.update({server.key: guest for server in servers})
        else:
            lonely.append(_from_inventory(guest))
    joined = [_with_guest(target, routes[target.key]) if target.key in routes else target for target in targets]
    return joined + lonely, warnings


def _from_inventory(guest: GuestEntry) -> Target:
    attributes = {"name": frozenset({guest.name})}
    unseen = {"id", "flavor", "status", "region", "metadata"}
    if guest.os is None:
        unseen.add("os")
    else:
        attributes["os"] = frozenset({guest.os})
    return Target(
        kind=Kind.INSTANCE, id=guest.name, name=guest.name, guest=guest.name,
        attributes=attributes, unseen=frozenset(unseen),
    )  # fmt: skip


def _with_guest(target: Target, guest: GuestEntry) -> Target:
    if guest.os is None:
        return replace(target, guest=guest.name)
    attributes = {**target.attributes, "os": frozenset({guest.os})}
    return replace(target, guest=guest.name, attributes=attributes, unseen=target.unseen - {"os"})


def named(targets: Sequence[Target], names: Iterable[str], *, complete: bool) -> tuple[list[Target], list[str]]:
    """The instances that the command line names, by name or id, and the names that could not be looked for.

    Raises ``UsageError`` for a name that two servers share and, if the server lists are ``complete``, for one that
    does not exist; with incomplete lists nobody knows, so that the name is returned as missing.
    """
    instances = [target for target in targets if target.kind is Kind.INSTANCE]
    chosen: dict[str, Target] = {}
    missing: list[str] = []
    for name in dict.fromkeys(names):
        found = [target for target in instances if target.id == name]
        found = found or [target for target in instances if target.name == name]
        if len(found) > 1:
            ids = ", ".join(f"{target.id} ({target.cloud}/{target.region})" for target in found)
            if len({target.id for target in found}) == 1:
                raise UsageError(f"{name} is seen more than once: name one cloud with --cloud: {ids}")
            raise UsageError(f"{name} is the name of {len(found)} instances: name one by its id: {ids}")
        if found:
            chosen[found[0].key] = found[0]
        elif complete:
            known = ", ".join(sorted({target.name for target in instances})[:10])
            if not known:
                raise UsageError(f"no instance is called {name}: none can be seen; use --cloud or --inventory")
            raise UsageError(f"no instance is called {name}; those that can be seen: {known}")
        else:
            missing.append(name)
    return list(chosen.values()), missing
