"""A command line's words, as the C run-time library of Windows takes it apart."""

from __future__ import annotations


def split(line: str) -> list[str]:
    """The words of ``line``. Backslashes count only before a double quote (Microsoft: "Parsing C command-line
    arguments")."""
    words: list[str] = []
    current: list[str] | None = None
    quoted = False
    place = 0
    while place < len(line):
        letter = line[place]
        if letter in " \t" and not quoted:
            if current is not None:
                words.append("".join(current))
                current = None
            place += 1
            continue
        current = [] if current is None else current
        slashes = len(line) - place - len(line[place:].lstrip("\\"))
        if slashes:
            place += slashes
            if line[place : place + 1] != '"':
                current.append("\\" * slashes)
                continue
            current.append("\\" * (slashes // 2))
            if slashes % 2:
                current.append('"')
                place += 1
            continue
        if letter == '"':
            if quoted and line[place + 1 : place + 2] == '"':
                current.append('"')
                place += 1
            else:
                quoted = not quoted
        else:
            current.append(letter)
        place += 1
    if current is not None:
        words.append("".join(current))
    return words


def options(words: list[str], flags: set[str], valued: set[str]) -> tuple[dict[str, str], list[str]] | None:
    """``/name`` and ``/name value`` options, their names in small letters, and the other words; None for an option
    that is unknown, repeated or without its value."""
    found: dict[str, str] = {}
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name = word[1:].lower()
        if not word.startswith(("/", "-")):
            rest.append(word)
        elif name in found or name not in flags | valued or (name in valued and not waiting):
            return None
        else:
            found[name] = waiting.pop(0) if name in valued else ""
    return found, rest
