"""Takes /etc/fstab apart as it arrives: what kind of device, where, and two options; all else is forgotten. Pure.

After fstab(5) and getmntent(3): fields between blanks and tabs, blanks in a field in octal, comments from the start of
a line only.
"""

from __future__ import annotations

import re

from imagegate.probes.fstab import MARK, Device, FstabEntry

_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "fuse.ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"),
        *("sshfs", "davfs", "afs", "lustre", "9p", "virtiofs", "ncpfs", "fuse.s3fs"),
    }
)
_PSEUDO = frozenset(
    {
        *("proc", "sysfs", "tmpfs", "ramfs", "devpts", "devtmpfs", "cgroup", "cgroup2", "debugfs", "tracefs", "bpf"),
        *("securityfs", "selinuxfs", "pstore", "efivarfs", "hugetlbfs", "mqueue", "configfs", "fusectl", "overlay"),
        *("binfmt_misc", "autofs", "rpc_pipefs", "nfsd"),
    }
)
_TAGS = ("uuid=", "label=", "partuuid=", "partlabel=", "id=")
_REMOVABLE = re.compile(r"/dev/(?:sr|scd|fd|cdrom|dvd|floppy)[0-9]*")


def parse_fstab(text: bytes) -> tuple[tuple[FstabEntry, ...], tuple[FstabEntry, ...]]:
    """The lines in force, and those that imagegate has commented out."""
    active: list[FstabEntry] = []
    parked: list[FstabEntry] = []
    for number, raw in enumerate(text.split(b"\n"), start=1):
        line = raw.decode("utf-8", "backslashreplace")
        ours = line.startswith(MARK)
        fields = [field for field in re.split(r"[ \t]+", line.removeprefix(MARK)) if field]
        if fields and not fields[0].startswith("#"):
            (parked if ours else active).append(_entry(number, [*fields, "", "", ""]))
    return tuple(active), tuple(parked)


def _entry(number: int, fields: list[str]) -> FstabEntry:
    device, mount_point, kind, options = fields[0], fields[1], fields[2], set(fields[3].split(","))
    return FstabEntry(
        line=number,
        device=_device(device.strip("\"'").casefold(), kind, options),
        mount_point=mount_point,
        swap=kind == "swap",
        nofail="nofail" in options,
        noauto="noauto" in options,
    )


def _device(device: str, kind: str, options: set[str]) -> Device:
    found: Device = "other"
    if kind in _NETWORK or device.startswith("//") or "_netdev" in options:
        found = "network"
    elif options & {"bind", "rbind"} or kind == "none":
        found = "bind"
    elif kind in _PSEUDO:
        found = "pseudo"
    elif _REMOVABLE.fullmatch(device):
        found = "removable"
    elif device.startswith(("/dev/", *_TAGS)):
        found = "disk"
    elif device.startswith("/"):
        found = "file"
    elif ":" in device:
        found = "network"
    return found
