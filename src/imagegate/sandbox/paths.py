"""Where the sandbox keeps things, locks between processes, and files that only their owner may read."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from imagegate.sandbox.errors import SandboxUsageError

CACHE_VARIABLE = "IMAGEGATE_CACHE_DIR"
SERVICES = Path(__file__).resolve().parent / "services"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"

Progress = Callable[[str], None]
"""Receives one line of plain text for each thing that takes a while."""

_PLAIN_PATH = re.compile(r"/[\w@+,.=/-]+", re.ASCII)


def quiet(_message: str) -> None:
    """The progress of who wants none."""


def cache_folder() -> Path:
    """The sandbox's part of the user's cache; ``IMAGEGATE_CACHE_DIR`` overrides the cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        base = Path(chosen).expanduser().absolute()
    else:
        import platformdirs  # noqa: PLC0415  # only needed here, and importing the sandbox must be cheap

        base = platformdirs.user_cache_path("imagegate")
    folder = plain(base) / "sandbox"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def default_root() -> Path:
    """Where a sandbox runs when its user names no other place."""
    return cache_folder() / "run"


def plain(path: Path) -> Path:
    """``path``, absolute; it stands in configuration files and URLs, so odd characters are refused."""
    path = path.absolute()
    if not _PLAIN_PATH.fullmatch(str(path)):
        message = (
            f"The sandbox cannot use {str(path)!r}: its path may hold letters, digits and @+,.=_- only. "
            f"Choose another folder, or set {CACHE_VARIABLE}."
        )
        raise SandboxUsageError(message)
    return path


@contextlib.contextmanager
def locked(subject: Path | str, progress: Progress = quiet) -> Iterator[None]:
    """Hold the lock that belongs to ``subject``, waiting for other processes of this user."""
    folder = cache_folder() / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(str(subject).encode()).hexdigest()[:24]
    with (folder / name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that works on {subject}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that only the owner can read it, and readers see the old or the new text, never half."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
