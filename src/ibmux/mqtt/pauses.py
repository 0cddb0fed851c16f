"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST, LONGEST, GROWTH = 0.1, 5.0, 1.8


def pauses() -> Iterator[float]:
    """Seconds, growing from 0.1 to 5, each scattered by a quarter so that many scripts do not come back at once."""
    pause = FIRST
    while True:
        yield pause * random.uniform(0.75, 1.25)
        pause = min(LONGEST, pause * GROWTH)
