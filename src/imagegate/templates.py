"""Names of images made from their records: ``golden-{property.os_distro}-{created}``. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, Field

from imagegate.dates import moment
from imagegate.probes.image import WITHHELD, ImageFact

LONGEST_NAME = 255
"""Characters of a name that the image API takes."""

_PROPERTY = "property."
_FIELDS = ("name", "created", "id")
_REGION = "region"
_LONGEST_TEXT = 255


def fill(template: str, image: ImageFact) -> str | None:
    """The name that ``template`` gives ``image``; None if the record lacks what it needs, or the name is too long.

    ``{name}`` is the name there is, ``{created}`` the day of creation as YYYYMMDD, ``{id}`` the first eight characters
    of the id, ``{property.KEY}`` a custom property; in lower case, with a hyphen for anything but a-z 0-9 . _ -
    """
    parts: list[str] = []
    for literal, field in _parts(template):
        value = None if field is None else _value(field, image, _plain)
        if field is not None and not value:
            return None
        parts += [literal, value or ""]
    name = "".join(parts)
    return name if name and len(name) <= LONGEST_NAME else None


def write(template: str, image: ImageFact, region: str) -> str | None:
    """The text that ``template`` gives, for people to read: as ``fill``, but with values as they are, and with
    ``{region}``, where the image is. None if the record lacks what it needs, or it has more than 255 characters."""
    parts: list[str] = []
    for literal, field in _parts(template, (*_FIELDS, _REGION)):
        value = None if field is None else region if field == _REGION else _value(field, image, _as_it_is)
        if field is not None and not value:
            return None
        parts += [literal, value or ""]
    text = "".join(parts)
    return text if text.strip() and len(text) <= _LONGEST_TEXT else None


def _parts(template: str, fields: tuple[str, ...] = _FIELDS) -> list[tuple[str, str | None]]:
    """Literal text and the field after it. ValueError for anything that is no template."""
    found: list[tuple[str, str | None]] = []
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no template: {error}") from None
    for literal, field, form, conversion in pieces:
        if field is not None and field not in fields and (not field.startswith(_PROPERTY) or field == _PROPERTY):
            known = ", ".join(f"{{{one}}}" for one in fields)
            raise ValueError(f"{{{field}}} is none of {known} and {{property.KEY}}")
        if form or conversion:
            raise ValueError(f"{{{field}}} takes neither a format nor a conversion")
        found.append((literal, field))
    return found


def _value(field: str, image: ImageFact, plain: Callable[[str], str]) -> str | None:
    if field == "created":
        made = moment(image.created_at)
        return f"{made:%Y%m%d}" if made else None
    if field.startswith(_PROPERTY):
        found = dict(image.properties).get(field.removeprefix(_PROPERTY), "")
        return None if found == WITHHELD else plain(found)
    return plain(image.name) if field == "name" else plain(image.id[:8])


def _plain(value: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", value.lower()).strip("-")


def _as_it_is(value: str) -> str:
    return value


def _valid(template: str) -> str:
    if not any(field for _, field in _parts(template)):
        raise ValueError(f"{template!r} gives every image the same name: use {{name}}, {{created}}, {{id}} …")
    return template


def _readable(template: str) -> str:
    _parts(template, (*_FIELDS, _REGION))
    return template


NameTemplate = Annotated[str, AfterValidator(_valid)]
"""A field of parameters that holds a template; a bad one is an error of the policy."""
TextTemplate = Annotated[str, Field(min_length=1), AfterValidator(_readable)]
"""The same for a text that people read, which may be one for all."""
