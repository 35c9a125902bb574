"""Removing all that belongs to a sandbox's root folder: processes, mounts, files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from imagegate.sandbox import layout, processes
from imagegate.sandbox.errors import SandboxError, SandboxUsageError


def claim(root: Path) -> None:
    """Make ``root`` a folder of ours, readable by its owner only; it must be new or empty."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    (root / layout.MARKER).touch(mode=0o600)


def is_vacant(root: Path) -> bool:
    """Whether nothing is at ``root``, or an empty folder."""
    return not root.exists() or (root.is_dir() and not any(root.iterdir()))


def require_ours(root: Path) -> None:
    """Raise unless :func:`claim` made this folder ours."""
    if not (root / layout.MARKER).is_file():
        message = f"{root} is no sandbox (it has no file {layout.MARKER}), so it is left alone: choose another root."
        raise SandboxUsageError(message)


def clean(root: Path) -> None:
    """End the processes started for ``root``, release its mounts, and remove it."""
    require_ours(root)
    processes.stop(processes.belonging_to(root))
    left = processes.belonging_to(root)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        message = f"Processes of the sandbox at {root} do not end: {pids}. End them, then the sandbox."
        raise SandboxError(message)
    for mount in _mounts_below(root):
        done = subprocess.run(["umount", str(mount)], capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{mount} cannot be unmounted: {done.stderr.strip()}. Unmount it, then end the sandbox again."
            raise SandboxError(message)
    shutil.rmtree(root)


def _mounts_below(root: Path) -> list[Path]:
    """Mount points in the sandbox, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = (Path(line.split()[4]) for line in lines)
    return sorted((point for point in points if point.is_relative_to(root)), reverse=True)
