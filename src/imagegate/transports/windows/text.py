"""The encodings and error texts of Windows' console programs."""

from __future__ import annotations

import codecs
import html
import re

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ERROR = re.compile(r'<S S="Error">(.*?)</S>', re.DOTALL)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_HEADER = "#< CLIXML"
_MAX_ERRORS = 32 << 10


def decoded(raw: bytes, code_page: int | None) -> tuple[str, bool]:
    """``raw`` as text, and whether nothing was lost: by its byte order mark, else as UTF-16 where every other byte of
    ASCII is zero, else as UTF-8, else in ``code_page``. What is none of them becomes U+FFFD, ASCII aside."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], encoding)
    if (wide := _wide(raw)) is not None:
        return _strict(raw, wide)
    for codec in ("utf-8", _codec(code_page)):
        if codec is not None:
            try:
                return raw.decode(codec), True
            except UnicodeDecodeError:
                continue
    return raw.decode("utf-8", "replace"), False


def _strict(raw: bytes, encoding: str) -> tuple[str, bool]:
    try:
        return raw.decode(encoding), True
    except UnicodeDecodeError:
        return raw.decode(encoding, "replace"), False


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark, told by the zeros of its ASCII characters: most of every output here is ASCII."""
    zeros = raw.count(0)
    if 3 * zeros < len(raw) or not zeros:
        return None
    return "utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be"


def _codec(code_page: int | None) -> str | None:
    if code_page is None:
        return None
    try:
        return codecs.lookup(f"cp{code_page}").name
    except LookupError:
        return None


def shell_error(stderr: bytes, code_page: int | None) -> str:
    """What PowerShell complains about on standard error: the texts of its CLIXML, or what stands there in plain."""
    text, _ = decoded(stderr[:_MAX_ERRORS], code_page)
    if _HEADER not in text:
        return text.strip()
    errors = "".join(html.unescape(match[1]) for match in _ERROR.finditer(text))
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), errors).strip()
