"""The compute API's record of an instance, and its flavor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagegate.model import Probe, Source

RUNNING = 1
"""``OS-EXT-STS:power_state`` of a server that is on."""

SHUTDOWN = 4
"""``OS-EXT-STS:power_state`` of a server that is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFact:
    """One server. ``power_state`` is 1 for on, 4 for off; ``updated`` as the API writes it. ``protected``: whether the
    instance cannot be deleted (NHN Cloud), None where the cloud does not say; images have a protection of their own.

    Source: compute API reference, "List Servers Detailed", extended status attributes.
    """

    id: str
    name: str
    status: str
    power_state: int | None
    task_state: str | None
    vm_state: str | None = None
    flavor_id: str | None = None
    flavor_name: str | None = None
    image_id: str | None = None
    created: str | None = None
    updated: str | None = None
    launched_at: str | None = None
    locked: bool | None = None
    protected: bool | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether the compute API says that the server is off and at rest: SHUTOFF, power state 4, no task."""
        return self.status == "SHUTOFF" and self.power_state == SHUTDOWN and self.task_state is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProbe(Probe[ServerFact]):
    """The server record."""

    source: ClassVar[Source] = Source.COMPUTE
    fact: ClassVar[type] = ServerFact

    @property
    def key(self) -> str:
        return "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorFact:
    """A flavor's id and name; ``type`` is what stands before the dot of an NHN Cloud name (``u2.c1m2`` → ``u2``),
    None where the name is not of that form."""

    id: str | None
    name: str
    type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorProbe(Probe[FlavorFact]):
    """The server's flavor, joined from the flavor list (a server record has only its id)."""

    source: ClassVar[Source] = Source.COMPUTE
    fact: ClassVar[type] = FlavorFact

    @property
    def key(self) -> str:
        return "flavor"


SERVER = ServerProbe()
FLAVOR = FlavorProbe()
