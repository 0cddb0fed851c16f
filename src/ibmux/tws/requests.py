"""Every request of the text protocol: number, name, fields by server version. `REQUESTS` finds one by its number.

Names are those of IB's client interface. A request that carries `reqId` is answered under it.
"""

from __future__ import annotations

from .contracts import CONTRACT, CONTRACT_NO_PRIMARY, DELTA_NEUTRAL, LEGS, ORDER_ID, REQ_ID, version
from .layout import Field, Fixed, Item, Message, fields
from .orders import PLACE_ORDER
from .values import BOOL, INT, OPTIONAL_FLOAT, STR

V1 = Fixed("1")
EXPIRED = Field("includeExpired", BOOL)
OPTIONS = Field("options")
SHORT_CONTRACT: tuple[Item, ...] = (
    Field("conId", INT),
    *fields(STR, "symbol secType exchange primaryExchange currency localSymbol"),
)

_ALL = (
    Message(
        1,
        "reqMktData",
        (
            version("11"),
            REQ_ID,
            *CONTRACT,
            LEGS,
            *DELTA_NEUTRAL,
            Field("genericTickList"),
            *fields(BOOL, "snapshot regulatorySnapshot"),
            OPTIONS,
        ),
    ),
    Message(2, "cancelMktData", (version("2"), REQ_ID)),
    PLACE_ORDER,
    Message(4, "cancelOrder", (V1, ORDER_ID, Field("manualCancelOrderTime", since=169))),
    Message(5, "reqOpenOrders", (V1,)),
    Message(6, "reqAccountUpdates", (version("2"), Field("subscribe", BOOL), Field("account"))),
    Message(
        7,
        "reqExecutions",
        (version("3"), REQ_ID, Field("clientId", INT), *fields(STR, "acctCode time symbol secType exchange side")),
    ),
    Message(8, "reqIds", (V1, Field("numIds", INT))),
    Message(
        9,
        "reqContractDetails",
        (version("8"), REQ_ID, *CONTRACT, EXPIRED, *fields(STR, "secIdType secId"), Field("issuerId", since=176)),
    ),
    Message(
        10,
        "reqMktDepth",
        (version("5"), REQ_ID, *CONTRACT, Field("numRows", INT), Field("isSmartDepth", BOOL), OPTIONS),
    ),
    Message(11, "cancelMktDepth", (V1, REQ_ID, Field("isSmartDepth", BOOL))),
    Message(12, "reqNewsBulletins", (V1, Field("allMessages", BOOL))),
    Message(13, "cancelNewsBulletins", (V1,)),
    Message(14, "setServerLogLevel", (V1, Field("logLevel", INT))),
    Message(15, "reqAutoOpenOrders", (V1, Field("autoBind", BOOL))),
    Message(16, "reqAllOpenOrders", (V1,)),
    Message(17, "reqManagedAccts", (V1,)),
    Message(18, "requestFA", (V1, Field("faDataType", INT))),
    Message(19, "replaceFA", (V1, Field("faDataType", INT), Field("xml"), REQ_ID)),
    Message(
        20,
        "reqHistoricalData",
        (
            REQ_ID,
            *CONTRACT,
            EXPIRED,
            *fields(STR, "endDateTime barSizeSetting durationStr"),
            Field("useRTH", BOOL),
            Field("whatToShow"),
            Field("formatDate", INT),
            LEGS,
            Field("keepUpToDate", BOOL),
            OPTIONS,
        ),
    ),
    Message(
        21,
        "exerciseOptions",
        (
            version("2"),
            REQ_ID,
            *CONTRACT_NO_PRIMARY,
            *fields(INT, "exerciseAction exerciseQuantity"),
            Field("account"),
            Field("override", BOOL),
        ),
    ),
    Message(
        22,
        "reqScannerSubscription",
        (
            REQ_ID,
            *fields(STR, "numberOfRows instrument locationCode scanCode abovePrice belowPrice aboveVolume"),
            *fields(STR, "marketCapAbove marketCapBelow moodyRatingAbove moodyRatingBelow spRatingAbove"),
            *fields(STR, "spRatingBelow maturityDateAbove maturityDateBelow couponRateAbove couponRateBelow"),
            *fields(STR, "excludeConvertible averageOptionVolumeAbove scannerSettingPairs stockTypeFilter"),
            *fields(STR, "filterOptions options"),
        ),
    ),
    Message(23, "cancelScannerSubscription", (V1, REQ_ID)),
    Message(24, "reqScannerParameters", (V1,)),
    Message(25, "cancelHistoricalData", (V1, REQ_ID)),
    Message(49, "reqCurrentTime", (V1,)),
    Message(
        50,
        "reqRealTimeBars",
        (version("3"), REQ_ID, *CONTRACT, Field("barSize", INT), Field("whatToShow"), Field("useRTH", BOOL), OPTIONS),
    ),
    Message(51, "cancelRealTimeBars", (V1, REQ_ID)),
    # Some clients write the number of options in front of the options: the rest is not read.
    Message(52, "reqFundamentalData", (version("2"), REQ_ID, *SHORT_CONTRACT, Field("reportType"))),
    Message(53, "cancelFundamentalData", (V1, REQ_ID)),
    Message(
        54,
        "calculateImpliedVolatility",
        (version("3"), REQ_ID, *CONTRACT, *fields(OPTIONAL_FLOAT, "optionPrice underPrice")),
    ),
    Message(
        55, "calculateOptionPrice", (version("3"), REQ_ID, *CONTRACT, *fields(OPTIONAL_FLOAT, "volatility underPrice"))
    ),
    Message(56, "cancelCalculateImpliedVolatility", (V1, REQ_ID)),
    Message(57, "cancelCalculateOptionPrice", (V1, REQ_ID)),
    Message(58, "reqGlobalCancel", (V1,)),
    Message(59, "reqMarketDataType", (V1, Field("marketDataType", INT))),
    Message(61, "reqPositions", (V1,)),
    Message(62, "reqAccountSummary", (V1, REQ_ID, *fields(STR, "group tags"))),
    Message(63, "cancelAccountSummary", (V1, REQ_ID)),
    Message(64, "cancelPositions", (V1,)),
    Message(65, "verifyRequest", (V1, *fields(STR, "apiName apiVersion"))),
    Message(66, "verifyMessage", (V1, Field("apiData"))),
    Message(67, "queryDisplayGroups", (V1, REQ_ID)),
    Message(68, "subscribeToGroupEvents", (V1, REQ_ID, Field("groupId", INT))),
    Message(69, "updateDisplayGroup", (V1, REQ_ID, Field("contractInfo"))),
    Message(70, "unsubscribeFromGroupEvents", (V1, REQ_ID)),
    Message(71, "startApi", (version("2"), Field("clientId", INT), Field("optionalCapabilities"))),
    Message(72, "verifyAndAuthRequest", (V1, *fields(STR, "apiName apiVersion opaqueIsvKey"))),
    Message(73, "verifyAndAuthMessage", (V1, *fields(STR, "apiData xyzResponse"))),
    Message(74, "reqPositionsMulti", (V1, REQ_ID, *fields(STR, "account modelCode"))),
    Message(75, "cancelPositionsMulti", (V1, REQ_ID)),
    Message(76, "reqAccountUpdatesMulti", (V1, REQ_ID, *fields(STR, "account modelCode"), Field("ledgerAndNLV", BOOL))),
    Message(77, "cancelAccountUpdatesMulti", (V1, REQ_ID)),
    Message(
        78, "reqSecDefOptParams", (REQ_ID, *fields(STR, "symbol futFopExchange secType"), Field("underConId", INT))
    ),
    Message(79, "reqSoftDollarTiers", (REQ_ID,)),
    Message(80, "reqFamilyCodes", ()),
    Message(81, "reqMatchingSymbols", (REQ_ID, Field("pattern"))),
    Message(82, "reqMktDepthExchanges", ()),
    Message(83, "reqSmartComponents", (REQ_ID, Field("bboExchange"))),
    Message(84, "reqNewsArticle", (REQ_ID, *fields(STR, "providerCode articleId options"))),
    Message(85, "reqNewsProviders", ()),
    Message(
        86,
        "reqHistoricalNews",
        (
            REQ_ID,
            Field("conId", INT),
            *fields(STR, "providerCodes startDateTime endDateTime"),
            Field("totalResults", INT),
            OPTIONS,
        ),
    ),
    Message(
        87,
        "reqHeadTimeStamp",
        (REQ_ID, *CONTRACT, EXPIRED, Field("useRTH", BOOL), Field("whatToShow"), Field("formatDate", INT)),
    ),
    Message(88, "reqHistogramData", (REQ_ID, *CONTRACT, EXPIRED, Field("useRTH", BOOL), Field("timePeriod"))),
    Message(89, "cancelHistogramData", (REQ_ID,)),
    Message(90, "cancelHeadTimeStamp", (REQ_ID,)),
    Message(91, "reqMarketRule", (Field("marketRuleId", INT),)),
    Message(92, "reqPnL", (REQ_ID, *fields(STR, "account modelCode"))),
    Message(93, "cancelPnL", (REQ_ID,)),
    Message(94, "reqPnLSingle", (REQ_ID, *fields(STR, "account modelCode"), Field("conId", INT))),
    Message(95, "cancelPnLSingle", (REQ_ID,)),
    Message(
        96,
        "reqHistoricalTicks",
        (
            REQ_ID,
            *CONTRACT,
            EXPIRED,
            *fields(STR, "startDateTime endDateTime"),
            Field("numberOfTicks", INT),
            Field("whatToShow"),
            *fields(BOOL, "useRth ignoreSize"),
            OPTIONS,
        ),
    ),
    Message(
        97,
        "reqTickByTickData",
        (REQ_ID, *CONTRACT, Field("tickType"), Field("numberOfTicks", INT), Field("ignoreSize", BOOL)),
    ),
    Message(98, "cancelTickByTickData", (REQ_ID,)),
    Message(99, "reqCompletedOrders", (Field("apiOnly", BOOL),)),
    Message(100, "reqWshMetaData", (REQ_ID,)),
    Message(101, "cancelWshMetaData", (REQ_ID,)),
    Message(
        102,
        "reqWshEventData",
        (
            REQ_ID,
            Field("conId", INT),
            Field("filter", since=171),
            *fields(BOOL, "fillWatchlist fillPortfolio fillCompetitors", since=171),
            *fields(STR, "startDate endDate", since=173),
            Field("totalLimit", INT, since=173),
        ),
    ),
    Message(103, "cancelWshEventData", (REQ_ID,)),
    Message(104, "reqUserInfo", (REQ_ID,)),
)

REQUESTS: dict[int, Message] = {message.number: message for message in _ALL}
REQUEST_NAMES: dict[str, Message] = {message.name: message for message in _ALL}


def find_request(number: str) -> Message | None:
    """Return the request of this number, as it stands in a message's first field; None if there is none."""
    known = number.isascii() and number.isdigit() and len(number) <= 3
    return REQUESTS.get(int(number)) if known else None


def find_id(message: Message, texts: list[str], server_version: int) -> int:
    """Return the request or order id of a message that could not be read whole, -1 if it has none."""
    for name in ("reqId", "orderId"):
        index = message.position(name, server_version)
        if index is not None and index < len(texts):
            try:
                return INT.read(texts[index])  # type: ignore[no-any-return]
            except (ValueError, OverflowError):
                return -1
    return -1
