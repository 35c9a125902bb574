"""The undos that are kept in a report folder, as their ``undo.json`` tells. They are runs without findings: the index
does not know them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imagegate.runs.scan import RUN, UNDO
from imagegate.undo import GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoHead:
    """One undo: ``of`` is the run that it undoes, ``good`` the numbers of that one's changes that are as before.

    ``policy`` and ``complete`` stand where other runs have them: an undo has no policy, nothing is compared with it.
    """

    id: str
    of: str
    finished: datetime
    good: frozenset[int]
    command: str = "undo"
    policy: str = ""
    complete: bool = False


def read_undos(folder: Path) -> list[UndoHead]:
    """The undos of a report folder. One that cannot be read is left out: nothing is known to have been taken back."""
    found: list[UndoHead] = []
    for path in sorted(folder.glob(f"*/{UNDO}")):
        if path.parent.is_symlink() or path.is_symlink() or not RUN.fullmatch(path.parent.name):
            continue
        try:
            found.append(_head(path.parent.name, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def _head(name: str, raw: Any) -> UndoHead:
    run = raw["run"]
    finished = datetime.fromisoformat(run["finished"])
    if run["id"] != name or not isinstance(run["undoes"], str) or finished.tzinfo is None:
        raise ValueError("it is no undo of this name")
    good = frozenset(int(change["entry"]) for change in raw["changes"] if change["fate"] in GOOD)
    return UndoHead(id=name, of=run["undoes"], finished=finished, good=good)


def taken_back(undos: Iterable[UndoHead]) -> dict[str, set[int]]:
    """The numbers of changes that were taken back, by run. An undo that was undone does not count."""
    undos = list(undos)
    undone = {undo.of for undo in undos}
    found: dict[str, set[int]] = {}
    for undo in undos:
        if undo.id not in undone:
            found.setdefault(undo.of, set()).update(undo.good)
    return found
