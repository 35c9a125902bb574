"""Names of images made from their records: ``golden-{property.os_distro}-{created}``. Pure."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from imagegate.dates import moment
from imagegate.probes.image import WITHHELD, ImageFact

LONGEST_NAME = 255
"""Characters of a name that the image API takes."""

_PROPERTY = "property."
_FIELDS = ("name", "created", "id")


def fill(template: str, image: ImageFact) -> str | None:
    """The name that ``template`` gives ``image``; None if the record lacks what it needs, or the name is too long.

    ``{name}`` is the name there is, ``{created}`` the day of creation as YYYYMMDD, ``{id}`` the first eight characters
    of the id, ``{property.KEY}`` a custom property; in lower case, with a hyphen for anything but a-z 0-9 . _ -
    """
    parts: list[str] = []
    for literal, field in _parts(template):
        value = None if field is None else _value(field, image)
        if field is not None and not value:
            return None
        parts += [literal, value or ""]
    name = "".join(parts)
    return name if name and len(name) <= LONGEST_NAME else None


def _parts(template: str) -> list[tuple[str, str | None]]:
    """Literal text and the field after it. ValueError for anything that is no template."""
    found: list[tuple[str, str | None]] = []
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no template: {error}") from None
    for literal, field, form, conversion in pieces:
        if field is not None and field not in _FIELDS and (not field.startswith(_PROPERTY) or field == _PROPERTY):
            raise ValueError(f"{{{field}}} is none of {{name}}, {{created}}, {{id}} and {{property.KEY}}")
        if form or conversion:
            raise ValueError(f"{{{field}}} takes neither a format nor a conversion")
        found.append((literal, field))
    return found


def _value(field: str, image: ImageFact) -> str | None:
    if field == "created":
        made = moment(image.created_at)
        return f"{made:%Y%m%d}" if made else None
    if field.startswith(_PROPERTY):
        found = dict(image.properties).get(field.removeprefix(_PROPERTY), "")
        return None if found == WITHHELD else _plain(found)
    return _plain(image.name) if field == "name" else _plain(image.id[:8])


def _plain(value: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", value.lower()).strip("-")


def _valid(template: str) -> str:
    if not any(field for _, field in _parts(template)):
        raise ValueError(f"{template!r} gives every image the same name: use {{name}}, {{created}}, {{id}} …")
    return template


NameTemplate = Annotated[str, AfterValidator(_valid)]
"""A field of parameters that holds a template; a bad one is an error of the policy."""
