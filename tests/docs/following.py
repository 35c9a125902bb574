"""Follow a page as a reader would: keep the files that it shows, run its commands, compare what they print."""

import os
import shlex
import subprocess
import sys
from itertools import pairwise

from tests.docs.pages import DOCS, blocks

CLONE = DOCS.parent


def follow(name, folder, *, kinds=("",), environ=None, files=None):
    """Run the commands of a page in one shell after the other, each where the one before it left off.

    ``kinds`` are the words after ``sh`` of the blocks that are run; ``""`` is a block without one. A block of ``text`` after
    commands is what they print, in part: each of its lines has to be there. ``files`` are the reader's own, by name. Returns how
    many blocks were run.
    """
    programs = folder / "bin"
    programs.mkdir()
    for program, module in (("imagegate", "-m imagegate"), ("python", ""), ("python3", "")):
        (programs / program).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
        (programs / program).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "PYTEST", "COVERAGE", "IMAGEGATE"))}
    told = {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "IMAGEGATE_CLONE": str(CLONE), **(environ or {})}
    work, count = folder / "work", 0
    work.mkdir()
    for place, text in (files or {}).items():
        (work / place).write_text(text)
    for block, after in pairwise([*blocks(name), None]):
        kind = block.words[0] if block.words else ""
        if block.language != "sh" and kind:
            place = work / kind
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text)
        elif block.language == "sh" and kind in kinds:
            printed, work = _run(block.text, work, told, folder)
            count += 1
            if after is not None and after.language == "text":
                lines = printed.splitlines()
                lost = [line for line in after.text.splitlines() if not any(line == each.rstrip() for each in lines)]
                assert lost == [], printed
    return count


def _run(text, work, environ, folder):
    """What a block prints, and where it leaves the reader; a command that fails unseen is an error."""
    end = folder / "end"
    script = f"set -e\n{text}\npwd > {shlex.quote(str(end))}\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=work, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout, type(work)(end.read_text().strip())
