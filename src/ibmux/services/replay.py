"""What scripts missed, from the journal: every order event and fill once more, in order, under its number."""

from __future__ import annotations

import asyncio

from ibmux.errors import RequestError
from ibmux.journal import TOLD, Filter, Journal, Record
from ibmux.messages import decode
from ibmux.messages.trading import FillEvent, OrderEvent, Replay, Replayed, ReplayPage
from ibmux.services.caller import Caller, Handler

MOST = 1000
"""Events in one page."""
PATIENCE = 5.0
"""Seconds that the disk has for what happened just before; then the script is told, and looks at its orders instead."""
PAGE_BYTES = 400_000
"""A page ends above this size, so that it fits into a packet."""


class Replays:
    """The past of one gateway's orders."""

    def __init__(self, journal: Journal, gateway: str) -> None:
        self.journal = journal
        self.gateway = gateway

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"replay": self.replay}

    async def replay(self, caller: Caller, request: Replay) -> ReplayPage:
        """Events with numbers above the one that is asked from; none that happened before the question is missing.

        Raises:
            RequestError: the limit is below 1.
            JournalFailed: the journal cannot be read, or the disk has not taken yet what happened.
        """
        if request.since < 0:
            return ReplayPage(seq=self.journal.last_seq, oldest=self.journal.oldest)
        if request.limit < 1:
            raise RequestError(f"limit is {request.limit}; it must be from 1 to {MOST}.")
        if self.journal.waiting:
            await self.journal.settle(min(caller.deadline, asyncio.get_running_loop().time() + PATIENCE))
        now, limit = self.journal.last_seq, min(request.limit, MOST)
        wanted = Filter(gateway=self.gateway, script="" if request.all else caller.script, kinds=TOLD)
        found = await self.journal.read(request.since, limit, wanted)
        fitting = _fitting(found)
        more = len(found) == limit or len(fitting) < len(found)
        seq = fitting[-1].seq if more else max([now, *(record.seq for record in fitting[-1:])])
        events = [_event(record) for record in fitting if record.body]
        return ReplayPage(events, seq, more, self.journal.oldest)


def _fitting(records: list[Record]) -> list[Record]:
    """As many as one page takes; at least one."""
    room = PAGE_BYTES
    for count, record in enumerate(records):
        room -= len(record.body)
        if room < 0:
            return records[: max(1, count)]
    return records


def _event(record: Record) -> Replayed:
    if record.kind in ("fill", "commission"):
        fill: FillEvent = decode(record.body, FillEvent)
        fill.seq, fill.time = record.seq, record.time
        return Replayed(fill=fill)
    order: OrderEvent = decode(record.body, OrderEvent)
    order.seq = record.seq
    return Replayed(order=order)
