"""The two longest replies about contracts: details of a bond and of anything else."""

from __future__ import annotations

from .contracts import OPTION_CONTRACT, REQ_ID
from .layout import Field, Fixed, Message, Repeat, fields
from .values import BOOL, FLOAT, INT, OPTIONAL_INT, STR

_SEC_IDS = Repeat("secIdList", fields(STR, "tag value"))
_SIZES = fields(FLOAT, "minSize sizeIncrement suggestedSizeIncrement", since=164)

CONTRACT_REPLIES = (
    Message(
        10,
        "contractDetails",
        (
            Fixed("8", until=163),
            REQ_ID,
            *OPTION_CONTRACT,
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
)
"""Details of contracts."""
