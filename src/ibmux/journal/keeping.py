"""Retention: once a day what is too old goes. Knows neither settings nor what a record means."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ibmux.errors import JournalFailed
from ibmux.journal.store import Journal

log = logging.getLogger(__name__)

DAY = 86_400.0
FIRST = 60.0
"""Seconds after the start at which the first look is taken: the start itself has enough to do."""
AGAIN = 3600.0
"""Seconds after which it is tried again when the disk took nothing."""


async def keep(
    journal: Journal, retention: float, *, clock: Callable[[], float] = time.time, first: float = FIRST
) -> None:
    """Delete what is older than `retention` days, once a day until cancelled; returns at once if that is 0: never."""
    pause = first
    while retention:
        await asyncio.sleep(pause)
        try:
            count = await journal.prune(clock() - retention * DAY)
        except JournalFailed as error:
            log.warning("journal.unpruned", extra={"reason": error.message})
            pause = AGAIN
        else:
            if count:
                log.info("journal.pruned", extra={"records": count, "older_than_days": retention})
            pause = DAY
