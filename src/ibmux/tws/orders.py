"""The three longest layouts: placeOrder as clients send it, openOrder and completedOrder as gateways answer.

Positions and conditional blocks follow what the official and the independent clients read and write.
"""

from __future__ import annotations

import math

from .contracts import (
    CONTRACT,
    CONTRACT_NO_PRIMARY,
    DELTA_NEUTRAL,
    ORDER_ID,
    ORDER_LEG,
    TAG_VALUE,
    is_combo,
)
from .layout import Field, Fixed, Item, Message, Repeat, Values, When, fields
from .values import BOOL, FLOAT, INT, MAXED_FLOAT, OPTIONAL_FLOAT, OPTIONAL_INT, STR, UNSET_DOUBLE

_UNSET_INT = "2147483647"
_PEGGED = ("PEG MID", "PEGMID", "PEG BEST", "PEGBEST")


def _has_scale(values: Values) -> bool:
    return 0 < float(values.get("scalePriceIncrement") or 0) < UNSET_DOUBLE


def _is_pegged_to_benchmark(values: Values) -> bool:
    return values.get("orderType") in ("PEG BENCH", "PEGBENCH")


def _has_mid_offsets(values: Values) -> bool:
    best = values.get("orderType") in ("PEG BEST", "PEGBEST")
    return not best or values.get("competeAgainstBestOffset") == math.inf


def _kind_in(*kinds: int) -> When:
    """A guard for the fields of these condition types; `items` are added by the caller."""
    return When(lambda values: values.get("condType") in kinds, ())


def _condition(kinds: tuple[int, ...], *items: Item) -> When:
    return When(_kind_in(*kinds).test, items)


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
_CONDITIONS: tuple[Item, ...] = (
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
_BENCHMARK = When(
    _is_pegged_to_benchmark,
    (
        Field("referenceContractId", INT),
        Field("isPeggedChangeAmountDecrease", BOOL),
        *fields(FLOAT, "peggedChangeAmount referenceChangeAmount"),
        Field("referenceExchangeId"),
    ),
)
_ALGO: tuple[Item, ...] = (
    Field("algoStrategy"),
    When(lambda values: bool(values.get("algoStrategy")), (Repeat("algoParams", TAG_VALUE),)),
)
_HEDGE: tuple[Item, ...] = (
    Field("hedgeType"),
    When(lambda values: bool(values.get("hedgeType")), (Field("hedgeParam"),)),
)
_COMBO_PRICES: tuple[Item, ...] = (
    Repeat("comboLegs", ORDER_LEG),
    Repeat("orderComboLegs", (Field("price", OPTIONAL_FLOAT),)),
    Repeat("smartComboRoutingParams", TAG_VALUE),
)


def _has_delta_neutral(values: Values) -> bool:
    return bool(values.get("deltaNeutralOrderType"))


def _delta_neutral(*items: Item) -> tuple[Item, ...]:
    return (
        Field("deltaNeutralOrderType"),
        Field("deltaNeutralAuxPrice", OPTIONAL_FLOAT),
        When(_has_delta_neutral, items),
    )


_SHORT_SALE: tuple[Item, ...] = (
    Field("deltaNeutralShortSale", BOOL),
    Field("deltaNeutralShortSaleSlot", INT),
    Field("deltaNeutralDesignatedLocation"),
)
_DELTA_NEUTRAL_FULL = _delta_neutral(
    Field("deltaNeutralConId", INT),
    *fields(STR, "deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent"),
    Field("deltaNeutralOpenClose"),
    *_SHORT_SALE,
)
_PRICES = (Field("lmtPrice", OPTIONAL_FLOAT), Field("auxPrice", OPTIONAL_FLOAT))
_RANGE = fields(OPTIONAL_FLOAT, "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper")
_SHORT_SLOT: tuple[Item, ...] = (
    Field("shortSaleSlot", INT),
    Field("designatedLocation"),
    Field("exemptCode", INT, "-1"),
)
_VOLATILITY: tuple[Item, ...] = (Field("volatility", OPTIONAL_FLOAT), Field("volatilityType", OPTIONAL_INT, "0"))

PLACE_ORDER = Message(
    3,
    "placeOrder",
    (
        ORDER_ID,
        *CONTRACT,
        *fields(STR, "secIdType secId action"),
        Field("totalQuantity", FLOAT),
        Field("orderType"),
        *_PRICES,
        *fields(STR, "tif ocaGroup account openClose"),
        Field("origin", INT),
        Field("orderRef"),
        Field("transmit", BOOL),
        Field("parentId", INT),
        *fields(BOOL, "blockOrder sweepToFill"),
        *fields(OPTIONAL_INT, "displaySize triggerMethod"),
        *fields(BOOL, "outsideRth hidden"),
        When(is_combo, _COMBO_PRICES),
        Fixed(),
        Field("discretionaryAmt", OPTIONAL_FLOAT),
        *fields(STR, "goodAfterTime goodTillDate faGroup faMethod faPercentage"),
        Field("faProfile", until=176),
        Field("modelCode"),
        *_SHORT_SLOT,
        Field("ocaType", INT),
        *fields(STR, "rule80A settlingFirm"),
        Field("allOrNone", BOOL),
        Field("minQty", OPTIONAL_INT),
        Field("percentOffset", OPTIONAL_FLOAT),
        *fields(BOOL, "eTradeOnly firmQuoteOnly"),
        Field("nbboPriceCap", OPTIONAL_FLOAT),
        Field("auctionStrategy", OPTIONAL_INT),
        *_RANGE,
        Field("overridePercentageConstraints", BOOL),
        *_VOLATILITY,
        *_DELTA_NEUTRAL_FULL,
        Field("continuousUpdate", BOOL),
        Field("referencePriceType", OPTIONAL_INT),
        *fields(OPTIONAL_FLOAT, "trailStopPrice trailingPercent"),
        *fields(OPTIONAL_INT, "scaleInitLevelSize scaleSubsLevelSize"),
        Field("scalePriceIncrement", OPTIONAL_FLOAT),
        When(_has_scale, _SCALE),
        *fields(STR, "scaleTable activeStartTime activeStopTime"),
        *_HEDGE,
        Field("optOutSmartRouting", BOOL),
        *fields(STR, "clearingAccount clearingIntent"),
        Field("notHeld", BOOL),
        *DELTA_NEUTRAL,
        *_ALGO,
        Field("algoId"),
        Field("whatIf", BOOL),
        Field("orderMiscOptions"),
        *fields(BOOL, "solicited randomizeSize randomizePrice"),
        _BENCHMARK,
        *_CONDITIONS,
        Field("adjustedOrderType"),
        *fields(
            OPTIONAL_FLOAT,
            "triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount",
        ),
        Field("adjustableTrailingUnit", OPTIONAL_INT),
        *fields(STR, "extOperator softDollarTierName softDollarTierVal"),
        Field("cashQty", OPTIONAL_FLOAT),
        *fields(STR, "mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo"),
        *fields(BOOL, "dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo"),
        Field("duration", OPTIONAL_INT, since=158),
        Field("postToAts", OPTIONAL_INT, since=160),
        Field("autoCancelParent", BOOL, since=162),
        Field("advancedErrorOverride", since=166),
        Field("manualOrderTime", since=169),
        When(
            lambda values: values.get("exchange") == "IBKRATS",
            (Field("minTradeQty", OPTIONAL_INT),),
            since=170,
        ),
        When(
            lambda values: values.get("orderType") in ("PEG BEST", "PEGBEST"),
            (Field("minCompeteSize", OPTIONAL_INT), Field("competeAgainstBestOffset", OPTIONAL_FLOAT)),
            since=170,
        ),
        When(
            lambda values: values.get("orderType") in _PEGGED and _has_mid_offsets(values),
            fields(OPTIONAL_FLOAT, "midOffsetAtWhole midOffsetAtHalf"),
            since=170,
        ),
    ),
)

_ORDER_HEAD: tuple[Item, ...] = (
    *CONTRACT_NO_PRIMARY,
    Field("action"),
    Field("totalQuantity", FLOAT),
    Field("orderType"),
    Field("lmtPrice", OPTIONAL_FLOAT, "0.0"),
    Field("auxPrice", OPTIONAL_FLOAT, "0.0"),
    *fields(STR, "tif ocaGroup account openClose"),
    Field("origin", INT),
    Field("orderRef"),
)
_PEG_BEST: tuple[Item, ...] = (
    Field("minTradeQty", OPTIONAL_INT, since=170),
    Field("minCompeteSize", OPTIONAL_INT, since=170),
    Field("competeAgainstBestOffset", OPTIONAL_FLOAT, since=170),
    *fields(OPTIONAL_FLOAT, "midOffsetAtWhole midOffsetAtHalf", since=170),
)
_SCALE_HEAD: tuple[Item, ...] = (
    *fields(OPTIONAL_INT, "scaleInitLevelSize scaleSubsLevelSize", _UNSET_INT),
    Field("scalePriceIncrement", OPTIONAL_FLOAT),
    When(_has_scale, _SCALE),
)
_MARGIN = "initMargin{0} maintMargin{0} equityWithLoan{0}"

OPEN_ORDER = Message(
    5,
    "openOrder",
    (
        ORDER_ID,
        *_ORDER_HEAD,
        *fields(INT, "clientId permId"),
        *fields(BOOL, "outsideRth hidden"),
        Field("discretionaryAmt", FLOAT),
        Field("goodAfterTime"),
        Field("sharesAllocation"),
        *fields(STR, "faGroup faMethod faPercentage"),
        Field("faProfile", until=176),
        *fields(STR, "modelCode goodTillDate rule80A"),
        Field("percentOffset", OPTIONAL_FLOAT),
        Field("settlingFirm"),
        *_SHORT_SLOT,
        Field("auctionStrategy", INT),
        *_RANGE,
        Field("displaySize", OPTIONAL_INT, _UNSET_INT),
        *fields(BOOL, "blockOrder sweepToFill allOrNone"),
        Field("minQty", OPTIONAL_INT),
        Field("ocaType", INT, "3"),
        *fields(BOOL, "eTradeOnly firmQuoteOnly"),
        Field("nbboPriceCap", OPTIONAL_FLOAT),
        *fields(INT, "parentId triggerMethod"),
        *_VOLATILITY,
        *_DELTA_NEUTRAL_FULL,
        Field("continuousUpdate", BOOL),
        Field("referencePriceType", OPTIONAL_INT, "0"),
        *fields(OPTIONAL_FLOAT, "trailStopPrice trailingPercent basisPoints"),
        Field("basisPointsType", OPTIONAL_INT),
        Field("comboLegsDescrip"),
        *_COMBO_PRICES,
        *_SCALE_HEAD,
        *_HEDGE,
        Field("optOutSmartRouting", BOOL),
        Field("clearingAccount"),
        Field("clearingIntent", default="IB"),
        Field("notHeld", BOOL),
        *DELTA_NEUTRAL,
        *_ALGO,
        *fields(BOOL, "solicited whatIf"),
        Field("status"),
        *fields(MAXED_FLOAT, _MARGIN.format("Before")),
        *fields(MAXED_FLOAT, _MARGIN.format("Change")),
        *fields(MAXED_FLOAT, _MARGIN.format("After")),
        *fields(OPTIONAL_FLOAT, "commission minCommission maxCommission"),
        *fields(STR, "commissionCurrency warningText"),
        *fields(BOOL, "randomizeSize randomizePrice"),
        _BENCHMARK,
        *_CONDITIONS,
        Field("adjustedOrderType", default="None"),
        *fields(MAXED_FLOAT, "triggerPrice trailStopPrice lmtPriceOffset"),
        *fields(MAXED_FLOAT, "adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount"),
        Field("adjustableTrailingUnit", INT),
        *fields(STR, "softDollarTierName softDollarTierVal softDollarTierDisplayName"),
        Field("cashQty", OPTIONAL_FLOAT, "0"),
        Field("dontUseAutoPriceForHedge", BOOL, "1"),
        *fields(BOOL, "isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo"),
        # Independent clients read `duration` from 159 on; a field left over at 158 does no harm.
        Field("duration", OPTIONAL_INT, since=158),
        Field("postToAts", OPTIONAL_INT, since=160),
        Field("autoCancelParent", BOOL, since=162),
        *_PEG_BEST,
    ),
)

COMPLETED_ORDER = Message(
    101,
    "completedOrder",
    (
        *_ORDER_HEAD,
        Field("permId", INT),
        *fields(BOOL, "outsideRth hidden"),
        Field("discretionaryAmt", FLOAT),
        *fields(STR, "goodAfterTime faGroup faMethod faPercentage"),
        Field("faProfile", until=176),
        *fields(STR, "modelCode goodTillDate rule80A"),
        Field("percentOffset", OPTIONAL_FLOAT),
        Field("settlingFirm"),
        *_SHORT_SLOT,
        *_RANGE,
        Field("displaySize", OPTIONAL_INT, _UNSET_INT),
        *fields(BOOL, "sweepToFill allOrNone"),
        Field("minQty", OPTIONAL_INT),
        Field("ocaType", INT, "3"),
        Field("triggerMethod", INT),
        *_VOLATILITY,
        *_delta_neutral(Field("deltaNeutralConId", INT), *_SHORT_SALE),
        Field("continuousUpdate", BOOL),
        Field("referencePriceType", OPTIONAL_INT, "0"),
        *fields(OPTIONAL_FLOAT, "trailStopPrice trailingPercent"),
        Field("comboLegsDescrip"),
        *_COMBO_PRICES,
        *_SCALE_HEAD,
        *_HEDGE,
        Field("clearingAccount"),
        Field("clearingIntent", default="IB"),
        Field("notHeld", BOOL),
        *DELTA_NEUTRAL,
        *_ALGO,
        Field("solicited", BOOL),
        Field("status"),
        *fields(BOOL, "randomizeSize randomizePrice"),
        _BENCHMARK,
        *_CONDITIONS,
        Field("trailStopPrice", MAXED_FLOAT),
        Field("lmtPriceOffset", MAXED_FLOAT),
        Field("cashQty", OPTIONAL_FLOAT, "0"),
        Field("dontUseAutoPriceForHedge", BOOL, "1"),
        Field("isOmsContainer", BOOL),
        Field("autoCancelDate"),
        Field("filledQuantity", FLOAT),
        Field("refFuturesConId", OPTIONAL_INT, _UNSET_INT),
        Field("autoCancelParent", BOOL),
        Field("shareholder", default="Not an insider or substantial shareholder"),
        *fields(BOOL, "imbalanceOnly routeMarketableToBbo"),
        Field("parentPermId", INT, "9223372036854775807"),
        *fields(STR, "completedTime completedStatus"),
        *_PEG_BEST,
    ),
)
