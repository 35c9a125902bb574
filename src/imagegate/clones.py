"""Two clones of one image, side by side: what they must not share, judged as checks of the image. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from imagegate.errors import Unobserved
from imagegate.judge import Pair, judge
from imagegate.model import Check, Facts, Finding, Fix, Kind, Level, Note, Severity, Target, Violation
from imagegate.params import NoParams
from imagegate.probes.identity import Identity, IdentityFact, WindowsIdentity

A, B = Identity(of="a"), Identity(of="b")
WINDOWS_A, WINDOWS_B = WindowsIdentity(of="a"), WindowsIdentity(of="b")
LETTERS = (A.of, B.of)

_RESET = "reset the machine id before the image is captured: imagegate checks linux-machine-id-reset"
_SYSPREP = "generalise Windows before the image is captured: imagegate checks windows-generalized"
_KEYS = "remove /etc/ssh/ssh_host_* before the image is captured, and have them made at the first boot"

Evaluate = Callable[[Facts, Any], Iterator[Violation | Note]]


def compare(image: Target, seen: Facts, *, today: date, windows: bool = False) -> list[Finding]:
    """Judge what was seen of the two clones of ``image``: ``seen`` holds the facts of ``A`` and ``B``, or of
    ``WINDOWS_A`` and ``WINDOWS_B``."""
    checks = WINDOWS_CHECKS if windows else CHECKS
    return [judge(Pair(check=check, target=image, params=NoParams(), rule=None), seen, today=today) for check in checks]


def _both(seen: Facts) -> tuple[tuple[str, IdentityFact], tuple[str, IdentityFact]]:
    return (A.of, seen[A]), (B.of, seen[B])


def _machine(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    for letter, one in _both(seen):
        if one.machine_id is None:
            raise Unobserved("machine id", f"clone {letter} has no machine id: its file is {one.machine_state}")
    if seen[A].machine_id == seen[B].machine_id:
        yield _same("/etc/machine-id", f"digest {seen[A].machine_id}", _RESET)


def _dbus(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    for letter, one in _both(seen):
        if one.dbus_id is None and one.dbus_state != "absent":
            raise Unobserved("D-Bus id", f"clone {letter} has no D-Bus id: its file is {one.dbus_state}")
    if seen[A].dbus_id is not None and seen[A].dbus_id == seen[B].dbus_id:
        yield _same("/var/lib/dbus/machine-id", f"digest {seen[A].dbus_id}", _RESET)


def _no_dbus(seen: Facts, _: Any) -> str | None:
    absent = all(one.dbus_state == "absent" for _, one in _both(seen))
    return "neither clone has a D-Bus id" if absent else None


def _host_keys(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    for letter, one in _both(seen):
        if not one.host_keys:
            raise Unobserved("SSH host keys", f"clone {letter} has no public host keys in /etc/ssh")
    for key in sorted(set(seen[A].host_keys) & set(seen[B].host_keys)):
        kind, fingerprint = key.split(" ")
        yield _same(f"SSH host key {kind}", fingerprint, _KEYS)


def _host_name(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    if seen[A].host_name == seen[B].host_name:
        yield _same("host name", f'"{seen[A].host_name}"', "leave it to the cloud: nothing may write it into the image")


def _sid(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    one, other = seen[WINDOWS_A].sid, seen[WINDOWS_B].sid
    for letter, sid in ((WINDOWS_A.of, one), (WINDOWS_B.of, other)):
        if sid is None:
            raise Unobserved("machine SID", f"clone {letter} has no local accounts of one SID (a domain controller?)")
    if one == other:
        yield _same("machine SID", f"digest {one}", _SYSPREP)


def _machine_guid(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    one, other = seen[WINDOWS_A].machine_guid, seen[WINDOWS_B].machine_guid
    for letter, guid in ((WINDOWS_A.of, one), (WINDOWS_B.of, other)):
        if guid is None:
            raise Unobserved("MachineGuid", f"clone {letter} has no MachineGuid in its registry")
    if one == other:
        yield _same("MachineGuid", f"digest {one}", _SYSPREP)


def _windows_name(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    name = seen[WINDOWS_A].host_name
    if name.casefold() == seen[WINDOWS_B].host_name.casefold():
        yield _same("host name", f'"{name}"', _SYSPREP)


def _dhcp(seen: Facts, _: Any) -> Iterator[Violation | Note]:
    for shared in sorted(set(seen[A].dhcp) & set(seen[B].dhcp)):
        hint = "remove the leases and DUID files of DHCP clients before the image is captured"
        yield _same("DHCP client id", f"digest {shared}", hint)


def _no_dhcp(seen: Facts, _: Any) -> str | None:
    return None if seen[A].dhcp or seen[B].dhcp else "no DHCP client has left an id on either clone"


def _same(subject: str, what: str, hint: str) -> Violation:
    return Violation(subject=subject, expected="one of its own on each clone", actual=f"equal: {what}", hint=hint)


def _no_plan(_: Facts, __: Any) -> Iterator[Any]:
    yield from ()


def _check(
    ident: str, title: str, severity: Severity, evaluate: Evaluate, applies: Any = None, *, windows: bool = False
) -> Check:
    return Check(
        id=ident,
        title=title,
        severity=severity,
        kind=Kind.IMAGE,
        needs=(WINDOWS_A, WINDOWS_B) if windows else (A, B),
        params=NoParams,
        applies=applies,
        evaluate=evaluate,
        plan=_no_plan,
        fix=Fix.NEVER,
        effort=Level.MANUAL,
        since="0.1",
    )


CHECKS = (
    _check("clone-machine-id-differs", "Each clone has a machine id of its own", Severity.HIGH, _machine),
    _check("clone-dbus-id-differs", "Each clone has a D-Bus id of its own", Severity.HIGH, _dbus, _no_dbus),
    _check("clone-host-keys-differ", "Each clone has SSH host keys of its own", Severity.HIGH, _host_keys),
    _check("clone-host-name-differs", "Each clone has a host name of its own", Severity.MEDIUM, _host_name),
    _check("clone-dhcp-id-differs", "Each clone has a DHCP client id of its own", Severity.MEDIUM, _dhcp, _no_dhcp),
)
"""What ``prove`` judges. These are in no catalogue: no policy can require them, since they need two booted clones."""

WINDOWS_CHECKS = (
    _check("clone-windows-sid-differs", "Each clone has a machine SID of its own", Severity.HIGH, _sid, windows=True),
    _check("clone-machine-guid-differs", "Each clone has a MachineGuid of its own", Severity.HIGH, _machine_guid,
           windows=True),
    _check("clone-host-name-differs", "Each clone has a host name of its own", Severity.MEDIUM, _windows_name,
           windows=True),
)  # fmt: skip
"""The same for images of Windows."""

DIGEST = "sha256:" + hashlib.sha256(
    "\n".join(f"{c.id}\t{c.title}" for c in (*CHECKS, *WINDOWS_CHECKS)).encode()
).hexdigest()  # fmt: skip


def address_of(server: Mapping[str, Any], source: str) -> str | None:
    """Where a server is reached, as its record says; None as long as it does not say.

    ``source`` is ``addresses`` (a floating IPv4 address, else the first IPv4 one, else the first),
    ``addresses:NETWORK`` (of that network only), or ``metadata:KEY``.
    """
    kind, _, name = source.partition(":")
    if kind == "metadata":
        metadata = server.get("metadata")
        value = metadata.get(name) if isinstance(metadata, dict) else None
        return value if isinstance(value, str) and value else None
    networks = server.get("addresses")
    found = [
        one
        for network, listed in (networks.items() if isinstance(networks, dict) else ())
        if not name or network == name
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("addr"), str)
    ]
    found.sort(key=lambda one: (one.get("version") != 4, one.get("OS-EXT-IPS:type") != "floating"))
    return str(found[0]["addr"]) if found else None
