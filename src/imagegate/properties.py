"""Custom properties and tags of images: what a policy may ask of them, and when two values are the same. Pure."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from imagegate.probes.image import RECORD_FIELDS, ImageFact, like_a_secret

_FOLDED = frozenset({"os_type", "os_distro"})
_FLAGS = frozenset({"true", "false"})
_EMPTY = frozenset({"", "null"})
_ADDABLE = re.compile(r"[ -.0-^`-~][ -.0-~]*")
"""ASCII that can be printed, without / anywhere and without _ at the start."""


def same(key: str, one: str, other: str) -> bool:
    """Whether two values of a property mean the same.

    Clouds spell ``os_type``, ``os_distro`` and flags as they like (linux, Linux; true, True); all else is exact.
    """
    fold = key in _FOLDED or one.casefold() in _FLAGS
    return one.casefold() == other.casefold() if fold else one == other


def spoken(image: ImageFact) -> dict[str, str]:
    """The properties that say something: an empty one, and a null of the API, do not."""
    return {key: value for key, value in image.properties if value not in _EMPTY}


def quoted(value: str) -> str:
    """A value in quotes that none of its own can end."""
    cut = value if len(value) <= 300 else value[:299] + "…"
    return '"' + cut.replace("\\", "\\\\").replace('"', '\\"') + '"'


def addable(tag: str) -> bool:
    """Whether the API's path can hold a tag: Glance reads a slash as the end of it and takes letters beyond ASCII for
    others, and NHN Cloud refuses those that begin with an underscore."""
    return _ADDABLE.fullmatch(tag) is not None and tag not in {".", ".."}


def _custom(key: str) -> str:
    if key in RECORD_FIELDS:
        raise ValueError(f'"{key}" is a field of every image, not a custom property')
    return key


def _comparable(key: str) -> str:
    """As ``_custom``; whoever reports a wrong key of a mapping names it."""
    if key in RECORD_FIELDS:
        raise ValueError("is a field of every image, not a custom property")
    if like_a_secret(key):
        raise ValueError("is named like a secret: nothing is told of its value, use `present`")
    return key


Word = Annotated[str, Field(min_length=1, max_length=255)]
"""A value, as long as the image API takes it."""
Key = Annotated[Word, AfterValidator(_custom)]
"""The name of a custom property."""
ComparableKey = Annotated[Word, AfterValidator(_comparable)]
"""The same as a key of a mapping, where its value may be looked at."""
Least = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
"""A minimum, in GB or MB."""
