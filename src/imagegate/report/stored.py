"""A report as data: what every renderer but the first three is made from, during the run and any time later.

``report.json`` holds all that a report tells. Renderers take a ``Document``, so that a stored run renders as it did on
its day, whatever has become of the policy, the checks and the cloud since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegate.errors import UserError
from imagegate.report.build import SCHEMA_VERSION, Findings, Record, head
from imagegate.result import Result

REPORT = "report.json"

_FIRST = '{"schema_version"'
_FINDINGS = '"findings": ['


class ReportError(UserError):
    """A stored report that cannot be read: the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """``head`` is everything of the report but the findings; ``findings`` are their records, as often as wanted."""

    head: Mapping[str, Any]
    findings: Iterable[Record]


def document_of(result: Result) -> Document:
    """The document of a run that has just ended."""
    return Document(head=head(result), findings=Findings(result))


def read_report(path: Path) -> Document:
    """The document of a stored run. Of the findings one is held at a time.

    Raises ``ReportError`` if the file is missing, is no report of this schema version, or is damaged; damage among the
    findings is raised where they are read.
    """
    try:
        found = _read_head(path)
    except FileNotFoundError:
        raise ReportError(f"{path}: there is no report") from None
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {error}") from error
    version = found.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ReportError(f"{path}: schema version {version!r} is not {SCHEMA_VERSION}: read it with its own imagegate")
    missing = [name for name in ("run", "tool", "policy", "scope", "counts") if not isinstance(found.get(name), dict)]
    if missing:
        raise ReportError(f"{path}: no report of imagegate: {', '.join(missing)} missing")
    return Document(head=found, findings=_Stored(path))


def _read_head(path: Path) -> Record:
    lines: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if lines and line.strip() == _FINDINGS and lines[0].startswith(_FIRST):
                text = "".join(lines).rstrip().removesuffix(",") + "}"
                return _mapping(json.loads(text))
            lines.append(line)
    whole = _mapping(json.loads("".join(lines)))  # somebody has formatted the file anew
    whole.pop("findings", None)
    return whole


def _mapping(value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError("no report of imagegate")  # noqa: TRY004 - like all that json.loads finds wrong
    return value


@dataclass(frozen=True, slots=True)
class _Stored:
    """The findings of a file, read again each time: one a line, as ``document`` writes them."""

    path: Path

    def __iter__(self) -> Iterator[Record]:
        try:
            with self.path.open(encoding="utf-8") as file:
                if next(file, "").startswith(_FIRST) and any(line.strip() == _FINDINGS for line in file):
                    yield from self._lines(file)
                    return
            whole = json.loads(self.path.read_text(encoding="utf-8"))
            yield from whole["findings"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{self.path}: the findings are damaged: {error}") from error

    def _lines(self, file: Iterable[str]) -> Iterator[Record]:
        for line in file:
            text = line.strip()
            if text == "]}":
                return
            if text:
                yield _mapping(json.loads(text.removesuffix(",")))
        raise ValueError("the file ends too early")
