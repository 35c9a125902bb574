"""The runs that are kept, as a table for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagegate.report.lines import Line, Piece, line
from imagegate.report.safe import visible
from imagegate.report.words import plural, utc
from imagegate.runs.brief import SEVERITIES
from imagegate.runs.history import Point

SCHEMA_VERSION = 1
BARS = "▁▂▃▄▅▆▇█"

_COLUMNS = ("run", "ended (UTC)", "command", "policy", "whole", "exit", *SEVERITIES, "unknown", "seen", "new", "fixed")
_HEADS = {"critical": "crit", "medium": "med", "exit": "code"}
_LEFT = {"run", "ended (UTC)", "command", "policy", "whole"}
_DROPPED = ("ended (UTC)", "policy", "command", "whole")
"""What a narrow terminal goes without, the first first: the id tells the time."""
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "new": "bold red"}


def trend_lines(points: Sequence[Point], *, width: int | None, bars: bool) -> Iterator[Line]:
    """The table, the newest run first; ``bars``: then a sparkline of the fails that stand, per policy and command.

    ``width`` is that of the terminal, None for no limit.
    """
    if not points:
        yield line(0, "no run is kept here yet")
        return
    rows = [_row(point) for point in points]
    heads = {name: _HEADS.get(name, name) for name in _COLUMNS}
    widths = {name: max(len(row[name]) for row in (heads, *rows)) for name in _COLUMNS}
    shown = _fitting(widths, width)
    yield line(0, *_cells(heads, widths, shown, head=True))
    for row in rows:
        yield line(0, *_cells(row, widths, shown, head=False))
    if bars:
        yield from _bars(points)


def _row(point: Point) -> dict[str, str]:
    head, standing, delta = point.row.head, point.row.standing, point.delta
    return {
        "run": head.id,
        "ended (UTC)": f"{head.finished:%Y-%m-%d %H:%M}",
        "command": visible(head.command),
        "policy": visible(head.policy),
        "whole": "yes" if head.complete else "no",
        "exit": str(head.exit_code),
        **{name: f"{standing.get(name, 0):,}" for name in SEVERITIES},
        "unknown": f"{head.counts.get('unknown', 0) - head.counts.get('attested', 0):,}",
        "seen": f"{head.seen:,}/{head.selected:,}",
        "new": "-" if delta is None else f"{delta.new:,}",
        "fixed": "-" if delta is None else f"{delta.resolved:,}",
    }


def _fitting(widths: Mapping[str, int], width: int | None) -> list[str]:
    shown = list(_COLUMNS)
    for name in _DROPPED:
        if width is None or sum(widths[each] + 2 for each in shown) - 2 <= width:
            break
        shown.remove(name)
    return shown


def _cells(row: Mapping[str, str], widths: Mapping[str, int], shown: Sequence[str], *, head: bool) -> Iterator[Piece]:
    for number, name in enumerate(shown):
        text = row[name].ljust(widths[name]) if name in _LEFT else row[name].rjust(widths[name])
        style = "bold" if head else _STYLES.get(name, "") if row[name] not in {"0", "-"} else "dim"
        yield ("  " if number else "") + text, style


def _bars(points: Sequence[Point]) -> Iterator[Line]:
    series: dict[tuple[str, str], list[int]] = {}
    for point in reversed(points):
        head = point.row.head
        series.setdefault((head.policy, head.command), []).append(sum(point.row.standing.values()))
    for (policy, command), values in series.items():
        if len(values) > 1:
            yield line(
                0, f"{visible(policy)}, {visible(command)}: ", (sparkline(values), "bold"),
                f" {values[0]:,} → {plural(values[-1], 'fail')} that {'stands' if values[-1] == 1 else 'stand'}",
            )  # fmt: skip


def sparkline(values: Sequence[int]) -> str:
    """A bar per value, from the lowest for 0 to the highest for the greatest."""
    most = max(*values, 1)
    return "".join(BARS[round(value * (len(BARS) - 1) / most)] for value in values)


def trend_record(points: Sequence[Point], ignored: Mapping[str, str]) -> dict[str, Any]:
    """The same as JSON, with the runs whose report cannot be read."""
    return {
        "schema_version": SCHEMA_VERSION,
        "runs": [_record(point) for point in points],
        "ignored": [{"run": run, "reason": reason} for run, reason in sorted(ignored.items())],
    }


def _record(point: Point) -> dict[str, Any]:
    head, delta = point.row.head, point.delta
    return {
        "id": head.id,
        "command": head.command,
        "policy": {"name": head.policy, "version": head.policy_version, "digest": head.policy_digest},
        "started": utc(head.started),
        "finished": utc(head.finished),
        "complete": head.complete,
        "exit_code": head.exit_code,
        "targets": {"selected": head.selected, "seen": head.seen},
        "counts": dict(head.counts),
        "standing": dict(point.row.standing),
        "since": None
        if delta is None
        else {
            "run": point.base, "new": delta.new, "changed": delta.changed, "same": delta.same,
            "resolved": delta.resolved,
        },
    }  # fmt: skip
