"""The servers of a proof: made, waited for, and removed whatever happened. What is done is written down first.

The servers carry the run's id in their metadata, so that one is found and removed even where the answer to its creation
was lost: by its name and that mark, never by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.clones import LETTERS, address_of
from imagegate.errors import Owner
from imagegate.pauses import Waiting
from imagegate.prove_state import Made
from imagegate.shielded import Shielded
from imagegate.transports.openstack.actions import create_server, delete_server
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.servers import get_server, list_servers

MARK = "imagegate_prove"
"""The metadata key of the servers that ``prove`` makes; its value is the run's id."""

CALL_S = 60.0
LOST_S = 10.0
"""How long a server whose creation gave no answer is looked for: the request may still be on its way."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boots:
    """How servers are made from an image and reached: the policy's ``prove``, and the options of the same names.

    ``volume_size`` in GB makes them boot from a volume of that size, which goes with the server; ``timeout_s`` is how
    long booting may take until the guest answers; ``removal_s`` how long removing may take. Of Windows guests:
    ``password_env`` is the variable that holds the password, ``winrm_port`` WinRM's for HTTPS, ``ca_file`` the
    certificates that are trusted; without it theirs are taken as they come, unless ``check_host_keys``.
    """

    flavor: str
    network: str | None = None
    key_name: str | None = None
    user: str | None = None
    volume_size: int | None = None
    address_from: str = "addresses"
    ssh_port: int | None = None
    ssh_config: Path | None = None
    identity_file: Path | None = None
    via: str | None = None
    check_host_keys: bool = False
    password_env: str | None = None
    winrm_port: int | None = None
    ca_file: Path | None = None
    timeout_s: float = 600.0
    removal_s: float = 180.0


@dataclass(slots=True, kw_only=True)
class Clone:
    """One server of the proof, as far as it came. ``problem`` says what went wrong with it, ``owner`` whose fault;
    ``asked`` when it was asked for, None if it certainly was not made."""

    letter: str
    name: str
    asked: datetime | None = None
    id: str | None = None
    status: str | None = None
    address: str | None = None
    removed: bool = False
    problem: str | None = None
    owner: Owner = Owner.TARGET

    @property
    def made(self) -> Made:
        """What has to be known of it after a kill."""
        asked = None if self.asked is None else self.asked.isoformat(timespec="seconds")
        return Made(name=self.name, asked=asked, id=self.id, gone=self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that could not be removed."""

    id: str | None
    name: str
    reason: str


def named_for(run: str) -> tuple[Clone, ...]:
    """The servers of a run, not made yet."""
    return tuple(Clone(letter=letter, name=f"ig-prove-{run.lower()}-{letter}") for letter in LETTERS)


def body_of(clone: Clone, image: str, flavor: str, boots: Boots, run: str) -> dict[str, Any]:
    """The request for a server. Source: compute API, "Create Server"."""
    body: dict[str, Any] = {"name": clone.name, "imageRef": image, "flavorRef": flavor, "metadata": {MARK: run}}
    if boots.network is not None:
        body["networks"] = [{"uuid": boots.network}]
    if boots.key_name is not None:
        body["key_name"] = boots.key_name
    if boots.volume_size is not None:
        body["block_device_mapping_v2"] = [
            {
                "uuid": image,
                "source_type": "image",
                "destination_type": "volume",
                "boot_index": 0,
                "volume_size": boots.volume_size,
                "delete_on_termination": True,
            }
        ]
    return body


class Servers:
    """The servers of one proof. ``keep`` writes down what ``clones`` say; it is called before each request."""

    def __init__(
        self, compute: Service, clones: Sequence[Clone], run: str, *, keep: Callable[[], None], say: Say
    ) -> None:
        self._compute = compute
        self._clones = clones
        self._run = run
        self._keep = keep
        self._say = say

    @property
    def _failed(self) -> bool:
        return any(clone.problem for clone in self._clones)

    def make(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Ask for each server, once; ``bodies`` by the clones' names. A refusal is the clone's problem, and the last
        request."""
        for clone in self._clones:
            self._say(f"making the server {clone.name}")
            clone.asked = datetime.now(UTC)
            try:
                self._keep()
            except OSError as error:
                clone.asked, clone.owner = None, Owner.USER
                clone.problem = f"the server was not made, since that cannot be written down: {error}"
                return
            try:
                clone.id = create_server(self._compute, bodies[clone.name], Deadline.after(CALL_S))
            except ApiError as error:
                clone.asked = clone.asked if error.executed else None
                clone.problem = f"the server could not be made: {error.reason}"
            self._note()
            if clone.problem:
                return

    def _note(self) -> None:
        """Write down what came of it. Where that fails, what stands there already is enough to find all of it."""
        try:
            self._keep()
        except OSError as error:
            self._say(f"what became of the servers cannot be written down: {error}")

    def wait(self, address_from: str, timeout_s: float) -> None:
        """Until all are ACTIVE and have an address, or one of them never will."""
        if self._failed:
            return
        waiting = Waiting(timeout_s, self._say)
        while True:
            for clone in self._clones:
                self._poll(clone, address_from)
            if self._failed or all(clone.address for clone in self._clones):
                return
            if waiting.left <= 0:
                break
            states = ", ".join(f"{clone.letter} {clone.status or 'asked for'}" for clone in self._clones)
            waiting.pause(f"waiting until both servers are ACTIVE: {states}")
        for clone in self._clones:
            if clone.address is None:
                nowhere = f"ACTIVE, but without an address in {address_from} (see --address-from)"
                where = nowhere if clone.status == "ACTIVE" else clone.status or "unknown"
                clone.problem = f"not up within {timeout_s:g} s: {where}"

    def _poll(self, clone: Clone, address_from: str) -> None:
        if clone.id is None or clone.address is not None:
            return
        try:
            record = get_server(self._compute, clone.id, Deadline.after(CALL_S))
        except ApiError as error:
            if error.status == 404:
                clone.problem = "the server is gone: somebody else removed it"
            return  # any other failure may pass, and the deadline is watched
        clone.status = str(record.get("status"))
        if clone.status == "ERROR":
            fault = record.get("fault")
            said = fault.get("message") if isinstance(fault, dict) else None
            clone.problem = f"the server is in status ERROR: {str(said or 'no reason given')[:500]}"
        elif clone.status == "ACTIVE":
            clone.address = address_of(record, address_from)

    def remove(self, seconds: float, shield: Shielded) -> list[Left]:
        """Remove all, those too whose creation gave no answer, and wait until they are gone; what could not be.

        The second signal that comes meanwhile leaves behind what is still there.
        """
        self._say("removing the servers")
        removal = Removal(self._compute, seconds, self._say)
        try:
            with shield.open(after=1):
                left = self._find_lost(removal)
                names = {clone.id: clone.name for clone in self._clones if clone.id is not None}
                removal.remove(names)
        except KeyboardInterrupt:
            lost = (clone for clone in self._clones if clone.made.open and clone.id is None)
            left = [
                Left(id=None, name=one.name, reason="interrupted: whether it was made is not known") for one in lost
            ]
            names = {clone.id: clone.name for clone in self._clones if clone.id is not None}
            removal.why = {one: "interrupted while it was being removed" for one in names if one not in removal.gone}
        for clone in self._clones:
            clone.removed = clone.id in removal.gone
        self._note()
        return [*left, *(Left(id=one, name=names[one], reason=reason) for one, reason in removal.why.items())]

    def _find_lost(self, removal: Removal) -> list[Left]:
        lost = [clone for clone in self._clones if clone.asked is not None and clone.id is None]
        found, problem = removal.find({clone.name for clone in lost}, self._run, LOST_S)
        for clone in lost:
            clone.id = next((ident for ident, name in found.items() if name == clone.name), None)
        if problem is None:
            return []
        reason = f"whether it was made is not known, the servers cannot be listed: {problem}"
        return [Left(id=None, name=clone.name, reason=reason) for clone in lost if clone.id is None]


class Removal:
    """Removes servers until a deadline. ``gone`` are ids that the compute API has no more, ``why`` tells of others."""

    def __init__(self, compute: Service, seconds: float, say: Say) -> None:
        self._compute = compute
        self._waiting = Waiting(seconds, say)
        self._say = say
        self.gone: set[str] = set()
        self.why: dict[str, str] = {}

    def find(self, names: set[str], run: str, patience_s: float) -> tuple[dict[str, str], str | None]:
        """The servers of these names that carry the mark of ``run``: id and name; and why not all could be listed.
        Looks again for ``patience_s`` while one is missing."""
        found: dict[str, str] = {}
        waiting = Waiting(patience_s, self._say)
        while names - set(found.values()):
            listing = list_servers(self._compute, Deadline.after(CALL_S))
            for ident, record in listing.records.items():
                if record.get("name") in names and marked(record, run):
                    found[ident] = str(record["name"])
            if not names - set(found.values()):
                break
            if waiting.left <= 0:
                return found, listing.problem
            waiting.pause("looking for a server whose creation gave no answer")
        return found, None

    def remove(self, names: Mapping[str, str]) -> None:
        """Ask for the end of these (id and name), and wait until none is there.

        Nova answers 404 for a moment when a server is deleted while it moves into its cell, and lists it again until
        the conductor notices: gone is what is not listed either.
        """
        asked: set[str] = set()
        while names:
            for ident in [one for one in names if one not in self.gone]:
                self._remove(ident, asked)
            if not self.why:
                self._look_again(names)
                asked -= self.why.keys()
            if not self.why or self._waiting.left <= 0:
                return
            self._waiting.pause(f"waiting until the servers are gone: {', '.join(names[one] for one in self.why)}")

    def _look_again(self, names: Mapping[str, str]) -> None:
        listing = list_servers(self._compute, Deadline.after(CALL_S))
        for ident in names.keys() & listing.records.keys():
            if not _is_gone(listing.records[ident]):
                self.gone.discard(ident)
                self.why[ident] = "removed, but listed again"

    def _remove(self, ident: str, asked: set[str]) -> None:
        seconds = min(CALL_S, max(self._waiting.left, 1))
        try:
            if ident not in asked:
                delete_server(self._compute, ident, Deadline.after(seconds))
                asked.add(ident)
            record = get_server(self._compute, ident, Deadline.after(seconds))
            self._note(ident, None if _is_gone(record) else "asked to go, but still there")
        except ApiError as error:
            self._note(ident, None if error.status == 404 else error.reason)

    def _note(self, ident: str, why: str | None) -> None:
        if why is not None:
            self.why[ident] = why
            return
        self.gone.add(ident)
        self.why.pop(ident, None)


def _is_gone(record: Mapping[str, Any]) -> bool:
    return record.get("status") == "DELETED"


def marked(record: Mapping[str, Any], run: str) -> bool:
    """Whether a server's record says that ``run`` made it."""
    metadata = record.get("metadata")
    return isinstance(metadata, dict) and metadata.get(MARK) == run
