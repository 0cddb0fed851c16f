"""One order in the book: whose it is, how it stands, what a message changed in it, and whether two are the same.

Pure. Which message belongs to which order is `orderbook`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from ibmux.messages.contracts import Contract, may_be_same, name_of
from ibmux.messages.orders import Order
from ibmux.messages.trades import DONE, Fill, Trade


@dataclass(slots=True, eq=False, weakref_slot=True)
class Entry:
    """One order: whose it is, its key, and the trade as it stands.

    Attributes:
        unsent: it is certain that it never left.
        exercise: it is the exercise of an option, which can be cancelled but not changed.
        intended: the journal has its intent, and nothing yet that takes it back.
        restored: it comes from the journal, and whether it was sent is not known before the gateway shows it.
        unit: keys of the legs that it stands or falls with, its own among them.
        doomed: it is to be cancelled as soon as that is possible, since its unit failed.
        full: the gateway showed it as filled; its orderStatus may never come.
        seen: the last look at the gateway's lists in which it was shown.
        login: the accounts of the login that it was written down under; empty if that is not known.
    """

    script: str
    key: str
    trade: Trade
    fingerprint: bytes = b""
    acknowledged: bool = False
    refusal: tuple[int, str] | None = None
    unsent: bool = False
    exercise: bool = False
    intended: bool = False
    restored: bool = False
    unit: tuple[str, ...] = ()
    doomed: bool = False
    full: bool = False
    seen: int = 0
    login: tuple[str, ...] = ()

    @property
    def address(self) -> tuple[int, int]:
        """(clientId, orderId): where the gateway takes changes of this order."""
        return self.trade.order.clientId, self.trade.order.orderId

    @property
    def done(self) -> bool:
        """Whether the order is finished."""
        return self.trade.orderStatus.status in DONE

    @property
    def refused(self) -> bool:
        """Whether the order ended before the gateway ever took it."""
        return self.done and not self.acknowledged

    @property
    def waiting(self) -> bool:
        """Whether the order has not left the proxy yet."""
        return not (self.acknowledged or self.restored or self.trade.order.orderId)


class Change(NamedTuple):
    """What a message says of an order, a new fill, or the commission of a fill; not `news` if it only repeats.

    `shown` is true where the gateway showed the order's terms.
    """

    entry: Entry | None
    kind: Literal["order", "fill", "commission"]
    fill: Fill | None = None
    code: int = 0
    message: str = ""
    news: bool = True
    shown: bool = False


def fingerprint(contract: Contract, order: Order) -> bytes:
    """What makes an order the same order: everything but the numbers that the gateway and the proxy give it."""
    plain = replace(order, orderId=0, clientId=0, permId=0, parentId=0, parentPermId=0)
    return msgspec.msgpack.encode((contract, plain))


def is_same(known: Entry, contract: Contract, order: Order) -> bool:
    """Whether an order is the known one. Of one that the gateway told of, only what no change alters is compared."""
    if known.fingerprint:
        return known.fingerprint == fingerprint(contract, order)
    return may_be_same(known.trade.contract, contract) and known.trade.order.action == order.action


def describe(contract: Contract, order: Order) -> str:
    """An order in a few words: `BUY 100 AAPL LMT 150`."""
    price = next((f" {each:g}" for each in (order.lmtPrice, order.auxPrice) if each is not None), "")
    return f"{order.action} {order.totalQuantity:g} {name_of(contract)} {order.orderType}{price}"


def take_terms(trade: Trade, shown: Order) -> None:
    """The terms under which an order ended, where its last change was not heard of. Of a filled one the gateway shows
    the quantity as `filledQuantity` alone.
    """
    terms = {name: getattr(shown, name) for name in ("orderType", "lmtPrice", "auxPrice", "tif")}
    if quantity := shown.totalQuantity or shown.filledQuantity:
        terms["totalQuantity"] = quantity
    trade.order = replace(trade.order, **terms)
