"""One readable line out of whatever a server sent as an error: JSON, HTML, text or bytes."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

LENGTH = 300
"""Longest reason, in characters."""

READ = 8192
"""How much of an error body is worth reading, in bytes."""

_UNSEEN_MARKUP = re.compile(r"<(script|style|head|title|h1)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
_MESSAGE_KEYS = ("message", "faultstring", "detail", "title", "description")


def reason_of(body: bytes, secrets: tuple[str, ...] = ()) -> str:
    """What ``body`` says, in one line of printable characters; empty if it says nothing.

    ``secrets`` (the token that was sent) are struck out, should a server echo them.
    """
    text = body[:READ].decode("utf-8", "replace")
    message = _from_json(text)
    if message is None:
        message = html.unescape(_UNSEEN_MARKUP.sub(" ", text)) if "<" in text else text
    for secret in secrets:
        if secret:
            message = message.replace(secret, "***")
    return one_line(message)


def one_line(text: str, length: int = LENGTH) -> str:
    """``text`` without line breaks and control characters, at most ``length`` characters."""
    flat = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in flat[: length + 1])
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _from_json(text: str) -> str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return next(_messages(value, depth=3), None)


def _messages(value: Any, depth: int) -> Iterator[str]:
    """Texts under the keys that OpenStack services use, the outermost first."""
    if isinstance(value, str) and depth == 3:
        yield value
    if not isinstance(value, dict) or depth == 0:
        return
    for key in _MESSAGE_KEYS:
        found = value.get(key)
        if isinstance(found, str) and found.strip():
            yield found
    for inner in value.values():
        yield from _messages(inner, depth - 1)
