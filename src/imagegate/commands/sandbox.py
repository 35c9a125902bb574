"""``imagegate sandbox``: a real OpenStack on loopback, to try things on."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imagegate import sandbox
from imagegate.sandbox import rootfs

_TYPICAL = ("task-logon-trigger", "cloudbase-auto", "skip-rearm")
"""What is wrong with a Windows instance at first: the safe steps mend it."""


def main(argv: Sequence[str]) -> int:
    """Start it, look at it, or take it away."""
    parser = argparse.ArgumentParser(
        prog="imagegate sandbox", description="A real OpenStack on loopback, without containers or root."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|status|down")
    up = commands.add_parser("up", help="start it, and wait until all of it answers")
    up.add_argument("--images-only", action="store_true", help="identity and images; no compute, no instances")
    up.add_argument(
        "--guest", action="append", default=[], metavar="NAME",
        help="boot a real instance of this name (root and systemd-nspawn only); web-01 and web-02 where none is named",
    )  # fmt: skip
    up.add_argument(
        "--block-storage",
        action="store_true",
        help="block storage too (needs qemu-img); web-01 has its disk on a volume",
    )
    up.add_argument("--no-guests", action="store_true", help="compute records only, no real instances")
    up.add_argument(
        "--windows", action="append", nargs="?", const="win-01", default=[], metavar="NAME",
        help="a stand-in for a Windows instance (win-01) as well: a WinRM endpoint, with Wine behind it where that is "
        "installed",
    )  # fmt: skip
    status = commands.add_parser("status", help="what runs")
    down = commands.add_parser("down", help="stop it and remove all of it")
    for each in (up, status, down):
        each.add_argument("--root", type=Path, metavar="DIR", help="where it lives (in your cache folder)")
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    if given.command == "down":
        print("the sandbox is gone" if sandbox.down(given.root) else "there was no sandbox")
        return 0
    if given.command == "up":
        services = sandbox.IMAGE_SERVICES if given.images_only else sandbox.ALL_SERVICES
        services = sandbox.EVERY_SERVICE if given.block_storage else services
        sandbox.up(given.root, services=services, guests=_guests(given), progress=_say)
    print(sandbox.render_status(sandbox.status(given.root)))
    return 0


def _guests(given: argparse.Namespace) -> list[sandbox.GuestSpec | sandbox.WindowsGuestSpec]:
    """Those that were named; else two typical ones where this machine can boot them. Windows only where asked for."""
    if given.images_only:
        return []
    return [*_linux(given), *(sandbox.WindowsGuestSpec(name=name, faults=_TYPICAL) for name in given.windows)]


def _linux(given: argparse.Namespace) -> list[sandbox.GuestSpec]:
    if given.no_guests:
        return []
    if given.guest:
        return [sandbox.GuestSpec(name=name, dbus="file") for name in given.guest]
    reason = rootfs.available()
    if reason is not None:
        _say(f"no real instances here: {reason}")
        return []
    return [
        sandbox.GuestSpec(name="web-01", dbus="file", volume_gb=2 if given.block_storage else None),
        sandbox.GuestSpec(name="web-02", dbus="file", user="ubuntu", flavor="u2.c1m2"),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
