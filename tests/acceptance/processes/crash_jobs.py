"""What traders do: orders that follow from seed, name and job number alone."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import ibmux
from ibmux.messages.orders import Order
from ibmux.messages.trading import OrderTicket

CONTRACTS = tuple(
    ibmux.Contract("STK", number, symbol, exchange="SMART", currency="USD")
    for symbol, number in (("AAPL", 265598), ("MSFT", 272093))
)


class Job(NamedTuple):
    """One to three orders that belong together; `cancels`: whether they are ended by hand."""

    number: int
    tickets: list[OrderTicket]
    change: float
    cancels: bool

    @property
    def keys(self) -> list[str]:
        """Of its orders."""
        return [ticket.key for ticket in self.tickets]


def make_job(seed: str, name: str, number: int) -> Job:
    """The job of this number, always the same."""
    chance = random.Random(f"{seed}:{name}:{number}")
    side = chance.choice(("BUY", "SELL"))
    other = "SELL" if side == "BUY" else "BUY"
    near, far = (2000.0, 1.0) if side == "BUY" else (1.0, 5000.0)
    common: dict[str, Any] = {
        "totalQuantity": float(chance.randint(2, 9)),
        "account": chance.choice(("DU1000001", "DU1000002")),
    }
    key = f"{name}-{number}"
    fills = chance.random() < 0.5

    def limit(action: str, price: float, **more: Any) -> Order:
        return Order(action=action, orderType="LMT", lmtPrice=price, **common, **more)

    orders: list[Order]
    match chance.choices(("MKT", "LMT", "bracket", "pair"), (3, 6, 2, 2))[0]:
        case "MKT":
            fills, orders = True, [Order(action=side, orderType="MKT", **common)]
        case "LMT":
            orders = [limit(side, near if fills else far)]
        case "bracket":
            profit, loss = (5000.0, 1.0) if side == "BUY" else (1.0, 5000.0)
            stop = Order(action=other, orderType="STP", auxPrice=loss, **common)
            orders = [
                limit(side, near if fills else far, transmit=False), limit(other, profit, transmit=False), stop
            ]  # fmt: skip
        case _:
            group: dict[str, Any] = {"ocaGroup": key, "ocaType": 1}
            orders = [limit(side, far, **group), limit(side, near if fills else far, **group)]
    contract = chance.choice(CONTRACTS)
    is_bracket = len(orders) == 3
    tickets = [
        OrderTicket(contract, each, f"{key}-{leg}", f"{key}-0" if is_bracket and leg else "")
        for leg, each in enumerate(orders)
    ]
    change = common["totalQuantity"] + 1 if len(orders) == 1 and not fills and chance.random() < 0.5 else 0.0
    return Job(number, tickets, change, is_bracket or not fills)
