"""`python -m ibmux.cli`, the same as the command `ibmux`."""

import sys

from ibmux.cli import main

sys.exit(main())
