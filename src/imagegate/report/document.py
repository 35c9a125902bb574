"""``report.json``: pure ASCII, so that showing the file cannot steer a terminal; one finding a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from imagegate.report.build import Findings, head
from imagegate.report.safe import without_lone_surrogates
from imagegate.result import Result

_ENCODE = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False, separators=(", ", ": ")).encode


def render(result: Result) -> Iterator[str]:
    """The report in chunks: a line for each part of the head, then a line for each finding."""
    yield "{"
    for name, value in head(result).items():
        yield f'"{name}": {encode(value)},\n '
    yield '"findings": ['
    separator = "\n  "
    for record in Findings(result):
        yield separator + encode(record)
        separator = ",\n  "
    yield "\n ]}\n"


def encode(value: Any) -> str:
    """One JSON value as ASCII without control characters."""
    text = _ENCODE(value)
    if "\\ud" in text:
        text = _ENCODE(without_lone_surrogates(value))
    return text.replace("\x7f", "\\u007f")


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``report.json``."""
    text = files("imagegate").joinpath("schemas", "report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
