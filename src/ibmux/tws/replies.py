"""Every reply of the text protocol: number, name, fields by server version. `REPLIES` finds one by its name.

Names are the callbacks of IB's client interface (`error`, `tickPrice`, `orderStatus`).
"""

from __future__ import annotations

from .contract_replies import CONTRACT_REPLIES
from .contracts import CONTRACT_NO_PRIMARY, CONTRACT_PRIMARY, ORDER_ID, REQ_ID, version
from .framing import join_fields
from .layout import Field, Message, Repeat, Values, fields
from .market_replies import MARKET_REPLIES
from .order_replies import ORDER_REPLIES
from .values import FLOAT, INT, MAXED_FLOAT, MAXED_INT, STR

V1 = version("1")
_ACCOUNT_VALUE = fields(STR, "tag value currency")

_ALL = (
    *MARKET_REPLIES,
    *CONTRACT_REPLIES,
    *ORDER_REPLIES,
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
    Message(14, "updateNewsBulletin", (V1, *fields(INT, "msgId msgType"), *fields(STR, "newsMessage originExch"))),
    Message(15, "managedAccounts", (V1, Field("accountsList"))),
    Message(16, "receiveFA", (V1, Field("faDataType", INT), Field("xml"))),
    Message(19, "scannerParameters", (V1, Field("xml"))),
    Message(49, "currentTime", (V1, Field("time", INT))),
    Message(51, "fundamentalData", (V1, REQ_ID, Field("data"))),
    Message(52, "contractDetailsEnd", (V1, REQ_ID)),
    Message(53, "openOrderEnd", (V1,)),
    Message(54, "accountDownloadEnd", (V1, Field("account"))),
    Message(55, "execDetailsEnd", (V1, REQ_ID)),
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
                    Field("aggGroup", MAXED_INT, "2147483647"),
                ),
            ),
        ),
    ),
    Message(83, "newsArticle", (REQ_ID, Field("articleType", INT), Field("articleText"))),
    Message(85, "newsProviders", (Repeat("providers", fields(STR, "code name")),)),
    Message(
        93, "marketRule", (Field("marketRuleId", INT), Repeat("priceIncrements", fields(FLOAT, "lowEdge increment")))
    ),
    Message(94, "pnl", (REQ_ID, *fields(MAXED_FLOAT, "dailyPnL unrealizedPnL realizedPnL"))),
    Message(
        95,
        "pnlSingle",
        (REQ_ID, Field("position", FLOAT), *fields(MAXED_FLOAT, "dailyPnL unrealizedPnL realizedPnL value")),
    ),
    Message(100, "orderBound", (*fields(INT, "permId clientId"), ORDER_ID)),
    Message(102, "completedOrdersEnd", ()),
    Message(103, "replaceFAEnd", (REQ_ID, Field("text"))),
    Message(104, "wshMetaData", (REQ_ID, Field("dataJson"))),
    Message(105, "wshEventData", (REQ_ID, Field("dataJson"))),
    Message(107, "userInfo", (REQ_ID, Field("whiteBrandingId"))),
)

REPLIES: dict[str, Message] = {message.name: message for message in _ALL}
REPLY_NUMBERS: dict[int, Message] = {message.number: message for message in _ALL}


def encode_reply(name: str, values: Values, server_version: int) -> bytes:
    """Return the framed reply `name` (a callback's name) with these values."""
    return join_fields(REPLIES[name].encode(values, server_version))
