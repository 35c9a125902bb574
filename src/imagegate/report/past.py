"""What renderers are told beside the report itself: the language, and the runs before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of the same policy, in short.

    ``standing`` counts fails that stand (neither waived nor fixed) by severity; ``counts`` are those of
    ``report.json``.
    """

    run_id: str
    command: str
    finished: datetime
    complete: bool
    exit_code: int
    selected: int
    seen: int
    counts: Mapping[str, int]
    standing: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """``language`` is that of words for people (``en``, ``ja``, ``ko``); ``past`` are earlier runs, oldest first."""

    language: str = DEFAULT_LANGUAGE
    past: tuple[PastRun, ...] = ()
