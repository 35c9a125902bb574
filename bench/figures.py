"""The table: what was measured, beside the peer and the goal; and the machine it was measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from measure import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. ``goal`` bounds ``value``: at most, or with ``at_least`` at least; None is a figure without a goal."""

    what: str
    ours: str
    peer: str = ""
    value: float | None = None
    ratio: bool = False
    goal: float | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None or self.value is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def cells(self) -> tuple[str, ...]:
        """As the table prints them."""
        ratio = f"{self.value:.2f}" if self.ratio and self.value is not None else ""
        sign = "≥" if self.at_least else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:g}{self.unit or (' x' if self.ratio else '')}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return (self.what, self.ours, self.peer, ratio, goal, met)


@dataclass(slots=True)
class Part:
    """What one part of the benchmark found."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None

    def against(self, what: str, ours: Series, peer: Series, peer_name: str, goal: float | None = None) -> None:
        """A ratio of medians: ours through the peer's, at most ``goal``."""
        self.rows.append(
            Row(
                what=what,
                ours=seconds(ours.wall_s),
                peer=f"{seconds(peer.wall_s)}  {peer_name}",
                value=ours.wall_s / peer.wall_s,
                ratio=True,
                goal=goal,
            )
        )

    def faster(self, what: str, ours: Series, peer: Series, peer_name: str, goal: float | None = None) -> None:
        """A ratio of medians: how many times longer the peer takes, at least ``goal``."""
        self.rows.append(
            Row(
                what=what,
                ours=seconds(ours.wall_s),
                peer=f"{seconds(peer.wall_s)}  {peer_name}",
                value=peer.wall_s / ours.wall_s,
                ratio=True,
                goal=goal,
                at_least=True,
            )
        )

    def figure(self, what: str, value: float, unit: str, goal: float | None = None, peer: str = "") -> None:
        """A figure of ours with a goal of its own."""
        text = seconds(value) if unit == " s" else f"{value:.0f}{unit}"
        self.rows.append(Row(what=what, ours=text, peer=peer, value=value, goal=goal, unit=unit))

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {
            "title": self.title,
            "rows": [{**asdict(row), "met": row.met} for row in self.rows],
            "series": {name: series.as_json() for name, series in self.series.items()},
            "notes": self.notes,
            "extra": self.extra,
            "error": self.error,
        }


def seconds(value: float) -> str:
    """Three significant digits or so."""
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


HEAD = ("what", "imagegate", "peer", "ratio", "goal", "met")


def table(parts: Sequence[Part]) -> str:
    """All parts as text."""
    cells = {part.name: [row.cells() for row in part.rows] for part in parts}
    lines = [HEAD, *(line for part in cells.values() for line in part)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]

    def text(line: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()

    found = [text(HEAD), "  ".join("-" * width for width in widths)]
    for part in parts:
        found.append(f"[{part.name}] {part.title}")
        found += [text(line) for line in cells[part.name]]
        if part.error:
            found.append(f"  ! {part.error}")
        found += [f"  - {note}" for note in part.notes]
    return "\n".join(found)


def machine() -> dict[str, object]:
    """What the figures depend on, taken before the run."""
    model = ""
    memory = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
        first = Path("/proc/meminfo").read_text(encoding="utf-8").split("\n", 1)[0]
        memory = f"{int(first.split()[1]) / 1048576:.0f} GiB"
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model,
        "memory": memory,
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "openssh": _said("ssh", "-V"),
        **{name: _version(name) for name in ("imagegate", "pytest", "requests", "asyncssh", "pytest-testinfra")},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return "not installed"
    return (done.stdout or done.stderr).strip().splitlines()[0]
