"""The release date of the image that an instance was made from, and how far the evidence for it can be trusted.

NHN Cloud writes the date in brackets into the names of its images, in many spellings, and newer images have a property
``release_date``. The image's own ``created_at`` is no evidence: it is another day, and a copy gets a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pydantic import Field

from imagegate.errors import Unobserved
from imagegate.model import Facts
from imagegate.params import Params
from imagegate.probes.origin import ORIGIN, OriginImageFact

# Only what stands in brackets counts: names are full of other years and versions ("Windows 2016", "MS-SQL 2019").
_BRACKETS = re.compile(r"\(([^()]{1,200})\)")
_NUMERIC = re.compile(
    r"(?<![\d.\-/])(\d{4})\s{0,3}[.\-/]\s{0,3}(\d{1,2})\s{0,3}[.\-/]\s{0,3}(\d{1,2})(?!\d|[.\-/]\d)", re.ASCII
)
_PROSE = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{3,9})\.?\s{0,3}(\d{1,2})\s{0,3},\s{0,3}(\d{4})(?!\d)", re.ASCII)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SHORT = {"sept": 9}
# What a project calls its own image, "golden (2026.05.10)", has the day of its capture, not of the vendor's release.
_VENDOR = re.compile(r"\s*(?:Windows|Ubuntu|CentOS|Debian|Rocky)\b", re.IGNORECASE)


class OfOrigin(Params):
    """What the policy can say of the origin image."""

    released: date | None = Field(
        default=None, description="The release date of the origin image, where nothing else tells it; it then decides."
    )


class SinceToast(OfOrigin):
    """What the policy can say of the origin image, and since when such images have ToastSysprep."""

    toast_from: date = Field(
        default=date(2020, 8, 18), description="Origin images released on this day or later have ToastSysprep."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """When the origin image was released. ``by`` names the evidence; ``editable`` tells whether the project of the
    instance can change that evidence; ``doubts`` are what speaks against it."""

    day: date
    by: str
    editable: bool = False
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        editable = ", which the project can edit" if self.editable else ""
        return "; ".join((f"origin image of {self.day}, by {self.by}{editable}", *self.doubts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    by: str
    text: str | None
    editable: bool
    bare: bool = False

    def dates(self) -> tuple[date, ...]:
        if self.text is None:
            return ()
        if self.bare:
            return dates_in(f"({self.text})")
        return dates_in(self.text) if not self.editable or _VENDOR.match(self.text) else ()


def dates_in(text: str) -> tuple[date, ...]:
    """The dates in the brackets of ``text``, each once, in their order; what is no day of the calendar is no date.

    Source: the names in NHN Cloud's image API, documents and release notes: ``(2026.03.10)``, ``(2020. 08. 18.)``,
    ``(2022.11.4)``, ``(Aug.18,2020)``, ``(September 20, 2022)``, ``(Managed Server 2022. 12. 20.)``.
    """
    return tuple(dict.fromkeys(day for inside in _BRACKETS.findall(text) for day in _days(inside)))


def released(seen: Facts, stated: date | None = None) -> Released:
    """When the origin image was released; ``stated`` is what the policy says, and then decides.

    Otherwise the first evidence with exactly one date does: the record's property ``release_date``, its name, its
    description, the server's metadata ``image_name``, ``description``. Where the project can edit a name or a
    description, it counts only if it begins as the vendor's names do. Raises ``Unobserved`` where no date is known.
    """
    if stated is not None:
        others = _speaking_against(stated, _evidence(seen[ORIGIN])) if ORIGIN in seen else ()
        return Released(day=stated, by="the policy", doubts=others)
    origin = seen[ORIGIN]
    evidence = list(_evidence(origin))
    for place in evidence:
        if len(dates := place.dates()) == 1:
            [day] = dates
            return Released(
                day=day, by=place.by, editable=place.editable, doubts=_speaking_against(day, iter(evidence))
            )
    raise Unobserved(ORIGIN.key, _unknown(origin, evidence))


def _days(inside: str) -> Iterator[date]:
    found = [(m.start(), m[1], m[2], m[3]) for m in _NUMERIC.finditer(inside)]
    found += [(m.start(), m[3], str(_month(m[1])), m[2]) for m in _PROSE.finditer(inside)]
    for _, year, month, day in sorted(found):
        try:
            yield date(int(year), int(month), int(day))
        except ValueError:
            continue


def _month(word: str) -> int:
    low = word.lower()
    return _SHORT.get(low) or next((n for n, name in enumerate(_MONTHS, 1) if low in {name, name[:3]}), 0)


def _evidence(origin: OriginImageFact) -> Iterator[_Evidence]:
    editable = origin.public is not True
    yield _Evidence(by="the image's release_date", text=origin.release_date, editable=editable, bare=True)
    yield _Evidence(by="the image's name", text=origin.name, editable=editable)
    yield _Evidence(by="the image's description", text=origin.description, editable=editable)
    yield _Evidence(by="the server's metadata image_name", text=origin.server_name, editable=True)
    yield _Evidence(by="the server's metadata description", text=origin.server_description, editable=True)


def _speaking_against(day: date, evidence: Iterator[_Evidence]) -> tuple[str, ...]:
    return tuple(
        f"but {place.by} says {' and '.join(map(str, dates))}"
        for place in evidence
        if (dates := place.dates()) and dates != (day,)
    )


def _unknown(origin: OriginImageFact, evidence: list[_Evidence]) -> str:
    reasons = [f"{place.by} has several dates" for place in evidence if len(place.dates()) > 1]
    if origin.gone is not None:
        reasons.append(origin.gone)
    elif origin.image_id is None:
        reasons.append("the instance was made from a volume")
    because = f": {', '.join(reasons)}" if reasons else ""
    return (
        f"no evidence tells the release date of the origin image{because}; "
        "find it out and state it in the policy (`released`)"
    )
