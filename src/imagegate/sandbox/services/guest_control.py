# mypy: ignore-errors
"""What Nova's process does to a guest of a sandbox: guest_control.py ROOT NAME SERVER VERB [FILE].

SERVER is the id of the server called NAME. VERB is on, off, pack (write its captured root to FILE), boot (make it from
FILE), gone (the server is deleted). Nova's process runs it with the Python that started the sandbox, and reads a line
of JSON. A name that is no guest is none of our business, nor is one of another server: exit 0, an empty answer.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from imagegate.sandbox import captures, guests, roster, windows_guests
from imagegate.sandbox.errors import SandboxError, SandboxUsageError


def main() -> int:
    """Run the command line; the exit code."""
    root, name, server, verb, *rest = sys.argv[1:]
    try:
        print(json.dumps(_act(pathlib.Path(root), name, server, verb, *map(pathlib.Path, rest))))
    except (SandboxError, SandboxUsageError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _act(root, name, server, verb, file=None):
    if verb == "boot":
        if captures.is_capture(file):
            guest = captures.boot(root, name, server, file)
        elif windows_guests.is_capture(file):
            guest = windows_guests.boot_copy(root, name, server, file)
        else:
            return {}
        return {"address": guest.address, "port": guest.port, "user": guest.user}
    kind = next((kind for kind in (guests, windows_guests) if name in kind.known(root)), None)
    made_for = None if kind is None else roster.server_of(root, name)
    if kind is None or made_for not in {None, server}:
        return {}
    if verb == "on":
        kind.power_on(root, name)
    elif verb == "gone" and made_for is not None:
        kind.remove(root, name)
    elif verb in {"off", "gone"}:
        kind.halt(root, name)
    elif verb == "pack" and kind is guests:
        captures.pack(root, name, file)
        return {"packed": True}
    elif verb == "pack":
        return {"packed": windows_guests.pack(root, name, file)}
    return {}


if __name__ == "__main__":
    sys.exit(main())
