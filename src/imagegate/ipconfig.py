r"""What an action of a scheduled task does with ``ipconfig``, in all spellings that Windows takes for the same. Pure.

Source: Microsoft, "ipconfig"; NHN Cloud image guide: ``C:\Windows\System32\ipconfig.exe`` with ``/renew``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagegate.probes.task import TaskAction

IPCONFIG = r"C:\Windows\System32\ipconfig.exe"
RENEW = "/renew"

_ROOT = "c:\\windows"
_FOLDERS = ("", f"{_ROOT}\\system32\\", f"{_ROOT}\\sysnative\\")
_PROGRAMS = frozenset(f"{folder}ipconfig{ending}" for folder in _FOLDERS for ending in ("", ".exe"))


def lease_obstacles(actions: Sequence[TaskAction]) -> Iterator[str]:
    """Why ``actions``, one after the other, do not leave a renewed lease behind; nothing if they do."""
    found = [_in_place_of_renewing(action) for action in actions]
    if None not in found:
        yield from dict.fromkeys(filter(None, found))
        return
    last = len(found) - found[::-1].index(None)
    for action in actions[last:]:
        if _words(action)[:1] == ["/release"]:
            yield f"gives the lease up after it was renewed ({action.arguments})"


def names_sysnative(action: TaskAction) -> bool:
    """Whether the program is named by a folder that only 32-bit programs see."""
    return "\\sysnative\\" in _program(action)


def _in_place_of_renewing(action: TaskAction) -> str | None:
    """What the action does other than renewing all leases; None if it renews them."""
    if _program(action) not in _PROGRAMS:
        return f"runs {action.command}, not {IPCONFIG}"
    match _words(action):
        case ["/renew"] | ["/renew", "*"]:
            return None
        case ["/renew", *_]:
            return f"renews one adapter only ({action.arguments})"
        case ["/renew6", *_]:
            return f"renews IPv6 only ({action.arguments})"
        case ["/release", *_]:
            return f"gives the lease up ({action.arguments})"
        case _:
            return f"runs ipconfig with {action.arguments or 'no arguments'}, not with {RENEW}"


def _program(action: TaskAction) -> str:
    plain = action.command.strip().strip('"').lower()
    return plain.replace("%systemroot%", _ROOT).replace("%windir%", _ROOT)


def _words(action: TaskAction) -> list[str]:
    """The arguments in small letters; ``-renew`` is ``/renew``."""
    words = (word.strip('"') for word in action.arguments.lower().split())
    return [f"/{word[1:]}" if word.startswith("-") else word for word in words]
