"""The Debian root filesystem of the guests: built once, kept in the cache folder, never written to again."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.paths import Progress, cache_folder, locked, quiet

_INCLUDED = (
    "busybox",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
_EXCLUDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "mount": "mount",
}


def packages() -> tuple[str, ...]:
    """The Debian packages that real guests need on this machine."""
    return ("systemd-container", "mmdebstrap", "openssh-client", "iproute2")


def available() -> str | None:
    """Why this machine cannot boot real guests, and what would help; None when it can."""
    if os.geteuid() != 0:
        return "real guests need root (overlay mounts and systemd-nspawn): run it as root"
    missing = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if missing:
        return f"these Debian packages are missing: {' '.join(missing)}"
    if "\toverlay\n" not in Path("/proc/filesystems").read_text(encoding="utf-8"):
        return "the kernel has no overlayfs: load the module 'overlay'"
    return None


def require() -> None:
    """Raise when real guests are not possible here."""
    reason = available()
    if reason is not None:
        message = f"No real guests: {reason}. Without guests the sandbox works here all the same."
        raise SandboxUsageError(message)


def folder() -> Path:
    """Where the root filesystem is, or will be."""
    parts = (_suite(), *_INCLUDED, *_EXCLUDED)
    return cache_folder() / f"rootfs-{_suite()}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"


def ensure(progress: Progress = quiet) -> Path:
    """The root filesystem's folder; built when it is missing."""
    place = folder()
    if not place.is_dir():
        require()
        with locked(place, progress):
            if not place.is_dir():
                _build(place, progress)
    return place


def _suite() -> str:
    """This machine's own release: its apt sources serve it."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not suite:
        message = "/etc/os-release names no VERSION_CODENAME: guests can be built on Debian and Ubuntu only."
        raise SandboxUsageError(message)
    return suite


def _build(place: Path, progress: Progress) -> None:
    progress(f"building the guests' root filesystem in {place} (once; 200 MB, about 40 s)")
    work = place.with_name(place.name + ".partial")
    if work.exists():
        shutil.rmtree(work)
    options = [f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED]
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(_INCLUDED)}"]
    done = subprocess.run(
        [*command, *options, _suite(), str(work)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = (
            f"The guests' root filesystem could not be built; mmdebstrap said:\n{done.stderr[-2000:]}\n"
            "Does `apt-get update` work on this machine?"
        )
        raise SandboxError(message)
    for key in (work / "etc" / "ssh").glob("ssh_host_*"):
        key.unlink()  # every guest gets its own
    work.rename(place)
