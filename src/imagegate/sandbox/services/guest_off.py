# mypy: ignore-errors
"""Tell Nova that a guest has powered itself off: guest_off.py ROOT NAME.

A real hypervisor reports it to Nova, which then stops the server. Here it is stopped as its owner would.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from imagegate.sandbox import layout, servers, state, template
from imagegate.sandbox.errors import SandboxError


def main() -> int:
    """Run the command line; the exit code."""
    root, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    found = state.read(root)
    if found is None or "nova" not in found.services:
        return 0
    passwords = json.loads((root / layout.SECRETS).read_text())
    try:
        servers.stop(found.ports, template.projects(root), passwords[layout.OWNER], name)
    except SandboxError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
