"""The files of a stand-in, in its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from imagegate.sandbox.paths import write_private
from imagegate.sandbox.processes import Process
from imagegate.sandbox.windows.spec import Backend, Scheme

KEPT = "peer.json"
CREDENTIALS = "ntlm"
READY = "ready"
LOG = "peer.log"
PREFIX = "prefix"
"""With Wine: its prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays as it was asked for, and the process while the power is on. ``authority`` is the folder of the
    certificate authority; ``on_power_off`` a command that is run when the machine powers itself off."""

    name: str
    user: str
    address: str
    port: int
    backend: Backend
    scheme: Scheme
    auth: tuple[str, ...]
    max_shells: int
    owner: str
    authority: str
    on_power_off: tuple[str, ...]
    process: Process | None = None


def keep(folder: Path, kept: Kept) -> None:
    """Write it."""
    write_private(folder / KEPT, json.dumps(asdict(kept), indent=1))


def load(folder: Path) -> Kept:
    """Read it. Raises FileNotFoundError where no stand-in is."""
    found = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    process = Process(**found.pop("process")) if found["process"] else found.pop("process")
    for name in ("auth", "on_power_off"):
        found[name] = tuple(found[name])
    return Kept(**found, process=process)


def drive(folder: Path, backend: Backend) -> Path:
    """The folder that is drive C:."""
    return folder / PREFIX / "drive_c" if backend == "wine" else folder / "drive_c"
