"""The process of the command ``imagegate``: runs it, and ends without taking the interpreter apart."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn

from imagegate import cli


def main() -> NoReturn:
    """Run a command and end the process with its exit code.

    What Python does at its end is done: exit functions run, output is flushed. What is left out is freeing a few
    hundred modules and the findings one by one, a tenth of a large audit's CPU time, just before the system takes the
    memory back anyway. ``python -m imagegate`` ends the ordinary way, for profilers and debuggers want the last word;
    so does this where threads are still under way, or the output cannot be written.
    """
    code = cli.main()
    if threading.active_count() == 1:
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way, and sys.exit does the same
        if _flushed():
            os._exit(code)
    sys.exit(code)


def _flushed() -> bool:
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed before we began
            stream.flush()
    except (OSError, ValueError):
        return False
    return True
