"""Copies of images in other regions: which images are copies, and what a copy has to look like. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from imagegate.dates import moment
from imagegate.leaving import LEAVING
from imagegate.probes.copies import Content, CopiesFact, CopiesProbe, Copy, How
from imagegate.probes.image import WITHHELD, ImageFact
from imagegate.properties import quoted, same, spoken
from imagegate.templates import fill, write

MARKER = "imagegate_copying"
"""The property of a copy that imagegate has begun and not yet proved: it holds the run's own random word."""
_CAPTURED = frozenset(
    {
        *("base_image_ref", "boot_roles", "image_location", "image_state", "image_type", "instance_uuid", "owner_id"),
        *("owner_project_name", "owner_user_name", "user_id"),
    }
)
"""What Nova writes into an image that it captures; it says nothing of a copy in another region."""
_STRENGTH = {how: number for number, how in enumerate(get_args(How))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a policy says of the copies in one region.

    ``name`` and ``description`` are templates; None: any name, the source's description. ``properties`` stand over
    those of the source, of which those of ``ignore`` are not looked at. ``protected`` None: if the source is.
    ``members`` are projects, None: nobody asks; with ``members_of_source`` they are those of the source. ``link`` is
    the property for the source's id.
    """

    region: str
    link: str
    name: str | None = None
    description: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    protected: bool | None = None
    members: tuple[str, ...] | None = None
    members_of_source: bool = False
    ignore: tuple[str, ...] = ()

    @property
    def about_members(self) -> bool:
        """Whether members of copies matter."""
        return self.members is not None or self.members_of_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A copy as it has to be. ``members`` None: nobody asks."""

    name: str
    properties: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    min_disk: int | None
    min_ram: int | None
    protected: bool
    members: tuple[str, ...] | None


def replayed(image: ImageFact, terms: Terms) -> dict[str, str]:
    """The properties of the source that its copies have too: not those that the cloud writes itself, that are named
    like secrets (their values are not seen), or that are about copying."""
    own = {*_CAPTURED, *terms.ignore, terms.link, MARKER}
    return {
        key: value
        for key, value in spoken(image).items()
        if key not in own and not key.startswith("os_glance") and value != WITHHELD
    }


def withheld(image: ImageFact) -> tuple[str, ...]:
    """The properties that no copy can have, since they are named like secrets."""
    return tuple(key for key, value in image.properties if value == WITHHELD)


def blueprint(image: ImageFact, home: str, terms: Terms, shared_with: tuple[str, ...] = ()) -> Blueprint | None:
    """What a copy of ``image`` (of region ``home``, shared with these projects) has to be; None where the record lacks
    what a template needs."""
    name = image.name if terms.name is None else fill(terms.name, image)
    properties = replayed(image, terms)
    if terms.description is not None:
        properties["description"] = write(terms.description, image, home) or ""
    properties |= dict(terms.properties)
    if name is None or properties.get("description") == "":
        return None
    members = shared_with if terms.members_of_source else terms.members
    return Blueprint(
        name=name,
        properties=tuple(sorted(properties.items())),
        tags=image.tags,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        protected=image.protected if terms.protected is None else terms.protected,
        members=None if members is None else tuple(sorted(set(members) - {image.owner})),
    )


def finished(image: ImageFact) -> bool:
    """Whether nobody is still making it: imagegate takes its mark away last."""
    return image.status == "active" and MARKER not in dict(image.properties)


def ours(image: ImageFact) -> bool:
    """Whether imagegate began it and did not come to the end."""
    return MARKER in dict(image.properties)


def origin_of(image: ImageFact, link: str) -> str | None:
    """The id that an image says it is a copy of. A captured instance inherits the properties of its image, and is
    none."""
    properties = spoken(image)
    if properties.get("instance_uuid") or properties.get("base_image_ref"):
        return None
    return properties.get(link)


def how_found(image: ImageFact, source: Content, probe: CopiesProbe, row: Mapping[str, object]) -> How | None:
    """The strongest rule of ``probe`` by which a record of its region is a copy of ``image``.

    One that says it is a copy of another image is none by checksum or name. ``row`` has custom properties and the API's
    fields side by side.
    """
    if row.get("status") in LEAVING:
        return None
    if (image.id, row.get("id")) in probe.declared:
        return "declared"
    linked = row.get(probe.link)
    if linked == image.id and row.get(MARKER):
        return "link"
    if probe.linked and linked:
        captured = row.get("instance_uuid") or row.get("base_image_ref")
        return "link" if linked == image.id and not captured else None
    if row.get(MARKER):
        return None
    if probe.checksum and source.checksum and row.get("checksum") == source.checksum:
        return "checksum"
    if probe.named:
        wanted = image.name if probe.name is None else fill(probe.name, image)
        return "name" if wanted and row.get("name") == wanted else None
    return None


def pick(fact: CopiesFact) -> Copy | None:
    """The candidate that is judged: finished ones first, then by the strength of the rule, by the same data, the newest
    first."""

    def rank(copy: Copy) -> tuple[object, ...]:
        made = moment(copy.image.created_at)
        age = -made.timestamp() if made else 0.0
        unlike = fact.source.same(copy.content) is not True
        return (not finished(copy.image), _STRENGTH[copy.how], unlike, age, copy.image.id)

    return min(fact.images, key=rank, default=None)


def proved(fact: CopiesFact) -> bool:
    """Whether the region has a finished copy with the source's data."""
    best = pick(fact)
    return best is not None and finished(best.image) and fact.source.same(best.content) is True


def unlike(
    copy: Copy, image: ImageFact, fact: CopiesFact, plan: Blueprint, terms: Terms
) -> Iterator[tuple[str, str, str]]:
    """What of a finished copy is not as it has to be: what, as it should be, as it is."""
    there, content = copy.image, copy.content
    if fact.source.same(content) is False:
        yield "data", _data(fact.source), _data(content)
    if fact.source.same(content) is not True:
        made, since = moment(there.created_at), moment(image.created_at)
        if made is not None and since is not None and made < since:
            yield "age", f"not older than its source ({since:%Y-%m-%d %H:%M})", f"{made:%Y-%m-%d %H:%M}"
    if terms.name is not None and there.name != plan.name:
        yield "name", quoted(plan.name), quoted(there.name)
    for field, unit in (("min_disk", "GB"), ("min_ram", "MB")):
        wanted, got = getattr(plan, field) or 0, getattr(there, field) or 0
        if wanted != got:
            yield field, f"{wanted} {unit}", f"{got} {unit}"
    held = spoken(there)
    for key, value in plan.properties:
        if held.get(key) == WITHHELD:
            continue
        if key not in held or not same(key, value, held[key]):
            yield f"property {key}", quoted(value), quoted(held[key]) if key in held else "absent"
    if plan.protected is not there.protected and (plan.protected or terms.protected is not None):
        yield "protected", str(plan.protected).lower(), str(there.protected).lower()
    yield from _unlike_members(copy, plan)


def _unlike_members(copy: Copy, plan: Blueprint) -> Iterator[tuple[str, str, str]]:
    if plan.members is None or copy.members is None:
        return
    rows = {member.project: member.status for member in copy.members} if copy.image.visibility == "shared" else {}
    for project in sorted(rows.keys() - {*plan.members, copy.image.owner}):
        yield f"member {project}", "no access", rows[project]
    for project in sorted(set(plan.members) - rows.keys()):
        yield f"member {project}", "access", "no access"


def _data(content: Content) -> str:
    size = "size unknown" if content.size is None else f"{content.size} bytes"
    said = content.checksum or content.hash_value
    return f"{size}, checksum {said}" if said else size
