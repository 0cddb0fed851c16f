"""Lists of orders and fills: from the book, or asked of the gateway again. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ibmux.core import recovery, reference
from ibmux.messages import encode
from ibmux.messages.trades import Fill, Trade
from ibmux.messages.trading import (
    ExecutionFilter,
    Fills,
    OpenOrders,
    OpenTrades,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    Trades,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights
from ibmux.services.orderfeed import OrderFeed
from ibmux.topics import EXTERNAL

if TYPE_CHECKING:
    from ibmux.session import Session


class OrderLists:
    """Who ordered what: a script's own by default, everybody's on request."""

    def __init__(self, session: Session, feed: OrderFeed, flights: Flights) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.flights = flights

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "openTrades": self.open_trades,
            "trades": self.trades,
            "openOrders": self.open_orders,
            "reqOpenOrders": self.open_orders,
            "reqAllOpenOrders": self.all_open_orders,
            "reqCompletedOrders": self.completed_orders,
            "fills": self.fills,
            "executions": self.fills,
            "reqExecutions": self.executions,
        }

    def open_trades(self, caller: Caller, request: OpenTrades | OpenOrders) -> list[Trade]:
        """Unfinished orders, from the book."""
        return [trade for trade in self._trades(caller, request.all) if not trade.isDone()]

    def trades(self, caller: Caller, request: Trades) -> list[Trade]:
        """All orders of this session, from the book."""
        return self._trades(caller, request.all)

    def fills(self, caller: Caller, request: Fills) -> list[Fill]:
        """Executions, from the book."""
        newest = (fill for fill in self.book.fills.values() if not self.book.executions.is_corrected(fill))
        return [fill for fill in newest if request.all or fill.script == caller.script]

    async def open_orders(self, caller: Caller, request: OpenOrders) -> list[Trade]:
        """The gateway repeats its open orders; they pass through the book, which then answers."""
        await self.flights.join(
            caller, ("openOrders",), lambda deadline: self.session.open_orders(deadline=deadline, script=caller.script)
        )
        return self.open_trades(caller, request)

    async def all_open_orders(self, caller: Caller, _request: ReqAllOpenOrders) -> list[Trade]:
        """Open orders of every client and of TWS itself, with the script's name where it is one of ours."""
        trades = await self.flights.join(
            caller, ("allOpenOrders",), lambda deadline: self._ask_all_open(deadline, caller.script)
        )
        return [self._named(trade) for trade in trades]

    async def _ask_all_open(self, deadline: float, script: str) -> list[Trade]:
        """The gateway's list; what other clients had open before and is not on it has ended, unseen by us. Scripts of
        ours are told, whose orders were placed when the session had another clientId.
        """
        before = [each for each in self.book.working() if each.address[0] != self.session.client_id]
        trades = await self.session.all_open_orders(deadline=deadline, script=script)
        open_now = {trade.order.permId for trade in trades}
        for entry in before:
            if entry.done or entry.trade.order.permId in open_now:
                continue
            if entry.script == EXTERNAL:
                self.feed.lose(entry)
            elif recovery.is_of(entry, self.session.accounts):
                self.feed.end_unseen(entry, recovery.IS_OVER)
        return trades

    async def completed_orders(self, caller: Caller, request: ReqCompletedOrders) -> list[Trade]:
        """Finished orders of the day."""
        trades = await self.flights.join(
            caller,
            ("completedOrders", request.apiOnly),
            lambda deadline: self.session.completed_orders(request.apiOnly, deadline=deadline, script=caller.script),
        )
        return [self._named(trade) for trade in trades]

    async def executions(self, caller: Caller, request: ReqExecutions) -> list[Fill]:
        """Executions since midnight."""
        wanted = request.execFilter or ExecutionFilter()
        fills = await self.flights.join(
            caller,
            ("executions", encode(wanted)),
            lambda deadline: self.session.executions(wanted, deadline=deadline, script=caller.script),
        )
        return [self.book.fills.get(fill.execution.execId, fill) for fill in fills]

    def _trades(self, caller: Caller, everybody: bool) -> list[Trade]:
        return [entry.trade for entry in self.book if everybody or entry.script == caller.script]

    def _named(self, trade: Trade) -> Trade:
        """The trade with its owner's name; a new one, since everybody who asked at once has the same list."""
        entry = self.book.find("", perm_id=trade.order.permId)
        mark = reference.read(trade.order.orderRef)
        client = trade.order.clientId if trade.order.orderId else self.session.client_id  # finished ones do not say
        owner, name = self.book.index.owner(mark, client, trade.order.permId, trade.order.orderId)
        if entry is not None:
            owner, name = entry.script, entry.key
        return replace(trade, order=replace(trade.order, orderRef=mark.text), script=owner, key=name)
