"""What a script asks and hears about its orders: lists, single orders, executions, streams of events."""

from __future__ import annotations

from typing import Any

from ibmux.client.events import Stream
from ibmux.client.foreign import adapt, to_contract
from ibmux.client.groups import Groups
from ibmux.client.trades import Trade
from ibmux.messages import trades as wire
from ibmux.messages.trades import Execution, Fill, OrderState
from ibmux.messages.trading import ExecutionFilter

NEVER_DROPPED = 65_536
"""Events that a script may fall behind before its stream ends with an error: nothing is lost unseen."""


class Reports(Groups):
    """Questions about orders and executions. Own trades are always the same live objects, those of others snapshots."""

    # -- asking -----------------------------------------------------------------------------------------------------

    async def trades(self, all: bool = False) -> list[Trade]:
        """This script's orders of the session, finished ones too; with `all` everybody's."""
        return self._merge(await self._ask("trades", all=all))

    async def openTrades(self, all: bool = False) -> list[Trade]:
        """This script's orders that are not finished; with `all` everybody's."""
        return self._merge(await self._ask("openTrades", all=all))

    async def orders(self, all: bool = False) -> list[Any]:
        """The orders of `trades`."""
        return [trade.order for trade in await self.trades(all)]

    async def openOrders(self, all: bool = False) -> list[Any]:
        """The orders of `openTrades`."""
        return [trade.order for trade in await self.openTrades(all)]

    async def reqOpenOrders(self, all: bool = False) -> list[Trade]:
        """Have the gateway list the open orders of the proxy's own clientId again."""
        return self._merge(await self._ask("reqOpenOrders", all=all))

    async def reqAllOpenOrders(self) -> list[Trade]:
        """Have the gateway list the open orders of all clients and of TWS itself."""
        return self._merge(await self._ask("reqAllOpenOrders"))

    async def reqCompletedOrders(self, apiOnly: bool = False) -> list[Trade]:
        """Have the gateway list the finished orders of the day."""
        return self._merge(await self._ask("reqCompletedOrders", apiOnly=apiOnly))

    async def orderStatus(self, key: str | Any, *, timeout: float | None = None) -> Trade:
        """One order as it stands: by key, order object or trade.

        Raises:
            OrderNotFound: no such order.
        """
        return self._book.merge(await self._ask("orderStatus", timeout, **self._name(key)))

    async def fills(self, all: bool = False) -> list[Fill]:
        """Executions known to the proxy: this script's, or with `all` everybody's."""
        return list(await self._ask("fills", all=all))

    async def executions(self, all: bool = False) -> list[Execution]:
        """The executions of `fills`."""
        return [fill.execution for fill in await self.fills(all)]

    async def reqExecutions(self, execFilter: Any = None) -> list[Fill]:
        """Have the gateway list the executions since midnight (its own time zone), of all scripts."""
        chosen = adapt(execFilter, ExecutionFilter) if execFilter is not None else None
        return list(await self._ask("reqExecutions", execFilter=chosen))

    async def whatIfOrder(self, contract: object, order: Any) -> OrderState:
        """Margin and commission of an order, without placing it; the order is not changed."""
        result: OrderState = await self._ask("whatIfOrder", contract=to_contract(contract), order=self._wire(order)[0])
        return result

    async def reqGlobalCancel(self) -> bool:
        """Cancel every open order of the login, by whomever placed (`admin`)."""
        return bool(await self._ask("reqGlobalCancel"))

    # -- streams ----------------------------------------------------------------------------------------------------

    def orderEvents(self) -> Stream[Trade]:
        """This script's trades at each change from now on; nothing is dropped (see `Busy`)."""
        return self.orderStatusEvent.stream(NEVER_DROPPED, "fail")

    def fillEvents(self) -> Stream[Fill]:
        """This script's executions from now on; nothing is dropped (see `Busy`)."""
        return self.execDetailsEvent.stream(NEVER_DROPPED, "fail", lambda _trade, fill: fill)

    whatIfOrderAsync = whatIfOrder
    reqOpenOrdersAsync = reqOpenOrders
    reqAllOpenOrdersAsync = reqAllOpenOrders
    reqCompletedOrdersAsync = reqCompletedOrders
    reqExecutionsAsync = reqExecutions

    def _merge(self, replies: list[wire.Trade]) -> list[Trade]:
        return [self._book.merge(reply, live=False) for reply in replies]
