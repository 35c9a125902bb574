"""What a run set out to change and what came of it, on disk before it happens."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagegate.model import Step, Target


class Journal:
    """An append-only file of JSON lines, flushed to disk line by line. Thread-safe.

    The file is made with the first line: a run that changes nothing leaves none. With ``path`` None nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()

    def intent(self, target: Target, step: Step, before: object) -> None:
        """A step is about to be applied; ``before`` is what it was planned from."""
        self._write("intent", target, step, before=repr(before))

    def result(self, target: Target, step: Step, *, state: str, reason: str | None = None) -> None:
        """A step came to an end: ``verified``, ``not-verified`` or ``failed``."""
        self._write(state, target, step, reason=reason)

    def _write(self, event: str, target: Target, step: Step, **more: Any) -> None:
        if self.path is None:
            return
        line = {
            "at": datetime.now(UTC).isoformat(), "event": event, "target": target.key, "name": target.name,
            "step": step.summary, "level": str(step.level), "undo": step.undo, **more,
        }  # fmt: skip
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
