"""The drive C: of a stand-in: a folder of ours, with Windows' names for what is in it."""

from __future__ import annotations

import ntpath
import os
import tempfile
from pathlib import Path

TASKS = r"C:\Windows\System32\Tasks"
SYSTEM = r"C:\Windows\System32"
SYSPREP = SYSTEM + r"\Sysprep"
CONF = r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf"
_NO_NAME = '<>"|?*'


class BadPathError(Exception):
    """The path cannot be one of this drive; the text says why, as .NET would."""


class Drive:
    """The files below ``root``, found by their Windows paths whatever the case of the letters."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def parts(self, path: str, folder: str = "C:\\") -> list[str]:
        r"""The names on the way to ``path``, which may be relative to ``folder``."""
        full = ntpath.normpath(ntpath.join(folder, path))
        drive, rest = ntpath.splitdrive(full)
        if drive.upper() != "C:":
            raise BadPathError(f"Could not find a part of the path '{path}'.")
        if any(letter in rest or ord(letter) < 32 for letter in rest if letter in _NO_NAME or ord(letter) < 32):
            raise BadPathError("Illegal characters in path.")
        names = [name for name in rest.split("\\") if name]
        if [name.lower() for name in names[:2]] == ["windows", "sysnative"]:
            names[1] = "System32"
        return names

    def full(self, path: str, folder: str = "C:\\") -> str:
        """``path`` as an absolute one."""
        return "C:\\" + "\\".join(self.parts(path, folder))

    def find(self, path: str, folder: str = "C:\\") -> Path | None:
        """Where ``path`` is kept; None when there is no such file or folder."""
        place = self.root
        for name in self.parts(path, folder):
            following = _child(place, name)
            if following is None:
                return None
            place = following
        return place

    def exists(self, path: str, folder: str = "C:\\") -> bool:
        """Whether there is such a file or folder."""
        try:
            return self.find(path, folder) is not None
        except BadPathError:
            return False

    def read(self, path: str) -> bytes:
        """The content of a file that is there."""
        place = self.find(path)
        if place is None:
            raise FileNotFoundError(path)
        return place.read_bytes()

    def make_folder(self, path: str) -> Path:
        """The folder ``path``, made with all that leads to it when missing."""
        place = self.root
        for name in self.parts(path):
            following = _child(place, name)
            if following is None:
                following = place / name
                following.mkdir()
            place = following
        return place

    def write(self, path: str, content: bytes | str, *, modified: float | None = None) -> Path:
        """Write a file anew: never into one that another drive may share. A text is written in UTF-8 with CRLF."""
        data = content.replace("\r\n", "\n").replace("\n", "\r\n").encode() if isinstance(content, str) else content
        folder = self.make_folder(ntpath.dirname(self.full(path)))
        place = _child(folder, ntpath.basename(path)) or folder / ntpath.basename(path)
        descriptor, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        temporary = Path(name)
        temporary.chmod(0o644)
        if modified is not None:
            os.utime(temporary, (modified, modified))
        temporary.replace(place)
        return place

    def append(self, path: str, text: str) -> None:
        """Write a text to the end of a file."""
        old = self.read(path) if self.exists(path) else b""
        self.write(path, old + text.replace("\n", "\r\n").encode())

    def remove(self, path: str) -> bool:
        """Remove a file; whether it was there."""
        place = self.find(path)
        if place is None:
            return False
        place.unlink()
        return True


def _child(folder: Path, name: str) -> Path | None:
    exact = folder / name
    if exact.is_symlink() or exact.exists():
        return exact
    if not folder.is_dir():
        return None
    wanted = name.casefold()
    return next((entry for entry in folder.iterdir() if entry.name.casefold() == wanted), None)
