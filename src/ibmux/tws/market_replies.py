"""What gateways send about markets: ticks, depth, bars, historical ticks, news."""

from __future__ import annotations

from .contracts import OPTION_CONTRACT, REQ_ID, version
from .layout import Field, Item, Message, Repeat, When, fields
from .values import BOOL, FLOAT, INT, STR

V1 = version("1")
_BAR: tuple[Item, ...] = (
    Field("date"),
    *fields(FLOAT, "open high low close volume average"),
    Field("barCount", INT),
)
_LAST_TICK: tuple[Item, ...] = (*fields(FLOAT, "price size"), Field("mask", INT), *fields(STR, "exchange conditions"))


def _tick_is(*kinds: int) -> When:
    items: dict[int, tuple[Item, ...]] = {
        1: _LAST_TICK,
        3: (*fields(FLOAT, "bidPrice askPrice bidSize askSize"), Field("mask", INT)),
        4: (Field("midPoint", FLOAT),),
    }
    return When(lambda values: values.get("tickType") in kinds, items[kinds[0]])


MARKET_REPLIES = (
    Message(
        1,
        "tickPrice",
        (version("6"), REQ_ID, Field("tickType", INT), *fields(FLOAT, "price size"), Field("attrib", INT)),
    ),
    Message(2, "tickSize", (version("6"), REQ_ID, Field("tickType", INT), Field("size", FLOAT))),
    Message(12, "updateMktDepth", (V1, REQ_ID, *fields(INT, "position operation side"), *fields(FLOAT, "price size"))),
    Message(
        13,
        "updateMktDepthL2",
        (
            V1,
            REQ_ID,
            Field("position", INT),
            Field("marketMaker"),
            *fields(INT, "operation side"),
            *fields(FLOAT, "price size"),
            Field("isSmartDepth", BOOL),
        ),
    ),
    Message(17, "historicalData", (REQ_ID, *fields(STR, "start end"), Repeat("bars", _BAR))),
    Message(
        20,
        "scannerData",
        (
            version("3"),
            REQ_ID,
            Repeat(
                "rows",
                (
                    *fields(INT, "rank conId"),
                    *OPTION_CONTRACT,
                    *fields(STR, "exchange currency localSymbol marketName tradingClass"),
                    *fields(STR, "distance benchmark projection legsStr"),
                ),
            ),
        ),
    ),
    Message(
        21,
        "tickOptionComputation",
        (
            REQ_ID,
            *fields(INT, "tickType tickAttrib"),
            *fields(FLOAT, "impliedVol delta optPrice pvDividend gamma vega theta undPrice"),
        ),
    ),
    Message(45, "tickGeneric", (version("6"), REQ_ID, Field("tickType", INT), Field("value", FLOAT))),
    Message(46, "tickString", (version("6"), REQ_ID, Field("tickType", INT), Field("value"))),
    Message(
        47,
        "tickEFP",
        (
            version("6"),
            REQ_ID,
            Field("tickType", INT),
            Field("basisPoints", FLOAT),
            Field("formattedBasisPoints"),
            Field("impliedFuture", FLOAT),
            Field("holdDays", INT),
            Field("futureLastTradeDate"),
            *fields(FLOAT, "dividendImpact dividendsToLastTradeDate"),
        ),
    ),
    Message(
        50,
        "realtimeBar",
        (
            version("3"),
            REQ_ID,
            Field("time", INT),
            *fields(FLOAT, "open high low close volume wap"),
            Field("count", INT),
        ),
    ),
    Message(56, "deltaNeutralValidation", (V1, REQ_ID, Field("conId", INT), *fields(FLOAT, "delta price"))),
    Message(57, "tickSnapshotEnd", (V1, REQ_ID)),
    Message(58, "marketDataType", (V1, REQ_ID, Field("marketDataType", INT))),
    Message(
        81, "tickReqParams", (REQ_ID, Field("minTick", FLOAT), Field("bboExchange"), Field("snapshotPermissions", INT))
    ),
    Message(
        82,
        "smartComponents",
        (REQ_ID, Repeat("components", (Field("bitNumber", INT), *fields(STR, "exchange exchangeLetter")))),
    ),
    Message(
        84, "tickNews", (REQ_ID, Field("timeStamp", INT), *fields(STR, "providerCode articleId headline extraData"))
    ),
    Message(86, "historicalNews", (REQ_ID, *fields(STR, "time providerCode articleId headline"))),
    Message(87, "historicalNewsEnd", (REQ_ID, Field("hasMore", BOOL))),
    Message(88, "headTimestamp", (REQ_ID, Field("headTimestamp"))),
    Message(89, "histogramData", (REQ_ID, Repeat("items", (Field("price", FLOAT), Field("size", INT))))),
    # Here close stands before high and low, and the count before the date: unlike in historicalData.
    Message(
        90,
        "historicalDataUpdate",
        (REQ_ID, Field("barCount", INT), Field("date"), *fields(FLOAT, "open close high low average volume")),
    ),
    Message(91, "rerouteMktDataReq", (REQ_ID, Field("conId", INT), Field("exchange"))),
    Message(92, "rerouteMktDepthReq", (REQ_ID, Field("conId", INT), Field("exchange"))),
    Message(
        96,
        "historicalTicks",
        (REQ_ID, Repeat("ticks", (*fields(INT, "time mask"), *fields(FLOAT, "price size"))), Field("done", BOOL)),
    ),
    Message(
        97,
        "historicalTicksBidAsk",
        (
            REQ_ID,
            Repeat("ticks", (*fields(INT, "time mask"), *fields(FLOAT, "bidPrice askPrice bidSize askSize"))),
            Field("done", BOOL),
        ),
    ),
    Message(
        98,
        "historicalTicksLast",
        (
            REQ_ID,
            Repeat(
                "ticks",
                (*fields(INT, "time mask"), *fields(FLOAT, "price size"), *fields(STR, "exchange conditions")),
            ),
            Field("done", BOOL),
        ),
    ),
    Message(99, "tickByTick", (REQ_ID, *fields(INT, "tickType time"), _tick_is(1, 2), _tick_is(3), _tick_is(4))),
    Message(
        106,
        "historicalSchedule",
        (
            REQ_ID,
            *fields(STR, "startDateTime endDateTime timeZone"),
            Repeat("sessions", fields(STR, "startDateTime endDateTime refDate")),
        ),
    ),
)
"""Every message about markets."""
