"""Real Debian guests: systemd and sshd in systemd-nspawn, each an overlay over one shared root filesystem.

A guest is a folder ``guests/NAME`` in the sandbox: ``up`` holds what differs from the shared root filesystem (a
captured image is a copy of it), ``guest.json`` how to reach it and which process it is. The overlay is mounted in a
mount namespace of its own, so that nothing stays mounted when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from imagegate.sandbox import layout, net, processes, rootfs, roster, ssh, template
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.model import AnySpec, Guest, GuestSpec
from imagegate.sandbox.paths import locked, plain
from imagegate.sandbox.processes import Process

INVENTORY = ssh.INVENTORY
BOOT_LIMIT = 60
HALT_LIMIT = 30
_POLL = 0.05
_PROPAGATE = Path("/run/systemd/nspawn/propagate")
_RECORD = roster.LINUX_RECORD
_UBUNTU_ID = 1000
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_MASKED = ("ssh.socket", "systemd-firstboot.service", "console-getty.service")
"""ssh.socket would listen on port 22 of all addresses after a first boot; the others wait for a console."""
_MOUNT = (
    'mount -t overlay overlay -o "$1,volatile" "$2" 2>/dev/null || mount -t overlay overlay -o "$1" "$2" || exit 1; '
    'shift 2; exec "$@"'
)
"""Volatile: no waiting for the disk when the guest halts. Kernels before 5.10 do not know it."""


def fits(name: str) -> bool:
    """Whether a guest can have this name: it is the host's, too."""
    return _NAME.fullmatch(name) is not None


def check(specs: Sequence[AnySpec]) -> None:
    """Raise for specs that cannot be booted."""
    names = [spec.name for spec in specs]
    for spec in specs:
        if not fits(spec.name) or names.count(spec.name) > 1:
            message = f"{spec.name!r} is no name for a guest: use small letters, digits and -, each name once."
            raise SandboxUsageError(message)
        if spec.flavor not in {flavor[0] for flavor in layout.FLAVORS}:
            flavors = ", ".join(flavor[0] for flavor in layout.FLAVORS)
            message = f"Guest {spec.name}: there is no flavor {spec.flavor!r}; there are {flavors}."
            raise SandboxUsageError(message)


def known(root: Path) -> tuple[str, ...]:
    """The names of the sandbox's guests."""
    return roster.known(root, _RECORD)


def read(root: Path, name: str) -> Guest:
    """How to reach a guest."""
    return _load(root, name)[0]


def is_up(root: Path, name: str) -> bool:
    """Whether the guest runs and its sshd answers."""
    guest, process = _load(root, name)
    return process is not None and process.is_alive() and net.speaks_ssh(guest.address, guest.port)


def boot_all(root: Path, specs: Sequence[GuestSpec]) -> tuple[Guest, ...]:
    """Make guests and boot them beside each other."""
    rootfs.require()
    root = plain(root)
    check(specs)
    made = tuple(_make(root, spec) for spec in specs)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda spec: _first_boot(root, spec), specs))
    return made


def boot(root: Path, spec: GuestSpec) -> Guest:
    """Make a new guest, boot it, and put its machine id into the wanted state."""
    return boot_all(root, [spec])[0]


def _first_boot(root: Path, spec: GuestSpec) -> None:
    power_on(root, spec.name)
    _set_machine_id(root, spec.name, spec)


def _make(root: Path, spec: GuestSpec) -> Guest:
    guest = _new(root, spec.name, spec.user)
    upper = _folder(root, guest.name) / "up"
    _place(upper / "etc/machine-id", f"{secrets.token_hex(16)}\n", 0o444)
    if spec.user == "ubuntu":
        _add_user(upper, rootfs.ensure())
    _personalise(root, guest)
    return guest


def clone(root: Path, source: str, name: str) -> Guest:
    """Boot a new guest from a copy of a halted one, as a cloud boots an instance from a captured image.

    It gets its own address, host name and SSH host key; the machine id is as the source left it.
    """
    root = plain(root)
    _require(root, source)
    if is_running(root, source):
        message = f"Guest {source} runs: halt it before it is captured."
        raise SandboxUsageError(message)
    upper = str(_folder(root, source) / "up")

    def copy(folder: Path) -> None:
        _run(["cp", "--archive", "--reflink=auto", upper, str(folder / "up")])

    return boot_copy(root, name, copy)


def boot_copy(root: Path, name: str, fill: Callable[[Path], None]) -> Guest:
    """Boot a new guest whose root ``fill`` brings: it is given the guest's folder, and makes the folder ``up`` there.

    The guest gets its own address, host name and SSH host key; everything else is as it came. Of one that does not come
    up nothing is kept.
    """
    guest = _new(root, name, "root")
    folder = _folder(root, name)
    upper = folder / "up"
    upper.rmdir()
    try:
        fill(folder)
        guest = replace(guest, user="ubuntu" if (upper / "home/ubuntu").is_dir() else "root")
        for key in (upper / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        _personalise(root, guest)
        power_on(root, name)
    except BaseException:
        shutil.rmtree(folder)
        roster.publish(root)
        raise
    return guest


def remove(root: Path, name: str) -> None:
    """Halt a guest and take it out of the sandbox."""
    root = plain(root)
    halt(root, name)
    shutil.rmtree(_folder(root, name))
    roster.publish(root)


def is_running(root: Path, name: str) -> bool:
    """Whether the guest is powered on, its sshd answering or not."""
    _, process = _load(root, name)
    return process is not None and process.is_alive()


def power_on(root: Path, name: str) -> None:
    """Power a guest on and wait for its sshd; nothing to do when it runs."""
    root = plain(root)
    _require(root, name)
    folder = _folder(root, name)
    with locked(folder):
        guest, process = _load(root, name)
        if process is not None and process.is_alive():
            return
        shutil.rmtree(folder / "work")  # a volatile overlay is not mounted twice with the same
        (folder / "work").mkdir()
        command = _command(root, guest)
        environ = template.plain_environment(root) | {processes.OWNER_VARIABLE: str(root)}
        process = processes.spawn(command, environment=environ, log=folder / "console.log")
        _store(root, guest, process)
        deadline = time.monotonic() + BOOT_LIMIT
        while not net.speaks_ssh(guest.address, guest.port):
            if not process.is_alive() or time.monotonic() > deadline:
                _end(root, guest, process)
                log = (folder / "console.log").read_text(errors="replace")[-1500:]
                message = f"Guest {name} did not come up within {BOOT_LIMIT} s; its console ends with:\n{log}"
                raise SandboxError(message)
            time.sleep(_POLL)


def halt(root: Path, name: str) -> None:
    """Power a guest off in an orderly way and wait until it is down; nothing to do when it is."""
    root = plain(root)
    _require(root, name)
    with locked(_folder(root, name)):
        guest, process = _load(root, name)
        if process is not None:
            _end(root, guest, process)


def halt_all(root: Path) -> None:
    """Power all guests off, beside each other, and wait until they are down."""
    kept = [_load(root, name) for name in known(root)]
    processes.stop([process for _, process in kept if process is not None], patience=HALT_LIMIT)
    for guest, process in kept:
        if process is not None:
            _end(root, guest, process)


def _end(root: Path, guest: Guest, process: Process) -> None:
    """SIGTERM to nspawn powers the guest off; whatever is left of it then is killed."""
    processes.stop([process], patience=HALT_LIMIT)
    processes.stop(_payload(root, guest.name))
    with contextlib.suppress(FileNotFoundError):
        (_PROPAGATE / _machine(root, guest)).rmdir()  # nspawn leaves it behind when it had to be killed
    _store(root, guest, None)


def _payload(root: Path, name: str) -> list[Process]:
    return processes.rooted_in(_folder(root, name) / "up")


def _command(root: Path, guest: Guest) -> list[str]:
    folder = _folder(root, guest.name)
    overlay = f"lowerdir={rootfs.ensure()},upperdir={folder}/up,workdir={folder}/work"
    unshare = shutil.which("unshare") or "unshare"
    return [
        *(unshare, "--mount", "--propagation", "private", "--", "sh", "-c", _MOUNT, "guest"),
        *(overlay, str(folder / "root")),
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", "--boot"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
        *(f"--machine={_machine(root, guest)}", f"--hostname={guest.name}", f"--directory={folder / 'root'}"),
    ]


def _machine(root: Path, guest: Guest) -> str:
    """The name nspawn knows the guest by: the same guest name may run in several sandboxes."""
    return f"{guest.name}-{hashlib.sha256(str(root).encode()).hexdigest()[:6]}"


def _new(root: Path, name: str, user: str) -> Guest:
    """Reserve a name and an address, and make the guest's folders."""
    guest = roster.reserve(root, Guest(name=name, address="", port=net.GUEST_PORT, user=user))
    with locked(root / "guests"):
        if not (root / ssh.KEY).exists():
            ssh.make_key(root / ssh.KEY, "imagegate-sandbox")
    for part in ("up", "work", "root"):
        (_folder(root, name) / part).mkdir()
    return guest


def _personalise(root: Path, guest: Guest) -> None:
    """Give the guest its name, host key and login, and list it with the others."""
    upper = _folder(root, guest.name) / "up"
    _place(upper / "etc/hostname", f"{guest.name}\n")
    _place(upper / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {guest.name}\n")
    _place(
        upper / "etc/ssh/sshd_config.d/sandbox.conf",
        f"ListenAddress {guest.address}\nPort {guest.port}\nHostKey /etc/ssh/ssh_host_ed25519_key\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\n",
    )
    # sshd answers once everybody may log in (pam_nologin), so that its answer means that the guest is up
    _place(upper / "etc/systemd/system/ssh.service.d/sandbox.conf", "[Unit]\nAfter=systemd-user-sessions.service\n")
    for unit in _MASKED:
        link = upper / "etc/systemd/system" / unit
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    home, owner = ("root", 0) if guest.user == "root" else (f"home/{guest.user}", _UBUNTU_ID)
    authorized = upper / home / ".ssh" / "authorized_keys"
    _place(authorized, (root / f"{ssh.KEY}.pub").read_text(), 0o600)
    for path, mode in ((upper / home, 0o700), (authorized.parent, 0o700), (authorized, 0o600)):
        path.chmod(mode)
        shutil.chown(path, owner, owner)
    ssh.make_key(upper / "etc/ssh/ssh_host_ed25519_key", guest.name)
    # kept outside it as well: checks may remove the guest's own
    shutil.copy(upper / "etc/ssh/ssh_host_ed25519_key.pub", _folder(root, guest.name) / roster.HOST_KEY)
    _store(root, guest, None)
    roster.publish(root)


def _add_user(upper: Path, lower: Path) -> None:
    """The user ubuntu, with sudo and no password, as cloud images have it."""
    number = _UBUNTU_ID
    lines = {
        "passwd": f"ubuntu:x:{number}:{number}::/home/ubuntu:/bin/bash\n",
        "shadow": "ubuntu:*:20000:0:99999:7:::\n",
        "group": f"ubuntu:x:{number}:\n",
        "gshadow": "ubuntu:!::\n",
    }
    for file, line in lines.items():
        source, target = lower / "etc" / file, upper / "etc" / file
        _place(target, source.read_text() + line)
        shutil.copystat(source, target)
        shutil.chown(target, source.stat().st_uid, source.stat().st_gid)
    (upper / "home").mkdir(exist_ok=True)
    _place(upper / "etc/sudoers.d/90-ubuntu", "ubuntu ALL=(ALL) NOPASSWD:ALL\n", 0o440)


def _set_machine_id(root: Path, name: str, spec: GuestSpec) -> None:
    """Write the wanted state into the running guest, as a person would before a check looks."""
    inside = _payload(root, name)
    if not inside:
        message = f"Guest {name} has gone while it was being set up."
        raise SandboxError(message)
    # Through the running guest's own view. Absolute links would lead out of it, so nothing is followed.
    top = Path(f"/proc/{min(inside).pid}/root")
    identity, dbus = top / "etc/machine-id", top / "var/lib/dbus/machine-id"
    own = identity.read_text()
    text = {"id": own, "empty": "", "uninitialized": "uninitialized\n"}.get(spec.machine_id, spec.machine_id)
    dbus.unlink(missing_ok=True)
    if spec.dbus == "link":
        dbus.symlink_to("/etc/machine-id")
    elif spec.dbus == "file":
        _place(dbus, own)
    if text != own:
        identity.unlink()
        if spec.machine_id != "missing":
            _place(identity, text, 0o444)


def _place(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of a guest that is not there yet or is ours, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _folder(root: Path, name: str) -> Path:
    return roster.folder(root, name)


def _load(root: Path, name: str) -> tuple[Guest, Process | None]:
    """What is kept about a guest, and its nspawn process while it is powered on."""
    kept = roster.load(root, name, _RECORD)
    return kept.guest, kept.process


def _store(root: Path, guest: Guest, process: Process | None) -> None:
    roster.store(root, roster.Record(guest=guest, process=process), _RECORD)


def _require(root: Path, name: str) -> None:
    if name not in known(root):
        message = f"The sandbox at {root} has no guest {name!r}; it has {', '.join(known(root)) or 'none'}."
        raise SandboxUsageError(message)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{command[0]} failed: {done.stderr.strip()}"
        raise SandboxError(message)
