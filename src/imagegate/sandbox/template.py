"""Empty, migrated databases: made once in the cache folder, copied for every sandbox, fitted to its place."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from imagegate.sandbox import config, environment, layout
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.paths import SERVICES, Progress, cache_folder, locked, quiet, write_private

_RECORD = "template.json"
_SEEDS = ("seed_keystone.py", "seed_nova.py")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASH_ROUNDS = 600  # random passwords of 192 bits need no slow hash


def digest() -> str:
    """What a template depends on: the environment, the seeds and the layout."""
    found = hashlib.sha256(environment.digest().encode())
    for path in (*(SERVICES / name for name in _SEEDS), Path(layout.__file__), Path(config.__file__)):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def folder(name: str | None = None) -> Path:
    """Where a template is: the empty one, or the one saved under ``name``."""
    if name is None:
        return cache_folder() / f"template-{digest()}"
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name for a template: use letters, digits and ._- only."
        raise SandboxUsageError(message)
    return cache_folder() / "saved" / f"{name}-{digest()}"


def exists(name: str | None = None) -> bool:
    """Whether the template is there, complete."""
    return (folder(name) / _RECORD).is_file()


def ensure(name: str | None = None, progress: Progress = quiet) -> Path:
    """The template's folder; the empty one is made when it is missing."""
    place = folder(name)
    if exists(name):
        return place
    if name is not None:
        message = (
            f"There is no sandbox template {name!r} that fits this version: load a sandbox and save it under this name."
        )
        raise SandboxUsageError(message)
    with locked(place, progress):
        if not exists():
            _make(place, progress)
    return place


def projects(place: Path) -> dict[str, str]:
    """Project names and ids of the template or sandbox at ``place``."""
    record: dict[str, dict[str, str]] = json.loads((place / _RECORD).read_text())
    return record["projects"]


def _make(place: Path, progress: Progress) -> None:
    """Make the empty template in a temporary place, and move it to its own when complete."""
    tools = environment.ensure(progress)
    progress("making empty databases (once; about 20 s)")
    work = place.with_name(place.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    ports = dict.fromkeys(layout.EVERY_SERVICE, 1)
    work.mkdir(mode=0o700)
    for service in layout.EVERY_SERVICE:
        (work / service).mkdir(mode=0o700)
        for name, text in config.files(service, work, ports, "unused").items():
            write_private(work / service / name, text)
    _write_keys(work)
    plans = {
        "keystone": {
            "regions": layout.REGIONS,
            "projects": {name: name for name in layout.PROJECTS},
            "endpoints": [endpoint[:3] for endpoint in config.endpoints(ports)],
        },
        "nova": {
            "cells": {
                "cell0": layout.database_url(work, "nova", "nova_cell0"),
                "cell1": layout.database_url(work, "nova", "nova"),
            },
            "flavors": layout.FLAVORS,
        },
    }
    for service, plan in plans.items():
        write_private(work / service / "plan.json", json.dumps(plan))
    python = str(tools / "python")
    first_glance, *other_glances = layout.GLANCES
    commands = {
        "nova": [python, str(SERVICES / "seed_nova.py"), "{}/nova.conf", "{}/plan.json"],
        "keystone": [python, str(SERVICES / "seed_keystone.py"), "{}/keystone.conf", "{}/plan.json"],
        first_glance: [str(tools / "glance-manage"), "--config-file", "{}/glance-api.conf", "db_sync"],
        "placement": [str(tools / "placement-manage"), "--config-file", "{}/placement.conf", "db", "sync"],
        layout.BLOCK_STORAGE: [str(tools / "cinder-manage"), "--config-file", "{}/cinder.conf", "db", "sync"],
    }
    outputs = _run_all(
        {service: [part.format(work / service) for part in command] for service, command in commands.items()},
        work,
    )
    for glance in other_glances:
        shutil.copy(_database(work, first_glance), _database(work, glance))
    shutil.copy(layout.database_file(work, "nova", "nova"), layout.database_file(work, "nova", "nova_cell0"))
    for service in layout.EVERY_SERVICE:
        for name in layout.databases(service):
            with contextlib.closing(sqlite3.connect(layout.database_file(work, service, name))) as connection:
                connection.execute("PRAGMA journal_mode=WAL")  # stays in the file: readers do not block the writer
    _keep_data_only(work)
    found = json.loads(outputs["keystone"].splitlines()[-1])
    write_private(work / _RECORD, json.dumps({"root": str(work), "projects": found["projects"]}, indent=1))
    shutil.rmtree(place, ignore_errors=True)
    work.rename(place)


def _run_all(commands: Mapping[str, list[str]], work: Path) -> dict[str, str]:
    """Run the commands beside each other; their standard outputs."""
    environ = plain_environment(work)
    running = {
        name: subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name, command in commands.items()
    }
    outputs = {}
    try:
        for name, process in running.items():
            outputs[name], errors = process.communicate()
            if process.returncode:
                message = f"The sandbox's {name} database could not be made:\n{errors[-4000:]}"
                raise SandboxError(message)
    finally:
        for process in running.values():
            if process.poll() is None:
                process.terminate()
            process.communicate()
    return outputs


def plain_environment(home: Path) -> dict[str, str]:
    """The environment of the sandbox's processes: nothing of the user's, no proxies, no OS_ variables."""
    return {
        "HOME": str(home),
        "PATH": os.environ.get("PATH") or os.defpath,
        "LC_ALL": "C.UTF-8",
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _keep_data_only(work: Path) -> None:
    """Remove what every sandbox writes anew: configurations, keys, logs."""
    for service in layout.EVERY_SERVICE:
        for path in (work / service).iterdir():
            if path.suffix != ".sqlite":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _database(root: Path, service: str) -> Path:
    (name,) = layout.databases(service)
    return layout.database_file(root, service, name)


def _write_keys(root: Path) -> None:
    """New Fernet keys for Keystone: tokens of one sandbox are worth nothing in another."""
    for repository in ("fernet", "credential"):
        place = root / "keystone" / repository
        place.mkdir(mode=0o700)
        for index in ("0", "1"):
            write_private(place / index, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def unpack(place: Path, root: Path, services: Collection[str]) -> None:
    """Copy a template's databases and images for these services into the sandbox at ``root``."""
    for service in services:
        (root / service).mkdir(mode=0o700)
        for name in layout.databases(service):
            shutil.copy(layout.database_file(place, service, name), layout.database_file(root, service, name))
        if service in layout.GLANCES:
            store = layout.image_store(root, service)
            saved = layout.image_store(place, service)
            if saved.is_dir():
                shutil.copytree(saved, store)
            for extra in (store, root / service / "staging", root / service / "tasks"):
                extra.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(place / _RECORD, root / _RECORD)
    _write_keys(root)


def fit(root: Path, ports: Mapping[str, int], passwords: Mapping[str, str]) -> None:
    """Make the copied databases those of this sandbox: its addresses, its place, its passwords."""
    record = json.loads((root / _RECORD).read_text())
    with _changing(_database(root, "keystone")) as keystone:
        for kind, _, region, url in config.endpoints(ports):
            keystone.execute(
                "UPDATE endpoint SET url = ?, enabled = ? WHERE region_id = ? AND service_id IN"
                " (SELECT id FROM service WHERE type = ?)",
                (url, config.service_of_endpoint(kind, region) in ports, region, kind),
            )
        keystone.execute(
            "UPDATE service SET enabled = EXISTS"
            " (SELECT 1 FROM endpoint WHERE endpoint.service_id = service.id AND endpoint.enabled)"
        )
        for user, password in passwords.items():
            changed = keystone.execute(
                "UPDATE password SET password_hash = ?"
                " WHERE local_user_id IN (SELECT id FROM local_user WHERE name = ?)",
                (_password_hash(password), user),
            )
            if changed.rowcount != 1:
                message = f"The sandbox template has {changed.rowcount} passwords for user {user}, not one."
                raise SandboxError(message)
    for service in layout.GLANCES:
        if service in ports:
            with _changing(_database(root, service)) as glance:
                glance.execute(
                    "UPDATE image_locations SET value = replace(value, ?, ?)",
                    (f"file://{record['root']}/", f"file://{root}/"),
                )
    if "nova" in ports:
        with _changing(layout.database_file(root, "nova", "nova_api")) as nova:
            for cell, name in (("cell0", "nova_cell0"), ("cell1", "nova")):
                nova.execute(
                    "UPDATE cell_mappings SET database_connection = ? WHERE name = ?",
                    (layout.database_url(root, "nova", name), cell),
                )
    record["root"] = str(root)
    write_private(root / _RECORD, json.dumps(record, indent=1))


def save(root: Path, name: str) -> Path:
    """Make what the running sandbox at ``root`` holds now the template ``name``; the services may keep running."""
    place = folder(name)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    work = place.with_name(place.name + ".partial")
    with locked(place):
        empty = ensure()
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        for service in layout.EVERY_SERVICE:
            (work / service).mkdir(mode=0o700)
            for database in layout.databases(service):
                source = layout.database_file(root, service, database)
                if not source.exists():  # this service did not run: it stays empty
                    source = layout.database_file(empty, service, database)
                _copy_live(source, layout.database_file(work, service, database))
            if service in layout.GLANCES and layout.image_store(root, service).is_dir():
                shutil.copytree(layout.image_store(root, service), layout.image_store(work, service))
        shutil.copy(root / _RECORD, work / _RECORD)
        shutil.rmtree(place, ignore_errors=True)
        work.rename(place)
    return place


def _copy_live(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=60)) as from_,
        contextlib.closing(sqlite3.connect(target)) as to,
    ):
        from_.backup(to)
        to.execute("PRAGMA journal_mode=WAL")


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        yield connection


def _password_hash(password: str) -> str:
    """A hash that Keystone verifies: PBKDF2 with SHA-512, spelled as passlib did."""
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    parts = [base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, key)]
    return f"$pbkdf2-sha512${_HASH_ROUNDS}${parts[0]}${parts[1]}"
