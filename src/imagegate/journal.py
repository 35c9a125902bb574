"""What a run sets out to change and what came of it, on disk before it happens.

A journal is a file of JSON lines that only grows; ``journal_reader`` reads it. ``v`` is the version of the format::

    {"v": 1, "event": "intent", "n": 3, "at": …, "target": {…}, "step": {…}, "before": {facts} | null}
    {"v": 1, "event": "verified" | "not-verified" | "failed" | "refused", "of": 3, "at": …,
     "after": {facts} | null, "reason": … | null, "changed": true | false}
    {"v": 1, "event": "settled", "of": 3, "at": …, "by": …}

``n`` numbers the steps of the file. An intent with ``owes`` takes a protection away that must be put back; ``owes`` is
the step that does it, and a ``settled`` line says that it was done. An intent with ``restores`` is that step, for the
debt ``RUN/n``. ``changed`` False in a failure is certain: the target is as it was; ``refused`` says that the write was
not even attempted. ``at`` is UTC.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from imagegate.codec import dump_facts, dump_step
from imagegate.durable import sync_folders
from imagegate.model import Facts, Step, Target

FORMAT = 1
JOURNAL = "journal.jsonl"
"""The name of the file in the folder of a run."""


class Journal:
    """Writes one journal. Thread-safe; a line is on disk when the method that writes it returns.

    The file is made with the first line: a run that changes nothing leaves none. With ``path`` None nothing is kept.
    All methods raise ``OSError`` where a line cannot be written; the journal then ends with the line before it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._count = 0
        self._lock = threading.Lock()

    @property
    def kept(self) -> bool:
        """Whether there is a file: without one nothing may be done that has to be put back after a power cut."""
        return self.path is not None

    def name_of(self, number: int) -> str:
        """What a debt of this journal is called: ``RUN/n``."""
        return f"{self.path.parent.name if self.path else '-'}/{number}"

    def intent(
        self, target: Target, step: Step, before: Facts, *, owes: Step | None = None, restores: str | None = None
    ) -> int:
        """A step is about to be applied to what ``before`` shows. Returns its number."""
        with self._lock:
            self._count += 1
            more = {"owes": None if owes is None else dump_step(owes), "restores": restores}
            self._write(
                {
                    "event": "intent",
                    "n": self._count,
                    "target": _target(target),
                    "step": _step(step),
                    "before": _facts(step, before),
                    **{name: value for name, value in more.items() if value is not None},
                }
            )
            return self._count

    def result(
        self,
        number: int,
        step: Step,
        *,
        state: str,
        after: Facts | None = None,
        reason: str | None = None,
        changed: bool = True,
    ) -> None:
        """The step of this number ended as ``verified`` (``after`` shows it), ``not-verified``, ``failed`` or
        ``refused`` (nothing was written)."""
        seen = None if after is None else _facts(step, after)
        self._write({"event": state, "of": number, "after": seen, "reason": reason, "changed": changed})

    def settled(self, number: int) -> None:
        """What the step of this number owed was paid."""
        self._write({"event": "settled", "of": number, "by": self.name_of(number).partition("/")[0]})

    def _write(self, line: dict[str, Any]) -> None:
        if self.path is not None:
            append(self.path, line)


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line to a journal, flushed to disk; what a power cut left of a half-written one goes.

    Processes that add to one journal at once wait for each other.
    """
    whole = {"v": FORMAT, "event": line["event"], "at": datetime.now(UTC).isoformat(), **line}
    data = json.dumps(whole).encode("ascii") + b"\n"
    new = not path.exists()
    if new:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _drop_torn_end(file)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folders(path.parent)


def _drop_torn_end(file: IO[bytes]) -> None:
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)


def _target(target: Target) -> dict[str, Any]:
    return {
        "kind": str(target.kind), "id": target.id, "name": target.name, "cloud": target.cloud,
        "region": target.region, "owner": target.owner, "guest": target.guest, "deployment": target.deployment,
        "seen_from": list(target.seen_from),
    }  # fmt: skip


def _step(step: Step) -> dict[str, Any]:
    """A step whose fields are no JSON (of a user's own check) is named at least."""
    try:
        return dump_step(step)
    except Exception:  # noqa: BLE001 - whatever a user's own type does, the intent must be on disk
        return {"type": type(step).__name__, "summary": step.summary, "undo": step.undo}


def _facts(step: Step, seen: Facts) -> dict[str, Any] | None:
    """What the step keeps; None where that is no JSON (a user's own probe): it is then known that nothing is known."""
    try:
        return dump_facts(step.kept(seen))
    except Exception:  # noqa: BLE001 - as above
        return None
