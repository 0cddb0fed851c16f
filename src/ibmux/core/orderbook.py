"""Every order that the proxy knows, and what each message of the gateway changes in it.

Pure: messages in, changes out; nothing is sent or awaited here. Which order a message is about is `orderindex`'s to
say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from ibmux.core import reference
from ibmux.core.codes import judge
from ibmux.core.entry import Change, Entry, describe, fingerprint, is_same, take_terms
from ibmux.core.executions import Executions, count
from ibmux.core.orderindex import OrderIndex
from ibmux.core.steps import ACKNOWLEDGED, ENDS, become, may_become
from ibmux.errors import KeyConflict, OrderNotSent
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import (
    CommissionReport,
    Fill,
    OrderState,
    OrderStatus,
    Trade,
    TradeLogEntry,
)

KEPT = 50_000
"""Orders that are remembered; past it the oldest finished one is forgotten."""


@dataclass(slots=True)
class OrderBook:
    """All orders and fills of one session, of all scripts and of everybody else that the gateway shows."""

    client_id: int
    look: int = 0
    executions: Executions = field(default_factory=Executions)
    index: OrderIndex = field(init=False)

    def __post_init__(self) -> None:
        self.index = OrderIndex(self.client_id)

    @property
    def fills(self) -> dict[str, Fill]:
        """Every execution by its id, in the order in which they came."""
        return self.executions.fills

    def working(self) -> list[Entry]:
        """The orders that are not finished."""
        return self.index.working()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.index)

    def place(self, script: str, key: str, contract: Contract, order: Order, now: dt.datetime) -> Entry:
        """Enter an order before it is sent; its orderId comes with `assign`, at the moment of sending.

        Raises:
            KeyConflict: the key is taken. Ask `same` first whether it is by the same order.
        """
        if (script, key) in self.index.by_key:
            raise KeyConflict(f"The key {key!r} is already that of another order.")
        status = OrderStatus(clientId=self.client_id, status="PendingSubmit", remaining=order.totalQuantity)
        trade = Trade(contract, order, status, key=key, script=script)
        trade.log = [TradeLogEntry(now, "PendingSubmit")]
        return self._enter(Entry(script, key, trade, fingerprint(contract, order)))

    def assign(self, entry: Entry, order_id: int, parent_id: int) -> Order:
        """Give the order its address, and that of its parent (0: none); returns the order as it is to be sent.

        Raises:
            OrderNotSent: it was forgotten while it waited for its turn, and must not leave any more.
        """
        if entry.unsent:
            raise OrderNotSent("it was cancelled while it waited.")
        if entry.acknowledged or entry.done:
            raise OrderNotSent("an earlier order under its key has turned up at the gateway.")
        entry.seen = self.look
        order = entry.trade.order
        order.orderId = entry.trade.orderStatus.orderId = order_id
        order.parentId = entry.trade.orderStatus.parentId = parent_id
        self.index.note(entry)
        return replace(order, orderRef=reference.write(order.orderRef, entry.script, entry.key))

    def restore(self, entry: Entry, fills: Iterable[Fill] = ()) -> Entry:
        """Enter an order, with its fills, as the journal knows it; one that is known stays as it is."""
        known = self.index.by_key.get((entry.script, entry.key))
        if known is not None:
            known.fingerprint = known.fingerprint or entry.fingerprint
            return known
        entry.trade.fills += self.executions.restore(fills)
        return self._enter(entry)

    def begin_look(self) -> int:
        """The gateway is about to show its orders: what it does not show from now on is missing in this look."""
        self.look += 1
        return self.look

    def shown(self, trades: Iterable[Trade]) -> None:
        """These orders were in a list of the gateway's."""
        for trade in trades:
            order = trade.order
            entry = self.index.match(order.permId, order.clientId, order.orderId, reference.read(order.orderRef))
            if entry is not None:
                entry.seen = self.look

    def end_unsent(self, entry: Entry, now: dt.datetime, message: str) -> Change:
        """An order that the gateway never got: its key is free again."""
        become(entry, "Inactive", now, message)
        self.forget(entry)
        return Change(entry, "order", message=message)

    def end_unseen(self, entry: Entry, now: dt.datetime, message: str) -> Change:
        """An order that worked, and does no more; what is known of how it ended are its fills."""
        count(entry.trade)
        status = entry.trade.orderStatus
        full = status.filled > 0 and status.filled >= entry.trade.order.totalQuantity
        become(entry, "Filled" if full else "Inactive", now, message)
        return Change(entry, "order", message=message)

    def same(self, script: str, key: str, contract: Contract, order: Order) -> Entry | None:
        """The order that already has this key, if it is the same one.

        Raises:
            KeyConflict: it is another one; the message shows both.
        """
        known = self.index.by_key.get((script, key))
        if known is None:
            return None
        if not is_same(known, contract, order):
            raise KeyConflict(
                f"The key {key!r} belongs to {describe(known.trade.contract, known.trade.order)}, "
                f"not to {describe(contract, order)}."
            )
        return known

    def forget(self, entry: Entry, status: str = "Inactive") -> None:
        """Take out an order that certainly never left the proxy, so that its key is free again."""
        entry.unsent = True
        entry.trade.orderStatus.status = status
        self.index.drop(entry)

    def find(self, script: str, key: str = "", order_id: int = 0, perm_id: int = 0) -> Entry | None:
        """An order by the key of its script, by permId, or by the proxy's own orderId."""
        if key:
            return self.index.by_key.get((script, key))
        return self.index.of_perm(perm_id) if perm_id else self.index.of_number(order_id)

    def saw_order(self, contract: Contract, order: Order, state: OrderState, now: dt.datetime) -> list[Change]:
        """An openOrder message. Orders that nobody here placed are adopted: by their mark, else as `external`."""
        mark = reference.read(order.orderRef)
        entry = self.index.match(order.permId, order.clientId, order.orderId, mark)
        entry = entry or self._adopt(contract, order, now)
        entry.seen = self.look
        trade = entry.trade
        before = (trade.order, trade.orderStatus.status)
        order.orderRef = mark.text
        order.orderId = order.orderId or trade.order.orderId
        order.permId = trade.orderStatus.permId = order.permId or trade.orderStatus.permId
        trade.contract, trade.order = contract, order
        self.index.note(entry)
        if state.status in ENDS:  # its orderStatus says so too, and with the right counts
            entry.acknowledged = entry.acknowledged or state.status in ACKNOWLEDGED
            entry.full = state.status == "Filled"
            self._end_full(entry, now)
        elif state.status and may_become(entry, state.status):
            become(entry, state.status, now, state.warningText)
        return [Change(entry, "order", news=before != (trade.order, trade.orderStatus.status), shown=True)]

    def saw_status(self, status: OrderStatus, now: dt.datetime) -> list[Change]:
        """An orderStatus message. Its `filled` is reported as it is; fills come from executions alone.

        One that counts less than is known already was overtaken by a later one.
        """
        entry = self.index.match(status.permId, status.clientId, status.orderId)
        if entry is None or not may_become(entry, status.status):
            return []
        entry.seen = self.look
        known = entry.trade.orderStatus
        status.permId = status.permId or known.permId
        if status == known or (status.filled < known.filled and status.status not in ENDS):
            return [Change(entry, "order", news=False)]
        status.filled = max(status.filled, known.filled)
        entry.trade.orderStatus = status
        entry.trade.order.permId = status.permId
        self.index.note(entry)
        if status.status != known.status:
            become(entry, status.status, now, status.whyHeld)
        entry.acknowledged = entry.acknowledged or status.status in ACKNOWLEDGED
        return [Change(entry, "order")]

    def saw_completed(self, trade: Trade, now: dt.datetime) -> list[Change]:
        """A finished order of the day, as it is downloaded: it ends what was still open here.

        One with our mark that nobody knows is from before the proxy's restart; entered, its key cannot become two
        orders.
        """
        text, script, key = reference.read(trade.order.orderRef)
        trade.order.orderRef = text
        entry = self.index.of_perm(trade.order.permId) or self.index.by_key.get((script, key))
        if entry is None:
            if script:
                trade.script, trade.key = script, key
                take_terms(trade, trade.order)
                trade.orderStatus.remaining = max(0.0, trade.order.totalQuantity - trade.orderStatus.filled)
                self._enter(Entry(script, key, trade, acknowledged=True))
            return []
        entry.seen = self.look
        known = entry.trade.orderStatus
        if known.permId and known.permId != trade.order.permId:
            return []
        take_terms(entry.trade, trade.order)
        if entry.done:
            return []
        entry.trade.order.permId = known.permId = trade.order.permId
        known.filled = max(known.filled, trade.orderStatus.filled)
        known.remaining = max(0.0, entry.trade.order.totalQuantity - known.filled)
        count(entry.trade)
        entry.acknowledged = entry.acknowledged or known.filled > 0 or trade.orderStatus.status != "Inactive"
        self.index.note(entry)
        become(entry, trade.orderStatus.status, now, "found among the completed orders")
        return [Change(entry, "order")]

    def saw_error(self, order_id: int, code: int, message: str, now: dt.datetime) -> list[Change]:
        """An error message about one of our orders: what it means depends on what the order was doing."""
        entry = self.index.of_number(order_id)
        if entry is None:
            return []
        verdict = judge(code)
        if verdict == "cancelled" and entry.acknowledged and self.index.is_shared(order_id):
            verdict = "information"  # it may be the other client's order that was cancelled: the orderStatus tells
        status = entry.trade.orderStatus.status
        if verdict in ("cancelled", "refused") and not entry.acknowledged:
            entry.refusal = entry.refusal or (code, message)
        if verdict == "cancelled" and not entry.done:
            status = "Cancelled"
        elif verdict == "refused" and not entry.acknowledged and not entry.done:
            status = "Inactive"
        become(entry, status, now, message, code)
        return [Change(entry, "order", code=code, message=message)]

    def saw_execution(self, fill: Fill) -> list[Change]:
        """An execDetails message; a repeated one (the first download repeats the day's) changes nothing."""
        changes = self.executions.saw_execution(fill, self.index)
        entry = changes[0].entry if changes else None
        if entry is not None and self._end_full(entry, fill.time):
            changes.append(Change(entry, "order"))
        return changes

    def _end_full(self, entry: Entry, now: dt.datetime) -> bool:
        """An order that the gateway showed as filled, and all of whose executions are here, has ended: Interactive
        Brokers promises no orderStatus to one that is executed at once.
        """
        status = entry.trade.orderStatus
        if not entry.full or entry.done or not status.filled or status.remaining:
            return False
        become(entry, "Filled", now)
        return True

    def saw_commission(self, report: CommissionReport) -> list[Change]:
        """A commissionReport message; one that comes before its execution waits for it."""
        return self.executions.saw_commission(report, self.index)

    def _adopt(self, contract: Contract, order: Order, now: dt.datetime) -> Entry:
        mark = reference.read(order.orderRef)
        script, key = self.index.owner(mark, order.clientId, order.permId, order.orderId)
        status = OrderStatus(orderId=order.orderId, clientId=order.clientId, permId=order.permId)
        trade = Trade(contract, order, status, key=key, script=script, log=[TradeLogEntry(now, "", "adopted")])
        return self._enter(Entry(script, key, trade, acknowledged=True))

    def _enter(self, entry: Entry) -> Entry:
        self.index.enter(entry)
        self.executions.claim(entry.trade)
        if len(self.index) > KEPT:
            self._forget_oldest()
        return entry

    def _forget_oldest(self) -> None:
        oldest = next((entry for entry in self.index if entry.done), None)
        if oldest is not None:
            self.index.drop(oldest)
            self.executions.forget(oldest.trade.fills)
