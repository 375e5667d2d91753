"""`python -m aob`."""

import sys

from aob.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
