"""Every order that the proxy knows, and what each message of the gateway changes in it.

Pure: messages in, changes out; nothing is sent or awaited here. An order is found by permId first, then by (clientId,
orderId), then by the mark in its orderRef; orderId is only an address, since gateways have been seen to hand out
numbers again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from ibmux.core import reference
from ibmux.core.codes import judge
from ibmux.errors import KeyConflict
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import (
    DONE,
    CommissionReport,
    Fill,
    Order,
    OrderState,
    OrderStatus,
    Trade,
    TradeLogEntry,
)
from ibmux.topics import EXTERNAL

_REVIVABLE = frozenset({"Inactive"})
_ENDS = DONE - _REVIVABLE
ACKNOWLEDGED = _ENDS | {"PreSubmitted", "Submitted", "PendingCancel"}
"""Order states that mean that the gateway took the order. `Inactive` does not: an error that says why may follow."""
_PENDING_COMMISSIONS = 1000


@dataclass(slots=True, eq=False)
class Entry:
    """One order: whose it is, its key, and the trade as it stands."""

    script: str
    key: str
    trade: Trade
    fingerprint: bytes = b""
    acknowledged: bool = False
    refusal: tuple[int, str] | None = None

    @property
    def address(self) -> tuple[int, int]:
        """(clientId, orderId): where the gateway takes changes of this order."""
        return self.trade.order.clientId, self.trade.order.orderId

    @property
    def done(self) -> bool:
        """Whether the order is finished."""
        return self.trade.orderStatus.status in DONE


class Change(NamedTuple):
    """What a message says of an order, a new fill, or the commission of a fill; not `news` if it only repeats."""

    entry: Entry | None
    kind: Literal["order", "fill", "commission"]
    fill: Fill | None = None
    code: int = 0
    message: str = ""
    news: bool = True


@dataclass(slots=True)
class OrderBook:
    """All orders and fills of one session, of all scripts and of everybody else that the gateway shows."""

    client_id: int
    fills: dict[str, Fill] = field(default_factory=dict)
    _by_key: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _by_address: dict[tuple[int, int], Entry] = field(default_factory=dict)
    _by_perm: dict[int, Entry] = field(default_factory=dict)
    _commissions: dict[str, CommissionReport] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def place(self, script: str, key: str, contract: Contract, order: Order, now: dt.datetime) -> Entry:
        """Enter an order before it is sent; its orderId comes with `assign`, at the moment of sending.

        Raises:
            KeyConflict: the key is taken. Ask `same` first whether it is by the same order.
        """
        if (script, key) in self._by_key:
            raise KeyConflict(f"The key {key!r} is already that of another order.")
        status = OrderStatus(clientId=self.client_id, status="PendingSubmit", remaining=order.totalQuantity)
        trade = Trade(contract, order, status, key=key, script=script)
        trade.log = [TradeLogEntry(now, "PendingSubmit")]
        return self._enter(Entry(script, key, trade, fingerprint(contract, order)))

    def assign(self, entry: Entry, order_id: int, parent_id: int) -> Order:
        """Give the order its address, and that of its parent (0: none); returns the order as it is to be sent."""
        order = entry.trade.order
        order.orderId = entry.trade.orderStatus.orderId = order_id
        order.parentId = entry.trade.orderStatus.parentId = parent_id
        self._by_address[entry.address] = entry
        return replace(order, orderRef=reference.write(order.orderRef, entry.script, entry.key))

    def same(self, script: str, key: str, contract: Contract, order: Order) -> Entry | None:
        """The order that already has this key, if it is the same one.

        Raises:
            KeyConflict: it is another one; the message shows both.
        """
        known = self._by_key.get((script, key))
        if known is None:
            return None
        if known.fingerprint and known.fingerprint != fingerprint(contract, order):
            raise KeyConflict(
                f"The key {key!r} belongs to {describe(known.trade.contract, known.trade.order)}, "
                f"not to {describe(contract, order)}."
            )
        return known

    def forget(self, entry: Entry) -> None:
        """Take out an order that certainly never left the proxy, so that its key is free again."""
        entry.refusal = (0, "it was not sent")
        entry.trade.orderStatus.status = "Inactive"
        self._by_key.pop((entry.script, entry.key), None)
        self._by_address.pop(entry.address, None)

    def find(self, script: str, key: str = "", order_id: int = 0, perm_id: int = 0) -> Entry | None:
        """An order by the key of its script, by permId, or by the proxy's own orderId."""
        if key:
            return self._by_key.get((script, key))
        if perm_id:
            return self._by_perm.get(perm_id)
        return self._by_address.get((self.client_id, order_id)) if order_id else None

    def saw_order(self, contract: Contract, order: Order, state: OrderState, now: dt.datetime) -> list[Change]:
        """An openOrder message. Orders that nobody here placed are adopted: by their mark, else as `external`."""
        entry = self._match(order.permId, order.clientId, order.orderId) or self._adopt(contract, order, now)
        trade = entry.trade
        before = (trade.order, trade.orderStatus.status)
        order.orderRef = reference.read(order.orderRef).text
        trade.contract, trade.order = contract, order
        if order.permId:
            trade.orderStatus.permId = order.permId
            self._by_perm[order.permId] = entry
        if state.status in _ENDS:  # its orderStatus says so too, and with the right counts
            entry.acknowledged = True
        elif state.status and self._may_become(entry, state.status):
            self._become(entry, state.status, now, state.warningText)
        return [Change(entry, "order", news=before != (trade.order, trade.orderStatus.status))]

    def saw_status(self, status: OrderStatus, now: dt.datetime) -> list[Change]:
        """An orderStatus message. Its `filled` is reported as it is; fills come from executions alone."""
        entry = self._match(status.permId, status.clientId, status.orderId)
        if entry is None or not self._may_become(entry, status.status):
            return []
        if status == entry.trade.orderStatus:
            return [Change(entry, "order", news=False)]
        if status.permId:
            self._by_perm[status.permId] = entry
            entry.trade.order.permId = status.permId
        before = entry.trade.orderStatus.status
        entry.trade.orderStatus = status
        if status.status != before:
            self._become(entry, status.status, now, status.whyHeld)
        entry.acknowledged = entry.acknowledged or status.status in ACKNOWLEDGED
        return [Change(entry, "order")]

    def saw_completed(self, trade: Trade, now: dt.datetime) -> list[Change]:
        """A finished order of the day, as it is downloaded: it ends what was still open here.

        One with our mark that nobody knows is from before the proxy's restart; entered, its key cannot become two
        orders.
        """
        text, script, key = reference.read(trade.order.orderRef)
        trade.order.orderRef = text
        entry = self._by_perm.get(trade.order.permId) or self._by_key.get((script, key))
        if entry is None:
            if script:
                trade.script, trade.key = script, key
                self._enter(Entry(script, key, trade, acknowledged=True))
            return []
        known = entry.trade.orderStatus.permId
        if entry.done or (known and known != trade.order.permId):
            return []
        self._by_perm[trade.order.permId] = entry
        entry.trade.order.permId = entry.trade.orderStatus.permId = trade.order.permId
        self._become(entry, trade.orderStatus.status, now, "found among the completed orders")
        return [Change(entry, "order")]

    def saw_error(self, order_id: int, code: int, message: str, now: dt.datetime) -> list[Change]:
        """An error message about one of our orders: what it means depends on what the order was doing."""
        entry = self._by_address.get((self.client_id, order_id))
        if entry is None:
            return []
        verdict = judge(code)
        status = entry.trade.orderStatus.status
        if verdict == "cancelled" and not entry.done:
            status = "Cancelled"
        elif verdict == "refused" and not entry.acknowledged:
            status, entry.refusal = "Inactive", (code, message)
        self._become(entry, status, now, message, code)
        return [Change(entry, "order", code=code, message=message)]

    def saw_execution(self, fill: Fill) -> list[Change]:
        """An execDetails message; a repeated one (the first download repeats the day's) changes nothing."""
        execution = fill.execution
        if execution.execId in self.fills:
            return []
        entry = self._match(execution.permId, execution.clientId, execution.orderId)
        text, script, key = reference.read(execution.orderRef)
        execution.orderRef = text
        fill.script, fill.key = (entry.script, entry.key) if entry else (script or EXTERNAL, key)
        self.fills[execution.execId] = fill
        if entry is not None:
            entry.trade.fills.append(fill)
        changes = [Change(entry, "fill", fill)]
        report = self._commissions.pop(execution.execId, None)
        return changes + self.saw_commission(report) if report else changes

    def saw_commission(self, report: CommissionReport) -> list[Change]:
        """A commissionReport message; one that comes before its execution waits for it."""
        fill = self.fills.get(report.execId)
        if fill is None:
            if len(self._commissions) < _PENDING_COMMISSIONS:
                self._commissions[report.execId] = report
            return []
        if fill.commissionReport == report:
            return []
        fill.commissionReport = report
        return [Change(self._by_perm.get(fill.execution.permId), "commission", fill)]

    def _match(self, perm_id: int, client_id: int, order_id: int) -> Entry | None:
        if perm_id and (entry := self._by_perm.get(perm_id)):
            return entry
        entry = self._by_address.get((client_id, order_id)) if order_id else None
        known = entry.trade.orderStatus.permId if entry else 0
        return None if entry and known and perm_id and known != perm_id else entry

    def _adopt(self, contract: Contract, order: Order, now: dt.datetime) -> Entry:
        _, script, key = reference.read(order.orderRef)
        if not script or order.clientId != self.client_id or (script, key) in self._by_key:
            script, key = EXTERNAL, f"perm-{order.permId}"
        status = OrderStatus(orderId=order.orderId, clientId=order.clientId, permId=order.permId)
        trade = Trade(contract, order, status, key=key, script=script, log=[TradeLogEntry(now, "", "adopted")])
        return self._enter(Entry(script, key, trade, acknowledged=True))

    def _enter(self, entry: Entry) -> Entry:
        self._by_key[entry.script, entry.key] = entry
        if entry.trade.order.orderId:
            self._by_address[entry.address] = entry
        if entry.trade.order.permId:
            self._by_perm[entry.trade.order.permId] = entry
        return entry

    @staticmethod
    def _may_become(entry: Entry, status: str) -> bool:
        """A finished order stays finished, whatever late message comes."""
        known = entry.trade.orderStatus.status
        return known not in DONE or known in _REVIVABLE or status == known

    @staticmethod
    def _become(entry: Entry, status: str, now: dt.datetime, message: str = "", code: int = 0) -> None:
        trade = entry.trade
        if status != trade.orderStatus.status or message or not trade.log or trade.log[-1].status != status:
            trade.log.append(TradeLogEntry(now, status, message, code))
        trade.orderStatus.status = status
        entry.acknowledged = entry.acknowledged or status in ACKNOWLEDGED


def fingerprint(contract: Contract, order: Order) -> bytes:
    """What makes an order the same order: everything but the numbers that the gateway and the proxy give it."""
    plain = replace(order, orderId=0, clientId=0, permId=0, parentId=0, parentPermId=0)
    return msgspec.msgpack.encode((contract, plain))


def describe(contract: Contract, order: Order) -> str:
    """An order in a few words: `BUY 100 AAPL LMT 150`."""
    price = next((f" {each:g}" for each in (order.lmtPrice, order.auxPrice) if each is not None), "")
    name = contract.localSymbol or contract.symbol or f"conId {contract.conId}"
    return f"{order.action} {order.totalQuantity:g} {name} {order.orderType}{price}"
