"""What an undo did: ``undo.json`` (schema version 1) and ``undo.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagegate.report.document import encode
from imagegate.report.lines import BLANK, Line, line, plain
from imagegate.report.safe import visible
from imagegate.report.steps import target_line
from imagegate.report.words import plural, tool_version, utc
from imagegate.report.write import busy, write_file
from imagegate.result import ExitCode
from imagegate.undo import Fate, Item, counts
from imagegate.undo_run import REPORT, UndoResult

SCHEMA_VERSION = 1

_WORDS: dict[Fate, tuple[str, str]] = {
    Fate.PLANNED: ("planned", "dim"),
    Fate.TAKEN_BACK: ("taken back", "green"),
    Fate.AS_BEFORE: ("as before", "green"),
    Fate.NO_WAY_BACK: ("no way back", "bold red"),
    Fate.CHANGED_SINCE: ("changed since", "bold red"),
    Fate.UNSEEN: ("could not be seen", "magenta"),
    Fate.NOT_ATTEMPTED: ("not attempted", "yellow"),
    Fate.FAILED: ("failed", "bold red"),
}
_MEANING = {
    ExitCode.COMPLIANT: "all is as it was before the run",
    ExitCode.INTERRUPTED: "interrupted: what was done before is reported",
    ExitCode.FIX_FAILED: "something was not taken back",
}


def undo_lines(result: UndoResult) -> Iterator[Line]:
    """What a person reads."""
    for one in result.undone:
        yield target_line(one.target)
        for item in one.items:
            word = _WORDS[item.fate]
            why = "" if item.fate is Fate.TAKEN_BACK or not item.reason else f": {item.reason}"
            yield line(2, word, f" {_what(item)}{why}")
            if item.fate is Fate.TAKEN_BACK and item.step is not None:
                yield line(6, ("by: ", "dim"), item.step.summary)
                if item.step.then:
                    yield line(6, ("then: ", "dim"), item.step.then)
        yield BLANK
    for text in result.warnings:
        yield line(0, ("warning", "yellow"), f" {text}")
    found = {fate: number for fate, number in counts(result.undone).items() if number}
    told = ", ".join(f"{number:,} {_WORDS[fate][0]}" for fate, number in found.items())
    changes = plural(sum(found.values()), "change")
    yield line(0, f"undo of {result.undoes}: {changes}{f': {told}' if told else ': nothing to take back'}")
    code = result.exit_code
    yield line(0, f"exit code {int(code)}: {_MEANING[code]}")


def _what(item: Item) -> str:
    return visible(item.entry.summary)


def write_undo(result: UndoResult, folder: Path) -> None:
    """Write both files into ``folder``. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    with busy(folder):
        write_file(folder / "undo.txt", plain(undo_lines(result)))
        write_file(folder / REPORT, [encode(record(result)), "\n"])


def record(result: UndoResult) -> dict[str, Any]:
    """``undo.json``. ``changes`` are in the order in which they are taken back: per target, newest first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": result.run_id,
            "command": "undo",
            "undoes": result.undoes,
            "started": utc(result.started),
            "finished": utc(result.finished),
            "interrupted": result.interrupted,
            "exit_code": int(result.exit_code),
            "meaning": _MEANING[result.exit_code],
        },
        "tool": {"name": "imagegate", "version": tool_version()},
        "counts": {str(fate): number for fate, number in counts(result.undone).items()},
        "changes": [
            {
                "target": {
                    "id": one.target.id,
                    "name": one.target.name,
                    "kind": str(one.target.kind),
                    "cloud": one.target.cloud,
                    "region": one.target.region,
                },
                "entry": item.entry.number,
                "summary": item.entry.summary,
                "undo": None if item.step is None else item.step.summary,
                "fate": str(item.fate),
                "reason": item.reason,
            }
            for one in result.undone
            for item in one.items
        ],
        "owed": list(result.owed),
        "warnings": list(result.warnings),
    }
