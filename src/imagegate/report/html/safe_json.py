"""JSON that may stand in a ``<script>`` element, and texts that cannot hide anything in a page."""

from __future__ import annotations

import json
from typing import Any

from imagegate.report.safe import TEXT_LIMIT, visible

_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_TEXT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode

_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\\u007f"}
)
"""What could end the element, begin a comment or an entity, or end a line for JavaScript: only strings hold these."""


def script_json(value: Any) -> str:
    """``value`` as one line of ASCII that no HTML parser reads as markup."""
    return _ASCII(value).translate(_ESCAPES)


def script_words(value: Any) -> str:
    """As ``script_json``, with letters of any script as they are: for our own words, a third of the size."""
    return _TEXT(value).translate(_ESCAPES)


def shown(value: Any) -> Any:
    """A JSON value with every text of it made visible, names too: controls, bidi marks and the like as escapes."""
    if isinstance(value, str):
        return visible(value, TEXT_LIMIT)
    if isinstance(value, dict):
        return {visible(str(name)): shown(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def paragraphs(text: str) -> str:
    """A text of several lines, each made visible; the line ends stay."""
    return "\n".join(visible(line, TEXT_LIMIT) for line in text.split("\n"))
