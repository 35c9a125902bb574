"""What a process usually has, and what some schedulers and containers start it without."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def complete() -> None:
    """Open standard streams that are closed, and give a home to a user without one; idempotent."""
    _open_streams()
    _find_home()


def _open_streams() -> None:
    """Let what was closed before the process began lead to nowhere, in place of None and of the next file to be opened.

    Lowest first, since that is the number the system gives to the next one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end


def _find_home() -> None:
    """A user id that the system does not know, as containers are run with, has no home; openstacksdk fails then.

    ``/`` is what container engines take in its place.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
