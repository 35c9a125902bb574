"""What a sandbox remembers on disk about its processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from imagegate.sandbox import layout
from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.paths import write_private
from imagegate.sandbox.processes import Process


@dataclass(slots=True, kw_only=True)
class Service:
    """A service's port, and its process; None when it was stopped on request."""

    port: int
    process: Process | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """The processes of a sandbox; ``maker`` is the process that starts it."""

    maker: Process
    phase: Literal["starting", "up"] = "starting"
    template: str | None = None
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def ports(self) -> dict[str, int]:
        """The port of each service."""
        return {name: service.port for name, service in self.services.items()}

    def processes(self) -> list[Process]:
        """The services' processes, as far as started."""
        return [service.process for service in self.services.values() if service.process is not None]

    def write(self, root: Path) -> None:
        """Keep the state in the sandbox."""
        write_private(root / layout.STATE, json.dumps(asdict(self), indent=1))


def read(root: Path) -> State | None:
    """The state kept at ``root``; None when there is no sandbox, or its start ended before it had any."""
    try:
        found = json.loads((root / layout.STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as problem:
        message = f"{root / layout.STATE} is damaged ({problem}); end the sandbox with `imagegate sandbox down`."
        raise SandboxError(message) from problem
    services = {
        name: Service(port=item["port"], process=Process(**item["process"]) if item["process"] else None)
        for name, item in found["services"].items()
    }
    return State(maker=Process(**found["maker"]), phase=found["phase"], template=found["template"], services=services)
