"""One market-data line as scripts see it: its contract, its topics, the number of its next tick. Plain data."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ibmux import topics
from ibmux.core.leases import Generics
from ibmux.messages.contracts import Contract


@dataclass(slots=True)
class Line:
    """One open line: its contract, its topics, the number of its next tick, and the timer of its next quote."""

    contract: Contract
    tick_topic: str
    quote_topic: str
    generics: Generics = frozenset()
    ready: bool = False
    seq: int = 0
    timer: asyncio.TimerHandle | None = None
    dirty: bool = False


def new_line(gateway: str, contract: Contract) -> Line:
    """A line that is about to be opened."""
    return Line(contract, topics.tick(gateway, contract.conId), topics.quote(gateway, contract.conId))
