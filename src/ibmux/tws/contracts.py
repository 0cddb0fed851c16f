"""How a contract is spelled inside messages: twelve fields in requests, eleven or ten in replies."""

from __future__ import annotations

from .layout import Field, Fixed, Item, Repeat, Values, When, fields
from .values import BOOL, FLOAT, INT, STR, STRIKE

REQ_ID = Field("reqId", INT)
ORDER_ID = Field("orderId", INT)

_HEAD: tuple[Item, ...] = (
    Field("conId", INT),
    *fields(STR, "symbol secType lastTradeDateOrContractMonth"),
    Field("strike", STRIKE),
    *fields(STR, "right multiplier"),
)
_TAIL: tuple[Item, ...] = fields(STR, "currency localSymbol tradingClass")

CONTRACT: tuple[Item, ...] = (*_HEAD, *fields(STR, "exchange primaryExchange"), *_TAIL)
"""As requests carry it."""
CONTRACT_NO_PRIMARY: tuple[Item, ...] = (*_HEAD, Field("exchange"), *_TAIL)
"""As order, execution and position messages carry it."""
CONTRACT_PRIMARY: tuple[Item, ...] = (*_HEAD, Field("primaryExchange"), *_TAIL)
"""As portfolio messages carry it."""

_LEG: tuple[Item, ...] = (*fields(INT, "conId ratio"), *fields(STR, "action exchange"))
ORDER_LEG: tuple[Item, ...] = (
    *_LEG,
    *fields(INT, "openClose shortSaleSlot"),
    Field("designatedLocation"),
    Field("exemptCode", INT, "-1"),
)


def is_combo(values: Values) -> bool:
    """Whether the contract read so far is a combination."""
    return bool(values.get("secType") == "BAG")


LEGS = When(is_combo, (Repeat("comboLegs", _LEG),))
"""The legs of a combination in market-data and history requests."""

DELTA_NEUTRAL: tuple[Item, ...] = (
    Field("deltaNeutralContract", BOOL),
    When(
        lambda values: bool(values.get("deltaNeutralContract")),
        (Field("deltaNeutralConId", INT), Field("deltaNeutralDelta", FLOAT), Field("deltaNeutralPrice", FLOAT)),
    ),
)
TAG_VALUE: tuple[Item, ...] = fields(STR, "tag value")


def version(text: str) -> Fixed:
    """Return the old version field of a message."""
    return Fixed(text)


OPTION_CONTRACT: tuple[Item, ...] = (
    *fields(STR, "symbol secType lastTradeDateOrContractMonth"),
    Field("strike", STRIKE),
    Field("right"),
)
"""As contract details and scanner rows begin."""
