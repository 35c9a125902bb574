"""Ansible inventories, read through testinfra's support (it runs ``ansible-inventory``, which must be installed).

The connection variables of Ansible that have a counterpart here are taken over; a host with one that would change how
it is reached, and that has none, is a mistake, never a guess. Passwords in an inventory are not used.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegate.errors import InputErrors, Mistake
from imagegate.inventory import Host, Via, address_mistake

_GROUP = {"hosts", "children", "vars"}
_CONNECTIONS = {
    "ssh": Via.SSH,
    "smart": Via.SSH,
    "paramiko": Via.SSH,
    "local": Via.LOCAL,
    "docker": Via.DOCKER,
    "community.docker.docker": Via.DOCKER,
    "podman": Via.PODMAN,
    "containers.podman.podman": Via.PODMAN,
    "winrm": Via.WINRM,
}
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
_JUMP = re.compile(r"(?:ProxyJump=|-J\s*)(\S+)")


def looks_like(values: object, text: str) -> bool:
    """Whether a file is an Ansible inventory: an INI file, or YAML groups with ``hosts``, ``children`` or ``vars``.

    ``values`` are the file's plain YAML values, None if it is no YAML.
    """
    if isinstance(values, Mapping):
        groups = [group for group in values.values() if isinstance(group, Mapping)]
        return "instances" not in values and any(_GROUP & group.keys() for group in groups)
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return bool(re.fullmatch(r"\[[\w.:-]+\]", first)) or ("ansible_" in text and "=" in first)


def read(path: Path) -> dict[str, Host]:
    """The hosts of an Ansible inventory; raises InputErrors."""
    if shutil.which("ansible-inventory") is None:
        raise _wrong(path, "this is an Ansible inventory: install ansible-core, so that it can be read")
    from testinfra.utils.ansible_runner import AnsibleRunner  # type: ignore[import-untyped]  # noqa: PLC0415  # slow

    runner = AnsibleRunner(str(path))
    try:
        names = runner.get_hosts("all")
        variables = {name: runner.get_variables(name) for name in names}
    except (AssertionError, RuntimeError, ValueError, KeyError):
        raise _wrong(path, "ansible-inventory cannot read it: try ansible-inventory --list -i FILE") from None
    hosts: dict[str, Host] = {}
    mistakes: list[str] = []
    for name in names:
        try:
            hosts[name] = _host(name, variables[name])
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise _wrong(path, *mistakes)
    return hosts


def _wrong(path: Path, *messages: str) -> InputErrors:
    return InputErrors(str(path), [Mistake(line=0, column=0, message=message) for message in messages])


def _host(name: str, variables: Mapping[str, Any]) -> Host:
    """One host. Raises ValueError for what has no counterpart."""
    ours = {key: value for key, value in variables.items() if key.startswith("ansible_")}
    for key, value in ours.items():
        if isinstance(value, str) and "{{" in value and key in _READ:
            raise ValueError(f"{key} is a template, which only Ansible can fill in")
    connection = str(ours.get("ansible_connection", "ssh"))
    if connection not in _CONNECTIONS:
        raise ValueError(f"ansible_connection {connection} has no counterpart here")
    transport = _CONNECTIONS[connection]
    user = ours.get("ansible_user", ours.get("ansible_ssh_user"))
    port = ours.get("ansible_port", ours.get("ansible_ssh_port"))
    key_file = ours.get("ansible_ssh_private_key_file", ours.get("ansible_private_key_file"))
    host = Host(
        name=name,
        address=str(ours.get("ansible_host", ours.get("ansible_ssh_host", name))),
        transport=transport,
        user=None if user is None else str(user),
        port=None if port is None or transport not in {Via.SSH, Via.WINRM} else int(port),
        os="windows" if transport is Via.WINRM else None,
        via=_via(ours) if transport is Via.SSH else None,
        identity_file=Path(str(key_file)).expanduser() if key_file and transport is Via.SSH else None,
    )
    mistake = address_mistake(host)
    if mistake is not None:
        raise ValueError(mistake)
    return host


def _via(variables: Mapping[str, Any]) -> str | None:
    """The jump host of ssh's own arguments. Raises ValueError if they say anything else."""
    via: str | None = None
    for key in _ARGUMENTS:
        arguments = shlex.split(str(variables.get(key, "")))
        rest = " ".join(argument for argument in arguments if argument != "-o")
        jumps = _JUMP.findall(rest)
        if len(jumps) > 1 or _JUMP.sub("", rest).strip():
            raise ValueError(f"{key} says more than a jump host: put it into ~/.ssh/config")
        via = jumps[0] if jumps else via
    return via


_READ = {
    "ansible_host",
    "ansible_ssh_host",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    *_ARGUMENTS,
}
