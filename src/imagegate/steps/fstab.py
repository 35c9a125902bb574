"""Lines of /etc/fstab commented out, and put in force again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.model import Facts, Probe, Step
from imagegate.probes.file import FileKind
from imagegate.probes.fstab import MARK, FstabEntry, FstabProbe
from imagegate.steps.files import GuestStep, successor

_BLANK, _WORD = "[[:blank:]][[:blank:]]*", "[^[:blank:]][^[:blank:]]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentFstab(GuestStep):
    """Comment out ``lines`` (number and mount point, as written), or (``commented`` False) take the mark away again.

    Right before the change each line must still be the one that was looked at. What is mounted stays mounted.
    """

    no_way_back: ClassVar[str] = "none of these lines was seen before"

    fstab: FstabProbe
    lines: tuple[tuple[int, str], ...]
    commented: bool = True

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.fstab,)

    def basis(self, seen: Facts) -> object:
        return seen[self.fstab]

    def simulate(self, seen: Facts) -> Facts:
        was = seen[self.fstab]
        here, there = (was.entries, was.parked) if self.commented else (was.parked, was.entries)
        moved = tuple(one for one in here if self._mine(one))
        stay, full = tuple(one for one in here if not self._mine(one)), tuple(sorted((*there, *moved), key=_by_line))
        entries, parked = (stay, full) if self.commented else (full, stay)
        return seen.with_fact(self.fstab, replace(was, entries=entries, parked=parked))

    def done(self, seen: Facts) -> bool:
        now = seen[self.fstab]
        there = now.parked if self.commented else now.entries
        return now.kind is FileKind.REGULAR and set(self.lines) <= {(one.line, one.mount_point) for one in there}

    def _mine(self, entry: FstabEntry) -> bool:
        return (entry.line, entry.mount_point) in self.lines

    def inverse(self, before: Facts) -> Step | None:
        """Takes back the lines that were not so before."""
        here = before[self.fstab].entries if self.commented else before[self.fstab].parked
        lines = tuple((one.line, one.mount_point) for one in here if self._mine(one))
        if not lines:
            return None
        verb, back = ("put in force again", "comment out") if self.commented else ("comment out", "put in force again")
        places = ", ".join(f"line {line} ({point})" for line, point in lines)
        return replace(
            self,
            lines=lines,
            commented=not self.commented,
            summary=f"{self.fstab.path}: {verb} {places}",
            why=f"takes back: {self.summary}",
            undo=f"{back} the same lines",
            then=None,
        )

    def script(self) -> str:
        path, copy = shlex.quote(self.fstab.path), f'{shlex.quote(successor(self.fstab.path))}"$$"'
        mark = "" if self.commented else MARK
        first = f"s/^{mark}[[:blank:]]*[^[:blank:]#][^[:blank:]]*{_BLANK}\\({_WORD}\\).*/\\1/p"
        guards = "".join(f"same {line} {shlex.quote(point)}\n" for line, point in self.lines)
        change = f"s/^/{MARK}/" if self.commented else f"s/^{MARK}//"
        edits = " ".join(f"-e '{line}{change}'" for line, _ in self.lines)
        return (
            f"f={path}; t={copy}\n"
            'if [ -L "$f" ] || [ ! -f "$f" ]; then echo "$f is not a regular file" >&2; exit 3; fi\n'
            f'same() {{ if [ "$(sed -n "$1"\'{first}\' "$f")" != "$2" ]; then\n'
            'echo "line $1 of $f is another by now" >&2; exit 3; fi; }\n'
            f"{guards}"
            "trap 'rm -f \"$t\"' EXIT; trap 'exit 143' HUP INT TERM\n"
            f'cp -a "$f" "$t" && sed {edits} "$f" >"$t" || exit 4\n'
            'mv -f "$t" "$f" || exit 4\n'
        )


def _by_line(entry: FstabEntry) -> int:
    return entry.line
