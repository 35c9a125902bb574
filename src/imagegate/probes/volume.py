"""A volume of the block storage API, as it is attached to an instance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFact:
    """One volume: ``status`` is ``in-use`` while it is attached, ``size`` in GB, ``device`` where the instance sees it.

    Source: block storage API, "Show a volume's details".
    """

    id: str
    status: str
    bootable: bool
    size: int | None = None
    device: str | None = None
