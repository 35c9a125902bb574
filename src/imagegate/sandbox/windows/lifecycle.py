"""Starting and stopping stand-ins, each a process of its own, and changing them while they run."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from imagegate.sandbox import net, processes, template
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.paths import Progress, locked, plain, quiet
from imagegate.sandbox.processes import Process
from imagegate.sandbox.windows import authentication, backends, certificates, faults, liars, places, prefixes
from imagegate.sandbox.windows.machine import healthy
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.places import Kept
from imagegate.sandbox.windows.spec import Backend, WindowsInstance, WindowsSpec

START_LIMIT = 60
_POLL = 0.02
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,40}[A-Za-z0-9])?")
_SCHEMES = frozenset({"negotiate", "ntlm", "basic"})


def start(
    folder: Path,
    spec: WindowsSpec,
    *,
    owner: Path | None = None,
    authority: Path | None = None,
    on_power_off: Sequence[str] = (),
    disk: Path | None = None,
    progress: Progress = quiet,
) -> WindowsInstance:
    """Make a new stand-in in ``folder`` and switch it on; what a dead one left there is removed first.

    With ``disk``, what :func:`places.pack` wrote of another one, it boots from a copy of that and is not healthy of
    itself: faults and liars of ``spec`` do not count then, and its password is the other one's.

    ``owner`` is the sandbox that its processes belong to (the folder itself, if none), ``authority`` the folder of the
    certificate authority (likewise). ``on_power_off`` is run, as a process of its own, when the machine powers itself
    off: by ``shutdown``, sysprep or ToastSysprep, not by :func:`power_off`.
    """
    folder = plain(folder)
    _check(spec)
    with locked(folder, progress):
        if is_on(folder):
            message = f"A stand-in for Windows runs in {folder}: stop it first."
            raise SandboxUsageError(message)
        backend = _chosen(spec.backend)
        _clear(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        kept = Kept(
            name=spec.name,
            user=spec.user,
            address=spec.address,
            port=spec.port or _free_port(spec.address),
            backend=backend,
            scheme=spec.scheme,
            auth=tuple(sorted(spec.auth)),
            max_shells=spec.max_shells,
            owner=str(owner or folder),
            authority=str(authority or folder),
            on_power_off=tuple(on_power_off),
        )
        places.keep(folder, kept)
        password = spec.password or secrets.token_urlsafe(12)
        _set_password(folder, kept, password)
        if spec.scheme == "https":
            place = Path(kept.authority)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(place / certificates.CA_CERTIFICATE):
                certificates.ensure_authority(place)
            target = folder / certificates.SERVER_CERTIFICATE
            certificates.issue(place, target, address=spec.address, name=spec.name)
        if disk is None:
            backends.prepare(folder, kept, progress)
            _fill(folder, kept, spec)
        else:
            places.unpack(folder, disk)
        _switch_on(folder, kept, booting=disk is not None)
    return read(folder)


def _fill(folder: Path, kept: Kept, spec: WindowsSpec) -> None:
    machine = backends.machine(folder, kept)
    healthy.make(machine, name=spec.name, user=spec.user)
    with machine.changing() as state:
        state.sysprep_s = spec.sysprep_s
        state.liars = dict.fromkeys(spec.liars)
    for fault in sorted(spec.faults):
        faults.plant(machine, fault)


def read(folder: Path) -> WindowsInstance:
    """How to reach the stand-in in ``folder``. Raises SandboxUsageError where there is none."""
    kept = _kept(folder)
    credentials = (folder / places.CREDENTIALS).read_text(encoding="utf-8").splitlines()[0]
    return WindowsInstance(
        name=kept.name,
        folder=folder,
        address=kept.address,
        port=kept.port,
        scheme=kept.scheme,
        backend=kept.backend,
        user=kept.user,
        password=credentials.split(":")[2],
        ca_file=Path(kept.authority) / certificates.CA_CERTIFICATE if kept.scheme == "https" else None,
        pid=kept.process.pid if kept.process is not None and kept.process.is_alive() else None,
    )


def is_on(folder: Path) -> bool:
    """Whether there is a stand-in whose power is on, whether it answers or not."""
    try:
        process = places.load(folder).process
    except FileNotFoundError:
        return False
    return process is not None and process.is_alive()


def running(folder: Path) -> Process | None:
    """Its process, while it is on."""
    process = _kept(folder).process
    return process if process is not None and process.is_alive() else None


def is_up(folder: Path) -> bool:
    """Whether the stand-in is on and its port takes connections."""
    if not is_on(folder):
        return False
    kept = places.load(folder)
    try:
        socket.create_connection((kept.address, kept.port), 1).close()
    except OSError:
        return False
    return True


def power_on(folder: Path) -> None:
    """Boot it, its state as it was left; nothing to do when it is on."""
    folder = plain(folder)
    with locked(folder):
        kept = _kept(folder)
        if not is_on(folder):
            _end_remains(folder, kept)
            _switch_on(folder, kept, booting=True)


def power_off(folder: Path) -> None:
    """Pull its plug and wait until it is off; nothing to do when it is."""
    folder = plain(folder)
    with locked(folder):
        kept = _kept(folder)
        if kept.process is not None:
            processes.stop([kept.process])
        _end_remains(folder, kept)
        places.keep(folder, replace(kept, process=None))


def stop(folder: Path) -> bool:
    """End it and remove all of it; whether there was one."""
    folder = plain(folder)
    with locked(folder):
        try:
            kept = places.load(folder)
        except FileNotFoundError:
            return False
        if kept.process is not None:
            processes.stop([kept.process])
        _clear(folder)
    return True


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[Machine]:
    """The machine, to be changed while it runs or is off: its files by ``drive``, its ``registry``, its state by
    ``changing()``."""
    yield backends.machine(folder, _kept(folder))


def tell(
    folder: Path,
    *,
    plant: Iterable[str] = (),
    lie: Iterable[str] | dict[str, int | None] | None = None,
    password: str | None = None,
) -> None:
    """Change a stand-in: plant faults, set its liars (all of them: those not named stop; with a number, they lie so
    often), change the password."""
    kept = _kept(folder)
    with changing(folder) as machine:
        for fault in plant:
            faults.plant(machine, fault)
        if lie is not None:
            wanted = dict(lie) if isinstance(lie, dict) else dict.fromkeys(lie)
            liars.check(wanted)
            with machine.changing() as state:
                state.liars = wanted
    if password is not None:
        _set_password(folder, kept, password)


def _check(spec: WindowsSpec) -> None:
    if not _NAME.fullmatch(spec.name):
        raise SandboxUsageError(f"{spec.name!r} is no name for a Windows instance: use letters, digits and -.")
    if not spec.auth <= _SCHEMES or not spec.auth:
        raise SandboxUsageError(f"{sorted(spec.auth)}: the ways to log in are {', '.join(sorted(_SCHEMES))}.")
    if ":" in spec.user or any(letter in (spec.password or "") for letter in ":\r\n"):
        raise SandboxUsageError("A stand-in's user and password hold no colon and no line end.")
    faults.check(spec.faults)
    liars.check(spec.liars)


def _chosen(backend: Backend) -> Backend:
    reason = prefixes.missing()
    if backend == "wine" and reason is not None:
        raise SandboxUsageError(f"No Wine behind the stand-in for Windows: {reason}.")
    return backend if backend != "auto" else "model" if reason is not None else "wine"


def _free_port(address: str) -> int:
    for _ in range(200):
        port = 20000 + secrets.randbelow(12000)
        if net.is_free(address, port):
            return port
    raise SandboxError(f"No free port found on {address}.")


def _set_password(folder: Path, kept: Kept, password: str) -> None:
    if any(letter in password for letter in ":\r\n"):
        raise SandboxUsageError("A stand-in's password holds no colon and no line end.")
    file = folder / places.CREDENTIALS
    authentication.write_credentials(file, user=kept.user, password=password, computer=kept.name.upper()[:15])


def _kept(folder: Path) -> Kept:
    try:
        return places.load(folder)
    except FileNotFoundError as problem:
        raise SandboxUsageError(f"There is no stand-in for Windows in {folder}.") from problem


def _switch_on(folder: Path, kept: Kept, *, booting: bool) -> None:
    (folder / places.READY).unlink(missing_ok=True)
    command = [sys.executable, "-m", "imagegate.sandbox.windows.peer", str(folder), *(["boot"] if booting else [])]
    environment = template.plain_environment(folder) | {
        processes.OWNER_VARIABLE: kept.owner,
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),  # this very package, wherever it was found
    }
    process = processes.spawn(command, environment=environment, log=folder / places.LOG)
    places.keep(folder, replace(kept, process=process))
    deadline = time.monotonic() + START_LIMIT
    while not (folder / places.READY).exists():
        if not process.is_alive() or time.monotonic() > deadline:
            processes.stop([process])
            _end_remains(folder, kept)
            log = (folder / places.LOG).read_text(errors="replace")[-1500:]
            raise SandboxError(f"The stand-in for Windows {kept.name} did not start; its log ends with:\n{log}")
        time.sleep(_POLL)


def _end_remains(folder: Path, kept: Kept) -> None:
    """End what a process that was killed left behind: those of Wine."""
    backends.end_remains(folder, kept)


def _clear(folder: Path) -> None:
    """Remove a stand-in that is not running; a folder with anything else in it is left alone."""
    if not folder.exists():
        return
    try:
        kept: Kept | None = places.load(folder)
    except FileNotFoundError:
        kept = None
    if kept is None:
        if any(folder.iterdir()):
            raise SandboxUsageError(f"{folder} is no stand-in for Windows, and not empty: choose another folder.")
        return
    _end_remains(folder, kept)
    shutil.rmtree(folder)
