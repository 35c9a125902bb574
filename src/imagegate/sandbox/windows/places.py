"""The files of a stand-in, in its folder; and which of them are its disk, as a tar archive."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.paths import write_private
from imagegate.sandbox.processes import Process
from imagegate.sandbox.windows.spec import Backend, Scheme

KEPT = "peer.json"
CREDENTIALS = "ntlm"
READY = "ready"
LOG = "peer.log"
PREFIX = "prefix"
"""With Wine: its prefix."""
_DISK = "windows"
_PARTS = ("state.json", "drive_c", CREDENTIALS)
"""What a disk holds where no Wine is behind it; the passwords are on it, as in Windows."""


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


def pack(folder: Path, file: Path) -> None:
    """Write the disk of a stand-in without Wine to ``file``."""
    with tarfile.open(file, "w") as archive:
        mark = tarfile.TarInfo(_DISK)
        mark.type = tarfile.DIRTYPE
        archive.addfile(mark)
        for part in _PARTS:
            archive.add(folder / part, f"{_DISK}/{part}")


def is_disk(file: Path) -> bool:
    """Whether ``file`` is what :func:`pack` writes, perhaps with zeros after it."""
    try:
        with tarfile.open(file, "r:") as archive:
            first = archive.next()
    except tarfile.TarError:
        return False
    return first is not None and first.isdir() and first.name == _DISK


def unpack(folder: Path, file: Path) -> None:
    """Put a disk into the folder of a stand-in."""
    command = ["tar", "--extract", "--strip-components=1", f"--file={file}", f"--directory={folder}", f"{_DISK}/"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxError(f"The disk of a stand-in for Windows could not be unpacked: {done.stderr.strip()[-500:]}")
