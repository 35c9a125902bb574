"""What a capture has set out to do and how far it came, on disk before it happens.

``capture.json`` in the folder of the run is written anew at each stage: whole or not at all, and on disk (fsync) when
the write returns. So a run that was killed anywhere can be gone on with: ``imagegate capture --resume RUN``.

=========  ========================================================================================
stage      what is certain
=========  ========================================================================================
gate       nothing was asked for: the gate may have mended the instance (its own journal tells)
asking     the image was about to be asked for; whether it was is told by the catalog alone
made       the image exists under ``image``, or did
active     its data is there; it may not comply with the policy yet
done       all was done and judged
refused    nothing was asked for, and nothing will be
=========  ========================================================================================

``capture.lock`` beside it is locked (``flock``) by the process that is at work, and by nobody when that was killed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from imagegate.durable import write_whole
from imagegate.errors import UsageError

FILE = "capture.json"
LOCK = "capture.lock"
FORMAT = 1
STAGES = ("gate", "asking", "made", "active", "done", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One capture. ``clouds`` as in ``Discovery``'s argument; paths are absolute; times are ISO 8601, UTC.

    ``instance`` is what the command line named, ``server`` its id. ``fix_level`` None: no ``--fix``. ``root`` is what
    the guest's root file system told, ``{"used": bytes, "size": bytes, "at": time}``, or ``{"unseen": reason}``.
    """

    run: str
    stage: str
    instance: str
    name: str
    policy: str
    policy_digest: str
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    inventory: str | None = None
    checks_dirs: tuple[str, ...] = ()
    fix_level: str | None = None
    attempt: int = 1
    cloud: str | None = None
    region: str | None = None
    server: str | None = None
    way: str | None = None
    asked_at: str | None = None
    image: str | None = None
    gate: dict[str, Any] | None = None
    root: dict[str, Any] | None = None


def write_state(folder: Path, state: State) -> None:
    """Put ``state`` on disk; ``OSError`` if it cannot be, and then the one before it is still there."""
    write_whole(folder, FILE, {"v": FORMAT, **asdict(state)})


def read_state(folder: Path) -> State:
    """The state in the folder of a run. ``UsageError`` where there is none, or none that this version can read."""
    path = folder / FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: no capture was begun there (it has no {FILE})") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    known = {field.name for field in fields(State)}
    if not isinstance(raw, dict) or raw.pop("v", None) != FORMAT or not set(raw) <= known:
        raise UsageError(f"{path} was written by another version of imagegate")
    for name in ("clouds", "regions", "checks_dirs"):
        raw[name] = tuple(raw.get(name) or ())
    try:
        state = State(**raw)
    except TypeError as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    if state.stage not in STAGES:
        raise UsageError(f"{path} is damaged: there is no stage {state.stage!r}")
    return state
