"""Classes of identity content. The content is looked at once, on arrival, and never kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_ID = re.compile(rb"[0-9a-f]{32}\n")
_ANY_ID = re.compile(rb"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ECHO = re.compile(rb"-n\s*")
_TEXT = re.compile(rb"[\t\n\v\f\r\x20-\x7e]*")


def machine_id(content: bytes, size: int) -> str:
    """The class of what ``/etc/machine-id`` holds.

    ``content`` are the first bytes of the file, ``size`` is its whole size in bytes. After machine-id(5): a valid id is
    32 lower-case hexadecimal digits and a newline, and not all zeros; an empty file or ``uninitialized`` means that
    none was set. ``id-irregular`` is an id in another spelling (upper case, dashes, other whitespace around it, no
    newline), ``dash-n`` what ``echo -n`` leaves behind in shells that do not know the option.
    """
    if size > len(content):
        return "too-long"
    if not content:
        return "empty"
    if content == b"uninitialized\n":
        return "uninitialized"
    bare = content.strip()
    if not bare:
        return "whitespace"
    if _ANY_ID.fullmatch(bare):
        if not bare.strip(b"0-"):
            return "zeros"
        return "id" if _ID.fullmatch(content) else "id-irregular"
    if _ECHO.fullmatch(content):
        return "dash-n"
    return "other" if _TEXT.fullmatch(content) else "binary"


CLASSIFIERS: Mapping[str, Callable[[bytes, int], str]] = {"machine-id": machine_id}
"""By the name that a ``File`` probe carries in ``classify``."""
