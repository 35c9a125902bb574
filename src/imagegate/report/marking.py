"""Foreign text in GitHub and GitLab flavoured Markdown: inert, whatever a target is called.

Both turn much into links and pictures that is no Markdown (``@team``, ``#1``, ``!2``, ``GH-3``, ``:tada:``, ``www.…``),
and escapes stop none of it, since it happens after rendering. In a code span nothing happens. So text is written as it
is only if it consists of what cannot mean anything, and as a code span otherwise.
"""

from __future__ import annotations

import re

from imagegate.report.safe import NAME_LIMIT, visible

_HARMLESS = re.compile(r"(?:[^\W_]|[ ,.;'()?]|(?<=\w)[-/+=]|:(?= |$))*")
_LINKED = re.compile(r"www\.|[^\W\d]-\d|[0-9a-f]{7}", re.IGNORECASE)
"""Becomes a link, or could be taken for one: a site, ``GH-12`` and keys of trackers, the hash of a commit."""


def inert_text(text: str, limit: int = NAME_LIMIT) -> str:
    """``text`` in a table cell, a list item or a paragraph, but not at the beginning of a line of its own."""
    shown = visible(text, limit)
    return shown.strip() if is_harmless(shown) else code(shown, limit)


def is_harmless(text: str) -> bool:
    """Whether it consists of words, and of signs that mean nothing in any of these places."""
    return _HARMLESS.fullmatch(text) is not None and _LINKED.search(text) is None


def code(text: str, limit: int = NAME_LIMIT) -> str:
    r"""A code span that holds in a table too: a pipe is written ``\x7c``, for no two readers agree how to escape it."""
    shown = visible(text, limit).replace("|", r"\x7c")
    if not shown.strip():
        return "(empty)"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest or shown != shown.strip() else ""
    return f"{fence}{gap}{shown}{gap}{fence}"
