"""What all entries of a run see, place by place: a place is a region of one deployment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imagegate.transports.openstack.discovery import Entry, Survey
from imagegate.transports.openstack.merging import Blind, Found, Viewer, merge
from imagegate.transports.openstack.region import Region


@dataclass(slots=True, kw_only=True)
class _Seen:
    found: list[Found] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)


def together(survey: Survey) -> tuple[list[Found], list[str]]:
    """Each target that the entries list, once; and warnings."""
    places: dict[tuple[str, tuple[str, str]], _Seen] = {}
    here = {(region.cloud, region.name): region for region in survey.regions}
    for catalog in survey.catalogs:
        region = here.get((catalog.scope.cloud, catalog.scope.region))
        if region is not None and catalog.found:
            what = catalog.scope.what
            places.setdefault((what, region.place(what)), _Seen()).found.extend(catalog.found)
    for region in survey.regions:
        for what in region.deployments:
            places.setdefault((what, region.place(what)), _Seen()).regions.append(region)
    found: list[Found] = []
    warnings: list[str] = []
    for (what, _), seen in places.items():
        blind = _blind(survey.entries, seen.regions) if what == "images" else Blind()
        viewers = [Viewer(cloud=region.cloud, project=region.project) for region in seen.regions]
        for region in seen.regions if what == "images" else ():
            region.sources.ours = blind.projects | {viewer.project for viewer in viewers}
        if len(viewers) == 1 and blind == Blind():
            found += seen.found
            continue
        merged = merge(seen.found, viewers, blind)
        found += merged
        warnings += _apart(merged, seen.regions, what)
    return found, warnings


def _blind(entries: Sequence[Entry], regions: Sequence[Region]) -> Blind:
    """What is known of the entries that should see this place and cannot. Those of another Identity API are of another
    deployment, as far as anybody can tell."""
    looking = {region.cloud for region in regions}
    identities = {entry.identity for entry in entries if entry.cloud in looking}
    lost = [
        entry
        for entry in entries
        if entry.cloud not in looking and entry.identity in identities and entry.covers(regions[0].name)
    ]
    return Blind(
        projects=frozenset(entry.project for entry in lost if entry.project is not None),
        strangers=any(entry.project is None for entry in lost),
    )


def _apart(merged: Sequence[Found], regions: Sequence[Region], what: str) -> Iterator[str]:
    """Say which ids were not taken for one thing."""
    known = any(region.deployments.get(what) for region in regions)
    ids = sorted({target.id for target, _ in merged if target.deployment is None}) if known else []
    if ids:
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        clouds = ", ".join(region.cloud for region in regions)
        yield (
            f"{what} of {regions[0].name}: {ids[0]}{more}: {clouds} have the same address and tell different things of "
            "it: each is judged by itself"
        )
