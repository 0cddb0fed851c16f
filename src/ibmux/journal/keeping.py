"""What becomes of old records: once a day the oldest go into archives, and the oldest archives go. Knows neither
settings nor what a record means.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ibmux.errors import JournalFailed
from ibmux.journal import months
from ibmux.journal.rotating import Archivist
from ibmux.journal.store import Journal

log = logging.getLogger(__name__)

DAY = 86_400.0
FIRST = 60.0
"""Seconds after the start at which the first look is taken: the start itself has enough to do."""
SLACK = 7 * DAY
"""Seconds that the journal may have been left alone, as far as the clock is believed: one that runs ahead would take
away what is young, and free its keys.
"""
AGAIN = 3600.0
"""Seconds after which it is tried again when the disk took nothing."""


async def keep(
    journal: Journal,
    retention: float,
    *,
    archive: bool = False,
    keep_archives: float = 0.0,
    clock: Callable[[], float] = time.time,
    first: float = FIRST,
) -> None:
    """Once a day until cancelled; returns at once if there is never anything to do.

    Args:
        journal: it is open.
        retention: days after which finished orders leave the journal; 0: never.
        archive: copy them into the archive of their month before.
        keep_archives: days after the end of its month at which an archive is deleted; 0: never.
        clock: gives the time, seconds UTC.
        first: seconds until the first look.
    """
    pause, began, left_at = first, time.monotonic(), journal.left_at or clock()
    while retention or keep_archives:
        await asyncio.sleep(pause)
        now = _believed(clock(), left_at + time.monotonic() - began + SLACK)
        # The archives first: it is they that may make room.
        is_done = not keep_archives or await _expire(journal, keep_archives, now - keep_archives * DAY)
        if retention:
            is_done &= await _retain(journal, retention, now - retention * DAY, archive=archive)
        pause = DAY if is_done else AGAIN


def _believed(now: float, latest: float) -> float:
    """What the clock says, but not more than `latest`. After a longer pause that takes away less at first than may go;
    the next start knows better, by what was written meanwhile.
    """
    if now > latest:
        log.warning("journal.clock_ahead", extra={"days": round((now - latest) / DAY, 1)})
    return min(now, latest)


async def _retain(journal: Journal, retention: float, before: float, *, archive: bool) -> bool:
    """Whether all that is older has left the journal."""
    try:
        if archive:
            async with Archivist(journal.path) as archivist:
                count = await journal.prune(before, archivist.copy)
        else:
            count = await journal.prune(before)
    except JournalFailed as error:
        log.warning("journal.unpruned", extra={"reason": error.message, "advice": error.advice})
        return False
    if count:
        log.info("journal.pruned", extra={"records": count, "older_than_days": retention, "archived": archive})
    return True


async def _expire(journal: Journal, keep_archives: float, before: float) -> bool:
    """Whether all archives that are older are gone."""
    try:
        gone = await asyncio.to_thread(months.expire, journal.path, before)
    except JournalFailed as error:
        log.warning("journal.archives_stay", extra={"reason": error.message, "advice": error.advice})
        return False
    if gone:
        names = [path.name for path in gone]
        log.info("journal.archives_deleted", extra={"archives": names, "older_than_days": keep_archives})
    return True
