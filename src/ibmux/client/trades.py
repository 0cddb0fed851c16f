"""Live trades: an order, how it stands and what was executed, in objects that change in place.

Knows nothing of requests. `Trade` is what scripts hold; `Book` keeps one per order and lays what the proxy says over
it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Coroutine
from typing import Any, cast

from ibmux.client.endings import ended, has_reached, pending
from ibmux.client.events import Event, Owner
from ibmux.errors import ConnectionLost, IbmuxError, RequestError
from ibmux.messages import trades as wire
from ibmux.messages.orders import Order
from ibmux.messages.trades import ACTIVE, DONE, EPOCH, CommissionReport, Fill, OrderStatus, TradeLogEntry, is_of_order

EVENTS = (
    "statusEvent", "modifyEvent", "fillEvent", "commissionReportEvent", "filledEvent", "cancelEvent", "cancelledEvent",
)  # fmt: skip
FINAL = DONE - {"Inactive"}
"""States that no later report changes; an inactive order may come to life in TWS."""
TELLING = ("status", "filled", "remaining", "avgFillPrice", "whyHeld")
"""What of a status is worth an event."""
FOLLOWED = ("totalQuantity", "lmtPrice", "auxPrice", "trailStopPrice")
"""What of a script's own order follows a change made elsewhere; what the script left unset stays unset."""


class Trade:
    """An order with all that is known of it; it changes in place.

    Events, as in ib_async: `statusEvent(trade)`, `modifyEvent(trade)`, `fillEvent(trade, fill)`, `filledEvent(trade)`,
    `commissionReportEvent(trade, fill, report)`, `cancelEvent(trade)`, `cancelledEvent(trade)`.

    Attributes:
        contract, order: the script's own objects where it placed the order, of whatever library.
        orderStatus: how it stands; its `orderId` is the gateway's, while `order.orderId` is this client's own.
        key: the idempotency key; the same key never becomes two orders.
        script: who placed it; `external` where no script of ibmux did.
        followed: whether it changes; another script's is a snapshot.
    """

    def __init__(self, contract: Any, order: Any, key: str, script: str, owner: Owner | None = None) -> None:
        self.contract = contract
        self.order = order
        self.orderStatus = OrderStatus()
        self.fills: list[Fill] = []
        self.log: list[TradeLogEntry] = []
        self.advancedError = ""
        self.key = key
        self.script = script
        self.statusEvent, self.modifyEvent, self.fillEvent, self.commissionReportEvent = (
            Event(name, owner) for name in EVENTS[:4]
        )
        self.filledEvent, self.cancelEvent, self.cancelledEvent = (Event(name, owner) for name in EVENTS[4:])
        self._owner = owner
        self.sent: Order | None = None
        self.as_of = EPOCH
        self.followed = True
        self._lost = ""
        self._changed: asyncio.Event = asyncio.Event()

    def isDone(self) -> bool:
        """Whether the order is finished: filled, cancelled or refused."""
        return self.orderStatus.status in DONE

    def isActive(self) -> bool:
        """Whether the order may still be executed."""
        return self.orderStatus.status in ACTIVE

    def filled(self) -> float:
        """Units executed so far, from the executions alone; legs of a combination, and what an exercised option
        delivered, do not count.
        """
        kind = getattr(self.contract, "secType", "")
        return sum(fill.execution.shares for fill in self.fills if is_of_order(kind, fill))

    def remaining(self) -> float:
        """Units not yet executed."""
        return float(self.order.totalQuantity) - self.filled()

    def done(self, timeout: float | None = None) -> Coroutine[Any, Any, Trade]:
        """Wait until the order is finished; returns the trade: look at its status. `wait` raises if it ended otherwise.

        This method and the next two are awaited; with the client of `ibmux.sync` they are called without `await`.

        Raises:
            TimeoutError: it is not finished after `timeout` seconds.
            ConnectionLost: the client was closed first.
        """
        return self.wait_for(timeout=timeout)

    def wait_for(self, *statuses: str, timeout: float | None = None) -> Coroutine[Any, Any, Trade]:
        """Wait until the order has one of these statuses, or is finished; returns the trade: look at its status.

        Raises:
            TimeoutError: neither came within `timeout` seconds.
            ConnectionLost: the client was closed first.
        """
        return self._here(self._come_to(statuses, timeout))

    def wait(self, *statuses: str, timeout: float | None = None) -> Coroutine[Any, Any, Trade]:
        """Wait until the order has, had, or went beyond one of these statuses (none: `Filled`); returns the trade.

        Whatever came before the wait counts, and so does what comes while the connection is lost. `timeout` in
        seconds; without one the end of the order is the only bound.

        Raises:
            OrderRejected: the order was refused.
            OrderEnded: it ended otherwise, such as cancelled, or filled in part only.
            OrderPending: it works, and is not that far after `timeout` seconds; a TimeoutError too.
            OrderUnknown: as `OrderPending`, or not even acknowledged by then.
            ConnectionLost: the client was closed first.
        """
        return self._here(self._reach(statuses or ("Filled",), timeout))

    def _here(self, work: Coroutine[Any, Any, Trade]) -> Coroutine[Any, Any, Trade]:
        """To be awaited; in plain code waited for at once: forgotten, it would look like an order that is filled."""
        blocking = self._owner.blocking if self._owner is not None else None
        return work if blocking is None else cast("Coroutine[Any, Any, Trade]", blocking(work))

    async def _come_to(self, statuses: tuple[str, ...], timeout: float | None) -> Trade:
        async with asyncio.timeout(timeout):
            while not self.isDone() and self.orderStatus.status not in statuses:
                await self._next()
        return self

    async def _reach(self, wanted: tuple[str, ...], timeout: float | None) -> Trade:
        try:
            async with asyncio.timeout(timeout):
                while not has_reached(self, wanted):
                    if self.isDone():
                        raise ended(self, wanted)
                    await self._next()
        except TimeoutError as error:
            if isinstance(error, IbmuxError):
                raise
            raise pending(self, wanted, timeout or 0.0) from None
        return self

    async def _next(self) -> None:
        """Wait for the next change."""
        if not self.followed:
            raise RequestError(
                f"This is a snapshot of an order of {self.script}: it does not change.",
                hint="`ib.waitFor(trade, …)` looks again and again.",
            )
        if self._lost:
            raise ConnectionLost(f"Order {self.key!r} cannot be followed any more: {self._lost}.")
        self._changed.clear()
        await self._changed.wait()

    def note(self, message: str, code: int = 0) -> None:
        """Add a line to the trade's log."""
        self.log.append(TradeLogEntry(dt.datetime.now(dt.UTC), self.orderStatus.status, message, code))

    def wake(self) -> None:
        """Let those who wait look again."""
        self._changed.set()

    def lose(self, reason: str) -> None:
        """No more news of this order will come: whoever waits is told so."""
        self._lost = reason
        self._changed.set()

    def __repr__(self) -> str:
        return (
            f"Trade(key={self.key!r}, script={self.script!r}, contract={self.contract!r}, order={self.order!r}, "
            f"orderStatus={self.orderStatus!r}, fills={len(self.fills)})"
        )


def take_status(trade: Trade, fresh: OrderStatus) -> bool:
    """Lay a status over a trade's; whether it says anything new. An older one never undoes an end or an execution."""
    present = trade.orderStatus
    if not fresh.status or fresh.filled < present.filled:
        return False
    if present.status == "Inactive" and fresh.status == "PendingSubmit":
        return False  # the refusal was answered before the events of it came
    if present.status in FINAL and (fresh.status not in DONE or fresh.filled <= present.filled):
        return False
    news = any(getattr(present, name) != getattr(fresh, name) for name in TELLING)
    for name in fresh.__struct_fields__:
        setattr(present, name, getattr(fresh, name))
    return news


def take_order(trade: Trade, fresh: Order) -> None:
    """Follow the gateway's view of the order: wholly where the object is ours, else what the script did not change
    itself.
    """
    order, sent = trade.order, trade.sent
    if sent is None:
        for name in fresh.__struct_fields__:
            setattr(order, name, getattr(fresh, name))
        return
    order.permId = fresh.permId or order.permId
    order.clientId = fresh.clientId or order.clientId
    for name in FOLLOWED:
        was, now = getattr(sent, name), getattr(fresh, name)
        if was is not None and now is not None and now != was and getattr(order, name) == was:
            setattr(order, name, now)
            setattr(sent, name, now)


def find_fill(trade: Trade, execId: str) -> Fill | None:
    """The fill of this execution, if the trade has it."""
    return next((fill for fill in trade.fills if fill.execution.execId == execId), None)


def take_report(known: Fill, report: CommissionReport) -> bool:
    """Lay a commission over a fill; whether it is news."""
    if not report.execId or report == known.commissionReport:
        return False
    known.commissionReport = report
    return True


def take_log(trade: Trade, fresh: list[TradeLogEntry], slim: bool) -> bool:
    """Lay a log over a trade's, or add the one step that a slim trade tells; False if it is of before what is known.

    Replies overtake events, which wait for the disk.
    """
    if not fresh:
        return True
    if fresh[-1].time < trade.as_of:
        if slim and fresh[-1] not in trade.log:
            trade.log.append(fresh[-1])
            trade.log.sort(key=lambda step: step.time)
        return False
    trade.as_of = fresh[-1].time
    if not slim:
        trade.log[:] = fresh
    elif fresh[-1] not in trade.log:
        trade.log.append(fresh[-1])
    return True


def of_wire(message: wire.Trade, owner: Owner | None = None) -> Trade:
    """A new trade that shows what the proxy sent."""
    trade = Trade(message.contract, message.order, message.key, message.script, owner)
    take_status(trade, message.orderStatus)
    trade.fills[:] = message.fills
    take_log(trade, message.log, slim=False)
    trade.advancedError = message.advancedError
    return trade
