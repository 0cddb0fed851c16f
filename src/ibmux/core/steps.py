"""Steps in the life of an order: which state may follow which, and what is noted of it. Pure."""

from __future__ import annotations

import datetime as dt

from ibmux.core.entry import Entry
from ibmux.messages.trades import DONE, TradeLogEntry

_REVIVABLE = frozenset({"Inactive"})
ENDS = DONE - _REVIVABLE
"""States that no other one follows."""
ACKNOWLEDGED = frozenset({"PreSubmitted", "Submitted", "PendingCancel", "Filled", "ApiCancelled"})
"""Order states that mean that the gateway took the order. `Inactive` and `Cancelled` do not: gateways refuse with
either, and the error that says why may follow.
"""
_LOGGED = 200
"""Steps of an order's log; past it the oldest but the first goes."""


def may_become(entry: Entry, status: str) -> bool:
    """A finished order stays finished, whatever late message comes."""
    known = entry.trade.orderStatus.status
    return known not in DONE or known in _REVIVABLE or status == known


def become(entry: Entry, status: str, now: dt.datetime, message: str = "", code: int = 0) -> None:
    """The order is in this state; what only repeats the last step is not noted again."""
    trade, log = entry.trade, entry.trade.log
    last = log[-1] if log else None
    repeated = last is not None and not code and (last.status, last.message) == (status, message)
    if not repeated and (status != trade.orderStatus.status or message or last is None or last.status != status):
        # A clock may be set back, and an execution has the gateway's; steps are known by their order in time.
        log.append(TradeLogEntry(now if last is None else max(now, last.time), status, message, code))
        del log[1 : max(1, len(log) - _LOGGED + 1)]
    trade.orderStatus.status = status
    entry.acknowledged = entry.acknowledged or status in ACKNOWLEDGED
