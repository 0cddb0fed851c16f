"""When an order trades and at what price: pure decisions from an order and a quote.

A market order takes the other side of the book; a limit order trades when the other side reaches its limit; stops wait
for their trigger. Nothing here changes an order but for the level of a trailing stop, which it returns.
"""

from __future__ import annotations

from math import ceil, floor

from ibmux.sim.orders import STOPS, TOUCHES, BookOrder, OrderSpec
from ibmux.sim.prices import Quote

BY_LAST = frozenset({"STK", "FUT"})


def far_side(spec: OrderSpec, quote: Quote) -> float | None:
    """The price at which the order could trade at once; None where nobody is on the other side."""
    price = quote.ask if spec.sign > 0 else quote.bid
    return price if price > 0 else None


def trigger_price(order: BookOrder, quote: Quote) -> float:
    """The price that a stop watches: the last trade of shares and futures, else the side that it would sell or buy at.

    (IB's default trigger methods.)
    """
    if order.contract.secType in BY_LAST:
        return quote.last
    return quote.ask if order.spec.sign > 0 else quote.bid


def trail(order: BookOrder, quote: Quote) -> float:
    """Where a trailing stop stands now: it follows the market on the good side and never goes back."""
    spec, market = order.spec, trigger_price(order, quote)
    distance = market * spec.trailingPercent / 100 if spec.trailingPercent else spec.auxPrice or 0.0
    level = market + spec.sign * distance
    known = order.stop if order.stop is not None else spec.trailStopPrice
    best = level if known is None else min(known, level) if spec.sign > 0 else max(known, level)
    return round(round(best / quote.minTick) * quote.minTick, 8)


def is_triggered(order: BookOrder, quote: Quote) -> bool:
    """Whether a stop (or a touch) begins to work at the present price."""
    spec, market = order.spec, trigger_price(order, quote)
    if market <= 0:
        return False
    if spec.orderType in TOUCHES:  # a touch buys when the price falls to it
        return (market - (spec.auxPrice or 0.0)) * spec.sign <= 0
    level = order.stop if order.stop is not None else spec.auxPrice or 0.0
    return (market - level) * spec.sign >= 0


def waits_for_trigger(order: BookOrder) -> bool:
    """Whether the order is a stop or touch whose price has not been met."""
    return not order.triggered and order.spec.orderType in STOPS | TOUCHES


def limit_of(order: BookOrder) -> float | None:
    """The worst price that the order accepts; None for any price."""
    spec = order.spec
    if spec.orderType in {"LMT", "STP LMT", "LOC", "LOO", "LIT", "MIDPRICE"}:
        return spec.lmtPrice or None
    if spec.orderType == "TRAIL LIMIT" and order.stop is not None:
        return spec.lmtPrice or order.stop
    return None


def trade_price(order: BookOrder, quote: Quote) -> float | None:
    """The price at which the order trades now, never worse than its limit; None if it does not."""
    spec, limit = order.spec, limit_of(order)
    if spec.auction:
        price: float | None = quote.last if order.contract.secType in BY_LAST else far_side(spec, quote)
    elif spec.orderType == "MIDPRICE":
        price = _middle(spec, quote)
    else:
        price = far_side(spec, quote)
    if price is None or (limit is not None and (price - limit) * spec.sign > 1e-9):
        return None
    return price


def _middle(spec: OrderSpec, quote: Quote) -> float | None:
    """The middle of the book on a tick, rounded to the order's disadvantage."""
    if quote.bid <= 0:
        return None
    ticks = round(quote.mid / quote.minTick, 6)
    whole = ceil(ticks) if spec.sign > 0 else floor(ticks)
    return round(whole * quote.minTick, 8)
