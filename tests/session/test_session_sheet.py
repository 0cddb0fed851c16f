"""A message that was written ahead is the one that ib_async writes at the moment of sending."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ibmux.errors import RequestError
from ibmux.messages.contracts import ComboLeg, Contract, DeltaNeutralContract
from ibmux.messages.orders import Order, TagValue
from ibmux.session.sheet import Pen, Sheet
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
    sheet = Sheet(contract, order)
    sheet.write(176)
    for number, parent, mark in ((1, 0, "script/key"), (2_147_480_002, 7, ""), (5, 2_147_480_001, "\N{SNOWMAN}")):
        sent = replace(order, orderId=number, parentId=parent, orderRef=mark)
        assert sheet.message(version, number, sent) == usual(version, contract, sent, number)
        assert Sheet(contract, None).message(version, number, sent) == usual(version, contract, sent, number)


def test_what_the_wire_cannot_carry_is_refused() -> None:
    with pytest.raises(RequestError, match="not a number"):
        Sheet(STOCK, replace(PLAIN, lmtPrice=float("nan"))).write(176)
    with pytest.raises(RequestError, match="NUL"):
        Sheet(STOCK, replace(PLAIN, account="D\0U")).message(176, 1, PLAIN)
    with pytest.raises(RequestError, match="NUL"):
        Sheet(STOCK, PLAIN).message(176, 1, replace(PLAIN, orderRef="m\0"))
