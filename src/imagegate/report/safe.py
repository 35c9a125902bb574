"""Hostile names: whatever a guest or a cloud calls something, it cannot steer a terminal or hide in a report."""

from __future__ import annotations

import re
import unicodedata

NAME_LIMIT = 200
TEXT_LIMIT = 2000

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable by their category, but nothing shows: fillers and variation selectors."""


def visible(text: str, limit: int = NAME_LIMIT) -> str:
    r"""``text`` on one line, with everything that does not show written as an escape (``\n``, ``\x1b``, ``\u202e``).

    Escaped are controls, line ends, format characters (bidi marks, zero-width ones), lone surrogates, private and
    unassigned characters, and fillers. Longer than ``limit`` ends in ``…``. Idempotent.
    """
    if len(text) > limit:
        text = text[:limit] + "\x00"  # makes the result too long, whatever else is in it
    elif text.isprintable() and (text.isascii() or _BLANK.search(text) is None):
        return text
    shown = "".join(map(_shown, text))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _shown(char: str) -> str:
    if char.isprintable() and (char.isascii() or _BLANK.match(char) is None):
        return char
    if unicodedata.category(char) == "Zs":
        return char
    code = ord(char)
    if code < 0x100:
        return _SHORT.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_COMMAND = re.compile(r"#(?=#\w*\[)")
_LEADING = re.compile(r"^(\s*):(?=:)")


def inert(text: str) -> str:
    r"""``text`` without what CI servers take for commands to themselves where they find it in a log.

    These are ``##[…]`` (GitHub, Azure), ``##vso[…]`` and ``##teamcity[…]`` anywhere in a line, and ``::`` at its
    beginning (GitHub). One character of each is written as an escape. Idempotent.
    """
    if "##" in text:
        text = _COMMAND.sub(r"\\x23", text)
    return _LEADING.sub(r"\1\\x3a", text) if "::" in text else text


def without_lone_surrogates(value: object) -> object:
    """A JSON value in which halves of surrogate pairs are written out: many JSON readers refuse them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_lone_surrogates(item) for item in value]
    return value
