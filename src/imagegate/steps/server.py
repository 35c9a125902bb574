"""Changes to an instance through the compute API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from imagegate.model import Facts, Level, Phase, Probe, Source, Step
from imagegate.probes.server import RUNNING, SERVER, SHUTDOWN, ServerFact
from imagegate.steps.call import ApiStep, Call

START_PATIENCE_S = 300.0
"""How long a server that is started to take a stop back may need."""


def stop_server(name: str, *, patience_s: float) -> StopServer:
    """The step that stops the server called ``name`` before it is captured: the same for every check that wants it."""
    return StopServer(
        subject="state", summary=f"stop the instance {name}", level=Level.DISRUPTIVE, phase=Phase.POWER,
        why="a running instance changes while it is copied", undo="start the instance", disconnects=True,
        patience_s=patience_s,
    )  # fmt: skip


def without_metadata(server: ServerFact) -> ServerFact:
    """What a journal keeps of the record: people put passwords into metadata."""
    return replace(server, metadata=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _ServerStep(ApiStep):
    source: ClassVar[Source] = Source.COMPUTE

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (SERVER,)

    def basis(self, seen: Facts) -> object:
        return (seen[SERVER].id, seen[SERVER].status, seen[SERVER].task_state)

    def kept(self, seen: Facts) -> Facts:
        return Step.kept(self, seen).reduced(SERVER, without_metadata)

    def _action(self, seen: Facts, name: str) -> Call:
        return Call(
            service="compute", method="POST", path=f"/servers/{quote(seen[SERVER].id, safe='')}/action",
            body={name: None}, accepts=frozenset({200, 202, 204}), already=frozenset({409}),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StopServer(_ServerStep):
    """Stop the server and wait, ``patience_s`` at most, until the compute API says SHUTOFF with power state 4."""

    no_way_back: ClassVar[str] = "it was not running before it was stopped"

    def simulate(self, seen: Facts) -> Facts:
        off = replace(seen[SERVER], status="SHUTOFF", vm_state="stopped", power_state=SHUTDOWN, task_state=None)
        return seen.with_fact(SERVER, off)

    def done(self, seen: Facts) -> bool:
        return seen[SERVER].is_off

    def call(self, seen: Facts) -> Call:
        return self._action(seen, "os-stop")

    def inverse(self, before: Facts) -> Step | None:
        if before[SERVER].status != "ACTIVE":
            return None
        return StartServer(
            subject=self.subject,
            summary=f"start the instance {before[SERVER].name}",
            level=Level.DISRUPTIVE,
            phase=Phase.CONTENT,
            why=f"takes back: {self.summary}",
            undo="stop the instance",
            then="gate it again before it is captured: what was seen of it does not hold any more",
            patience_s=START_PATIENCE_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartServer(_ServerStep):
    """Start the server and wait, ``patience_s`` at most, until the compute API says ACTIVE, with no task."""

    def simulate(self, seen: Facts) -> Facts:
        on = replace(seen[SERVER], status="ACTIVE", vm_state="active", power_state=RUNNING, task_state=None)
        return seen.with_fact(SERVER, on)

    def done(self, seen: Facts) -> bool:
        return seen[SERVER].status == "ACTIVE" and seen[SERVER].task_state is None

    def call(self, seen: Facts) -> Call:
        return self._action(seen, "os-start")

    def inverse(self, before: Facts) -> Step | None:
        if not before[SERVER].is_off:
            return None
        return StopServer(
            subject=self.subject,
            summary=f"stop the instance {before[SERVER].name}",
            level=Level.DISRUPTIVE,
            phase=Phase.POWER,
            why=f"takes back: {self.summary}",
            undo="start the instance",
            patience_s=START_PATIENCE_S,
        )
