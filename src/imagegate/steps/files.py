"""Changes to files of a guest: atomic (temporary name and rename in the same folder), never through a link."""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagegate.model import Facts, Probe, Source, Step
from imagegate.probes.file import File, FileFact, FileKind

_TEMPORARY = ".imagegate."


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStep(Step):
    """A step that is one piece of POSIX shell, run as root on the guest."""

    source: ClassVar[Source] = Source.GUEST

    def script(self) -> str:
        """Shell text that changes the guest or, on any doubt, ends with a code other than 0 and a reason on stderr."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyFile(GuestStep):
    """Make ``file`` an empty regular file. Mode, owner and (with GNU or busybox ``cp -a``) security context stay."""

    no_way_back: ClassVar[str] = "what the file held was never kept, and cannot come back"

    file: File
    mode_if_new: str = "0444"

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.file,)

    def basis(self, seen: Facts) -> object:
        return seen[self.file]

    def simulate(self, seen: Facts) -> Facts:
        was = seen[self.file]
        new = replace(was, kind=FileKind.REGULAR, size=0, content="empty", link_to=None, resolved=None, digest=None)
        return seen.with_fact(
            self.file, new if was.kind is FileKind.REGULAR else replace(new, mode=self.mode_if_new, uid=0, gid=0)
        )

    def done(self, seen: Facts) -> bool:
        now = seen[self.file]
        return now.kind is FileKind.REGULAR and now.size == 0

    def script(self) -> str:
        path, temporary = shlex.quote(self.file.path), f'{shlex.quote(successor(self.file.path))}"$$"'
        return (
            f"f={path}; t={temporary}\n"
            'if [ -L "$f" ]; then echo "$f is a link" >&2; exit 3; fi\n'
            "trap 'rm -f \"$t\"' EXIT; trap 'exit 143' HUP INT TERM\n"
            'if [ -f "$f" ]; then cp -a "$f" "$t" && : > "$t" || exit 4\n'
            'elif [ -e "$f" ]; then echo "$f is not a regular file" >&2; exit 3\n'
            f'else ( umask 077; set -C; : > "$t" ) && chmod {self.mode_if_new} "$t" || exit 4; fi\n'
            'mv -f "$t" "$f" || exit 4\n'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFile(GuestStep):
    """Replace ``file``, a regular file or a link, by a link to ``to``."""

    no_way_back: ClassVar[str] = "what the file held was never kept, and cannot come back"

    file: File
    to: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.file,)

    def basis(self, seen: Facts) -> object:
        return seen[self.file]

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(self.file, FileFact(kind=FileKind.LINK, link_to=self.to, resolved=self.to, uid=0, gid=0))

    def done(self, seen: Facts) -> bool:
        now = seen[self.file]
        return now.kind is FileKind.LINK and now.resolved == self.to

    def inverse(self, before: Facts) -> Step | None:
        """A link that led straight to its end can be made again; the content of a file cannot."""
        was = before[self.file]
        if was.kind is not FileKind.LINK or was.link_to is None or was.link_to != was.resolved:
            return None
        return replace(
            self,
            to=was.link_to,
            summary=f"make {self.file.path} a link to {was.link_to} again",
            why=f"takes back: {self.summary}",
            undo=f"make it a link to {self.to}",
            then=None,
        )

    def script(self) -> str:
        path, temporary = shlex.quote(self.file.path), f'{shlex.quote(successor(self.file.path))}"$$"'
        return (
            f"f={path}; t={temporary}; to={shlex.quote(self.to)}\n"
            'if [ -L "$f" ] || [ -f "$f" ]; then :; else echo "$f is not a file or a link" >&2; exit 3; fi\n'
            "trap 'rm -f \"$t\"' EXIT; trap 'exit 143' HUP INT TERM\n"
            'if [ -d "$f" ]; then rm -f "$f" || exit 4; fi\n'  # a link to a folder: mv would move into the folder
            'ln -s "$to" "$t" && mv -f "$t" "$f" || exit 4\n'
        )


def successor(path: str) -> str:
    """Where a file's successor is written: beside it, so that a rename puts it in place."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f"{_TEMPORARY}{name}.")
