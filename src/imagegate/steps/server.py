"""Changes to an instance through the compute API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from imagegate.model import Facts, Level, Phase, Probe, Source
from imagegate.probes.server import SERVER, SHUTDOWN
from imagegate.steps.call import ApiStep, Call


def stop_server(name: str, *, patience_s: float) -> StopServer:
    """The step that stops the server called ``name`` before it is captured: the same for every check that wants it."""
    return StopServer(
        subject="state", summary=f"stop the instance {name}", level=Level.DISRUPTIVE, phase=Phase.POWER,
        why="a running instance changes while it is copied", undo="start the instance", disconnects=True,
        patience_s=patience_s,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StopServer(ApiStep):
    """Stop the server and wait, ``patience_s`` at most, until the compute API says SHUTOFF with power state 4."""

    source: ClassVar[Source] = Source.COMPUTE

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (SERVER,)

    def basis(self, seen: Facts) -> object:
        return (seen[SERVER].id, seen[SERVER].status, seen[SERVER].task_state)

    def simulate(self, seen: Facts) -> Facts:
        off = replace(seen[SERVER], status="SHUTOFF", vm_state="stopped", power_state=SHUTDOWN, task_state=None)
        return seen.with_fact(SERVER, off)

    def done(self, seen: Facts) -> bool:
        return seen[SERVER].is_off

    def call(self, seen: Facts) -> Call:
        return Call(
            service="compute", method="POST", path=f"/servers/{quote(seen[SERVER].id, safe='')}/action",
            body={"os-stop": None}, accepts=frozenset({200, 202, 204}), already=frozenset({409}),
        )  # fmt: skip
