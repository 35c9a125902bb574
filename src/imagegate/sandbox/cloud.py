"""Start, look at and stop a sandbox: a real OpenStack on loopback.

A sandbox is one folder, its root. Everything it knows is in there, and everything it started can be found from there,
so that a start after a crash cleans up first.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from imagegate.sandbox import (
    cleanup,
    config,
    credentials,
    environment,
    guests,
    layout,
    net,
    processes,
    rootfs,
    roster,
    servers,
    template,
    windows_guests,
)
from imagegate.sandbox import state as states
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.layout import ALL_SERVICES
from imagegate.sandbox.model import AnySpec, GuestSpec, GuestStatus, Sandbox, ServiceStatus, Status, WindowsGuestSpec
from imagegate.sandbox.paths import (
    CACHE_VARIABLE,
    SERVICES,
    Progress,
    cache_folder,
    default_root,
    locked,
    plain,
    quiet,
    write_private,
)
from imagegate.sandbox.processes import Process

_START_LIMIT = 120
_POLL = 0.05
_THREADS = 16
_ONE_BY_ONE = {"placement"}
"""Where two allocations race Placement reads the provider again, outside of its open transaction: on SQLite it then
waits for itself, until the time-out."""
_NEEDED_FILES = {"nova": ("api-paste.ini",), layout.BLOCK_STORAGE: ("api-paste.ini", "resource_filters.json")}
_JOINED = {"nova": "nova_all_in_one.py", layout.BLOCK_STORAGE: "cinder_all_in_one.py"}
"""Services of several parts in one process, which reach the guests."""
_MODULES = {
    "keystone": "keystone_v2",
    "placement": "placement.wsgi.api",
    "neutron": "neutron_stub",
    **dict.fromkeys(layout.GLANCES, "glance.wsgi.api"),
}


def up(
    root: Path | None = None,
    *,
    services: Collection[str] = ALL_SERVICES,
    guests: Sequence[AnySpec] = (),
    template: str | None = None,
    progress: Progress = quiet,
) -> Sandbox:
    """Start a sandbox and wait until all of it answers.

    What it needs first is made in the cache folder (environment, empty databases, guests' root filesystem). A sandbox
    that runs as wanted is returned as it is; the rest of a crashed one is cleaned away. ``template`` names a state kept
    with :func:`save_template`. Guests on volumes bring block storage along.
    """
    place = plain(root or default_root())
    wanted = {*services, *(layout.BLOCK_STORAGE for spec in guests if spec.volume_gb is not None)}
    return _Start(place, layout.with_dependencies(wanted), tuple(guests), template, progress)()


def down(root: Path | None = None) -> bool:
    """Stop a sandbox and remove all of it; False when there was none."""
    place = plain(root or default_root())
    with locked(place):
        if not place.exists():
            return False
        cleanup.require_ours(place)
        _clean(place)
    return True


def status(root: Path | None = None) -> Status:
    """What runs at ``root``."""
    place = plain(root or default_root())
    reason = rootfs.available()
    found = states.read(place)
    if found is None:
        return Status(root=place, phase="absent", no_guests_reason=reason)
    services = tuple(_service_status(name, service) for name, service in found.services.items())
    died = any(service.state == "dead" for service in services)
    starting = found.phase == "starting" and found.maker.is_alive()
    inventory = place / guests.INVENTORY
    clouds = place / "clouds.yaml"
    return Status(
        root=place,
        phase="starting" if starting else "broken" if died or found.phase == "starting" else "up",
        services=services,
        guests=tuple(
            GuestStatus(guest=kind.read(place, name), up=kind.is_up(place, name))
            for kind in (guests, windows_guests)
            for name in kind.known(place)
        ),
        clouds_yaml=clouds if clouds.exists() else None,
        inventory=inventory if inventory.exists() else None,
        passwords=place / roster.PASSWORDS if (place / roster.PASSWORDS).exists() else None,
        no_guests_reason=reason,
    )


def stop_service(root: Path, name: str) -> None:
    """End one service of a running sandbox; its port refuses connections until :func:`start_service`."""
    place = plain(root)
    with locked(place):
        found, service = _find_service(place, name)
        if service.process is not None:
            processes.stop([service.process])
        service.process = None
        found.write(place)


def start_service(root: Path, name: str) -> None:
    """Start a stopped service again, on its old port, and wait until it answers."""
    place = plain(root)
    with locked(place):
        found, service = _find_service(place, name)
        if service.process is not None and service.process.is_alive():
            return
        with contextlib.closing(net.listen(service.port)) as listener:
            service.process = _spawn(place, name, listener, environment.ensure())
        found.write(place)
        _wait_for_answer(place, name, service.port, service.process)


def save_template(root: Path, name: str) -> Path:
    """Keep the databases and images of a running sandbox, for ``up(..., template=name)``; guests are not kept."""
    place = plain(root)
    cleanup.require_ours(place)
    return template.save(place, name)


class _Start:
    """One start of a sandbox."""

    def __init__(
        self,
        root: Path,
        services: tuple[str, ...],
        wanted: tuple[AnySpec, ...],
        template_name: str | None,
        progress: Progress,
    ) -> None:
        self.root = root
        self.services = services
        self.guests = wanted
        self.linux = tuple(spec for spec in wanted if isinstance(spec, GuestSpec))
        self.windows = tuple(spec for spec in wanted if isinstance(spec, WindowsGuestSpec))
        self.template_name = template_name
        self.progress = progress

    def __call__(self) -> Sandbox:
        guests.check(self.guests)
        if layout.BLOCK_STORAGE in self.services and shutil.which("qemu-img") is None:
            message = "Block storage needs qemu-img (package qemu-utils): it turns volumes into images."
            raise SandboxError(message)
        if self.linux:
            rootfs.require()
        if self.windows:
            windows_guests.require(self.windows)
        with locked(self.root, self.progress):
            if self._runs_already():
                return _describe(self.root)
            tools = environment.ensure(self.progress)
            empty = template.ensure(self.template_name, self.progress)
            if self.linux:
                rootfs.ensure(self.progress)
            cleanup.claim(self.root)
            try:
                self._start(tools, empty)
            except BaseException:
                self.progress("the start failed; cleaning up")
                _clean(self.root)
                raise
            return _describe(self.root)

    def _runs_already(self) -> bool:
        """Whether the wanted sandbox is there; clears away one that has died."""
        if cleanup.is_vacant(self.root):
            return False
        cleanup.require_ours(self.root)
        found = states.read(self.root)
        if found is not None and found.phase == "up" and all(process.is_alive() for process in found.processes()):
            running = {name for name, service in found.services.items() if service.process is not None}
            names = {spec.name for spec in self.guests}
            if running >= set(self.services) and names <= _known(self.root):
                self.progress(f"the sandbox at {self.root} is up already")
                return True
            message = (
                f"A sandbox with other services or guests runs at {self.root}: end it with `imagegate sandbox down`, "
                "or choose another root."
            )
            raise SandboxUsageError(message)
        self.progress(f"clearing away what a sandbox left at {self.root}")
        _clean(self.root)
        return False

    def _start(self, tools: Path, empty: Path) -> None:
        self.progress(f"starting {', '.join(self.services)}")
        maker = processes.identify(os.getpid())
        if maker is None:
            message = "/proc does not list this process: the sandbox needs Linux with /proc mounted."
            raise SandboxError(message)
        state = states.State(maker=maker, template=self.template_name)
        passwords = {user: secrets.token_urlsafe(24) for user in (*layout.PROJECTS, layout.ADMIN)}
        write_private(self.root / layout.SECRETS, json.dumps(passwords))
        template.unpack(empty, self.root, self.services)
        with contextlib.ExitStack() as stack:
            listeners: dict[str, socket.socket] = {}
            for name in self.services:
                listeners[name] = stack.enter_context(contextlib.closing(net.listen()))
                state.services[name] = states.Service(port=listeners[name].getsockname()[1])
            state.write(self.root)
            template.fit(self.root, state.ports, passwords)
            for name in self.services:
                for file, text in config.files(name, self.root, state.ports, passwords[layout.ADMIN]).items():
                    write_private(self.root / name / file, text)
            for name, needed in _NEEDED_FILES.items():
                if name in self.services:
                    for folder in ("state", "lock"):
                        (self.root / name / folder).mkdir(mode=0o700)
                    for file in needed:
                        shutil.copy(tools.parent / "etc" / name / file, self.root / name)
            for name in self.services:
                state.services[name].process = _spawn(self.root, name, listeners[name], tools)
                state.write(self.root)
        projects = template.projects(self.root)
        write_private(self.root / "clouds.yaml", credentials.clouds_yaml(state.ports["keystone"], projects, passwords))
        if self.guests:
            self.progress(f"booting {', '.join(spec.name for spec in self.guests)}")
            if self.linux:
                guests.boot_all(self.root, self.linux)
            windows_guests.boot_all(self.root, self.windows, self.progress)
        for name, service in state.services.items():
            if service.process is not None:
                _wait_for_answer(self.root, name, service.port, service.process)
        servers.ask_once(state.ports, projects, passwords)
        if self.guests and "nova" in self.services:
            self.progress("creating the guests' server records")
            servers.create(state.ports, projects, passwords, self.guests)
        state.phase = "up"
        state.write(self.root)


def _known(root: Path) -> set[str]:
    return {*guests.known(root), *windows_guests.known(root)}


def _describe(root: Path) -> Sandbox:
    state = states.read(root)
    if state is None:
        message = f"There is no sandbox at {root}: start one with `imagegate sandbox up`."
        raise SandboxUsageError(message)
    inventory = root / guests.INVENTORY
    return Sandbox(
        root=root,
        clouds_yaml=root / "clouds.yaml",
        inventory=inventory if inventory.exists() else None,
        ports=state.ports,
        projects=template.projects(root),
        pids={name: item.process.pid for name, item in state.services.items() if item.process is not None},
        guests=tuple(kind.read(root, name) for kind in (guests, windows_guests) for name in kind.known(root)),
        passwords=root / roster.PASSWORDS if (root / roster.PASSWORDS).exists() else None,
    )


def _service_status(name: str, service: states.Service) -> ServiceStatus:
    process = service.process
    if process is None:
        return ServiceStatus(name=name, port=service.port, state="stopped", pid=None, memory_mib=0)
    alive = process.is_alive()
    return ServiceStatus(
        name=name,
        port=service.port,
        state="running" if alive else "dead",
        pid=process.pid,
        memory_mib=processes.memory(process),
    )


def _find_service(root: Path, name: str) -> tuple[states.State, states.Service]:
    found = states.read(root)
    if found is None or name not in found.services:
        message = f"The sandbox at {root} has no service {name!r}."
        raise SandboxUsageError(message)
    return found, found.services[name]


def _spawn(root: Path, name: str, listener: socket.socket, tools: Path) -> Process:
    environ = template.plain_environment(root) | config.environment(name, root)
    environ[processes.OWNER_VARIABLE] = str(root)
    descriptor = str(processes.SOCKET_DESCRIPTOR)
    command = [str(tools / "python")]
    if name in _JOINED:
        command += [str(SERVICES / _JOINED[name]), descriptor]
        control = [sys.executable, str(SERVICES / "guest_control.py"), str(root)]
        environ["IMAGEGATE_GUEST_CONTROL"] = json.dumps(control)
        environ[CACHE_VARIABLE] = str(cache_folder().parent)  # the guests' root filesystem is there
    else:
        threads = 1 if name in _ONE_BY_ONE else _THREADS
        command += [str(SERVICES / "serve.py"), descriptor, _MODULES[name], str(threads)]
    return processes.spawn(command, environment=environ, log=root / name / "output.log", listener=listener)


def _wait_for_answer(root: Path, name: str, port: int, process: Process) -> None:
    """Wait for the first HTTP answer; a request that comes early waits in the socket's queue."""
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        try:
            net.request(port, "GET", "/", timeout=max(1, deadline - time.monotonic()))
        except OSError:
            if not process.is_alive():
                message = f"The sandbox's {name} ended while it started:\n{_end_of_log(root, name)}"
                raise SandboxError(message) from None
            time.sleep(_POLL)
        else:
            return
    message = f"The sandbox's {name} did not answer within {_START_LIMIT} s:\n{_end_of_log(root, name)}"
    raise SandboxError(message)


def _end_of_log(root: Path, name: str) -> str:
    """The last lines of what the service wrote; the files themselves are removed with the sandbox."""
    for file in ("output.log", "service.log"):
        path = root / name / file
        if path.exists() and path.stat().st_size:
            return "\n".join(path.read_text(errors="replace").splitlines()[-20:])
    return "(it wrote nothing)"


def _clean(root: Path) -> None:
    """End whatever belongs to the sandbox and remove its folder."""
    with contextlib.suppress(SandboxError):  # a damaged state: the search in clean() finds the processes all the same
        state = states.read(root)
        processes.stop(state.processes() if state is not None else [])
    guests.halt_all(root)
    windows_guests.halt_all(root)
    cleanup.clean(root)
