"""A simulated world on a hand-driven clock, for tests of the domain half: no sockets, no real time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Commission, Event, Execution, OrderError, OrderStatus
from ibmux.sim.orders.order import BookOrder, OrderSpec
from ibmux.sim.world import World, WorldSettings

MONDAY_NOON = 1_780_934_400.0  # 2026-06-08 16:00 UTC, 12:00 in New York
TICK = 0.025
Found = TypeVar("Found")


def share(symbol: str) -> Query:
    return Query(symbol=symbol, secType="STK", exchange="SMART", currency="USD")


AAPL = share("AAPL")
EURUSD = Query(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD")
ES = Query(symbol="ES", secType="FUT", exchange="CME", localSymbol="ESM6")


@dataclass
class Bench:
    """A world, its clock, and everything that has happened in it."""

    settings: WorldSettings = field(default_factory=lambda: WorldSettings(partial_share=0.0, status_first=0.0))
    now: float = MONDAY_NOON
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.settings, lambda: self.now)
        self.desk = self.world.desk

    def conId(self, query: Query) -> int:
        found = self.world.universe.find(query)
        assert found, query
        return found[0].contract.conId

    def quote(self, query: Query = AAPL) -> Any:
        return self.world.market.quote(self.conId(query))

    def place(self, action: str, quantity: Any, orderType: str, query: Query = AAPL, **more: Any) -> list[Event]:
        client = more.pop("clientId", 1)
        number = more.pop("orderId", None) or self.desk.next_id(client)
        spec = OrderSpec(
            orderId=number, clientId=client, action=action, totalQuantity=Decimal(quantity), orderType=orderType, **more
        )
        return self.keep(self.desk.place(spec, query, self.now))

    def cancel(self, orderId: int, clientId: int = 1) -> list[Event]:
        return self.keep(self.desk.cancel(clientId, orderId, self.now))

    def run(self, seconds: float, move: bool = True) -> list[Event]:
        """Let time pass in small ticks; `move`: the prices of contracts with open orders move meanwhile."""
        happened: list[Event] = []
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += TICK
            if move:
                for conId in self.desk.watched():
                    self.world.market.quote(conId).step()
            happened += self.world.advance(self.now)
        return self.keep(happened)

    def keep(self, events: list[Event]) -> list[Event]:
        self.events += events
        return events

    def order(self, orderId: int, clientId: int = 1) -> BookOrder:
        found = self.desk._book.get(clientId, orderId)
        assert found is not None
        return found


def of(events: Iterable[Event], kind: type[Found]) -> list[Found]:
    return [event for event in events if isinstance(event, kind)]


def statuses(events: Iterable[Event], orderId: int) -> list[str]:
    return [event.status for event in of(events, OrderStatus) if event.orderId == orderId]


def errors(events: Iterable[Event]) -> list[int]:
    return [event.code for event in of(events, OrderError)]


def names(events: Iterable[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def bought(events: Iterable[Event]) -> Decimal:
    sides = {"BOT": 1, "SLD": -1}
    return sum((event.shares * sides[event.side] for event in of(events, Execution)), Decimal(0))


def fees(events: Iterable[Event]) -> list[float]:
    return [event.commission for event in of(events, Commission)]
