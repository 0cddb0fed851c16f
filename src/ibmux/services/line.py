"""One market-data line as scripts see it: a shared stream with the topics and the timer of its quote. Plain data."""

from __future__ import annotations

import asyncio

from ibmux import topics
from ibmux.messages.contracts import Contract
from ibmux.services.leased import ContractStream


class Line(ContractStream):
    """One open line: its topics, the timer of its next quote, whether ticks came since the last one, and whether its
    readers know that it may be old.
    """

    __slots__ = ("dirty", "quote_topic", "stale", "tick_topic", "timer")

    def __init__(self, gateway: str, contract: Contract) -> None:
        super().__init__(contract)
        self.tick_topic = topics.tick(gateway, contract.conId)
        self.quote_topic = topics.quote(gateway, contract.conId)
        self.timer: asyncio.TimerHandle | None = None
        self.dirty = self.stale = False
