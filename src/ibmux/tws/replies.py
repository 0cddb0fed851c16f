"""Every reply of the text protocol: number, name, fields by server version. `REPLIES` finds one by its name.

Names are the callbacks of IB's client interface (`error`, `tickPrice`, `orderStatus`).
"""

from __future__ import annotations

from .contracts import CONTRACT_NO_PRIMARY, CONTRACT_PRIMARY, ORDER_ID, REQ_ID, version
from .framing import join_fields
from .layout import Field, Fixed, Item, Message, Repeat, Values, When, fields
from .orders import COMPLETED_ORDER, OPEN_ORDER
from .values import BOOL, FLOAT, INT, MAXED_FLOAT, OPTIONAL_INT, STR, STRIKE, UNSET_DOUBLE_TEXT

V1 = Fixed("1")
_ACCOUNT_VALUE = fields(STR, "tag value currency")
_BAR: tuple[Item, ...] = (
    Field("date"),
    *fields(FLOAT, "open high low close volume average"),
    Field("barCount", INT),
)
_SEC_IDS = Repeat("secIdList", fields(STR, "tag value"))
_SIZES = fields(FLOAT, "minSize sizeIncrement suggestedSizeIncrement", since=164)
_OPTION_CONTRACT: tuple[Item, ...] = (
    *fields(STR, "symbol secType lastTradeDateOrContractMonth"),
    Field("strike", STRIKE),
    Field("right"),
)
_LAST_TICK: tuple[Item, ...] = (*fields(FLOAT, "price size"), Field("mask", INT), *fields(STR, "exchange conditions"))


def _tick_is(*kinds: int) -> When:
    items: dict[int, tuple[Item, ...]] = {
        1: _LAST_TICK,
        3: (*fields(FLOAT, "bidPrice askPrice bidSize askSize"), Field("mask", INT)),
        4: (Field("midPoint", FLOAT),),
    }
    return When(lambda values: values.get("tickType") in kinds, items[kinds[0]])


_ALL = (
    Message(1, "tickPrice", (version("6"), REQ_ID, Field("tickType", INT), *fields(FLOAT, "price size"), Field("attrib", INT))),
    Message(2, "tickSize", (version("6"), REQ_ID, Field("tickType", INT), Field("size", FLOAT))),
    Message(
        3,
        "orderStatus",
        (
            ORDER_ID,
            Field("status"),
            *fields(FLOAT, "filled remaining avgFillPrice"),
            *fields(INT, "permId parentId"),
            Field("lastFillPrice", FLOAT),
            Field("clientId", INT),
            Field("whyHeld"),
            Field("mktCapPrice", FLOAT),
        ),
    ),
    Message(
        4,
        "error",
        (
            version("2"),
            *fields(INT, "id errorCode"),
            Field("errorString"),
            Field("advancedOrderRejectJson", since=166),
        ),
    ),
    OPEN_ORDER,
    Message(6, "updateAccountValue", (version("2"), *_ACCOUNT_VALUE, Field("account"))),
    Message(
        7,
        "updatePortfolio",
        (
            version("8"),
            *CONTRACT_PRIMARY,
            *fields(FLOAT, "position marketPrice marketValue averageCost unrealizedPNL realizedPNL"),
            Field("account"),
        ),
    ),
    Message(8, "updateAccountTime", (V1, Field("timestamp"))),
    Message(9, "nextValidId", (V1, ORDER_ID)),
    Message(
        10,
        "contractDetails",
        (
            Fixed("8", until=163),
            REQ_ID,
            *_OPTION_CONTRACT,
            *fields(STR, "exchange currency localSymbol marketName tradingClass"),
            Field("conId", INT),
            Field("minTick", FLOAT),
            Fixed("100", until=163),
            *fields(STR, "multiplier orderTypes validExchanges"),
            *fields(INT, "priceMagnifier underConId"),
            *fields(STR, "longName primaryExchange contractMonth industry category subcategory"),
            *fields(STR, "timeZoneId tradingHours liquidHours evRule"),
            Field("evMultiplier", OPTIONAL_INT),
            _SEC_IDS,
            Field("aggGroup", OPTIONAL_INT),
            *fields(STR, "underSymbol underSecType marketRuleIds realExpirationDate stockType"),
            Field("suggestedSizeIncrement", FLOAT, since=163, until=163),
            *_SIZES,
        ),
    ),
    Message(
        11,
        "execDetails",
        (
            *fields(INT, "reqId orderId"),
            *CONTRACT_NO_PRIMARY,
            *fields(STR, "execId time acctNumber exchange side"),
            *fields(FLOAT, "shares price"),
            *fields(INT, "permId clientId liquidation"),
            *fields(FLOAT, "cumQty avgPrice"),
            *fields(STR, "orderRef evRule"),
            Field("evMultiplier", FLOAT, ""),
            Field("modelCode"),
            Field("lastLiquidity", INT),
            Field("pendingPriceRevision", BOOL, since=178),
        ),
    ),
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
    Message(14, "updateNewsBulletin", (V1, *fields(INT, "msgId msgType"), *fields(STR, "newsMessage originExch"))),
    Message(15, "managedAccounts", (V1, Field("accountsList"))),
    Message(16, "receiveFA", (V1, Field("faDataType", INT), Field("xml"))),
    Message(17, "historicalData", (REQ_ID, *fields(STR, "start end"), Repeat("bars", _BAR))),
    Message(
        18,
        "bondContractDetails",
        (
            Fixed("6", until=163),
            REQ_ID,
            *fields(STR, "symbol secType cusip coupon maturity issueDate ratings bondType couponType"),
            *fields(BOOL, "convertible callable putable"),
            *fields(STR, "descAppend exchange currency marketName tradingClass"),
            Field("conId", INT),
            Field("minTick", FLOAT),
            Fixed("1000", until=163),
            *fields(STR, "orderTypes validExchanges nextOptionDate nextOptionType"),
            Field("nextOptionPartial", BOOL),
            *fields(STR, "notes longName evRule"),
            Field("evMultiplier", OPTIONAL_INT),
            _SEC_IDS,
            Field("aggGroup", OPTIONAL_INT),
            Field("marketRuleIds"),
            *_SIZES,
        ),
    ),
    Message(19, "scannerParameters", (V1, Field("xml"))),
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
                    *_OPTION_CONTRACT,
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
    Message(49, "currentTime", (V1, Field("time", INT))),
    Message(
        50,
        "realtimeBar",
        (version("3"), REQ_ID, Field("time", INT), *fields(FLOAT, "open high low close volume wap"), Field("count", INT)),
    ),
    Message(51, "fundamentalData", (V1, REQ_ID, Field("data"))),
    Message(52, "contractDetailsEnd", (V1, REQ_ID)),
    Message(53, "openOrderEnd", (V1,)),
    Message(54, "accountDownloadEnd", (V1, Field("account"))),
    Message(55, "execDetailsEnd", (V1, REQ_ID)),
    Message(56, "deltaNeutralValidation", (V1, REQ_ID, Field("conId", INT), *fields(FLOAT, "delta price"))),
    Message(57, "tickSnapshotEnd", (V1, REQ_ID)),
    Message(58, "marketDataType", (V1, REQ_ID, Field("marketDataType", INT))),
    Message(
        59,
        "commissionReport",
        (
            V1,
            Field("execId"),
            Field("commission", FLOAT),
            Field("currency"),
            *fields(MAXED_FLOAT, "realizedPNL yield", UNSET_DOUBLE_TEXT),
            Field("yieldRedemptionDate", INT),
        ),
    ),
    Message(61, "position", (version("3"), Field("account"), *CONTRACT_NO_PRIMARY, *fields(FLOAT, "position avgCost"))),
    Message(62, "positionEnd", (V1,)),
    Message(63, "accountSummary", (V1, REQ_ID, Field("account"), *_ACCOUNT_VALUE)),
    Message(64, "accountSummaryEnd", (V1, REQ_ID)),
    Message(65, "verifyMessageAPI", (V1, Field("apiData"))),
    Message(66, "verifyCompleted", (V1, Field("isSuccessful"), Field("errorText"))),
    Message(67, "displayGroupList", (V1, REQ_ID, Field("groups"))),
    Message(68, "displayGroupUpdated", (V1, REQ_ID, Field("contractInfo"))),
    Message(
        71,
        "positionMulti",
        (
            version("3"),
            REQ_ID,
            Field("account"),
            *CONTRACT_NO_PRIMARY,
            *fields(FLOAT, "position avgCost"),
            Field("modelCode"),
        ),
    ),
    Message(72, "positionMultiEnd", (V1, REQ_ID)),
    Message(73, "accountUpdateMulti", (V1, REQ_ID, *fields(STR, "account modelCode"), *_ACCOUNT_VALUE)),
    Message(74, "accountUpdateMultiEnd", (V1, REQ_ID)),
    Message(
        75,
        "securityDefinitionOptionParameter",
        (
            REQ_ID,
            Field("exchange"),
            Field("underConId", INT),
            *fields(STR, "tradingClass multiplier"),
            Repeat("expirations", (Field("expiration"),)),
            Repeat("strikes", (Field("strike", FLOAT),)),
        ),
    ),
    Message(76, "securityDefinitionOptionParameterEnd", (REQ_ID,)),
    Message(77, "softDollarTiers", (REQ_ID, Repeat("tiers", fields(STR, "name val displayName")))),
    Message(78, "familyCodes", (Repeat("familyCodes", fields(STR, "accountID familyCodeStr")),)),
    Message(
        79,
        "symbolSamples",
        (
            REQ_ID,
            Repeat(
                "contracts",
                (
                    Field("conId", INT),
                    *fields(STR, "symbol secType primaryExchange currency"),
                    Repeat("derivativeSecTypes", (Field("derivativeSecType"),)),
                    *fields(STR, "description issuerId", since=176),
                ),
            ),
        ),
    ),
    Message(
        80,
        "mktDepthExchanges",
        (
            Repeat(
                "exchanges",
                (
                    *fields(STR, "exchange secType listingExch serviceDataType"),
                    Field("aggGroup", OPTIONAL_INT, "2147483647"),
                ),
            ),
        ),
    ),
    Message(81, "tickReqParams", (REQ_ID, Field("minTick", FLOAT), Field("bboExchange"), Field("snapshotPermissions", INT))),
    Message(82, "smartComponents", (REQ_ID, Repeat("components", (Field("bitNumber", INT), *fields(STR, "exchange exchangeLetter"))))),
    Message(83, "newsArticle", (REQ_ID, Field("articleType", INT), Field("articleText"))),
    Message(84, "tickNews", (REQ_ID, Field("timeStamp", INT), *fields(STR, "providerCode articleId headline extraData"))),
    Message(85, "newsProviders", (Repeat("providers", fields(STR, "code name")),)),
    Message(86, "historicalNews", (REQ_ID, *fields(STR, "time providerCode articleId headline"))),
    Message(87, "historicalNewsEnd", (REQ_ID, Field("hasMore", BOOL))),
    Message(88, "headTimestamp", (REQ_ID, Field("headTimestamp"))),
    Message(89, "histogramData", (REQ_ID, Repeat("items", fields(FLOAT, "price size")))),
    # Here close stands before high and low, and the count before the date: unlike in historicalData.
    Message(
        90,
        "historicalDataUpdate",
        (REQ_ID, Field("barCount", INT), Field("date"), *fields(FLOAT, "open close high low average volume")),
    ),
    Message(91, "rerouteMktDataReq", (REQ_ID, Field("conId", INT), Field("exchange"))),
    Message(92, "rerouteMktDepthReq", (REQ_ID, Field("conId", INT), Field("exchange"))),
    Message(93, "marketRule", (Field("marketRuleId", INT), Repeat("priceIncrements", fields(FLOAT, "lowEdge increment")))),
    Message(94, "pnl", (REQ_ID, *fields(MAXED_FLOAT, "dailyPnL unrealizedPnL realizedPnL"))),
    Message(
        95,
        "pnlSingle",
        (REQ_ID, Field("position", FLOAT), *fields(MAXED_FLOAT, "dailyPnL unrealizedPnL realizedPnL value")),
    ),
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
    Message(100, "orderBound", (*fields(INT, "permId clientId"), ORDER_ID)),
    COMPLETED_ORDER,
    Message(102, "completedOrdersEnd", ()),
    Message(103, "replaceFAEnd", (REQ_ID, Field("text"))),
    Message(104, "wshMetaData", (REQ_ID, Field("dataJson"))),
    Message(105, "wshEventData", (REQ_ID, Field("dataJson"))),
    Message(
        106,
        "historicalSchedule",
        (
            REQ_ID,
            *fields(STR, "startDateTime endDateTime timeZone"),
            Repeat("sessions", fields(STR, "startDateTime endDateTime refDate")),
        ),
    ),
    Message(107, "userInfo", (REQ_ID, Field("whiteBrandingId"))),
)

REPLIES: dict[str, Message] = {message.name: message for message in _ALL}
REPLY_NUMBERS: dict[int, Message] = {message.number: message for message in _ALL}


def encode_reply(name: str, values: Values, server_version: int) -> bytes:
    """Return the framed reply `name` (a callback's name) with these values."""
    return join_fields(REPLIES[name].encode(values, server_version))
