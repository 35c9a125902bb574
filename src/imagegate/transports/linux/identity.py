"""The identity set of a booted guest: how it is asked for, and what is kept of the answer.

Sources: machine-id(5); sshd(8), FILES; systemd-networkd's leases (``CLIENTID`` in /run/systemd/netif/leases);
dhclient.leases(5) (``default-duid``); dhcpcd(8), FILES.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from imagegate.model import Probe
from imagegate.probes.identity import Boot, BootFact, Identity, IdentityFact
from imagegate.transports.linux.classify import machine_id
from imagegate.transports.text import clean

_ID = frozenset({"id", "id-irregular"})
_KEY = re.compile(rb"([a-z0-9@.-]{3,60}) ([A-Za-z0-9+/]+={0,2})(?: .*)?\s*", re.DOTALL)
_BOOT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")

SHELL = r"""
identity() {
if [ -r /etc/machine-id ]; then mark "$1" machine; head -c 65 /etc/machine-id; fi
if [ -r /var/lib/dbus/machine-id ]; then mark "$1" dbus; head -c 65 /var/lib/dbus/machine-id; fi
for f in /etc/ssh/ssh_host_*_key.pub; do
if [ -r "$f" ]; then mark "$1" hostkey; head -c 16384 "$f"; fi
done
mark "$1" hostname; head -c 256 /proc/sys/kernel/hostname
for f in /run/systemd/netif/leases/*; do
if [ -r "$f" ]; then mark "$1" dhcp; sed -n 's/^CLIENTID=//p' "$f"; fi
done
for f in /var/lib/dhcp/*.leases /var/lib/dhclient/*.leases /var/lib/NetworkManager/dhclient-*.lease; do
if [ -r "$f" ]; then mark "$1" dhcp; sed -n 's/^ *default-duid //p' "$f" | tail -n 1; fi
done
for f in /var/lib/dhcpcd/duid /etc/dhcpcd.duid; do
if [ -r "$f" ]; then mark "$1" dhcp; head -c 1024 "$f"; fi
done
}
"""


Fields = Mapping[str, Sequence[bytes]]


class Unread(Exception):
    """The guest's answer lacks what the probe asks for. The message is the reason, without any content."""


def is_one(probe: Probe[Any]) -> bool:
    """Whether ``probe`` is one of those that are looked at here."""
    return isinstance(probe, Identity | Boot)


def fragment(index: int, probe: Probe[Any]) -> str:
    """What asks for ``probe``, nothing if it is none of ours. ``SHELL`` must stand before it."""
    if isinstance(probe, Identity):
        return f"identity {index}\n"
    if isinstance(probe, Boot):
        return f"mark {index} boot; head -c 64 /proc/sys/kernel/random/boot_id\n"
    return ""


def decode(probe: Probe[Any], fields: Fields, *, run_key: bytes) -> Any:
    """The fact that ``fields`` show. Raises ``Unread``."""
    if isinstance(probe, Boot):
        text = _one(fields, "boot").decode("ascii", "replace")
        if not _BOOT.fullmatch(text):
            raise Unread("the kernel's boot id cannot be read")
        return BootFact(boot=_keyed(run_key, text.encode()))
    machine, machine_state = _id(fields.get("machine", ()), run_key)
    dbus, dbus_state = _id(fields.get("dbus", ()), run_key)
    ids = {value.strip() for value in fields.get("dhcp", ())}
    return IdentityFact(
        machine_id=machine,
        machine_state=machine_state,
        dbus_id=dbus,
        dbus_state=dbus_state,
        host_keys=tuple(sorted(map(_fingerprint, fields.get("hostkey", ())))),
        host_name=clean(_one(fields, "hostname").removesuffix(b"\n"), 255),
        dhcp=tuple(sorted(_keyed(run_key, value) for value in ids if value)),
    )


def _id(found: Sequence[bytes], run_key: bytes) -> tuple[str | None, str]:
    """The keyed digest of an id, None where there is none, and the class of the content."""
    if not found:
        return None, "absent"
    content = found[0]
    state = machine_id(content, len(content))
    if state not in _ID:
        return None, state
    return _keyed(run_key, content.strip().lower().replace(b"-", b"")), state


def _fingerprint(line: bytes) -> str:
    """``ssh-ed25519 SHA256:…``. Raises ``Unread`` for what is no public key."""
    match = _KEY.fullmatch(line)
    try:
        blob = base64.b64decode(match[2], validate=True) if match else b""
    except binascii.Error:
        blob = b""
    if match is None or not blob:
        raise Unread("a file /etc/ssh/ssh_host_*_key.pub holds no public key")
    value = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{match[1].decode()} SHA256:{value}"


def _keyed(run_key: bytes, data: bytes) -> str:
    return hmac.new(run_key, data, hashlib.sha256).hexdigest()[:32]


def _one(fields: Fields, name: str) -> bytes:
    found = fields.get(name, ())
    if len(found) != 1 or not found[0]:
        raise Unread(f"the guest's answer lacks {name}")
    return found[0]
