"""Several views of one catalog made one: what several entries of clouds.yaml see of one deployment is there once.

Pure: no request is sent. ``docs/decisions`` says what tells that two entries see the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imagegate.model import Kind, Observation, Probe, Seen, Target
from imagegate.probes.image import IMAGE
from imagegate.probes.server import SERVER

Observations = dict[Probe[Any], Observation]
Found = tuple[Target, Observations]
"""A target as one entry lists it, with what its list tells."""

SELF_UNSEEN = "owner.self"
"""What is unseen of an image where nobody knows whether its owner is one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """An entry of clouds.yaml that was logged in to, and the project of its token."""

    cloud: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What is known of entries that were named and cannot look: their projects, as far as the configuration tells;
    ``strangers`` if one of them is of a project that nobody knows."""

    projects: frozenset[str] = frozenset()
    strangers: bool = False


def merge(found: Iterable[Found], viewers: Sequence[Viewer], blind: Blind = Blind()) -> list[Found]:
    """Each target once, whatever the order of ``found``: all that the ``viewers`` of one place (a deployment's region)
    list there. ``viewers`` are in the order in which the run names them.

    The entry whose project owns a target is its ``cloud``, for only the owner sees its members and may change it, even
    where the owner's own list lacks it: then nothing is known of it yet. Otherwise the first that lists it is. Views of
    one id that contradict each other are no views of one thing: they stay apart, each under its entry's name.
    """
    rank = {viewer.cloud: number for number, viewer in enumerate(viewers)}
    owners = {viewer.project: viewer for viewer in reversed(viewers)}
    groups: dict[str, list[Found]] = {}
    for one in sorted(found, key=lambda one: rank[one[0].cloud or ""]):
        groups.setdefault(one[0].key, []).append(one)
    merged = (one for views in groups.values() for one in _merged(views, owners))
    return [(_with_doubt(target, blind), observations) for target, observations in merged]


def _merged(views: list[Found], owners: dict[str, Viewer]) -> Iterator[Found]:
    if len({born for one in views if (born := _born(one)) is not None}) > 1:
        yield from ((replace(target, deployment=None), observations) for target, observations in views)
        return
    first = views[0][0]
    if first.deployment is None:
        yield from views
        return
    home = owners.get(next((target.owner for target, _ in views if target.owner), None) or "")
    target, observations = next((one for one in views if home and one[0].cloud == home.cloud), views[0])
    seen_from = tuple(target.cloud or "" for target, _ in views)
    if home is not None and target.cloud != home.cloud:
        yield _of_ours(replace(first, cloud=home.cloud, seen_from=seen_from)), {}
    elif len(views) > 1:
        yield replace(target, seen_from=seen_from), observations
    else:
        yield target, observations


def _born(one: Found) -> object:
    """What is told at birth and never changed, None where that was not seen."""
    image, server = one[1].get(IMAGE), one[1].get(SERVER)
    if isinstance(image, Seen) and image.value.created_at:
        return image.value.owner, image.value.created_at
    return server.value.created if isinstance(server, Seen) else None


def _with_doubt(target: Target, blind: Blind) -> Target:
    if target.kind is not Kind.IMAGE or "self" in target.attributes.get("owner", ()):
        return target
    if target.owner in blind.projects:
        return _of_ours(target)
    return replace(target, unseen=target.unseen | {SELF_UNSEEN}) if blind.strangers else target


def _of_ours(target: Target) -> Target:
    if target.kind is not Kind.IMAGE:
        return target
    owner = target.attributes.get("owner", frozenset()) | {"self"}
    return replace(target, attributes={**target.attributes, "owner": owner})
