"""The whole story on a sandbox cloud: faults, audit, plan, fix, audit again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Tell the story; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="imagegate demo",
        description="Start a real OpenStack on loopback, plant typical faults in it, and let imagegate find and mend "
        "them. As root, with systemd-nspawn and mmdebstrap, real Debian instances take part.",
    )
    parser.add_argument("--keep", action="store_true", help="leave the sandbox running afterwards")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where it all lives (in your cache folder)")
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    from imagegate.demo.story import tell  # noqa: PLC0415 - help is quick

    return tell(keep=given.keep, folder=given.folder)
