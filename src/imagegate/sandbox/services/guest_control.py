# mypy: ignore-errors
"""Power one guest of a sandbox: guest_control.py ROOT NAME on|off.

Nova's process runs it with the Python that started the sandbox. A name that is no guest is none of our
business: exit 0.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from imagegate.sandbox import guests, windows_guests
from imagegate.sandbox.errors import SandboxError


def main() -> int:
    """Run the command line; the exit code."""
    root, name, verb = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    kind = next((kind for kind in (guests, windows_guests) if name in kind.known(root)), None)
    if kind is None:
        return 0
    try:
        if verb == "on":
            kind.power_on(root, name)
        else:
            kind.halt(root, name)
    except SandboxError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
