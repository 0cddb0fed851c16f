"""When an order trades and at what price: pure decisions from an order and a quote.

A market order takes the other side of the book; a limit order trades when the other side reaches its limit; a pegged
one when the market trades at its price; stops wait for their trigger. Every price lies between bid and ask. Nothing
here changes an order; the level of a trailing stop is returned.
"""

from __future__ import annotations

from math import ceil, floor

from ibmux.sim.orders.combos import ComboQuote
from ibmux.sim.orders.order import STOPS, TOUCHES, BookOrder, OrderSpec
from ibmux.sim.prices.quote import Quote

Book = Quote | ComboQuote
BY_LAST = frozenset({"STK", "FUT", "CFD", "CRYPTO", "BAG"})
LIMITED = frozenset({"LMT", "STP LMT", "LOC", "LOO", "LIT", "MIDPRICE", "REL", "PEG MKT", "PEG MID", "MTL"})


def far_side(spec: OrderSpec, quote: Book) -> float | None:
    """The price at which the order could trade at once; None where nobody is on the other side."""
    price = quote.ask if spec.sign > 0 else quote.bid
    if isinstance(quote, ComboQuote):
        return price if quote.valid else None
    return price if price > 0 else None


def near_side(spec: OrderSpec, quote: Book) -> float | None:
    """The best price on the order's own side; None where there is none."""
    price = quote.bid if spec.sign > 0 else quote.ask
    if isinstance(quote, ComboQuote):
        return price if quote.valid else None
    return price if price > 0 else None


def trigger_price(order: BookOrder, quote: Book) -> float:
    """The price that a stop watches (trigger methods of IBKR).

    By default the last trade of shares and futures, else the side that it would sell or buy at; 2 and 3: last, 4: the
    side, 8: midpoint.
    """
    method = order.spec.triggerMethod
    if method == 8:
        return quote.mid
    if method in {2, 3, 7} or (method == 0 and order.contract.secType in BY_LAST):
        return quote.last
    return quote.ask if order.spec.sign > 0 else quote.bid


def trail(order: BookOrder, quote: Book) -> float:
    """Where a trailing stop stands now: it follows the market on the good side and never goes back."""
    spec, market = order.spec, trigger_price(order, quote)
    distance = market * spec.trailingPercent / 100 if spec.trailingPercent else spec.auxPrice or 0.0
    level = market + spec.sign * distance
    known = order.stop if order.stop is not None else spec.trailStopPrice
    best = level if known is None else min(known, level) if spec.sign > 0 else max(known, level)
    return round(round(best / quote.minTick) * quote.minTick, 8)


def is_triggered(order: BookOrder, quote: Book) -> bool:
    """Whether a stop (or a touch) begins to work at the present price."""
    spec, market = order.spec, trigger_price(order, quote)
    if market <= 0 and not order.parts:
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
    spec, part = order.spec, order.component
    if part is not None:
        return part.limit
    if order.pegged is not None:
        return order.pegged
    if spec.orderType in LIMITED:
        limit = spec.lmtPrice if order.parts else spec.lmtPrice or None
        return None if limit is None else limit + spec.sign * spec.discretionaryAmt
    if spec.orderType == "TRAIL LIMIT" and order.stop is not None:
        return _trailing_limit(order, order.stop)
    return None


def _trailing_limit(order: BookOrder, stop: float) -> float:
    """The limit of a trailing stop: fixed, or at an offset from where the stop stands."""
    spec = order.spec
    if spec.lmtPriceOffset is not None:
        return stop + spec.sign * spec.lmtPriceOffset
    return spec.lmtPrice or stop


def trade_price(order: BookOrder, quote: Book) -> float | None:
    """The price at which the order trades now, never worse than its limit; None if it does not."""
    spec, limit = order.spec, limit_of(order)
    price = _wanted(order, quote)
    if price is None or (limit is not None and (price - limit) * spec.sign > 1e-9):
        return None
    return price


def _wanted(order: BookOrder, quote: Book) -> float | None:
    spec = order.spec
    if spec.auction:
        return auction_price(order, quote)
    match spec.orderType:
        case "MIDPRICE" | "PEG MID":
            return middle(spec, quote)
        case "REL":
            return _resting(spec, quote, near_side(spec, quote), offset_of(spec, quote))
        case "PEG MKT":
            return _resting(spec, quote, far_side(spec, quote), -offset_of(spec, quote))
    return far_side(spec, quote)


def auction_price(order: BookOrder, quote: Book) -> float | None:
    """The one price at which an auction trades both sides: the last trade, where it still lies inside the book."""
    far = far_side(order.spec, quote)
    if far is None or order.contract.secType not in BY_LAST:
        return far
    return min(max(quote.last, quote.bid), quote.ask)


def offset_of(spec: OrderSpec, quote: Book) -> float:
    """How much more than its reference price a pegged order offers, in money."""
    if spec.percentOffset:
        return quote.mid * spec.percentOffset
    return spec.auxPrice or 0.0


def _resting(spec: OrderSpec, quote: Book, reference: float | None, offset: float) -> float | None:
    """The price of an order that rests in the book, once the market has traded at it or through it."""
    far = far_side(spec, quote)
    if reference is None or far is None:
        return None
    price = on_grid(reference + spec.sign * offset, quote.minTick, spec.sign)
    near = quote.bid if spec.sign > 0 else quote.ask
    price = min(price, far) if spec.sign > 0 else max(price, far)
    reached = price == far or (quote.last - price) * spec.sign <= 0
    return price if reached and (price - near) * spec.sign >= 0 else None


def snapped(spec: OrderSpec, quote: Book) -> float | None:
    """The price at which a SNAP order is fixed when it begins to work; None where there is no market."""
    reference = {"SNAP MKT": far_side(spec, quote), "SNAP PRIM": near_side(spec, quote)}.get(spec.orderType)
    if spec.orderType == "SNAP MID":
        reference = middle(spec, quote)
    if reference is None:
        return None
    sign = 1 if spec.orderType == "SNAP PRIM" else -1
    return on_grid(reference + spec.sign * sign * (spec.auxPrice or 0.0), quote.minTick, spec.sign)


def middle(spec: OrderSpec, quote: Book) -> float | None:
    """The middle of the book on a tick, rounded to the order's disadvantage; None where a side is missing."""
    if far_side(spec, quote) is None or near_side(spec, quote) is None:
        return None
    return on_grid(quote.mid, quote.minTick, spec.sign)


def on_grid(price: float, tick: float, sign: int) -> float:
    """A price on the grid of ticks, rounded up for a purchase (`sign` 1) and down for a sale."""
    ticks = round(price / tick, 6)
    return round((ceil(ticks) if sign > 0 else floor(ticks)) * tick, 8)
