"""Files that are whole or not there at all, whatever ends this process or the power."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

_MODE = 0o644
_OF_THE_SYSTEM = tuple(map(Path, ("/dev", "/proc")))


@contextlib.contextmanager
def output_file(path: Path) -> Iterator[TextIO]:
    """A text file where somebody asked for one: afterwards ``path`` has the whole of it, or what it had before.

    What is no regular file (a device, a pipe), and all that is named in /dev or /proc (/dev/stdout), is written to as
    it is, and never replaced. A link stays one: what it points to is replaced. ``OSError`` if it cannot be written.
    """
    if _is_replaceable(path):
        with replacing(Path(os.path.realpath(path))) as file:
            yield file
    else:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file


def _is_replaceable(path: Path) -> bool:
    place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow /dev/stdout
    if any(place.is_relative_to(folder) for folder in _OF_THE_SYSTEM):
        return False
    return path.is_file() or not path.exists()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` once all of it is on disk (fsync). ``OSError`` if it cannot."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n", buffering=1 << 16) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(folder: Path, name: str, record: Mapping[str, Any]) -> None:
    """Put ``record`` into ``folder``/``name`` as JSON, in place of what is there; on disk (fsync) on return. ``folder``
    is that of a run.

    ``OSError`` if it cannot be, and then the one before it is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with replacing(path) as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    sync_folders(folder)


def sync_folders(run: Path) -> None:
    """Put on disk (fsync) what lies in the folder of a run, and that folder itself in the one of all runs."""
    for folder in (run, run.parent):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
