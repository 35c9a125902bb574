"""Where a proxy is set, link-local addresses bypass it.

Why it matters
--------------
The metadata service answers at a link-local address that a proxy cannot reach. An instance that asks through the proxy
gets no keys and no user data; resetting a password may fail, says NHN Cloud.

Passes when
-----------
No file sets a proxy (``http_proxy``, ``https_proxy``, ``all_proxy``, ``ftp_proxy``), or what holds there as
``no_proxy`` spares 169.254.0.0/16: the network, a larger one, ``169.254.*`` or ``*``. /etc/environment, /etc/profile,
/etc/profile.d, bash's own file and systemd's system.conf are looked at, not the units of services.

Fix
---
None by machine: the files are shell scripts that people wrote.

References
----------
NHN Cloud instance guide, "Troubleshooting", proxy and 169.254.0.0/16.
"""

from collections.abc import Iterator

from imagegate import Check, Facts, Fix, Kind, Level, NoParams, Note, Refusal, Severity, Step, Violation, steps
from imagegate.probes import PROXY, ProxyFile

EVERYWHERE = "/etc/environment"
SYSTEMD = "/etc/systemd/"
WORDS = {
    "unset": "no_proxy is not set", "none": "no_proxy spares none of it", "address": "only 169.254.169.254 is spared",
}  # fmt: skip


def exposed(seen: Facts) -> list[tuple[ProxyFile, str]]:
    """The files after which a proxy is in force that is not bypassed, and what is spared there."""
    base = next((file for file in seen[PROXY].files if file.path == EVERYWHERE), None)
    found: list[tuple[ProxyFile, str]] = []
    for file in seen[PROXY].files:
        inherits = base is not None and not file.path.startswith(SYSTEMD)
        proxy = file.proxy or (base is not None and inherits and base.proxy)
        bypass = base.bypass if base is not None and inherits and file.bypass == "unset" else file.bypass
        if proxy and bypass != "network":
            found.append((file, bypass))
    return found


def evaluate(seen: Facts, want: NoParams) -> Iterator[Violation | Note]:
    """Name the files."""
    for file, bypass in exposed(seen):
        yield Violation(subject=file.path, expected="169.254.0.0/16 bypasses the proxy", actual=WORDS[bypass])


def plan(seen: Facts, want: NoParams) -> Iterator[Step | Refusal]:
    """Tell a person what to write."""
    for file, bypass in exposed(seen):
        yield steps.Manual(
            subject=file.path, why=f"{WORDS[bypass]}; not every program understands networks",
            summary=f"add 169.254.169.254 and 169.254.0.0/16 to no_proxy in {file.path}",
        )  # fmt: skip


CHECK = Check(
    id="linux-metadata-proxy-bypassed",
    title="Link-local addresses bypass the proxy",
    severity=Severity.LOW,
    kind=Kind.INSTANCE,
    needs=(PROXY,),
    params=NoParams,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
