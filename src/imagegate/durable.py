"""Files that are whole or not there at all, whatever ends this process or the power."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(folder: Path, name: str, record: Mapping[str, Any]) -> None:
    """Put ``record`` into ``folder``/``name`` as JSON, in place of what is there; on disk (fsync) on return. ``folder``
    is that of a run.

    ``OSError`` if it cannot be, and then the one before it is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    temporary = folder / f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folders(folder)


def sync_folders(run: Path) -> None:
    """Put on disk (fsync) what lies in the folder of a run, and that folder itself in the one of all runs."""
    for folder in (run, run.parent):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
