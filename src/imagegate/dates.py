"""Dates in names and records of images: found in text that anybody may have written. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from imagegate.patterns import compiled

_DAY = re.compile(r"(?<![0-9])(20[0-9]{2})([-.]?)([0-9]{2})\2([0-9]{2})(?![0-9])")
_COUNT = re.compile(r"[0-9]+(?:[._-][0-9]+)*\Z")
_VENDOR = re.compile(
    r"\( *[0-9]{4} *[.\-/] *[0-9]{1,2} *[.\-/] *[0-9]{1,2} *\.? *\) *(?:EN|KO|JA|JP|ZH)? *\Z", re.IGNORECASE
)
_LONGEST = 1000
"""Characters of a name that are looked at from its end: real names have 255 at most."""


def days_in(text: str) -> list[tuple[date, int, int]]:
    """The days written as YYYYMMDD, YYYY-MM-DD or YYYY.MM.DD in ``text`` that the calendar has (this century's), each
    with where it begins and ends. Digits right before or after one make it another number."""
    found: list[tuple[date, int, int]] = []
    for match in _DAY.finditer(text[-_LONGEST:]):
        try:
            day = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
        before = max(len(text) - _LONGEST, 0)
        found.append((day, match.start() + before, match.end() + before))
    return found


def day_of(text: str) -> date | None:
    """The day that ``text`` is or begins with (2026.03.10, 2026-03-10, 20260310, 2026-03-10T00:00:00Z), else None."""
    found = days_in(text.strip())
    return found[0][0] if found and found[0][1] == 0 else None


def family(name: str, generation: str | None = None) -> str:
    """What generations of one image have in common: ``golden-web-20260510`` is of the family ``golden-web-*``.

    It is the name without its last date; without one, without the number at its end; else the whole name.
    ``generation`` is a pattern (``patterns``) that takes the place of these rules: the longest end of the name that
    matches tells generations apart.
    """
    if generation is not None:
        ends = range(max(len(name) - _LONGEST, 0), len(name))
        begin = next((at for at in ends if compiled(generation).fullmatch(name[at:])), None)
        return name if begin is None else f"{name[:begin]}*"
    if days := days_in(name):
        _, begin, end = days[-1]
        return f"{name[:begin]}*{name[end:]}"
    if count := _COUNT.search(name[-_LONGEST:]):
        return f"{name[: len(name) - len(count[0])]}*"
    return name


def like_a_vendors(name: str) -> bool:
    """Whether a name ends as those of NHN Cloud's public images do: `` (2026.03.10)``, perhaps with `` EN`` after it.

    Source: image API examples and release notes of NHN Cloud, which also write ``(2026. 03. 10.)``.
    """
    return _VENDOR.search(name[-_LONGEST:]) is not None


def moment(text: str | None) -> datetime | None:
    """The moment of an ISO 8601 text, UTC where it says no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
