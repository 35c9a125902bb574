"""``index.sqlite`` opened: made where it is missing, made anew where it is damaged, done without where it cannot be.

Every connection holds the report folder's lock (``flock`` on the folder itself) shared; who makes or removes the file
holds it alone, because a SQLite file must not be replaced under somebody's hands. Writers wait for each other in
SQLite.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from imagegate.model import Finding
from imagegate.report.stored import REPORT
from imagegate.runs import schema
from imagegate.runs.brief import BriefError, briefs_of, head_of
from imagegate.runs.index import Index, Stat
from imagegate.runs.packing import Damaged
from imagegate.runs.scan import Say, look, sync

T = TypeVar("T")

INDEX = "index.sqlite"
BUSY_S = 30.0
"""How long to wait for another process that writes."""

_PAUSE_S = 0.05
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}
_WRONG = (sqlite3.Error, Damaged, UnicodeDecodeError)
"""What a damaged file raises."""


class Unusable(Exception):
    """The index cannot be used here, and making it anew would not help."""


class Stale(Damaged):
    """An index of another version of imagegate."""


def ask(folder: Path, question: Callable[[Index, Mapping[str, str]], T], say: Say | None = None) -> T:
    """What ``question`` makes of an index of all runs in ``folder``, and of those that are ignored (with the reason).

    Runs that are not in the index are put in first. Whatever is wrong with the index, the answer is the same: it is
    made anew, or if it cannot be, made in memory of the reports, and ``say`` is told. A folder that is not there has no
    runs.
    """
    for _ in range(2 if folder.exists() else 0):
        opened: list[int] = []
        reason: str | None
        try:
            with _connected(folder, opened) as index:
                return question(index, sync(index, folder, say))
        except _WRONG as error:
            if not _is_damage(error) or not _remove(folder, opened):
                reason = str(error)
                break
        except (Unusable, OSError) as error:
            reason = str(error)
            break
    else:
        reason = "it is damaged again and again" if folder.exists() else None
    with contextlib.suppress(*_WRONG, Unusable, OSError), _frozen(folder) as frozen:
        return question(frozen, frozen.ignored() | look(folder).others)
    if say is not None and reason is not None:
        say(f"{folder / INDEX} is not used, the reports are read instead: {reason}")
    with _in_memory() as index:
        return question(index, sync(index, folder))


def remember(folder: Path, head: Mapping[str, Any], findings: Iterable[Finding]) -> str | None:
    """Put the run that ``head`` and ``findings`` are of into the index of ``folder``. Its report must be there.

    Returns what is wrong if it could not be: the run is then put in when the index is next read.
    """
    try:
        run = head_of(head)
        status = (folder / run.id / REPORT).stat()
        seen = Stat(size=status.st_size, changed=status.st_mtime_ns)
        for _ in range(2):
            opened: list[int] = []
            try:
                with _connected(folder, opened) as index:
                    index.add(run, briefs_of(findings), seen)
                    return None
            except _WRONG as error:
                if not _is_damage(error) or not _remove(folder, opened):
                    return str(error)
    except (sqlite3.Error, Unusable, BriefError, OSError) as error:
        return str(error)
    return "it is damaged again and again"


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # none: Python could not read what SQLite found
    return isinstance(error, Damaged) or code is None or code & 0xFF in _BROKEN


@contextlib.contextmanager
def _connected(folder: Path, opened: list[int]) -> Iterator[Index]:
    """The index of ``folder``, made if it is missing. ``opened`` is given the number of the file."""
    path = folder / INDEX
    with _locked(folder, alone=False) as lock:
        if not path.exists() or not path.stat().st_size:
            _flock(lock, alone=True)
            _make(path)
            _flock(lock, alone=False)
        opened.append(path.stat().st_ino)
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
            _check(connection, path)
            connection.execute("PRAGMA synchronous = NORMAL")
            yield Index(connection)


def _make(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return
        with contextlib.suppress(sqlite3.OperationalError):  # a file system without it: slower, and as right
            connection.execute("PRAGMA journal_mode = WAL")
        Index(connection).create()


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != schema.APPLICATION:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "runs" not in tables:
            raise Unusable(f"{path} is a database of another program")
    if (application, version) != (schema.APPLICATION, schema.VERSION):
        raise Stale(f"{path}: version {version}, this imagegate has {schema.VERSION}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise Damaged(f"{path}: {problem}")


@contextlib.contextmanager
def _frozen(folder: Path) -> Iterator[Index]:
    """The index of a folder that cannot be written, if it is whole and nothing is missing in it; else ``Unusable``."""
    path = folder / INDEX
    wal = path.with_name(path.name + "-wal")
    if not path.exists() or (wal.exists() and wal.stat().st_size):
        raise Unusable("there is none, or somebody is at it")
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        _check(connection, path)
        index = Index(connection, frozen=True)
        if look(folder).reports != index.known():
            raise Unusable("there are runs that it does not have")
        yield index


@contextlib.contextmanager
def _in_memory() -> Iterator[Index]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        index = Index(connection)
        index.create()
        yield index


def _remove(folder: Path, opened: list[int]) -> bool:
    """Remove a damaged index, unless another process has made it anew by now. False if it cannot be removed."""
    path = folder / INDEX
    try:
        with _locked(folder, alone=True):
            if path.exists() and (not opened or path.stat().st_ino == opened[-1]):
                for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                    each.unlink(missing_ok=True)
    except (Unusable, OSError):
        return False
    return True


@contextlib.contextmanager
def _locked(folder: Path, *, alone: bool) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _flock(descriptor, alone=alone)
        yield descriptor
    finally:
        os.close(descriptor)


def _flock(descriptor: int, *, alone: bool) -> None:
    """Lock, waiting for others. A file system that has no locks has one user, or another that keeps them apart."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise Unusable(f"other processes were at it for {BUSY_S:g} s") from None
            time.sleep(_PAUSE_S)
        except OSError:
            return
        else:
            return
