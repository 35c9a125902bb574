"""Keys, ssh_config, known_hosts and inventory, by which guests are reached with host keys verified."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.model import Guest
from imagegate.sandbox.paths import write_private

INVENTORY = "inventory.yaml"
CONFIG = "ssh_config"
KNOWN_HOSTS = "known_hosts"
KEY = "id_ed25519"


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair without a passphrase at ``path``."""
    done = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"ssh-keygen could not make the key {path}: {done.stderr.strip() or done.stdout.strip()}"
        raise SandboxError(message)


def publish(
    root: Path, hosts: Iterable[tuple[Guest, str]], others: Mapping[str, Mapping[str, object]] | None = None
) -> Path:
    """Write ssh_config, known_hosts and the inventory for the guests, each with its public host key. ``others`` are
    further entries of the inventory."""
    listed = list(hosts)
    known, instances = [], []
    config = [
        f"Host {guest.name} {guest.address}\n  HostName {guest.address}\n  HostKeyAlias {guest.address}\n"
        f"  Port {guest.port}\n  User {guest.user}\n"
        for guest, _ in listed
    ]
    config.append(
        f"Host *\n  IdentityFile {root / KEY}\n  IdentitiesOnly yes\n  UserKnownHostsFile {root / KNOWN_HOSTS}\n"
        "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
        "  KexAlgorithms curve25519-sha256\n"  # the default exchange costs 0.2 s a connection
    )
    for guest, key in listed:
        kind, material = key.split()[:2]
        known.append(f"{guest.address},[{guest.address}]:{guest.port} {kind} {material}\n")
        entry = {
            "address": guest.address,
            "port": guest.port,
            "user": guest.user,
            "ssh_config": str(root / CONFIG),
        }
        instances.append(f"  {guest.name}: {json.dumps(entry)}\n")
    instances += [f"  {name}: {json.dumps(entry)}\n" for name, entry in (others or {}).items()]
    write_private(root / KNOWN_HOSTS, "".join(known))
    write_private(root / CONFIG, "".join(config))
    text = "defaults: {transport: ssh, os: linux}\ninstances:" + ("\n" + "".join(instances) if instances else " {}\n")
    write_private(root / INVENTORY, text)
    return root / INVENTORY
