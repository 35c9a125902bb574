"""From the fields of an answer to facts. Contents are classified here and go no further."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagegate.model import Probe
from imagegate.probes.disk import DiskSpace, DiskSpaceFact, DiskUse, DiskUseFact
from imagegate.probes.file import File, FileFact, FileKind
from imagegate.probes.fstab import FstabFact, FstabProbe
from imagegate.probes.kernel import KernelOption, KernelOptionFact
from imagegate.probes.proxy import ProxyFact, ProxyProbe
from imagegate.transports.linux import identity
from imagegate.transports.linux.classify import CLASSIFIERS
from imagegate.transports.linux.fstab import parse_fstab
from imagegate.transports.linux.proxy import parse_proxy
from imagegate.transports.linux.script import MAX_READ, MAX_TEXT
from imagegate.transports.text import clean

Fields = Mapping[str, Sequence[bytes]]
MountedOutside = Callable[[str], bool]

_KINDS = (
    (stat.S_ISREG, FileKind.REGULAR),
    (stat.S_ISLNK, FileKind.LINK),
    (stat.S_ISDIR, FileKind.DIRECTORY),
    (stat.S_ISCHR, FileKind.DEVICE),
    (stat.S_ISBLK, FileKind.DEVICE),
    (stat.S_ISFIFO, FileKind.FIFO),
    (stat.S_ISSOCK, FileKind.SOCKET),
)
_STAT = re.compile(r"([0-9a-f]{1,8}) ([0-9]{1,20}) ([0-9]{1,10}) ([0-9]{1,10}) [0-9]+ -?[0-9]+")
_USE = re.compile(r"([0-9]{1,19}) ([0-9]{1,19}) ([0-9]{1,19})")
_SPACE = re.compile(r"([0-9]{1,19}) ([0-9]{1,19})")
_ABSENT = re.compile(r"stat: .*: (?:No such file or directory|Not a directory)", re.DOTALL)
_OCTAL = re.compile(r"\\([0-7]{3})")
_WORDS = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


class Unclear(Exception):
    """The answer does not tell what the probe asks for. The message is the reason, without any content."""


def unfit(probe: Probe[Any]) -> str | None:
    """Why the Linux transport cannot look at ``probe``; None if it can."""
    if isinstance(probe, KernelOption) or identity.is_one(probe):
        return None
    if isinstance(probe, ProxyProbe):
        return next((f"{clean(path)} is no plain absolute path" for path in probe.files if not _plain(path)), None)
    if not isinstance(probe, File | FstabProbe | DiskSpace | DiskUse):
        return f"the Linux transport cannot look at {probe.key}"
    if not _plain(probe.path):
        return f"{clean(probe.path)} is no plain absolute path"
    if not isinstance(probe, File):
        return None
    if probe.read > MAX_READ:
        return f"{clean(probe.path)}: at most {MAX_READ} bytes of a file are read"
    if probe.classify is not None and probe.read < 1:
        return f"{clean(probe.path)}: nothing can be classified when nothing is read"
    return None


def decode(probe: Probe[Any], fields: Fields, *, run_key: bytes, mounted_outside: MountedOutside | None) -> Any:
    """The fact that ``fields`` show. Raises ``Unclear``.

    ``mounted_outside`` tells for a root that is reached through chroot, and has no ``/proc``, whether something is
    mounted on a path inside; None for a live guest.
    """
    if isinstance(probe, KernelOption):
        return KernelOptionFact(state="present" if _has_option(_one(fields, "cmdline"), probe.name) else "absent")
    if isinstance(probe, File):
        return _file(probe, fields, run_key, mounted_outside)
    if identity.is_one(probe):
        try:
            return identity.decode(probe, fields, run_key=run_key)
        except identity.Unread as error:
            raise Unclear(str(error)) from None
    if isinstance(probe, FstabProbe):
        return _fstab(probe, fields, run_key, mounted_outside)
    if isinstance(probe, DiskSpace):
        return _space(probe, fields)
    if isinstance(probe, DiskUse):
        return _use(probe, fields)
    if isinstance(probe, ProxyProbe):
        return _proxy(fields)
    raise Unclear(f"the Linux transport cannot look at {probe.key}")


def _plain(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and posixpath.normpath(path) == path


def _fstab(probe: FstabProbe, fields: Fields, run_key: bytes, mounted_outside: MountedOutside | None) -> FstabFact:
    file = _file(File(path=probe.path, read=MAX_TEXT), fields, run_key, mounted_outside)
    if file.kind is not FileKind.REGULAR:
        return FstabFact(kind=file.kind, mounted_over=file.mount_point)
    if (file.size or 0) > MAX_TEXT:
        raise Unclear(f"{probe.path} is longer than {MAX_TEXT} bytes")
    entries, parked = parse_fstab(_one(fields, "content"))
    return FstabFact(kind=file.kind, mounted_over=file.mount_point, entries=entries, parked=parked)


def _space(probe: DiskSpace, fields: Fields) -> DiskSpaceFact:
    match = _SPACE.fullmatch(_one(fields, "space").strip().decode("ascii", "replace"))
    if match is None:
        raise Unclear(f"{probe.path}: the guest's stat does not tell how much is free")
    return DiskSpaceFact(free_kb=int(match[1]) * int(match[2]) // 1024)


def _use(probe: DiskUse, fields: Fields) -> DiskUseFact:
    match = _USE.fullmatch(_one(fields, "use").strip().decode("ascii", "replace"))
    if match is None or int(match[3]) > int(match[2]):
        raise Unclear(f"{probe.path}: the guest's stat does not tell how much is used")
    unit, blocks, free = map(int, match.groups())
    return DiskUseFact(used_kb=unit * (blocks - free) // 1024, size_kb=unit * blocks // 1024)


def _proxy(fields: Fields) -> ProxyFact:
    paths = [_name(raw) for raw in fields.get("file", ())]
    texts = fields.get("text", ())
    if "unreadable" in fields:
        raise Unclear("not all files that may set a proxy may be read by this user")
    if len(paths) != len(texts):
        raise Unclear("the guest's answer lacks the text of a file")
    if any(len(text) >= MAX_TEXT for text in texts):
        raise Unclear(f"a file that may set a proxy is longer than {MAX_TEXT} bytes")
    said = (parse_proxy(path, text) for path, text in zip(paths, texts, strict=True))
    return ProxyFact(files=tuple(file for file in said if file is not None))


def _file(probe: File, fields: Fields, run_key: bytes, mounted_outside: MountedOutside | None) -> FileFact:
    if "nostat" in fields:
        said = fields.get("stat", [b""])[0].decode("utf-8", "replace").rstrip("\n")
        if "content" in fields:
            raise Unclear(f"{probe.path} changed while it was looked at")
        if _ABSENT.fullmatch(said):
            return FileFact(kind=FileKind.ABSENT)
        raise Unclear(f"{probe.path} cannot be looked at: {clean(said)}")
    mode, size, uid, gid = _status(probe, fields)
    kind = next((kind for test, kind in _KINDS if test(mode)), None)
    if kind is None:
        raise Unclear(f"{probe.path} is of a type that is not known")
    mount_point = _mount_point(probe, fields, mounted_outside)
    if kind is FileKind.LINK:
        link, resolved = _link(probe, fields)
        return FileFact(kind=kind, uid=uid, gid=gid, link_to=link, resolved=resolved, mount_point=mount_point)
    permissions = f"{stat.S_IMODE(mode):04o}"
    if kind is not FileKind.REGULAR:
        return FileFact(kind=kind, mode=permissions, uid=uid, gid=gid, mount_point=mount_point)
    content, digest = _content(probe, fields, size, run_key)
    return FileFact(
        kind=kind,
        size=size,
        mode=permissions,
        uid=uid,
        gid=gid,
        mount_point=mount_point,
        content=content,
        digest=digest,
    )


def _status(probe: File, fields: Fields) -> tuple[int, int, int, int]:
    seen = set(fields.get("stat", ()))
    if len(seen) > 1:
        raise Unclear(f"{probe.path} changed while it was looked at")
    match = _STAT.fullmatch(seen.pop().rstrip(b"\n").decode("ascii", "replace")) if seen else None
    if match is None:
        raise Unclear(f"{probe.path}: the guest's stat gave no answer that makes sense")
    return int(match[1], 16), int(match[2]), int(match[3]), int(match[4])


def _mount_point(probe: File, fields: Fields, mounted_outside: MountedOutside | None) -> bool:
    parent = fields.get("parent", (b"",))[0].removesuffix(b"\n") or posixpath.dirname(probe.path).encode()
    own = posixpath.join(parent.decode("utf-8", "surrogateescape"), posixpath.basename(probe.path))
    if "nomounts" not in fields:
        return any(from_mountinfo(mount) == own for mount in fields.get("mount", ()))
    if mounted_outside is None:
        raise Unclear(f"{probe.path}: /proc/self/mountinfo cannot be read, so that a mount on it would go unseen")
    return mounted_outside(own)


def from_mountinfo(mount: bytes) -> str:
    """A path as written in ``/proc/self/mountinfo``, with the octal escapes undone."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), mount.decode("utf-8", "surrogateescape"))


def _link(probe: File, fields: Fields) -> tuple[str, str | None]:
    """The text of a link (the newline that ``readlink`` adds taken off) and where it leads."""
    text = _one(fields, "link")
    if not text.endswith(b"\n") or len(text) < 2:
        raise Unclear(f"{probe.path}: the guest has no readlink that works")
    return _name(text[:-1]), _name(_one(fields, "resolved").removesuffix(b"\n")) or None


def _name(raw: bytes) -> str:
    """A path as text that survives JSON; what is not UTF-8 is escaped."""
    return raw.decode("utf-8", "backslashreplace")


def _content(probe: File, fields: Fields, size: int, run_key: bytes) -> tuple[str | None, str | None]:
    if probe.read < 1:
        return None, None
    if "unreadable" in fields:
        raise Unclear(f"{probe.path} may not be read by this user")
    data = _one(fields, "content")
    if len(data) != min(size, probe.read) or len(fields["stat"]) != 2:
        raise Unclear(f"{probe.path}: {size} bytes are promised, but that is not what can be read")
    digest = hmac.new(run_key, data, hashlib.sha256).hexdigest()[:32] if data else None
    return (None if probe.classify is None else CLASSIFIERS[probe.classify](data, size)), digest


def _has_option(cmdline: bytes, name: str) -> bool:
    """Whether the option ``name`` stands on the command line: quotes keep blanks together, ``-`` and ``_`` are the same
    (kernel-command-line(7))."""
    if not cmdline.strip():
        raise Unclear("/proc/cmdline cannot be read")
    words = _WORDS.findall(cmdline.decode("utf-8", "replace"))
    names = {word.replace('"', "").partition("=")[0].replace("-", "_") for word in words}
    return name.replace("-", "_") in names


def _one(fields: Fields, name: str) -> bytes:
    payloads = fields.get(name, ())
    if len(payloads) != 1:
        raise Unclear(f"the guest's answer lacks {name}")
    return payloads[0]
