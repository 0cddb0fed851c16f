"""Writes the table of faults of the documents: `python -m ibmux.sim.faults.verbs`."""

from __future__ import annotations

import sys

from ibmux.sim.faults.verbs import as_table

if __name__ == "__main__":
    sys.stdout.write(as_table())
