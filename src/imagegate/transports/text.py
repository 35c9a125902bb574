"""Foreign text (of guests, ssh, sudo, WinRM) made fit for one line of a report."""

from __future__ import annotations

import unicodedata


def clean(raw: bytes | str, limit: int = 300) -> str:
    """``raw`` on one line of at most ``limit`` characters; control and invisible characters are escaped."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    lines = [line.strip() for line in text[: 8 * limit].replace("\r", "\n").split("\n")]
    one = "".join(map(_visible, "; ".join(line for line in lines if line)))
    return one if len(one) <= limit else one[: limit - 1] + "…"


def last_line(raw: bytes, limit: int = 200) -> str:
    """The last line of ``raw`` that is not blank, cleaned; empty if there is none."""
    lines = [line for line in raw[-8 * limit :].replace(b"\r", b"\n").split(b"\n") if line.strip()]
    return clean(lines[-1], limit) if lines else ""


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    return (
        char.encode("unicode_escape").decode()
        if unicodedata.category(char).startswith(("C", "Z")) and char != " "
        else char
    )
