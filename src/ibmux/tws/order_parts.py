"""Blocks of fields that placeOrder, openOrder and completedOrder share; several are there only under a condition.

Positions follow what the official and the independent clients read and write.
"""

from __future__ import annotations

from .contracts import ORDER_LEG, TAG_VALUE
from .layout import Field, Item, Repeat, Values, When, fields
from .values import BOOL, FLOAT, INT, OPTIONAL_FLOAT, OPTIONAL_INT, STR, UNSET_DOUBLE

UNSET_INT = "2147483647"
"""What replies carry for an unset whole number."""


def _has_scale(values: Values) -> bool:
    return 0 < float(values.get("scalePriceIncrement") or 0) < UNSET_DOUBLE


def _is_pegged_to_benchmark(values: Values) -> bool:
    return values.get("orderType") in ("PEG BENCH", "PEGBENCH")


def _condition(kinds: tuple[int, ...], *items: Item) -> When:
    """Fields that conditions of these types have."""
    return When(lambda values: values.get("condType") in kinds, items)


_CONDITION: tuple[Item, ...] = (
    Field("condType", INT),
    Field("conjunction"),
    _condition((5,), *fields(STR, "secType exch symbol")),
    _condition((1, 3, 4, 6, 7), Field("isMore", BOOL)),
    _condition((1,), Field("price", FLOAT)),
    _condition((3,), Field("time")),
    _condition((4,), Field("percent", INT)),
    _condition((6,), Field("volume", INT)),
    _condition((7,), Field("changePercent", FLOAT)),
    _condition((1, 6, 7), Field("conId", INT), Field("exch")),
    _condition((1,), Field("triggerMethod", INT)),
)
CONDITIONS: tuple[Item, ...] = (
    Repeat("conditions", _CONDITION),
    When(lambda values: bool(values.get("conditions")), fields(BOOL, "conditionsIgnoreRth conditionsCancelOrder")),
)
_SCALE: tuple[Item, ...] = (
    Field("scalePriceAdjustValue", OPTIONAL_FLOAT),
    Field("scalePriceAdjustInterval", OPTIONAL_INT),
    Field("scaleProfitOffset", OPTIONAL_FLOAT),
    Field("scaleAutoReset", BOOL),
    *fields(OPTIONAL_INT, "scaleInitPosition scaleInitFillQty"),
    Field("scaleRandomPercent", BOOL),
)
SCALE = When(_has_scale, _SCALE)
BENCHMARK = When(
    _is_pegged_to_benchmark,
    (
        Field("referenceContractId", INT),
        Field("isPeggedChangeAmountDecrease", BOOL),
        *fields(FLOAT, "peggedChangeAmount referenceChangeAmount"),
        Field("referenceExchangeId"),
    ),
)
ALGO: tuple[Item, ...] = (
    Field("algoStrategy"),
    When(lambda values: bool(values.get("algoStrategy")), (Repeat("algoParams", TAG_VALUE),)),
)
HEDGE: tuple[Item, ...] = (
    Field("hedgeType"),
    When(lambda values: bool(values.get("hedgeType")), (Field("hedgeParam"),)),
)
COMBO_PRICES: tuple[Item, ...] = (
    Repeat("comboLegs", ORDER_LEG),
    Repeat("orderComboLegs", (Field("price", OPTIONAL_FLOAT),)),
    Repeat("smartComboRoutingParams", TAG_VALUE),
)


def _has_delta_neutral(values: Values) -> bool:
    return bool(values.get("deltaNeutralOrderType"))


def delta_neutral(*items: Item) -> tuple[Item, ...]:
    """Return the hedge of a volatility order; `items` follow only if there is one."""
    return (
        Field("deltaNeutralOrderType"),
        Field("deltaNeutralAuxPrice", OPTIONAL_FLOAT),
        When(_has_delta_neutral, items),
    )


SHORT_SALE: tuple[Item, ...] = (
    Field("deltaNeutralShortSale", BOOL),
    Field("deltaNeutralShortSaleSlot", INT),
    Field("deltaNeutralDesignatedLocation"),
)
DELTA_NEUTRAL_FULL = delta_neutral(
    Field("deltaNeutralConId", INT),
    *fields(STR, "deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent"),
    Field("deltaNeutralOpenClose"),
    *SHORT_SALE,
)
PRICES = (Field("lmtPrice", OPTIONAL_FLOAT), Field("auxPrice", OPTIONAL_FLOAT))
RANGE = fields(OPTIONAL_FLOAT, "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper")
SHORT_SLOT: tuple[Item, ...] = (
    Field("shortSaleSlot", INT),
    Field("designatedLocation"),
    Field("exemptCode", INT, "-1"),
)
VOLATILITY: tuple[Item, ...] = (Field("volatility", OPTIONAL_FLOAT), Field("volatilityType", OPTIONAL_INT, "0"))
