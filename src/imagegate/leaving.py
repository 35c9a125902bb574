"""Images on their way out: whatever a policy wants, nothing about them has to be put right any more."""

from __future__ import annotations

from typing import Any

from imagegate.model import Facts
from imagegate.probes.image import IMAGE

LEAVING = frozenset({"deleted", "pending_delete"})
"""Their status. Source: image API v2, "Image statuses"."""


def on_its_way_out(seen: Facts, _want: Any = None) -> str | None:
    """Why checks have no business with an image that is being deleted, None if it is not: an ``applies`` of checks."""
    status = seen[IMAGE].status
    return f"the image is {status}" if status in LEAVING else None
