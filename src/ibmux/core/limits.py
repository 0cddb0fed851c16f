"""Bounds that an order must keep before it may leave the proxy. Pure: settings, order and quote in, a refusal out.

What a day's orders may come to is `tally`'s to say, who may trade at all `risk`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ibmux.errors import LimitExceeded, RequestError
from ibmux.messages.combos import COMBO
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order

_ACTIONS = ("BUY", "SELL", "SSHORT", "SLONG")
"""`SLONG` sells what is owned but not delivered yet; institutions alone have it."""
STOPS = frozenset({"STP", "STP LMT", "STP PRT", "MIT", "LIT"})
"""Order types whose `auxPrice` is a price. Elsewhere it is an offset (TRAIL, REL, PEG ...), as IB's list of order
types says.
"""
LIMITS = frozenset({"LMT", "LOC", "LOO", "STP LMT", "LIT", "TRAIL LIMIT"})
"""Order types whose `lmtPrice` is always one; elsewhere (REL, MIDPRICE, PEG ...) 0 stands for none."""
NO_LIMITS = frozenset({"MKT", "MOC", "MOO", "MTL", "MKT PRT", "VOL", "BOX TOP", "STP", "STP PRT", "MIT", "TRAIL"})
"""Order types whose `lmtPrice` says nothing."""

_NUMBERS = ("totalQuantity", "lmtPrice", "auxPrice", "trailStopPrice", "cashQty")
"""What an order is worth comes from these: one that is no number would be below every limit."""


class Bounds(NamedTuple):
    """What one order may be: units, worth in the contract's currency, distance from the quote as a share; 0: any."""

    quantity: float = 0.0
    value: float = 0.0
    band: float = 0.0


def tightest(*values: float) -> float:
    """The smallest bound that is one; 0 means none."""
    return min((each for each in values if each), default=0.0)


def check_terms(order: Order) -> None:
    """Refuse what can only be a mistake.

    Raises:
        RequestError: the order cannot be meant like that.
    """
    if order.action not in _ACTIONS:
        raise _mistake(f"order.action is {order.action!r}; it must be BUY or SELL.")
    if order.whatIf:
        raise _mistake("order.whatIf is set: that is a question and no order.", "Ask with `whatIfOrder`.")
    if not order.orderType:
        raise _mistake("order.orderType is empty; say MKT, LMT, STP, MOC, ...")
    for name in _NUMBERS:
        number = getattr(order, name)
        if number is not None and not math.isfinite(number):
            raise _mistake(f"order.{name} is {number}; it must be a number.")
    if order.totalQuantity < 0 or not (order.totalQuantity or (order.cashQty or 0.0) > 0):
        raise _mistake(f"order.totalQuantity is {order.totalQuantity:g}; it must be above 0.")


def check_size(quantity: float, bound: float) -> None:
    """Refuse more units than an order may have (0: any number).

    Raises:
        LimitExceeded: it has.
    """
    if bound and quantity > bound:
        raise LimitExceeded(f"{quantity:g} is above the limit of {bound:g} per order.")


def check_value(value: float, bound: float) -> None:
    """Refuse an order that is worth more than one may be (0: any).

    Raises:
        LimitExceeded: it is.
    """
    if bound and value > bound:
        raise LimitExceeded(f"The order is worth {value:,.2f}, above the limit of {bound:,.2f} per order.")


def check_band(order: Order, reference: float, band: float) -> None:
    """Refuse a price that is farther from the quote than a share of it (0: any distance).

    Raises:
        LimitExceeded: it is; the message shows both.
    """
    for name, price in own_prices(order):
        away = abs(price - reference)
        if band and away > band * abs(reference):
            raise LimitExceeded(
                f"order.{name} is {price:g}; the last quote is {reference:g}: {away / abs(reference):.1%} away, "
                f"and {band:.1%} is allowed.",
                hint="Nothing was sent. Correct the price; `price_band` is in proxy.toml.",
            )


def has_band(contract: Contract, order: Order) -> bool:
    """Whether a price band says anything of the order: it names a price, and is no combination, whose price may be
    near 0 or below it.
    """
    return contract.secType != COMBO and bool(own_prices(order))


def own_prices(order: Order) -> list[tuple[str, float]]:
    """The prices that an order names, each with its field: limit, stop, and the stop that trails from now on."""
    kind = order.orderType.upper()
    found: list[tuple[str, float]] = []
    if order.lmtPrice is not None and (kind in LIMITS or (order.lmtPrice and kind not in NO_LIMITS)):
        found.append(("lmtPrice", order.lmtPrice))
    if order.auxPrice is not None and kind in STOPS:
        found.append(("auxPrice", order.auxPrice))
    if order.trailStopPrice is not None and kind.startswith("TRAIL"):
        found.append(("trailStopPrice", order.trailStopPrice))
    return found


def multiplier(contract: Contract) -> float:
    """How many units one contract stands for.

    Raises:
        RequestError: it is no number.
    """
    try:
        number = float(contract.multiplier or 1.0) or 1.0
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise _mistake(f"contract.multiplier is {contract.multiplier!r}; it must be a number above 0.")
    return number


def order_value(contract: Contract, order: Order, reference: float = 0.0) -> float:
    """What the order is worth in the contract's currency: at the highest price that it names, without one at the
    `reference`; or the cash that it may spend.

    Raises:
        RequestError: the multiplier is no number.
    """
    price = max((abs(each) for _, each in own_prices(order)), default=abs(reference))
    return max(price * order.totalQuantity * multiplier(contract), order.cashQty or 0.0)


def is_unpriced(order: Order) -> bool:
    """Whether it takes a quote to know what the order is worth."""
    return not own_prices(order) and not order.cashQty


def reference_price(fields: Mapping[str, Any]) -> float:
    """The price of a quote to compare with: the last trade, brought between bid and ask; without one their middle, or
    the one of them that is there; else the close before. 0 if the quote has no price.
    """
    bid, ask, last, close = (_price(fields.get(name)) for name in ("bid", "ask", "last", "close"))
    if last:
        return min(max(last, bid), ask) if ask >= bid and ask else max(last, bid)
    if bid and ask:
        return (bid + ask) / 2
    return bid or ask or close


def _price(value: Any) -> float:
    """A price, 0 for none: gateways say -1 where there is none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else 0.0


def _mistake(message: str, hint: str | None = None) -> RequestError:
    return RequestError(message, hint=hint, outcome="not_sent")
