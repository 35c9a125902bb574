"""Wine prefixes: one made in the cache folder, linked for every stand-in; and the programs of ours in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.paths import Progress, cache_folder, locked, quiet
from imagegate.sandbox.template import plain_environment

_SOURCES = Path(__file__).resolve().parent / "stand_ins"
_COMPILER = "x86_64-w64-mingw32-gcc"
_WINE, _SERVER = "wine64", "wineserver"
_DEBIAN = Path("/usr/lib/wine")
"""Debian keeps the programs themselves here; those on the path are scripts that add lines to standard error."""
_POWERSHELL = "system32/WindowsPowerShell/v1.0/powershell.exe"
_FORWARDED = ("chcp.com", "hostname.exe", "ipconfig.exe", "powershell.exe", "sc.exe", "schtasks.exe", "shutdown.exe",
              "whoami.exe")  # fmt: skip
_COPIED = frozenset({".ini", ".log", ".reg", ""})
"""Files that Wine may write into are copied; the rest, programs and libraries, is linked."""


def missing() -> str | None:
    """Why there can be no Wine here, and what would help; None when there can."""
    needed = {"wine and wine64": _program(_WINE), "wine": _program(_SERVER),
              "gcc-mingw-w64-x86-64-win32": shutil.which(_COMPILER)}  # fmt: skip
    packages = [package for package, found in needed.items() if found is None]
    return f"these Debian packages are missing: {', '.join(packages)}" if packages else None


def _program(name: str) -> str | None:
    debian = _DEBIAN / (name if name == _WINE else f"{name}64")
    return str(debian) if os.access(debian, os.X_OK) else shutil.which(name) or shutil.which(name.removesuffix("64"))


def command(*arguments: str) -> list[str]:
    """A command that Wine runs."""
    return [_program(_WINE) or _WINE, *arguments]


def environment(prefix: Path) -> dict[str, str]:
    """The environment of Wine's processes in a prefix: no display, no messages of its own, our programs for its."""
    return plain_environment(prefix.parent) | {
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": f"{','.join(_FORWARDED)}=n;mscoree,mshtml,winemenubuilder.exe=",
        "DISPLAY": "",
    }


def end(prefix: Path) -> None:
    """End all that runs in a prefix; its registry is written first."""
    if not prefix.is_dir():
        return
    server = _program(_SERVER)
    if server is not None:
        for option in ("-k", "-w"):
            subprocess.run([server, option], env=environment(prefix), capture_output=True, timeout=30, check=False)


def make(prefix: Path, progress: Progress = quiet) -> None:
    """A new prefix, from the one in the cache."""
    template = _ensure(progress)
    for folder, folders, files in os.walk(template):
        target = prefix / Path(folder).relative_to(template)
        target.mkdir(parents=True)
        for name in [*files, *(item for item in folders if (Path(folder) / item).is_symlink())]:
            _take(Path(folder) / name, target / name)


def _take(source: Path, target: Path) -> None:
    if not source.is_symlink() and source.suffix.lower() not in _COPIED:
        try:
            target.hardlink_to(source)
        except OSError:  # another file system
            pass
        else:
            return
    shutil.copy2(source, target, follow_symlinks=False)


def _ensure(progress: Progress) -> Path:
    place = cache_folder() / f"wine-{_digest()}"
    if not place.is_dir():
        with locked(place, progress):
            if not place.is_dir():
                _build(place, progress)
    return place


def _digest() -> str:
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(_SOURCES.iterdir()):
        found.update(path.read_bytes())
    found.update(_run(command("--version"), environment(Path("/nowhere"))).encode())
    return found.hexdigest()[:16]


def _build(place: Path, progress: Progress) -> None:
    progress(f"making a Wine prefix in {place} (once; 700 MB, about 15 s)")
    work = place.with_name(place.name + ".partial")
    if work.exists():
        end(work)
        shutil.rmtree(work)
    work.mkdir(mode=0o700)
    settings = environment(work) | {"WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe="}
    try:
        _run(command("wineboot", "-i"), settings)
        _run(command("winecfg", "-v", "win10"), settings)
    finally:
        end(work)
    (work / "dosdevices" / "z:").unlink()  # the guest must not see the machine's own files
    for link in [path for path in (work / "drive_c").rglob("*") if path.is_symlink()]:
        link.unlink()
        link.mkdir()
    windows = work / "drive_c" / "windows"
    for name in ("forward", "keep", "sysprep"):
        target = windows / "system32" / f"{name}.exe"
        flags = ("-Wall", "-Os", "-s", "-municode")
        _run([_COMPILER, *flags, str(_SOURCES / f"{name}.c"), "-o", str(target), "-lws2_32"], plain_environment(work))
    (windows / "system32" / "Sysprep").mkdir()
    (windows / "system32" / "sysprep.exe").rename(windows / "system32" / "Sysprep" / "sysprep.exe")
    for name in _FORWARDED:
        target = windows / (_POWERSHELL if name == "powershell.exe" else f"system32/{name}")
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(windows / "system32" / "forward.exe", target)
    work.rename(place)


def _run(arguments: list[str], settings: dict[str, str]) -> str:
    done = subprocess.run(
        arguments, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        message = f"{' '.join(arguments[:3])} failed: {done.stderr.strip()[-1000:]}"
        raise SandboxError(message)
    return done.stdout
