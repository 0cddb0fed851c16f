"""How scripts ask for orders, and what they hear of them: requests, events, retained states.

An order is named by the script's own key; `orderId` and `permId` serve where no key is known. Reports come only after
the gateway acknowledged or refused: see the replies.
"""

from __future__ import annotations

from typing import Literal

from ibmux.messages.contracts import Contract
from ibmux.messages.methods import Request, method
from ibmux.messages.orders import Order
from ibmux.messages.trades import Fill, OrderState, Trade
from ibmux.messages.wire import Input, Record


class OrderEvent(Record):
    """Topic `evt/order/<script>`: one change of one order; time in seconds UTC.

    `seq` is its number in the journal, `prev` that of the script's event before it, of an order or a fill (0: this
    is the first one): whoever has not seen that one asks `replay`. `seq` 0: the disk takes nothing at the moment; the
    event comes again, with its number, when it does.
    """

    epoch: int
    seq: int
    time: float
    key: str
    trade: Trade
    code: int = 0
    message: str = ""
    prev: int = 0


class FillEvent(Record):
    """Topic `evt/fill/<script>`: an execution, or (`event` = `commission`) the commission of one that was sent
    before. `seq` and `prev` are those of `OrderEvent`, counted together.
    """

    epoch: int
    seq: int
    time: float
    event: Literal["fill", "commission"]
    key: str
    fill: Fill
    prev: int = 0


class OrderStateRecord(Record):
    """Retained topic `state/order/<script>/<key>`: the last known state of an open order; cleared when it is
    finished.
    """

    epoch: int
    time: float
    trade: Trade


class OrderTicket(Input):
    """One leg of a unit: `parentKey` names the leg that it belongs to."""

    contract: Contract
    order: Order
    key: str = ""
    parentKey: str = ""


class ExecutionFilter(Input):
    """Which executions to list; empty fields match everything. `time` is `yyyymmdd hh:mm:ss` with a time zone."""

    clientId: int = 0
    acctCode: str = ""
    time: str = ""
    symbol: str = ""
    secType: str = ""
    exchange: str = ""
    side: str = ""


@method("placeOrder", reply=Trade, role="trade")
class PlaceOrder(Request):
    """Place one order; the reply comes when the gateway acknowledged or refused it.

    The same key with the same order returns the order as it stands; with another it is `order.key_conflict`. Without
    a key the proxy makes one. With `transmit` false the order is held by the gateway until a later leg is transmitted.
    """

    contract: Contract
    order: Order
    key: str = ""
    parentKey: str = ""


@method("placeOrders", reply=list[Trade], role="trade")
class PlaceOrders(Request):
    """Place the legs of a bracket or a group as one unit: if one is refused, those before it are cancelled."""

    tickets: list[OrderTicket]


@method("modifyOrder", reply=Trade, role="trade")
class ModifyOrder(Request):
    """Change an order that is working; the reply comes when the gateway acknowledged or refused the change."""

    order: Order
    key: str = ""


@method("cancelOrder", reply=Trade, role="cancel")
class CancelOrder(Request):
    """Cancel an order by key, permId or orderId; the reply comes when the gateway confirmed it, or when it was too
    late.

    `script` names the owner if it is another one: that takes role `cancel` or `admin`.
    """

    key: str = ""
    orderId: int = 0
    permId: int = 0
    script: str = ""
    manualCancelOrderTime: str = ""


@method("whatIfOrder", reply=OrderState)
class WhatIfOrder(Request):
    """Margin and commission of an order, without placing it."""

    contract: Contract
    order: Order


@method("orderStatus", reply=Trade)
class OrderStatusRequest(Request):
    """One order as it stands, by key, permId or orderId."""

    key: str = ""
    orderId: int = 0
    permId: int = 0
    script: str = ""


@method("openTrades", reply=list[Trade])
class OpenTrades(Request):
    """Orders that are not finished: this script's, or with `all` everybody's."""

    all: bool = False


@method("trades", reply=list[Trade])
class Trades(Request):
    """Orders of this session, finished ones too: this script's, or with `all` everybody's."""

    all: bool = False


@method("openOrders", "reqOpenOrders", reply=list[Trade])
class OpenOrders(Request):
    """Asks the gateway again for the open orders of the proxy's own clientId: this script's, or with `all`
    everybody's.
    """

    all: bool = False


@method("reqAllOpenOrders", reply=list[Trade])
class ReqAllOpenOrders(Request):
    """Asks the gateway for the open orders of all clients, and of TWS itself."""


@method("reqCompletedOrders", reply=list[Trade])
class ReqCompletedOrders(Request):
    """Asks the gateway for the finished orders of the day."""

    apiOnly: bool = False


@method("fills", "executions", reply=list[Fill])
class Fills(Request):
    """Executions known to the proxy: this script's, or with `all` everybody's."""

    all: bool = False


@method("reqExecutions", reply=list[Fill])
class ReqExecutions(Request):
    """Asks the gateway for the executions since midnight (its own time zone), of all scripts."""

    execFilter: ExecutionFilter | None = None


class Replayed(Record):
    """One event of the past: of an order, or of a fill."""

    order: OrderEvent | None = None
    fill: FillEvent | None = None


class ReplayPage(Record):
    """Events in their order. `seq` is the number up to which everything was looked at: ask on from there while `more`.
    If it is below what was asked from, the journal is a new one, whose numbers begin at 1.

    `oldest` is the number from which on the journal has everything: of the events below it, some may be gone.
    """

    events: list[Replayed] = []
    seq: int = 0
    more: bool = False
    oldest: int = 0


@method("replay", reply=ReplayPage)
class Replay(Request):
    """Order events and fills with numbers above `since`, from the journal: this script's, or with `all` everybody's.

    A negative `since` gives no events, only the present number. Events of orders are as they were published, but
    without what their trades had logged and filled before. At most `limit` events come at once, 1000 at the most.
    """

    since: int = 0
    all: bool = False
    limit: int = 500


@method("reqGlobalCancel", reply=bool, role="admin")
class ReqGlobalCancel(Request):
    """Cancel every open order of the login, also those placed by hand or by other programs."""
