"""Messages of the gateway as fields, read: ib_async's decoder, made faster where scripts wait for it.

An openOrder without extras (nearly every one) is read straight into ibmux's records; every other message, and
whatever looks unusual, is left to ib_async. Knows no socket and keeps nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import ib_async as ib
from ib_async.decoder import Decoder as IBDecoder
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import OrderState
from ibmux.session.translate_orders import UNSET_TEXTS

_PLAIN_SINCE = 170
"""The server version whose openOrder has the layout below; 177 changes it again, and no link speaks that."""
_LAYOUT = """
    o.orderId c.conId c.symbol c.secType c.lastTradeDateOrContractMonth c.strike c.right c.multiplier c.exchange
    c.currency c.localSymbol c.tradingClass o.action o.totalQuantity o.orderType o.lmtPrice o.auxPrice o.tif o.ocaGroup
    o.account o.openClose o.origin o.orderRef o.clientId o.permId o.outsideRth o.hidden o.discretionaryAmt
    o.goodAfterTime - o.faGroup o.faMethod o.faPercentage o.faProfile o.modelCode o.goodTillDate o.rule80A
    o.percentOffset o.settlingFirm o.shortSaleSlot o.designatedLocation o.exemptCode o.auctionStrategy o.startingPrice
    o.stockRefPrice o.delta o.stockRangeLower o.stockRangeUpper o.displaySize o.blockOrder o.sweepToFill o.allOrNone
    o.minQty o.ocaType o.eTradeOnly o.firmQuoteOnly o.nbboPriceCap o.parentId o.triggerMethod o.volatility
    o.volatilityType o.deltaNeutralOrderType o.deltaNeutralAuxPrice {hedge} o.continuousUpdate o.referencePriceType -
    o.trailingPercent o.basisPoints o.basisPointsType c.comboLegsDescrip =0 =0 =0 o.scaleInitLevelSize
    o.scaleSubsLevelSize = = o.optOutSmartRouting o.clearingAccount o.clearingIntent o.notHeld =0 = o.solicited =0
    s.status s.initMarginBefore s.maintMarginBefore s.equityWithLoanBefore s.initMarginChange s.maintMarginChange
    s.equityWithLoanChange s.initMarginAfter s.maintMarginAfter s.equityWithLoanAfter s.commission s.minCommission
    s.maxCommission s.commissionCurrency s.warningText o.randomizeSize o.randomizePrice =0 o.adjustedOrderType
    o.triggerPrice o.trailStopPrice o.lmtPriceOffset o.adjustedStopPrice o.adjustedStopLimitPrice
    o.adjustedTrailingAmount o.adjustableTrailingUnit = = = o.cashQty o.dontUseAutoPriceForHedge o.isOmsContainer
    o.discretionaryUpToLimitPrice o.usePriceMgmtAlgo o.duration o.postToAts o.autoCancelParent o.minTradeQty
    o.minCompeteSize o.competeAgainstBestOffset o.midOffsetAtWhole o.midOffsetAtHalf
"""
"""The fields after the message's number: of the order, the contract, the state; `-` says nothing, `=` must be that.

What must be nothing are, in order: legs, their prices, routing, a scale, a hedge, a delta-neutral contract, an
algorithm, a what-if, conditions, a soft dollar tier. Each would bring more fields, or mean something else.
"""
_HEDGE = """
    o.deltaNeutralConId o.deltaNeutralSettlingFirm o.deltaNeutralClearingAccount o.deltaNeutralClearingIntent
    o.deltaNeutralOpenClose o.deltaNeutralShortSale o.deltaNeutralShortSaleSlot o.deltaNeutralDesignatedLocation
"""
"""Follows if `deltaNeutralOrderType` is not empty; gateways write `None` there."""
_ORDER_TYPE_AT = 1 + _LAYOUT.split().index("o.orderType")
_HEDGE_TYPE_AT = 1 + _LAYOUT.split().index("o.deltaNeutralOrderType")
_MORE_FIELDS = frozenset({"PEG BENCH", "PEGBENCH"})
"""Order types that bring more fields."""

Opened = tuple[Contract, Order, OrderState]
Column = tuple[int, str, frozenset[str], Callable[[str, Any], Any], Any]
"""Where a field stands, its name, the texts that mean its default, how another one is read, the default."""


class Layout(NamedTuple):
    """Where everything stands in one kind of plain openOrder."""

    length: int
    hedged: bool
    fixed: tuple[tuple[int, str], ...]
    contract: tuple[Column, ...]
    order: tuple[Column, ...]
    state: tuple[Column, ...]


class Decoder(IBDecoder):
    """ib_async's decoder; `wrapper.opened` gets the orders that were read here."""

    wrapper: Any

    def openOrder(self, fields: list[str]) -> None:
        """An order as it stands."""
        opened = plain_order(fields) if self.serverVersion >= _PLAIN_SINCE else None
        if opened is None:
            super().openOrder(fields)  # type: ignore[no-untyped-call]
        else:
            self.wrapper.opened(*opened)

    def parse(self, obj: Any) -> None:
        """Texts become numbers and flags, as the defaults of their fields are; an empty one becomes the default."""
        for name, read, default in _conversions(obj.__class__):
            value = getattr(obj, name)
            if value is not default:
                setattr(obj, name, read(value) if value else default)


@cache
def _conversions(kind: Any) -> tuple[tuple[str, Callable[[Any], Any], Any], ...]:
    readers: dict[type, Callable[[Any], Any]] = {int: int, float: _float, bool: lambda value: bool(int(value))}
    return tuple(
        (each.name, readers[type(each.default)], each.default)
        for each in dataclasses.fields(kind)
        if type(each.default) in readers
    )


def plain_order(fields: list[str]) -> Opened | None:
    """An openOrder without extras, as `translate` would make it of ib_async's objects; `None` if it is not one."""
    layout = _LAYOUTS.get(len(fields))
    if layout is None or bool(fields[_HEDGE_TYPE_AT]) != layout.hedged or fields[_ORDER_TYPE_AT] in _MORE_FIELDS:
        return None
    for at, text in layout.fixed:
        if fields[at] != text:
            return None
    try:
        return (
            Contract(**_read(layout.contract, fields)),
            Order(**_read(layout.order, fields)),
            OrderState(**_read(layout.state, fields)),
        )
    except ValueError:
        return None


def _read(columns: tuple[Column, ...], fields: list[str]) -> dict[str, Any]:
    """What differs from the defaults; most fields do not, so this loop is mostly its first two lines."""
    values: dict[str, Any] = {}
    for at, name, void, read, default in columns:
        text = fields[at]
        if text not in void:
            values[name] = read(text, default)
    return values


def _text(text: str, _default: Any) -> str:
    return text


def _integer(text: str, default: Any) -> Any:
    value = int(text)
    return default if value == UNSET_INTEGER else value


def _number(text: str, default: Any) -> Any:
    value = _float(text)
    return default if value in (UNSET_DOUBLE, UNSET_INTEGER) else value


def _float(text: str) -> float:
    """A number; the protocol has a word of its own for infinity (an offset that reaches up to the middle)."""
    return math.inf if text == "Infinite" else float(text)


def _flag(text: str, _default: Any) -> bool:
    return bool(int(text))


_READERS: dict[type, tuple[Callable[[str, Any], Any], frozenset[str]]] = {
    str: (_text, frozenset({"?"})),
    int: (_integer, frozenset({"", str(UNSET_INTEGER)})),
    float: (_number, UNSET_TEXTS | {""}),
    bool: (_flag, frozenset({""})),
}
"""By the type of a field: how it is read, and which texts mean its default, whatever that is."""


def _column(at: int, name: str, ours: Any, theirs: Any) -> Column:
    """One field of a record, read by the type that ib_async has for it."""
    default = getattr(ours(), name)
    kind = type(getattr(theirs(), name))
    read, void = _READERS[kind]
    if kind is str:
        void |= {default}
    elif default is not None:
        void |= {str(kind(default)), str(int(default))} if kind is float else {str(int(default))}
    if name == "right":
        void |= {"0"}
    elif kind is str and ours is OrderState:
        void |= UNSET_TEXTS | {text.lower() for text in UNSET_TEXTS}
    return at, name, void, read, default


def _layout(names: list[str]) -> Layout:
    """The table of one layout."""
    columns: dict[str, list[Column]] = {"o": [], "c": [], "s": []}
    kinds: dict[str, tuple[Any, Any]] = {
        "o": (Order, ib.Order), "c": (Contract, ib.Contract), "s": (OrderState, ib.OrderState)
    }  # fmt: skip
    fixed: list[tuple[int, str]] = []
    for at, entry in enumerate(names, 1):
        if entry.startswith("="):
            fixed.append((at, entry[1:]))
        elif entry != "-":
            part, _, name = entry.partition(".")
            columns[part].append(_column(at, name, *kinds[part]))
    hedged = "o.deltaNeutralConId" in names
    return Layout(len(names) + 1, hedged, tuple(fixed), *(tuple(columns[part]) for part in "cos"))


_LAYOUTS = {
    layout.length: layout for layout in (_layout(_LAYOUT.format(hedge=hedge).split()) for hedge in ("", _HEDGE))
}
