"""Sets of numbers as small blobs: what a run saw of 100,000 pairs is a few kilobytes if most of them are neighbours."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise

_LEVEL = 6


class Damaged(Exception):
    """A blob that ``pack`` did not write."""


def pack(numbers: Iterable[int]) -> bytes:
    """Numbers in their order. Differences of neighbours must fit into 32 bits with a sign."""
    listed = [0, *numbers]
    deltas = array("i", (after - before for before, after in pairwise(listed)))
    if sys.byteorder == "big":
        deltas.byteswap()
    return zlib.compress(deltas.tobytes(), _LEVEL)


def unpack(blob: bytes) -> list[int]:
    """The numbers that ``pack`` was given. Raises ``Damaged``."""
    deltas = array("i")
    try:
        deltas.frombytes(zlib.decompress(blob))
    except (zlib.error, ValueError, TypeError) as error:
        raise Damaged(str(error)) from error
    if sys.byteorder == "big":
        deltas.byteswap()
    return list(accumulate(deltas))
