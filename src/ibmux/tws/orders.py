"""The longest request: placeOrder."""

from __future__ import annotations

import math

from .contracts import CONTRACT, DELTA_NEUTRAL, ORDER_ID, is_combo
from .layout import Field, Fixed, Message, Values, When, fields
from .order_parts import (
    ALGO,
    BENCHMARK,
    COMBO_PRICES,
    CONDITIONS,
    DELTA_NEUTRAL_FULL,
    HEDGE,
    PRICES,
    RANGE,
    SCALE,
    SHORT_SLOT,
    VOLATILITY,
)
from .values import BOOL, FLOAT, INT, OPTIONAL_FLOAT, OPTIONAL_INT, STR

_PEGGED = ("PEG MID", "PEGMID", "PEG BEST", "PEGBEST")


def _has_mid_offsets(values: Values) -> bool:
    best = values.get("orderType") in ("PEG BEST", "PEGBEST")
    return not best or values.get("competeAgainstBestOffset") == math.inf


PLACE_ORDER = Message(
    3,
    "placeOrder",
    (
        ORDER_ID,
        *CONTRACT,
        *fields(STR, "secIdType secId action"),
        Field("totalQuantity", FLOAT),
        Field("orderType"),
        *PRICES,
        *fields(STR, "tif ocaGroup account openClose"),
        Field("origin", INT),
        Field("orderRef"),
        Field("transmit", BOOL),
        Field("parentId", INT),
        *fields(BOOL, "blockOrder sweepToFill"),
        *fields(OPTIONAL_INT, "displaySize triggerMethod"),
        *fields(BOOL, "outsideRth hidden"),
        When(is_combo, COMBO_PRICES),
        Fixed(),
        Field("discretionaryAmt", OPTIONAL_FLOAT),
        *fields(STR, "goodAfterTime goodTillDate faGroup faMethod faPercentage"),
        Field("faProfile", until=176),
        Field("modelCode"),
        *SHORT_SLOT,
        Field("ocaType", INT),
        *fields(STR, "rule80A settlingFirm"),
        Field("allOrNone", BOOL),
        Field("minQty", OPTIONAL_INT),
        Field("percentOffset", OPTIONAL_FLOAT),
        *fields(BOOL, "eTradeOnly firmQuoteOnly"),
        Field("nbboPriceCap", OPTIONAL_FLOAT),
        Field("auctionStrategy", OPTIONAL_INT),
        *RANGE,
        Field("overridePercentageConstraints", BOOL),
        *VOLATILITY,
        *DELTA_NEUTRAL_FULL,
        Field("continuousUpdate", BOOL),
        Field("referencePriceType", OPTIONAL_INT),
        *fields(OPTIONAL_FLOAT, "trailStopPrice trailingPercent"),
        *fields(OPTIONAL_INT, "scaleInitLevelSize scaleSubsLevelSize"),
        Field("scalePriceIncrement", OPTIONAL_FLOAT),
        SCALE,
        *fields(STR, "scaleTable activeStartTime activeStopTime"),
        *HEDGE,
        Field("optOutSmartRouting", BOOL),
        *fields(STR, "clearingAccount clearingIntent"),
        Field("notHeld", BOOL),
        *DELTA_NEUTRAL,
        *ALGO,
        Field("algoId"),
        Field("whatIf", BOOL),
        Field("orderMiscOptions"),
        *fields(BOOL, "solicited randomizeSize randomizePrice"),
        BENCHMARK,
        *CONDITIONS,
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
