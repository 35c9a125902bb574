"""Steps that are one call to a cloud's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from imagegate.model import Facts, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request to a service of the target's cloud and region.

    ``path`` starts at the service's root and is already quoted. ``accepts`` are the status codes of success;
    ``already`` those which say that the wished state is there (another one was quicker): the fresh look decides.
    ``claim`` is a name that only one target of a region may take in one run: two look, find it free, and both write.
    ``headers`` go with the request, beside the content type. ``project`` is the one as which it must be sent, with the
    credentials of an entry of its own and no others; None for those that the target is looked at with.
    """

    service: Literal["image", "compute", "volume"]
    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: Any = None
    content_type: str = "application/json"
    accepts: frozenset[int] = frozenset({200, 201, 202, 204})
    already: frozenset[int] = frozenset()
    claim: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiStep(Step):
    """A step that is one ``Call``."""

    def call(self, seen: Facts) -> Call:
        """The request, made from fresh facts."""
        raise NotImplementedError
