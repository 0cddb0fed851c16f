"""Print the document."""

import sys

from ibmux.apidoc import render

sys.stdout.write(render())
