"""Lists that come in pages and may change while they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imagegate.transports.openstack.failures import ApiError

Query = Mapping[str, str]

_REWINDS = 12
"""How often a list may be resumed before its marker until it counts as unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page. ``more`` is the query of the next one, None at the end; ``announced`` tells whether the server said
    that there is a next one, or we only guess so."""

    records: Sequence[Any]
    more: Query | None
    announced: bool = True


@dataclass(slots=True, kw_only=True)
class Listing:
    """What was read: records by id, in order. ``problem`` says why the list may be longer than this."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: int = 0
    problem: str | None = None
    refused: int | None = None

    def blame(self, problem: str) -> None:
        """Keep the first problem."""
        self.problem = self.problem or problem


def read_list(fetch: Callable[[Query], Page], firsts: Sequence[Query], *, most: int) -> Listing:
    """All records that ``fetch`` gives, page after page, each once.

    ``firsts`` are queries for the first page, tried in order as long as the server says 400 (it may not know a
    parameter). A 400 further on means that the marker was deleted meanwhile: the list is resumed after an earlier
    record, further and further back. Never raises ApiError: ``Listing.problem`` names what went wrong, and
    ``Listing.refused`` is the status of a refused first page. ``most`` is the largest number of records accepted.
    """
    listing = Listing()
    passed: set[str] = set()
    """Ids met since the list was last resumed: a page without a new one goes round in circles."""
    alternatives = list(firsts)
    query: Query = alternatives.pop(0)
    back = 1
    rewinds = 0
    while True:
        try:
            page = fetch(query)
        except ApiError as error:
            if error.status == 400 and listing.pages == 0 and alternatives:
                query = alternatives.pop(0)
                continue
            if error.status == 400 and "marker" in query and rewinds < _REWINDS:
                query = _earlier(query, list(listing.records), back)
                back, rewinds = back * 2, rewinds + 1
                passed.clear()
                continue
            listing.refused = error.status if listing.pages == 0 else None
            listing.blame(f"page {listing.pages + 1}: {error.reason}")
            return listing
        back = 1
        listing.pages += 1
        before = len(passed)
        _take(page.records, listing, passed)
        if page.more is None:
            return listing
        if len(passed) == before:
            if page.announced:
                listing.blame(f"page {listing.pages} has a next page but nothing new: the list does not end")
            return listing
        if len(listing.records) > most:
            listing.blame(f"more than {most} records")
            return listing
        query = page.more


def _take(records: Sequence[Any], listing: Listing, passed: set[str]) -> None:
    for record in records:
        ident = record.get("id") if isinstance(record, dict) else None
        if not isinstance(ident, str) or ident in {"", ".", ".."}:
            listing.blame(f"page {listing.pages} has a record without an id")
            continue
        passed.add(ident)
        listing.records[ident] = record


def _earlier(query: Query, ids: list[str], back: int) -> Query:
    """The query that resumes ``back`` records before the last one read; from the start if there are not so many."""
    marker = query["marker"]
    last = ids.index(marker) if marker in ids else len(ids) - 1
    resumed = {key: value for key, value in query.items() if key != "marker"}
    if last - back >= 0:
        resumed["marker"] = ids[last - back]
    return resumed
