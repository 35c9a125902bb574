"""``python -m imagegate.docs``."""

import sys

from imagegate.docs.generate import main

if __name__ == "__main__":
    sys.exit(main())
