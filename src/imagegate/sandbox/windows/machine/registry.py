"""The registry: what any back end's can do, and one that is part of the machine's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from imagegate.sandbox.windows.machine.state import State, Value


class Registry(Protocol):
    r"""The registry. Keys are paths as ``HKLM\SYSTEM\Setup`` or with the root's long name."""

    def listing(self, key: str) -> tuple[dict[str, Value], list[str]] | None:
        """The values and the names of the subkeys of a key; None when there is no such key."""

    def put(self, key: str, name: str, value: Value) -> None:
        """Set a value, making the key when it is missing."""

    def create(self, key: str) -> None:
        """Make a key."""

    def load(self, keys: Mapping[str, Mapping[str, Value]]) -> None:
        """Make keys and set their values, all at once."""

    def clear(self, signs: Iterable[tuple[str, str | None]]) -> None:
        """Delete values, or with None keys with all below them, where they are there, all at once."""

    def delete(self, key: str, name: str | None = None) -> bool:
        """Delete a value, or with None the key with all below it; whether it was there."""


ROOTS = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
}


def full_key(key: str) -> str | None:
    """``key`` with the long name of its root and nothing else changed; None for what is no key."""
    root, _, rest = key.rstrip("\\").partition("\\")
    root = ROOTS.get(root.upper(), root.upper())
    if root not in ROOTS.values() or "\\\\" in rest:
        return None
    return f"{root}\\{rest}" if rest else root


class ModelRegistry:
    """A registry that is part of the machine's state."""

    def __init__(self, changing: Callable[[], AbstractContextManager[State]]) -> None:
        self._changing = changing

    def listing(self, key: str) -> tuple[dict[str, Value], list[str]] | None:
        name = full_key(key)
        with self._changing() as state:
            found = state.registry
            place = None if name is None else _spelled(found, name)
            if place is None:
                return None
            below = place.casefold() + "\\"
            names = (path[len(below) :].partition("\\")[0] for path in found if path.casefold().startswith(below))
            subkeys = {subkey.casefold(): subkey for subkey in names}
            return dict(_values(found, place)), sorted(subkeys.values(), key=str.casefold)

    def put(self, key: str, name: str, value: Value) -> None:
        with self._changing() as state:
            values = _made(state.registry, key)
            old = next((known for known in values if known.casefold() == name.casefold()), name)
            values[old] = value

    def create(self, key: str) -> None:
        with self._changing() as state:
            _made(state.registry, key)

    def load(self, keys: Mapping[str, Mapping[str, Value]]) -> None:
        with self._changing():
            for key, values in keys.items():
                self.create(key)
                for name, value in values.items():
                    self.put(key, name, value)

    def clear(self, signs: Iterable[tuple[str, str | None]]) -> None:
        with self._changing():
            for key, name in signs:
                self.delete(key, name)

    def delete(self, key: str, name: str | None = None) -> bool:
        full = full_key(key)
        with self._changing() as state:
            place = None if full is None else _spelled(state.registry, full)
            if place is None:
                return False
            if name is not None:
                values = _values(state.registry, place)
                old = next((known for known in values if known.casefold() == name.casefold()), None)
                if old is not None:
                    del values[old]
                return old is not None
            gone = place.casefold()
            for path in list(state.registry):
                if path.casefold() == gone or path.casefold().startswith(gone + "\\"):
                    del state.registry[path]
            return True


def _spelled(found: dict[str, dict[str, Value]], key: str) -> str | None:
    """The key as it was first spelled; None when neither it nor anything below it is there."""
    wanted = key.casefold()
    for path in found:
        folded = path.casefold()
        if folded == wanted or folded.startswith(wanted + "\\"):
            return path[: len(key)]
    return None


def _values(found: dict[str, dict[str, Value]], place: str) -> dict[str, Value]:
    return next((values for path, values in found.items() if path.casefold() == place.casefold()), {})


def _made(found: dict[str, dict[str, Value]], key: str) -> dict[str, Value]:
    full = full_key(key)
    if full is None:
        raise ValueError(f"{key!r} is no key of the registry")
    for path, values in found.items():
        if path.casefold() == full.casefold():
            return values
    # the parents stay when the key goes
    parent = full.rpartition("\\")[0]
    if parent:
        _made(found, parent)
    return found.setdefault(full, {})
