"""What a captured image holds in a sandbox: the layer in which a guest differs from the shared root filesystem.

A cloud's image is a disk. Here it is a tar archive of the guest's folder ``up``: with the same root filesystem below,
that is the whole root. Links, owners, extended attributes and overlayfs' own marks (devices 0/0 for what was removed)
are in it. An archive is told from other images' data by its first entry.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from imagegate.sandbox import guests, roster
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.model import Guest
from imagegate.sandbox.paths import plain

_EVERYTHING = ("--xattrs", "--xattrs-include=*", "--numeric-owner")
_CHANGED = 1
"""tar's exit code when files changed while they were read: the guest ran."""


def pack(root: Path, name: str, file: Path) -> None:
    """Write the captured root of a guest, running or not, to ``file``."""
    folder = roster.folder(plain(root), name)
    command = ["tar", "--create", "--sparse", *_EVERYTHING, "--warning=no-file-ignored", f"--file={file}"]
    _run([*command, f"--directory={folder}", "up/"], fine=(0, _CHANGED))


def is_capture(file: Path) -> bool:
    """Whether the file is what :func:`pack` writes."""
    try:
        with tarfile.open(file, "r:") as archive:
            first = archive.next()
    except tarfile.TarError:
        return False
    return first is not None and first.isdir() and first.name == "up"


def boot(root: Path, name: str, server: str, file: Path) -> Guest:
    """Boot a guest called ``name`` for the server with this id from a captured root.

    It gets its own address, host name and SSH host key, as every instance of a cloud does; the machine id and all else
    are as the image has them. Raises :class:`SandboxUsageError` for a name that is taken or cannot be a host's.
    """
    root = plain(root)
    if not guests.fits(name):
        message = f"{name!r} is no name for a guest: use small letters, digits and -."
        raise SandboxUsageError(message)

    def unpack(folder: Path) -> None:
        roster.made_for(root, name, server)
        _run(["tar", "--extract", "--same-owner", "--same-permissions", *_EVERYTHING, f"--file={file}",
              f"--directory={folder}", "up"])  # fmt: skip

    return guests.boot_copy(root, name, unpack)


def _run(command: list[str], fine: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        message = f"{command[0]} failed: {done.stderr.strip()[-500:]}"
        raise SandboxError(message)
