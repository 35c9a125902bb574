"""What the parts share: where things are, and imagegate's own command line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import platformdirs
from measure import BenchError

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
POLICIES = HERE / "policies"
RESULTS = HERE / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a part is to be run; ``work`` is a temporary folder of its own."""

    work: Path
    quick: bool
    repeats: int
    say: Callable[[str], None]


def cache() -> Path:
    """Where slow preparations are kept."""
    chosen = os.environ.get("IMAGEGATE_CACHE_DIR")
    base = Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("imagegate")
    folder = base / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def imagegate() -> list[str]:
    """The console command that belongs to this Python."""
    beside = Path(sys.executable).with_name("imagegate")
    if beside.exists():
        return [str(beside)]
    raise BenchError(f"there is no {beside}: install imagegate into the environment of this Python")


def environment(**more: str) -> dict[str, str]:
    """Ours, without the clouds, pytest options and Python settings of whoever runs the benchmark."""
    dropped = ("OS_", "PYTEST_", "PYTHON", "ANSIBLE_", "IMAGEGATE_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(dropped)}, **more}


def policy(name: str, place: Path, **values: str) -> Path:
    """A policy of ``policies/`` with ``$name`` filled in, written to ``place``."""
    text = Template((POLICIES / name).read_text(encoding="utf-8")).substitute(values)
    place.mkdir(parents=True, exist_ok=True)
    path = place / name
    path.write_text(text, encoding="utf-8")
    return path


def fresh(folder: Path) -> Path:
    """``folder``, new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def report(folder: Path) -> dict[str, Any]:
    """The report.json of the last run that wrote to ``folder``."""
    path = folder / "latest" / "report.json"
    if not path.exists():
        raise BenchError(f"the run wrote no {path}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def digest(verdicts: Iterable[tuple[str, str, str]]) -> str:
    """One word for a set of (check, target, verdict): the peers compute the same."""
    lines = sorted(" ".join(line) for line in verdicts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def verdicts(found: Mapping[str, Any], by: str = "id") -> list[tuple[str, str, str]]:
    """(check, target, verdict) of a report."""
    return [(item["check"], item["target"][by], item["verdict"]) for item in found["findings"]]
