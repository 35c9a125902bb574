"""The inventory: how guests are reached.

::

    load_inventory(path) -> Inventory      every mistake at once, with line and column: InputErrors
    inventory.hosts["web-01"] -> Host      defaults filled in, paths made absolute

No secret stands in an inventory: ``password_env`` names an environment variable, keys are files, an SSH agent or
what ``~/.ssh/config`` says. Relative paths are relative to the inventory file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from imagegate import strict_yaml
from imagegate.errors import InputErrors, Mistake


class Via(StrEnum):
    """How a guest is reached."""

    SSH = "ssh"
    LOCAL = "local"
    CHROOT = "chroot"
    DOCKER = "docker"
    PODMAN = "podman"
    WINRM = "winrm"


class Auth(StrEnum):
    """How a user proves to WinRM who it is."""

    NTLM = "ntlm"
    BASIC = "basic"
    KERBEROS = "kerberos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One way to reach a guest. None means: what the transport, or the user's ssh configuration, says.

    ``address`` is a name or an IP address, for chroot the absolute path of the root, for docker and podman the
    container; ``via`` the jump host as ``[user@]host[:port]``; ``ssh_config`` a file that is used instead of the user's
    and the system's; ``sudo`` whether root's rights are taken where the user is not root. Of WinRM: ``scheme`` is
    ``https`` unless ``http`` is asked for, ``ca_file`` the certificates that are trusted in place of the system's,
    ``password_env`` the environment variable that holds the password.
    """

    name: str
    address: str
    transport: Via = Via.SSH
    user: str | None = None
    port: int | None = None
    os: str | None = None
    via: str | None = None
    ssh_config: Path | None = None
    identity_file: Path | None = None
    host_key_checking: bool = True
    password_env: str | None = None
    auth: Auth = Auth.NTLM
    scheme: Literal["http", "https"] = "https"
    ca_file: Path | None = None
    certificate_checking: bool = True
    sudo: bool = True

    @property
    def relaxed(self) -> str | None:
        """What the inventory turned off that protects this connection: the report shows it."""
        if not self.host_key_checking:
            return "its SSH host key is not verified"
        if self.scheme == "http":
            return "it is reached over HTTP: nothing proves that it is the right host"
        return None if self.certificate_checking else "its TLS certificate is not verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All hosts of one inventory file, by name."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    path: str | None = None


_SSH_ONLY = frozenset({"via", "ssh_config", "identity_file", "host_key_checking"})
_WINRM_ONLY = frozenset({"auth", "scheme", "ca_file", "certificate_checking", "password_env"})
_PATHS = frozenset({"ssh_config", "identity_file", "ca_file"})
_OF_TRANSPORT = _SSH_ONLY | _WINRM_ONLY | {"user", "port"}
_ADDRESS = re.compile(r"(?![-.])[\w.:%+/~-]+")
_JUMP = re.compile(r"(?:[\w.+$-]+@)?(?:(?![-.])[\w.-]+|\[[0-9a-fA-F:.%\w]+\])(?::[0-9]{1,5})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _plain(value: str) -> str:
    if not value or value.startswith("-") or not value.isprintable() or value != value.strip():
        raise ValueError("must be plain text that does not begin with a dash")
    return value


def _jumps(value: str) -> str:
    if not all(_JUMP.fullmatch(jump) and not jump.startswith("-") for jump in value.split(",")):
        raise ValueError("must be [user@]host[:port], or several of them with commas between")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable, never the password itself")
    return value


_Plain = Annotated[str, AfterValidator(_plain)]


def _told(meaning: str) -> Any:
    """A field that may be left out, and what it means."""
    return Field(default=None, description=meaning)


class _Defaults(BaseModel):
    """What an instance says where it says nothing itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: _Plain | None = _told("Who logs in; for ssh what `~/.ssh/config` says, else the current user.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = _told("The port, where it is not the usual one.")
    os: Literal["linux", "windows"] | None = _told("The operating system; winrm is windows. Else the records tell.")
    transport: Via | None = _told("How the instance is reached (ssh).")
    via: Annotated[str, AfterValidator(_jumps)] | None = _told("ssh: jump hosts, `[user@]host[:port]`, with commas.")
    ssh_config: _Plain | None = _told("ssh: a file that is used instead of the user's and the system's configuration.")
    identity_file: _Plain | None = _told("ssh: the file of the private key; never the key itself.")
    password_env: Annotated[str, AfterValidator(_variable)] | None = _told(
        "winrm: the environment variable that holds the password."
    )
    auth: Auth | None = _told("winrm: how the user proves who it is (ntlm).")
    scheme: Literal["http", "https"] | None = _told("winrm: https, unless http is asked for; the report shows it.")
    ca_file: _Plain | None = _told("winrm: the certificates that are trusted in place of the system's.")
    sudo: bool | None = _told("Whether root's rights are taken where the user is not root (true).")


class _Entry(_Defaults):
    """One instance."""

    address: _Plain | None = _told(
        "A name or an IP address (the instance's name); chroot: the folder of the root; docker, podman: the container."
    )
    host_key_checking: bool | None = _told("ssh: false does not verify the host key; the report shows it.")
    certificate_checking: bool | None = _told("winrm: false does not verify the certificate; the report shows it.")


def _or_empty(value: Any) -> Any:
    return {} if value is None else value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: Annotated[_Defaults, BeforeValidator(_or_empty)] = Field(
        default=_Defaults(), description="What instances say that say nothing themselves."
    )
    instances: dict[_Plain, Annotated[_Entry, BeforeValidator(_or_empty)]] = Field(
        description="The instances, by the name (or id) that the compute API knows them by."
    )


def inventory_schema() -> dict[str, Any]:
    """The JSON Schema of inventory files."""
    return _File.model_json_schema()


def load_inventory(path: str | Path) -> Inventory:
    """The inventory file at ``path``; raises InputErrors with all its mistakes.

    Ansible inventories are read too, where Ansible is installed. An instance without ``address`` is reached under its
    own name (which ``~/.ssh/config`` may know).
    """
    text = strict_yaml.read_text(path)
    if (foreign := _ansible(Path(path), text)) is not None:
        return Inventory(hosts=foreign, path=str(path))
    tree = strict_yaml.parse(text, str(path))
    read = strict_yaml.validate(tree, _File, str(path))
    folder = Path(path).resolve().parent
    hosts: dict[str, Host] = {}
    mistakes: list[Mistake] = []
    for name, entry in read.instances.items():
        hosts[name] = host = _host(name, read.defaults, entry, folder)
        wrong = _wrong(host, entry)
        if wrong is not None:
            mistakes.append(_place(tree, name).mistake(wrong))
    if mistakes:
        raise InputErrors(str(path), mistakes)
    return Inventory(hosts=hosts, path=str(path))


def _ansible(path: Path, text: str) -> dict[str, Host] | None:
    """The hosts of an Ansible inventory; None if the file is none."""
    from imagegate.transports.linux import ansible  # noqa: PLC0415  # it imports this module

    try:
        values = strict_yaml.plain(strict_yaml.parse(text, str(path)))
    except InputErrors:
        values = None
    return ansible.read(path) if ansible.looks_like(values, text) else None


def _host(name: str, defaults: _Defaults, entry: _Entry, folder: Path) -> Host:
    """The entry with defaults filled in; user, port and the like are meant for the transport that they stand with."""
    common = defaults.model_dump(exclude_none=True)
    usual = common.pop("transport", Via.SSH)
    transport = entry.transport or usual
    if transport is not usual:
        common = {key: value for key, value in common.items() if key not in _OF_TRANSPORT}
    keys: dict[str, Any] = {**common, **entry.model_dump(exclude_none=True), "transport": transport}
    if transport is Via.WINRM:
        keys["os"] = "windows"
    address = keys.pop("address", name)
    if transport is Via.CHROOT:
        address = str(folder / Path(address).expanduser())
    for key in _PATHS & keys.keys():
        keys[key] = folder / Path(keys[key]).expanduser()
    return Host(name=name, address=address, **keys)


def address_mistake(host: Host) -> str | None:
    """What is wrong with the values of ``host`` that end up on ssh's command line; None if they are well formed."""
    if host.transport in {Via.SSH, Via.WINRM} and not _ADDRESS.fullmatch(host.address):
        return f"{host.address!r} is no host name or IP address"
    for check, value in ((_plain, host.address), (_plain, host.user), (_jumps, host.via)):
        try:
            if value is not None:
                check(value)
        except ValueError as error:
            return f"{value!r}: {error}"
    return None


def _wrong(host: Host, entry: _Entry) -> str | None:
    """What does not fit together in one host; None if all does."""
    said = entry.model_dump(exclude_none=True).keys()
    stray = sorted(_SSH_ONLY & said)
    alien = sorted(_WINRM_ONLY & said)
    match host.transport:
        case Via.CHROOT if entry.address is None:
            return "transport chroot needs address: the folder of the root"
        case _ if (mistake := address_mistake(host)) is not None:
            return mistake + (": give the instance an address" if entry.address is None else "")
        case Via.WINRM if entry.os == "linux":
            return "transport winrm is for os: windows"
        case Via.WINRM if host.scheme == "http" and host.auth is Auth.BASIC:
            return "auth: basic sends the password as it is: not with scheme: http"
        case Via.WINRM if host.scheme == "http" and {"ca_file", "certificate_checking"} & said:
            return "ca_file, certificate_checking: only with scheme: https"
        case Via.WINRM if not host.certificate_checking and "ca_file" in said:
            return "ca_file names whom to trust, certificate_checking: false trusts everybody: say one of them"
        case Via.SSH if entry.password_env is not None:
            return "password_env is for transport winrm: ssh uses keys, an agent, or ~/.ssh/config"
        case transport if stray and transport is not Via.SSH:
            return f"{', '.join(stray)}: only with transport ssh, not {transport}"
        case transport if alien and transport is not Via.WINRM:
            return f"{', '.join(alien)}: only with transport winrm, not {transport}"
        case Via.WINRM if host.auth is not Auth.KERBEROS and not (host.user and host.password_env):
            return "transport winrm needs user, and password_env: the environment variable that holds the password"
    return None


def _place(tree: strict_yaml.Node, name: str) -> strict_yaml.Node:
    """Where the instance ``name`` stands in the file."""
    instances = tree.get("instances") if isinstance(tree, strict_yaml.Mapping) else None
    entry = instances.get(name) if isinstance(instances, strict_yaml.Mapping) else None
    return entry or tree
