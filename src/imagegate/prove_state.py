"""Which servers a proof has made, on disk before they are: whoever comes after a killed one removes exactly these.

``prove.json`` in the folder of the run is written anew before each request for a server, after each answer, and when a
server is gone. ``prove.lock`` beside it is locked (``flock``) by the process that is at work, and by nobody when that
was killed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from imagegate.durable import write_whole
from imagegate.errors import UsageError
from imagegate.locks import hold_run

FILE = "prove.json"
LOCK = "prove.lock"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One server. ``asked`` is when it was asked for (ISO 8601, UTC), None if it certainly was not, or was refused;
    ``id`` None: the answer is not known. ``gone``: it was removed, or never came about."""

    name: str
    asked: str | None = None
    id: str | None = None
    gone: bool = False

    @property
    def open(self) -> bool:
        """Whether it may be there."""
        return self.asked is not None and not self.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveState:
    """One proof: ``run`` is also the value of its servers' mark; ``image`` is an id."""

    run: str
    cloud: str
    region: str
    image: str
    servers: tuple[Made, ...] = ()

    @property
    def open(self) -> tuple[Made, ...]:
        """The servers that may be there."""
        return tuple(server for server in self.servers if server.open)


def write_prove(folder: Path, state: ProveState) -> None:
    """Put ``state`` on disk; ``OSError`` if it cannot be."""
    write_whole(folder, FILE, {"v": FORMAT, **asdict(state)})


def read_prove(folder: Path) -> ProveState:
    """The state in the folder of a run. ``UsageError`` where there is none, or none that this version can read."""
    path = folder / FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: no proof was begun there (it has no {FILE})") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, dict) or raw.pop("v", None) != FORMAT:
        raise UsageError(f"{path} was written by another version of imagegate")
    try:
        servers = tuple(_made(one) for one in raw.pop("servers"))
        state = ProveState(**raw, servers=servers)
    except (TypeError, KeyError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    words = (state.run, state.cloud, state.region, state.image)
    if not all(isinstance(word, str) for word in words) or state.run != folder.name:
        raise UsageError(f"{path} is damaged: it is not the state of the run {folder.name}")
    return state


def _made(raw: Any) -> Made:
    if not isinstance(raw, dict) or set(raw) - {field.name for field in fields(Made)}:
        raise TypeError("a server is not what it should be")
    made = Made(**raw)
    texts = (made.name, *(one for one in (made.asked, made.id) if one is not None))
    if not all(isinstance(one, str) for one in texts) or not isinstance(made.gone, bool):
        raise TypeError("a server is not what it should be")
    return made


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[str | None]:
    """Hold the lock of a run; yields None, or who holds it: then it is not held here.

    ``UsageError`` where the folder cannot be written: no server is made that is not written down.
    """
    with hold_run(folder, LOCK, why="where a proof notes its servers") as holder:
        yield holder


def unfinished(report_dir: Path, but: str) -> Iterator[tuple[Path, ProveState | UsageError]]:
    """The runs below ``report_dir``, oldest first, whose servers may be there still; not the run ``but``. A state that
    cannot be read comes as the error that says so."""
    for path in sorted(report_dir.glob(f"*/{FILE}")):
        if path.parent.is_symlink() or path.parent.name == but:
            continue
        try:
            state = read_prove(path.parent)
        except UsageError as error:
            yield path.parent, error
        else:
            if state.open:
                yield path.parent, state
