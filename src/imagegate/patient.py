"""An output that may be lost while a command works: whoever reads it has seen enough, or the disk is full.

The work goes on, since what was begun has to be ended and reported; nobody is left with half a mended image because
``head`` ended.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Patient(io.FileIO):
    """Writes to a file descriptor until that fails, then to nowhere. ``lost`` says why, but for a reader that went."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.lost = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


@contextmanager
def patient_stdout() -> Iterator[Patient | None]:
    """Make ``sys.stdout`` patient. None where it is no file: somebody captures it."""
    before = sys.stdout
    try:
        before.flush()
        raw = Patient(before.fileno(), "wb", closefd=False)
    except (OSError, ValueError, AttributeError):  # AttributeError: there is no stdout at all
        yield None
        return
    own = io.TextIOWrapper(
        io.BufferedWriter(raw),
        before.encoding,
        before.errors,
        line_buffering=before.isatty(),
        write_through=getattr(before, "write_through", False),
    )
    sys.stdout = own
    try:
        yield raw
    finally:
        own.flush()
        sys.stdout = before
