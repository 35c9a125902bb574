"""A service of a Windows guest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source

ServiceStart = Literal["boot", "system", "auto", "demand", "disabled"]
ServiceState = Literal[
    "stopped", "start-pending", "stop-pending", "running", "continue-pending", "pause-pending", "paused"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFact:
    """``start`` is the start type (``sc config NAME start= …``); both are None where there is no such service.

    ``state`` may be None for a service that is there: the service manager did not tell.
    """

    present: bool
    start: ServiceStart | None = None
    state: ServiceState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Probe[ServiceFact]):
    """The service called ``name`` (its short name, not what the console shows)."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = ServiceFact

    name: str

    @property
    def key(self) -> str:
        return f"service:{self.name}"
