"""``python -m imagegate``."""

import sys

from imagegate.cli import main

if __name__ == "__main__":
    sys.exit(main())
