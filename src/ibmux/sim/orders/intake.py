"""From the fields of placeOrder and exerciseOptions to what the order desk understands; knows the unset values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibmux.sim.orders.adjusting import Adjustment
from ibmux.sim.orders.combos import legs_from
from ibmux.sim.orders.conditions import conditions_from
from ibmux.sim.orders.exercise import ExerciseRequest
from ibmux.sim.orders.order import OrderSpec
from ibmux.sim.orders.scales import Scale
from ibmux.tws.layout import Values
from ibmux.tws.values import UNSET_DOUBLE, UNSET_INTEGER

_SAME = (
    "orderId", "action", "orderType", "tif", "ocaGroup", "ocaType", "account", "orderRef", "transmit", "parentId",
    "outsideRth", "whatIf", "goodAfterTime", "goodTillDate", "allOrNone", "hidden", "faGroup", "faMethod",
    "faPercentage", "hedgeType",
)  # fmt: skip
_PRICES = ("lmtPrice", "auxPrice", "trailStopPrice", "trailingPercent", "lmtPriceOffset", "percentOffset", "cashQty")
_NUMBERS = ("triggerMethod", "displaySize", "minQty")


def spec_from(ask: Values, client_id: int) -> OrderSpec:
    """Return the order that a placeOrder message describes."""
    values: dict[str, Any] = {name: ask[name] for name in _SAME}
    values |= {name: price_or_none(ask[name]) for name in _PRICES}
    values |= {name: number(ask[name]) for name in _NUMBERS}
    return OrderSpec(
        **values,
        clientId=client_id,
        totalQuantity=Decimal(str(ask["totalQuantity"])),
        discretionaryAmt=price_or_none(ask["discretionaryAmt"]) or 0.0,
        algoStrategy=ask["algoStrategy"],
        algoParams=tuple((row["tag"], row["value"]) for row in ask.get("algoParams", ())),
        conditions=conditions_from(ask.get("conditions", [])),
        conditionsIgnoreRth=ask.get("conditionsIgnoreRth", False),
        conditionsCancelOrder=ask.get("conditionsCancelOrder", False),
        adjustment=_adjustment(ask),
        hedgeParam=ask.get("hedgeParam", ""),
        scale=_scale(ask),
        legs=legs_from(ask.get("comboLegs", [])),
        legPrices=tuple(price_or_none(price) for price in ask.get("orderComboLegs", ())),
        wire=ask,
    )


def exercise_from(ask: Values, client_id: int) -> ExerciseRequest:
    """Return what an exerciseOptions message asks."""
    return ExerciseRequest(
        clientId=client_id, reqId=ask["reqId"], action=ask["exerciseAction"], quantity=ask["exerciseQuantity"],
        account=ask["account"], override=ask["override"],
    )  # fmt: skip


def _adjustment(ask: Values) -> Adjustment | None:
    kind = ask["adjustedOrderType"]
    if not kind or kind == "None":
        return None
    names = ("triggerPrice", "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount")
    trigger, stop, limit, trailing = (price_or_none(ask[name]) for name in names)
    return Adjustment(kind.upper(), trigger, stop, limit, trailing, number(ask["adjustableTrailingUnit"]))


def _scale(ask: Values) -> Scale | None:
    step = price_or_none(ask["scalePriceIncrement"])
    first, later = (number(ask[name]) for name in ("scaleInitLevelSize", "scaleSubsLevelSize"))
    if not step and not first and not later:
        return None
    return Scale(
        first, later, step or 0.0, price_or_none(ask.get("scaleProfitOffset")) or 0.0, ask.get("scaleAutoReset", False),
        number(ask.get("scaleInitPosition")), number(ask.get("scaleInitFillQty")),
    )  # fmt: skip


def price_or_none(value: Any) -> float | None:
    """A price as sent; None where it is unset."""
    return None if value in (None, UNSET_DOUBLE) else float(value)


def number(value: Any) -> int:
    """A whole number as sent; 0 where it is unset."""
    return 0 if value in (None, "", UNSET_INTEGER) else int(value)
