"""`python -m voiced` is `voiced`."""

import sys

from voiced.cli import main

sys.exit(main())
