"""Many cheap SSH hosts on loopback: one namespace, one overlay and one real sshd each, no init.

For benchmarks and tests of checks that look at files and processes; services and boots need :mod:`guests`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imagegate.sandbox import cleanup, net, processes, rootfs, ssh, template
from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.model import DbusState, Guest
from imagegate.sandbox.paths import Progress, plain, quiet
from imagegate.sandbox.processes import Process

_SCRIPT = "init.sh"
_HOST_KEY = "host_key"
_PER_NETWORK = 250
_LIMIT = 60
_POLL = 0.02
_WORKERS = 8
_MACHINE_IDS = {"empty": "", "uninitialized": "uninitialized\n"}

_INIT = r"""#!/bin/sh
# Runs in namespaces of its own: init.sh FOLDER LOWER NAME ADDRESS PORT
set -e
cd "$1"
hostname "$3"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work,volatile" root 2>/dev/null ||
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" root
mount -t proc proc root/proc
mount --bind /sys root/sys
mount -t tmpfs -o mode=755 tmpfs root/dev
mkdir root/dev/pts root/dev/shm
for device in null zero full random urandom tty; do
    : > "root/dev/$device"
    mount --bind "/dev/$device" "root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
mount -t tmpfs -o mode=755 tmpfs root/run
mkdir root/run/sshd root/run/old
cd root
pivot_root . run/old
exec chroot . /bin/sh -c 'umount -l /run/old; exec /usr/sbin/sshd -D -e -o "ListenAddress=$1" -o "Port=$2" \
    -o HostKey=/etc/ssh/ssh_host_ed25519_key -o UsePAM=no -o PermitRootLogin=prohibit-password -o UseDNS=no \
    -o MaxStartups=200:30:400' sshd "$4" "$5"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Hosts that answer, and the files by which they are reached with host keys verified."""

    root: Path
    hosts: tuple[Guest, ...]
    inventory: Path
    ssh_config: Path
    known_hosts: Path


@contextlib.contextmanager
def fleet(
    count: int,
    root: Path,
    *,
    machine_ids: Sequence[str] = ("id",),
    dbus: DbusState = "link",
    progress: Progress = quiet,
) -> Iterator[Fleet]:
    """``count`` hosts named h000, h001, …; the states in ``machine_ids`` (see GuestSpec) go round among them."""
    rootfs.require()
    root = plain(root)
    if not cleanup.is_vacant(root):
        cleanup.clean(root)  # what a killed run left; refuses a folder that is not ours
    lower = rootfs.ensure(progress)
    cleanup.claim(root)
    started: list[Process] = []
    try:
        hosts = _prepare_all(count, root, machine_ids, dbus)
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(lambda host: _boot(root, host, lower, started), hosts))
        yield _describe(root, hosts)
    finally:
        processes.kill(started)
        cleanup.clean(root)


def _prepare_all(count: int, root: Path, machine_ids: Sequence[str], dbus: DbusState) -> tuple[Guest, ...]:
    (root / _SCRIPT).write_text(_INIT, encoding="utf-8")
    ssh.make_key(root / ssh.KEY, "imagegate-fleet")
    ssh.make_key(root / _HOST_KEY, "imagegate-fleet-host")
    states = itertools.cycle(machine_ids)
    networks: list[str] = []
    hosts = []
    for index in range(count):
        if index % _PER_NETWORK == 0:
            networks.append(net.free_network())
        address = f"{networks[-1]}.{2 + index % _PER_NETWORK}"
        host = Guest(name=f"h{index:03d}", address=address, port=net.GUEST_PORT, user="root")
        _prepare(root, host, next(states), dbus)
        hosts.append(host)
    return tuple(hosts)


def _boot(root: Path, host: Guest, lower: Path, started: list[Process]) -> None:
    folder = root / host.name
    unshare = shutil.which("unshare") or "unshare"
    process = processes.spawn(
        [
            *(unshare, "--mount", "--propagation", "private", "--pid", "--uts", "--ipc", "--fork", "--kill-child"),
            *("sh", str(root / _SCRIPT), str(folder), str(lower), host.name, host.address, str(host.port)),
        ],
        environment=template.plain_environment(root) | {processes.OWNER_VARIABLE: str(root)},
        log=folder / "log",
    )
    started.append(process)
    deadline = time.monotonic() + _LIMIT
    while not net.speaks_ssh(host.address, host.port):
        if not process.is_alive() or time.monotonic() > deadline:
            message = f"Fleet host {host.name} did not come up:\n{(folder / 'log').read_text(errors='replace')}"
            raise SandboxError(message)
        time.sleep(_POLL)


def _describe(root: Path, hosts: tuple[Guest, ...]) -> Fleet:
    host_key = (root / f"{_HOST_KEY}.pub").read_text()
    inventory = ssh.publish(root, [(host, host_key) for host in hosts])
    return Fleet(
        root=root,
        hosts=hosts,
        inventory=inventory,
        ssh_config=root / ssh.CONFIG,
        known_hosts=root / ssh.KNOWN_HOSTS,
    )


def _prepare(root: Path, host: Guest, machine_id: str, dbus: DbusState) -> None:
    """What of the host differs from the shared root filesystem."""
    folder = root / host.name
    upper = folder / "up"
    for part in ("up/etc/ssh", "up/root/.ssh", "up/var/lib/dbus", "work", "root"):
        (folder / part).mkdir(parents=True)
    for path in (upper / "root", upper / "root/.ssh"):
        path.chmod(0o700)
    own = f"{secrets.token_hex(16)}\n"
    files = {
        "etc/hostname": (f"{host.name}\n", 0o644),
        "etc/ssh/ssh_host_ed25519_key": ((root / _HOST_KEY).read_text(), 0o600),
        "root/.ssh/authorized_keys": ((root / f"{ssh.KEY}.pub").read_text(), 0o600),
    }
    if machine_id == "missing":
        os.mknod(upper / "etc/machine-id", stat.S_IFCHR, os.makedev(0, 0))  # how overlayfs hides a lower file
    else:
        files["etc/machine-id"] = (own if machine_id == "id" else _MACHINE_IDS.get(machine_id, machine_id), 0o444)
    if dbus == "file":
        files["var/lib/dbus/machine-id"] = (own, 0o644)
    elif dbus == "link":
        (upper / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    for name, (text, mode) in files.items():
        path = upper / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
