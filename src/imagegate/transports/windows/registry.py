r"""What ``reg query KEY`` prints: the values of a key, then its subkeys. Nothing of it is localised but errors, which
go to standard error, and the name of the default value.

::

    HKEY_LOCAL_MACHINE\SYSTEM\Setup
        OsLoaderPath    REG_SZ    \
        SetupType    REG_DWORD    0x0

    HKEY_LOCAL_MACHINE\SYSTEM\Setup\AllowStart
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from imagegate.transports.windows.asking import full

_TYPE = re.compile(r" {4}(REG_[A-Z_]+)(?: {4}| *$)")
_INDENT = "    "
_NUMBERS = {"REG_DWORD": 32, "REG_DWORD_BIG_ENDIAN": 32, "REG_QWORD": 64}
_TEXTS = {"REG_SZ", "REG_EXPAND_SZ"}
_MAX_TEXT = 4096
_MAX_SPLITS = 4


class Unclear(Exception):
    """The answer does not tell what the probe asks for. The message is the reason, without any secret."""


class NotListed(Unclear):
    """Nothing was listed that would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One listing. Names are small. ``values`` maps a name to type and text, None where the line can be read in two
    ways; ``odd`` tells of lines that are neither values nor keys: then what is not listed may still be there."""

    listed: bool
    values: Mapping[str, tuple[str, str] | None]
    subkeys: frozenset[str]
    odd: bool


def parse(text: str, path: str) -> Listing:
    """The listing of the key ``path``."""
    own = full(path)
    values: dict[str, tuple[str, str] | None] = {}
    subkeys: set[str] = set()
    listed = odd = False
    last: list[str] = []
    for raw in text.split("\n"):
        line = raw.rstrip("\r")
        if not line.strip():
            continue
        if line.startswith("HKEY_"):
            key = line.casefold()
            parent, _, name = key.rpartition("\\")
            listed = listed or own in {key, parent}
            odd = odd or own not in {key, parent}
            if parent == own:
                subkeys.add(name)
            last = []
        elif line.startswith(_INDENT) and 0 < len(splits := _splits(line)) < _MAX_SPLITS:
            last = [line[len(_INDENT) : split.start()].casefold() for split in splits]
            for name in last:
                clear = len(splits) == 1 and name not in values
                values[name] = (splits[0][1], line[splits[0].end() :]) if clear else None
        else:  # the next line of a text of several lines, or nothing that is known
            odd = True
            values.update(dict.fromkeys(last))
    return Listing(listed=listed, values=values, subkeys=frozenset(subkeys), odd=odd)


def _splits(line: str) -> list[re.Match[str]]:
    """The types of values that stand in ``line``: one, unless a name or a text looks like one."""
    return list(itertools.islice(_TYPE.finditer(line, len(_INDENT)), _MAX_SPLITS))


class Registry:
    """All listings of one look, by key. ``errors`` is how many error lines came with them: keys that are not there
    account for one each; where there are more (``unexplained``), a key that shows nothing may be one that could not be
    read."""

    def __init__(self, listings: Mapping[str, Listing], errors: int) -> None:
        self._listings = {full(path): listing for path, listing in listings.items()}
        self.unexplained = errors > sum(map(self._proven_absent, self._listings))

    def present(self, path: str) -> bool:
        """Whether the key is there. Raises ``NotListed`` where nothing proves either."""
        if (there := self._present(full(path))) is None:
            raise NotListed(f"{path} was not listed, and nothing proves that it is not there")
        return there

    def value(self, path: str, name: str) -> tuple[str, str] | None:
        """Type and text of a value; None where the key, or the value in it, is not there. Raises ``Unclear``."""
        if not self.present(path):
            return None
        listing = self._listings.get(full(path))
        if listing is None or not (listing.listed or not self.unexplained):
            raise NotListed(f"{path} is there, but its values were not listed")
        if name.casefold() not in listing.values:
            if listing.odd:
                raise Unclear(f"{path}: not all of its listing could be understood")
            return None
        found = listing.values[name.casefold()]
        if found is None:
            raise Unclear(f"{path}: the listing of {name} can be read in more than one way")
        return found

    def _proven_absent(self, key: str) -> bool:
        parent, _, name = key.rpartition("\\")
        own, above = self._listings.get(key), self._listings.get(parent)
        if above is None or (own is not None and own.listed):
            return False
        return name not in above.subkeys and not above.odd if above.listed else self._proven_absent(parent)

    def _present(self, key: str) -> bool | None:
        parent, _, name = key.rpartition("\\")
        own, above = self._listings.get(key), self._listings.get(parent)
        if (own is not None and own.listed) or (above is not None and name in above.subkeys):
            return True
        if self._proven_absent(key):
            return False
        silent = own is not None and above is not None and not above.listed and not above.odd
        return False if silent and not self.unexplained and self._present(parent) else None


def number(kind: str, text: str) -> int | None:
    """The number of a DWORD or QWORD, None for other types. Raises ``Unclear`` if it is none."""
    bits = _NUMBERS.get(kind)
    if bits is None:
        return None
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text.strip()) or (value := int(text, 16)) >= 1 << bits:
        raise Unclear(f"a {kind} that is no number of {bits} bits")
    return value


def string(kind: str, text: str) -> str | None:
    """The text of a string value, None for other types. Raises ``Unclear`` if it is not as it was written."""
    if kind not in _TEXTS:
        return None
    if "\ufffd" in text or len(text) > _MAX_TEXT:
        raise Unclear(f"a {kind} that is not readable text, or too long")
    return text
