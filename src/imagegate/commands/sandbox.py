"""``imagegate sandbox``: a real OpenStack on loopback, to try things on."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imagegate import sandbox


def main(argv: Sequence[str]) -> int:
    """Start it, look at it, or take it away."""
    parser = argparse.ArgumentParser(
        prog="imagegate sandbox", description="A real OpenStack on loopback, without containers or root."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|status|down")
    up = commands.add_parser("up", help="start it, and wait until all of it answers")
    up.add_argument("--images-only", action="store_true", help="identity and images; no instances")
    up.add_argument("--guest", action="append", default=[], metavar="NAME", help="boot a guest (root on Linux only)")
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
        guests = [sandbox.GuestSpec(name=name) for name in given.guest]
        services = sandbox.IMAGE_SERVICES if given.images_only else sandbox.ALL_SERVICES
        sandbox.up(given.root, services=services, guests=guests, progress=_say)
    print(sandbox.render_status(sandbox.status(given.root)))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
