"""A new order's message, written at the moment of sending.

A usual order takes a form: the message of an order that says nothing, into which only what it says is filled in. One
that changes the message's shape is written by ib_async, field by field, which takes six times as long.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import ib_async as ib
from ib_async.client import Client
from msgspec import to_builtins

from ibmux.messages.combos import COMBO
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.session.translate import to_contract
from ibmux.session.translate_orders import outgoing, to_order
from ibmux.session.wire import encode, pack, texts_of

_SHAPING = frozenset(
    {
        "orderType", "orderComboLegs", "smartComboRoutingParams", "algoStrategy", "algoParams", "orderMiscOptions",
        "conditions", "softDollarTier", "deltaNeutralOrderType", "hedgeType", "scalePriceIncrement",
        "competeAgainstBestOffset",
    }
)  # fmt: skip
"""Fields of an order on which it depends which others are written (ib_async's `placeOrder`)."""
_UNSAID = frozenset({"orderId", "clientId", "permId"})
"""Fields of an order that are not read from it: its number is given apart."""
_UNSAID_OF_CONTRACT = frozenset({"includeExpired", "description", "issuerId", "comboLegsDescrip"})
_NUMBER = 1
"""The place of the order's number."""


class Pen(Client):
    """ib_async's writer of messages, which keeps the fields instead of sending them."""

    def __init__(self, version: int) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._serverVersion = version
        self.fields: tuple[Any, ...] = ()

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:
        """Keep the fields of one message."""
        self.fields = fields


_pen = lru_cache(maxsize=8)(Pen)


class Form(NamedTuple):
    """The texts of an order that says no more than its type, and where each field goes that moves no other."""

    texts: list[str]
    contract: dict[str, int]
    order: dict[str, int]


def message(version: int, number: int, contract: Contract, order: Order) -> bytes:
    """The message that places an order under this number, for a gateway of this version.

    Raises:
        RequestError: a value that the wire cannot carry, or a text that would break the message apart.
    """
    texts = _filled_in(_form(version, order.orderType), contract, order)
    if texts is None:
        texts = _written(version, to_contract(contract), to_order(order))
    texts[_NUMBER] = str(number)
    return pack(texts)


@lru_cache(maxsize=64)
def _form(version: int, kind: str) -> Form:
    """Written twice: without any values, and with the names of the fields as their values."""
    order, contract = ib.Order(orderType=kind), ib.Contract()
    terms = {name: f"\x1a{name}" for name in Order.__struct_fields__ if name not in _SHAPING}
    vars(order).update(terms)
    fields = {name: f"\x1acontract.{name}" for name in Contract.__struct_fields__}
    vars(contract).update(fields, comboLegs=[], deltaNeutralContract=None)
    texts = _written(version, contract, order)
    return Form(_written(version, ib.Contract(), ib.Order(orderType=kind)), _found(fields, texts), _found(terms, texts))


def _found(names: dict[str, str], texts: list[str]) -> dict[str, int]:
    return {name: texts.index(text) for name, text in names.items() if text in texts}


def _written(version: int, contract: ib.Contract, order: ib.Order) -> list[str]:
    pen = _pen(version)
    pen.placeOrder(0, contract, order)  # type: ignore[no-untyped-call]
    return texts_of(pen.fields)


def _filled_in(form: Form, contract: Contract, order: Order) -> list[str] | None:
    """The form with all that these say; `None` if they say something that it has no place for."""
    if contract.secType == COMBO or contract.conId < 0 or contract.exchange == "IBKRATS":
        return None
    texts = form.texts[:]
    for name, value in to_builtins(contract).items():
        if name in form.contract:
            texts[form.contract[name]] = value if value.__class__ is str else encode(value)
        elif name not in _UNSAID_OF_CONTRACT:
            return None
    for name, value in to_builtins(order).items():
        if name in form.order and value is not None:
            texts[form.order[name]] = value if value.__class__ is str else encode(outgoing(name, value, None))
        elif name not in _UNSAID and name != "orderType":
            return None
    return texts
