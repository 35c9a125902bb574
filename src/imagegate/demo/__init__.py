"""The whole story on a sandbox cloud: faults, audit, plan, fix, audit again."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from imagegate.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Tell the story; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="imagegate demo",
        description="Start a real OpenStack on loopback, plant typical faults in it, and let imagegate find and mend "
        "them. As root, with systemd-nspawn and mmdebstrap, real Debian instances take part.",
    )
    parser.add_argument("--keep", action="store_true", help="leave the sandbox running afterwards")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where it all lives (in your cache folder)")
    parser.add_argument(
        "--recorded", type=Path, metavar="DIR",
        help="only copy facts recorded from real instances, and a policy for them, to DIR: something to judge "
        "with no cloud at all",
    )  # fmt: skip
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    if given.recorded is not None:
        _copy_recorded(given.recorded)
        return 0
    from imagegate.demo.story import tell  # noqa: PLC0415 - help is quick

    return tell(keep=given.keep, folder=given.folder)


def _copy_recorded(folder: Path) -> None:
    """Put the recorded facts and their policy into ``folder``, and tell what to do with them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted((resources.files("imagegate.demo") / "recorded").iterdir(), key=lambda each: each.name):
            place = folder / source.name
            with place.open("xb") as copy:  # nobody's file is overwritten
                copy.write(source.read_bytes())
            print(place)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror or error}") from error
    shown = shlex.join([str(folder / "policy.yaml"), "--facts", str(folder / "before.jsonl")])
    print(f"now: imagegate gate build-db --policy {shown}")
