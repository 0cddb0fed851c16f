"""What messages of market data brought, as the ticks that ib_async's tickers show: made only when somebody looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from ibmux.client.marketdata import (
    MktDepthData,
    TickAttribBidAsk,
    TickAttribLast,
    TickByTickAllLast,
    TickByTickBidAsk,
    TickByTickMidPoint,
    TickData,
)
from ibmux.messages.depth import CLEAR

Batch = tuple[str, float, list[Any]]
"""What a message brought: its kind, its time (seconds UTC), its items as they came."""
QUOTED, CHANGED = "ticks", "depth"
"""The kinds that are no tick-by-tick data: quotes, and changes of a book."""


def show(batches: Iterable[Batch], where: str) -> list[Any]:
    """The items of some messages that are shown in a ticker's `ticks`, `tickByTicks` or `domTicks`."""
    items: list[Any] = []
    for kind, time, rows in batches:
        shown, make = _MAKERS[kind]
        if shown == where and rows:
            moment = dt.datetime.fromtimestamp(time, dt.UTC)
            items += [item for row in rows if (item := make(moment, row)) is not None]
    return items


def _trade(kind: int) -> Callable[[dt.datetime, Any], TickByTickAllLast]:
    def make(moment: dt.datetime, row: Any) -> TickByTickAllLast:
        _, price, size, past, unreported, exchange, conditions = row
        return TickByTickAllLast(kind, moment, price, size, TickAttribLast(past, unreported), exchange, conditions)

    return make


def _bid_ask(moment: dt.datetime, row: Any) -> TickByTickBidAsk:
    _, bid, ask, bid_size, ask_size, past_low, past_high = row
    return TickByTickBidAsk(moment, bid, ask, bid_size, ask_size, TickAttribBidAsk(past_low, past_high))


def _change(moment: dt.datetime, row: Any) -> MktDepthData | None:
    return None if row[2] == CLEAR else MktDepthData(moment, *row)


_MAKERS: dict[str, tuple[str, Callable[[dt.datetime, Any], Any]]] = {
    QUOTED: ("ticks", lambda moment, row: TickData(moment, *row)),
    CHANGED: ("domTicks", _change),
    "last": ("tickByTicks", _trade(1)),
    "alllast": ("tickByTicks", _trade(2)),
    "bidask": ("tickByTicks", _bid_ask),
    "midpoint": ("tickByTicks", lambda moment, row: TickByTickMidPoint(moment, row[1])),
}
"""Where the items of a message are shown, and how one is made."""
