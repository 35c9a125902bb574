"""The sandbox's own Python environment: built once from a hashed lock, kept in the cache folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.paths import REQUIREMENTS, Progress, cache_folder, locked, quiet

_MARKER = ".complete"


def digest() -> str:
    """What the environment depends on: the lock and the Python that builds it."""
    python = f"{sys.implementation.cache_tag} {sys.version_info[:3]} {sys.platform}"
    return hashlib.sha256(REQUIREMENTS.read_bytes() + python.encode()).hexdigest()[:16]


def folder() -> Path:
    """Where the environment is, or will be."""
    return cache_folder() / f"env-{digest()}"


def is_ready() -> bool:
    """Whether the environment is complete; false when its Python has been removed from the machine."""
    return (folder() / _MARKER).is_file() and (folder() / "bin" / "python").exists()


def ensure(progress: Progress = quiet) -> Path:
    """The environment's ``bin`` folder; builds the environment when it is missing or was left half done."""
    place = folder()
    if not is_ready():
        with locked(place, progress):
            if not is_ready():
                _build(place, progress)
    return place / "bin"


def _build(place: Path, progress: Progress) -> None:
    if place.exists():
        progress(f"removing the incomplete environment {place}")
        shutil.rmtree(place)
    uv = _uv()
    progress(f"installing OpenStack with {'uv' if uv else 'pip'} into {place} (once; 500 MB)")
    python = str(place / "bin" / "python")
    lock = str(REQUIREMENTS)
    if uv:
        _run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)])
        _run(
            [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python, "-r", lock]
        )
    else:
        _run([sys.executable, "-m", "venv", str(place)])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock])
    (place / _MARKER).touch()


def _uv() -> list[str] | None:
    """How to call uv, when there is one."""
    program = shutil.which("uv")
    if program:
        return [program]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    return None


def _run(command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        message = (
            f"The sandbox's Python environment could not be built: {' '.join(command)} ended with {done.returncode}.\n"
            f"{done.stderr.strip()}\nIs a package index reachable? The next start begins afresh."
        )
        raise SandboxError(message)
