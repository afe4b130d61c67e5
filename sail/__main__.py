"""`python -m sail` is the command `sail`."""

import sys

from sail.cli.main import main

sys.exit(main())
