"""Orders, their states, executions: ib_async's objects to ibmux's records, and orders back. Every field, both ways."""

from __future__ import annotations

import dataclasses
import datetime as dt
from operator import attrgetter
from typing import Any

import ib_async as ib
from ib_async.order import OrderComboLeg as IBOrderComboLeg
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER
from msgspec.structs import astuple

from ibmux.errors import RequestError
from ibmux.messages.orders import Order, OrderComboLeg, OrderCondition, SoftDollarTier
from ibmux.messages.trades import CommissionReport, Execution, Fill, OrderState
from ibmux.messages.trading import ExecutionFilter
from ibmux.session.translate import contract, known, tags, to_tags

_TAGS = ("algoParams", "smartComboRoutingParams", "orderMiscOptions")
_SPECIAL = frozenset({*_TAGS, "orderComboLegs", "conditions", "softDollarTier"})
_EVERY: tuple[tuple[str, Any, Any], ...] = tuple(
    (name, default, getattr(ib.Order(), name))
    for name, default in zip(Order.__struct_fields__, Order.__struct_defaults__, strict=True)
)
"""Each field: name, ibmux's default, ib_async's (which is IB's mark for "unset" where ours is `None`)."""
_FIELDS = tuple(each for each in _EVERY if each[0] not in _SPECIAL)
"""The plain ones of them."""
_get_plain = attrgetter(*(name for name, _, _ in _FIELDS))
"""All plain fields of ib_async's order at once; most of them are the very objects of the defaults."""
_BLANK = {name: value for name, value in vars(ib.Order()).items() if name not in _SPECIAL}
"""An order of ib_async as it begins: to copy this takes a tenth of its constructor's time."""
_STATE = tuple(zip(OrderState.__struct_fields__, OrderState.__struct_defaults__, strict=True))
_EXECUTION = Execution.__struct_fields__
UNSET_TEXTS = frozenset({"1.7976931348623157E308", "1.7976931348623157E+308"})
"""How gateways and Python write the number that means "unset"."""
_MAX_INTEGER = 2**31 - 1
"""IB's integers have 32 bits, and the largest one means "unset"."""


def order(source: ib.Order) -> Order:
    """An order as the gateway describes it."""
    values = {
        name: known(value, default)
        for (name, default, unset), value in zip(_FIELDS, _get_plain(source), strict=True)
        if value is not unset
    }
    result = Order(**values)
    for name in _TAGS:
        if pairs := getattr(source, name):
            setattr(result, name, tags(pairs))
    if source.orderComboLegs:
        result.orderComboLegs = [OrderComboLeg(known(leg.price, None)) for leg in source.orderComboLegs]
    if source.conditions:
        result.conditions = [OrderCondition(**dataclasses.asdict(each)) for each in source.conditions]
    if source.softDollarTier:
        tier = source.softDollarTier
        result.softDollarTier = SoftDollarTier(tier.name, tier.val, tier.displayName)
    return result


def to_order(source: Order) -> ib.Order:
    """An order for the gateway.

    Raises:
        RequestError: a value that the wire cannot carry.
    """
    result = object.__new__(ib.Order)
    result.__dict__.update(_BLANK)
    for (name, default, unset), value in zip(_EVERY, astuple(source), strict=True):
        if value is not default and name not in _SPECIAL:
            setattr(result, name, outgoing(name, value, unset))
    for name in _TAGS:
        setattr(result, name, to_tags(getattr(source, name)))
    result.orderComboLegs = [
        IBOrderComboLeg(outgoing("orderComboLegs", leg.price, UNSET_DOUBLE)) for leg in source.orderComboLegs
    ]
    result.conditions = [_to_condition(each) for each in source.conditions]
    tier = source.softDollarTier or SoftDollarTier()
    result.softDollarTier = ib.SoftDollarTier(tier.name, tier.val, tier.displayName)
    return result


def outgoing(name: str, value: Any, unset: Any) -> Any:
    """One field's value for the gateway.

    Raises:
        RequestError: the wire cannot carry it.
    """
    if value is None:
        return unset
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN alone differs from itself
        raise RequestError(f"The order's `{name}` is not a number.", outcome="not_sent")
    if isinstance(value, int) and not -_MAX_INTEGER <= value < _MAX_INTEGER and name != "permId":
        raise RequestError(f"The order's `{name}` is out of range: {value}.", outcome="not_sent")
    return value


def _to_condition(source: OrderCondition) -> ib.OrderCondition:
    try:
        kind = ib.OrderCondition.createClass(source.condType)  # type: ignore[no-untyped-call]
    except KeyError:
        raise RequestError(
            f"There is no order condition of type {source.condType}.",
            hint="1 price, 3 time, 4 margin, 5 execution, 6 volume, 7 change in percent.",
            outcome="not_sent",
        ) from None
    names = (each.name for each in dataclasses.fields(kind))
    condition: ib.OrderCondition = kind(**{name: getattr(source, name) for name in names})
    return condition


def order_state(source: ib.OrderState) -> OrderState:
    """Margin and commission; the margins stay text, empty where not set."""
    values: dict[str, Any] = {}
    for name, default in _STATE:
        value = known(getattr(source, name), default)
        if value is not default:
            values[name] = "" if isinstance(value, str) and value.upper() in UNSET_TEXTS else value
    return OrderState(**values)


def execution(source: ib.Execution) -> Execution:
    """One execution; an order placed by hand has orderId 0."""
    result = Execution(**{name: getattr(source, name) for name in _EXECUTION})
    if result.orderId == UNSET_INTEGER:
        result.orderId = 0
    if result.time.tzinfo is None:
        result.time = result.time.replace(tzinfo=dt.UTC)
    return result


def fill(source_contract: ib.Contract, source: ib.Execution) -> Fill:
    """An execution with its contract; its commission comes later."""
    happened = execution(source)
    return Fill(contract(source_contract), happened, CommissionReport(), happened.time)


def commission(source: ib.CommissionReport) -> CommissionReport:
    """What an execution cost; `None` where nothing was realised."""
    return CommissionReport(
        source.execId,
        source.commission,
        source.currency,
        known(source.realizedPNL, None),
        known(source.yield_, None),
        source.yieldRedemptionDate,
    )


def to_filter(source: ExecutionFilter | None) -> ib.ExecutionFilter:
    """Which executions to ask for."""
    wanted = source or ExecutionFilter()
    return ib.ExecutionFilter(**{name: getattr(wanted, name) for name in ExecutionFilter.__struct_fields__})
