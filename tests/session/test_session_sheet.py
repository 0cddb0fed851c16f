"""An order's message is the one that ib_async writes."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from msgspec.structs import replace

from ibmux.errors import RequestError
from ibmux.messages.contracts import ComboLeg, Contract, DeltaNeutralContract
from ibmux.messages.orders import Order, TagValue
from ibmux.session.sheet import Pen, message
from ibmux.session.translate import to_contract
from ibmux.session.translate_orders import to_order
from ibmux.session.wire import frame

STOCK = Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
COMBO = Contract(
    symbol="AAPL", secType="BAG", exchange="SMART", currency="USD",
    comboLegs=[ComboLeg(conId=1, ratio=1, action="BUY", exchange="SMART"),
               ComboLeg(conId=2, ratio=1, action="SELL", exchange="SMART")],
    deltaNeutralContract=DeltaNeutralContract(conId=5, delta=0.5, price=7.0),
)  # fmt: skip
PLAIN = Order(action="BUY", totalQuantity=100.0, orderType="LMT", lmtPrice=1.23, tif="DAY", account="DU1")
ODD = Order(
    action="SELL", totalQuantity=1.0, orderType="TRAIL", trailingPercent=2.0, outsideRth=True, orderRef="mine",
    algoStrategy="Twap", algoParams=[TagValue("a", "b")], ocaGroup="g", transmit=False,
)  # fmt: skip


def usual(version: int, contract: Contract, order: Order, number: int) -> bytes:
    pen = Pen(version)
    pen.placeOrder(number, to_contract(contract), to_order(order))
    return frame(pen.fields)


@pytest.mark.parametrize("contract", [STOCK, COMBO], ids=["stock", "combo"])
@pytest.mark.parametrize("order", [PLAIN, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("version", [157, 170, 176])
def test_it_is_the_very_message(contract: Contract, order: Order, version: int) -> None:
    for number, parent, mark in ((1, 0, "script/key"), (2_147_480_002, 7, ""), (5, 2_147_480_001, "\N{SNOWMAN}")):
        sent = replace(order, orderId=number, parentId=parent, orderRef=mark)
        assert message(version, number, contract, sent) == usual(version, contract, sent, number)


SEED = int(os.environ.get("SHEET_SEED", "20260219"))
TYPES = ("LMT", "MKT", "VOL", "PEG BENCH", "PEG BEST", "PEG MID", "STP LMT")
SIMPLE: dict[str, tuple[Any, ...]] = {
    "str": ("x", "Y y", "\N{SNOWMAN}"), "float": (0.0, 1.5, 7.0, float("inf")), "int": (0, 3, 2**31 - 2),
    "bool": (False, True),
}  # fmt: skip


def some(draw: random.Random, kind: type[Any], count: int) -> dict[str, Any]:
    """Values of any simple fields."""
    annotations = {name: str(hint).split(" ")[0] for name, hint in kind.__annotations__.items()}
    names = draw.sample([name for name, hint in annotations.items() if hint in SIMPLE], count)
    return {name: draw.choice(SIMPLE[annotations[name]]) for name in names}


def test_whatever_an_order_says_it_is_the_very_message() -> None:
    draw = random.Random(SEED)
    names = set()
    for _ in range(3000):
        values = some(draw, Order, draw.randrange(12)) | {"orderType": draw.choice(TYPES)}
        if draw.random() < 0.05:
            values |= {"algoStrategy": "Twap", "algoParams": [TagValue("a", "b")]}
        names |= set(values)
        contract = draw.choice([STOCK, COMBO, Contract(conId=-3), Contract(**some(draw, Contract, draw.randrange(8)))])
        version = draw.choice([157, 163, 176])
        sent = replace(Order(**values), orderId=8, parentId=5, orderRef="r", clientId=3, permId=2**40)
        assert message(version, 8, contract, sent) == usual(version, contract, sent, 8), (SEED, contract, sent)
    assert len(names) > 100


def test_what_the_wire_cannot_carry_is_refused() -> None:
    with pytest.raises(RequestError, match="not a number"):
        message(176, 1, STOCK, replace(PLAIN, lmtPrice=float("nan")))
    with pytest.raises(RequestError, match="NUL"):
        message(176, 1, STOCK, replace(PLAIN, account="D\0U"))
    with pytest.raises(RequestError, match="NUL"):
        message(176, 1, STOCK, replace(PLAIN, orderRef="m\0"))
