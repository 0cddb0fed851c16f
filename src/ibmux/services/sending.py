"""What every new instruction to trade needs on its way out, be it an order or an exercise: a key, and certainty about
what was not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ibmux.core.entry import Change, Entry, describe
from ibmux.core.orderbook import OrderBook
from ibmux.errors import IbmuxError, KeyConflict, RequestError
from ibmux.services.caller import Caller
from ibmux.services.orderfeed import OrderFeed


def make_key(book: OrderBook, caller: Caller, number: int = 0) -> str:
    """A key for the request's instruction of this number, which came without one: from its correlation data, so that
    no repeated message is a new one.

    Raises:
        RequestError: there is none to make it from.
        KeyConflict: correlation data that were used before: a repeated message, or a script that uses them twice.
    """
    if not caller.correlation:
        raise RequestError("An order or exercise needs a key, or correlation data of its own.", outcome="not_sent")
    key = f"{caller.instance}-{caller.correlation.hex()}-{number}"
    known = book.find(caller.script, key)
    if known is not None:
        raise KeyConflict(
            f"These correlation data were used before, for {describe(known.trade.contract, known.trade.order)} "
            f"({known.trade.orderStatus.status}); nothing was sent now.",
            hint=f"`orderStatus` with key {key!r} shows that order; give each order a key of its own.",
        )
    return key


@contextmanager
def sending(feed: OrderFeed, entry: Entry) -> Iterator[None]:
    """Around the sending of a new entry: sent, it is published; what certainly was not sent is forgotten, its key is
    free again, and the error says so.
    """
    what = describe(entry.trade.contract, entry.trade.order)
    try:
        yield
    except IbmuxError as error:
        if error.fate == "unknown":
            raise
        feed.forget(entry, "ApiCancelled" if entry.unsent else "Inactive")
        raise error.worded(f"{what} was not sent: {error.message}", "not_sent") from error
    except asyncio.CancelledError:
        if entry.waiting:
            feed.forget(entry)
        raise
    feed.publish(Change(entry, "order"))
