"""The warnings with which a gateway takes an order: their codes and texts. Whether one is due is decided here, too.

Codes 399, 404, 2109 and 10349 never end an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from ibmux.sim.events import Event, OpenOrder, OrderError
from ibmux.sim.instants import instant_text
from ibmux.sim.orders import timing
from ibmux.sim.orders.order import BookOrder

ODD_LOT = Decimal(20_000)
"""Below this size, orders for currency pairs do not reach IdealPro's book."""
OUTSIDE = (
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order type and "
    "destination. PlaceOrder is now being processed."
)
SHORT = (
    "Shares for this order are not immediately available for short sale. The order will be held while we attempt to "
    "locate the shares."
)
PRESET = "Order TIF was set to DAY based on order preset."


def _warn(order: BookOrder, code: int, text: str) -> OrderError:
    return OrderError(order.clientId, order.orderId, code, text)


def _place(order: BookOrder) -> str:
    """How warnings name the market: a share's exchange, with the tier that Nasdaq has; else the contract's own name."""
    contract = order.contract
    if contract.secType != "STK" or not contract.primaryExchange:
        return order.details.marketName
    tiered = contract.primaryExchange == "NASDAQ"
    return f"{contract.primaryExchange}.{contract.tradingClass}" if tiered else contract.primaryExchange


def _message(order: BookOrder, warning: str) -> OrderError:
    size = f"{Decimal(order.total).normalize():f}"
    head = f"Order Message:\n{order.spec.action} {size} {order.contract.symbol} {_place(order)}"
    return _warn(order, 399, f"{head}\nWarning: {warning}")


def closed(order: BookOrder, now: float) -> OrderError:
    """The market is closed; tells when the order goes to the exchange (399)."""
    day, rest = instant_text(timing.next_open(order, now), order.details.timeZoneId).split(" ", 1)
    opening = f"{day[:4]}-{day[4:6]}-{day[6:]} {rest}"
    return _message(order, f"your order will not be placed at the exchange until {opening}")


def short(order: BookOrder) -> OrderError:
    """The shares to sell have to be found first (404)."""
    return _warn(order, 404, SHORT)


def preset(order: BookOrder) -> OrderError:
    """The order named no time in force (10349)."""
    return _warn(order, 10349, PRESET)


def introduce(order: BookOrder, told: Sequence[Event]) -> list[Event]:
    """The messages of an order that has just been taken: its warnings first, the first openOrder marked as such."""
    first = next((place for place, event in enumerate(told) if isinstance(event, OpenOrder)), None)
    marked = [
        replace(event, fresh=True) if place == first and isinstance(event, OpenOrder) and not order.waiting else event
        for place, event in enumerate(told)
    ]
    return [*taken(order), *marked]


def taken(order: BookOrder) -> list[OrderError]:
    """The warnings that are due when the order is taken, whatever the hour."""
    found = []
    if timing.ignores_outside(order.spec, order.details):
        found.append(_warn(order, 2109, OUTSIDE))
    contract = order.contract
    if contract.secType == "CASH" and contract.exchange == "IDEALPRO" and order.total < ODD_LOT:
        least = f"{contract.symbol} {ODD_LOT}"
        found.append(
            _message(
                order, f"Your order size is below the {least} IdealPro minimum and will be routed as an odd lot order."
            )
        )
    return found
