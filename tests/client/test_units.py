"""Units: brackets, scale-outs and groups under one key; the same key is the same unit."""

from __future__ import annotations

from typing import Any

import pytest
from far_side import Proxy, trade

import ibmux
from ibmux import Contract, LimitOrder, StopOrder, errors
from ibmux.client.units import share

AAPL = Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
TARGETS = [(11.0, 0.5), (12.0, 0.25), (13.0, 0.25, 9.5)]


@pytest.fixture
def takes_units(proxy: Proxy) -> Proxy:
    def place(request: Any, _message: Any) -> Any:
        return [trade(each.contract, each.order, each.key, "alpha") for each in request.tickets]

    proxy.answers["placeOrders"] = place
    return proxy


async def test_a_bracket_under_one_key(takes_units: Proxy, ib: ibmux.IB) -> None:
    first = await ib.placeUnit(AAPL, ib.bracketOrder("BUY", 10, 5.0, 6.0, 4.0), "x")
    again = await ib.placeUnit(AAPL, ib.bracketOrder("BUY", 10, 5.0, 6.0, 4.0), "x")
    assert again == first
    one, two = takes_units.of("placeOrders")
    assert one == two, "the same keys, the same orders"
    assert [ticket.key for ticket in one.tickets] == ["x:entry", "x:target", "x:stop"]
    assert [ticket.parentKey for ticket in one.tickets] == ["", "x:entry", "x:entry"]


async def test_a_scale_out(takes_units: Proxy, ib: ibmux.IB) -> None:
    unit = ib.scaleOutOrder("BUY", 101, 10.0, TARGETS, 9.0, key="x", tif="GTC")
    assert "51 at 11 or 9, 25 at 12 or 9, 25 at 13 or 9.5" in repr(unit)
    entry, *exits = list(unit)
    assert [each.transmit for each in unit] == [False] * 6 + [True]
    assert (entry.orderType, entry.totalQuantity, entry.tif) == ("LMT", 101, "GTC")
    assert {each.action for each in exits} == {"SELL"}
    assert {each.parentId for each in exits} == {entry.orderId}
    assert [each.ocaGroup for each in exits] == [f"alpha:x:{number}" for number in (1, 1, 2, 2, 3, 3)]
    assert {each.ocaType for each in exits} == {2}
    assert [each.totalQuantity for each in exits] == [51, 51, 25, 25, 25, 25]
    trades = await ib.placeUnit(AAPL, unit, "x")
    names = ["entry", "target1", "stop1", "target2", "stop2", "target3", "stop3"]
    assert [each.key for each in trades] == [f"x:{name}" for name in names]
    await ib.placeUnit(AAPL, ib.scaleOutOrder("BUY", 101, 10.0, TARGETS, 9.0, key="x", tif="GTC"), "x")
    one, two = takes_units.of("placeOrders")
    assert one == two


async def test_scale_outs_without_key_have_groups_of_their_own(ib: ibmux.IB) -> None:
    one, two = (ib.scaleOutOrder("SELL", 10, None, [(9.0, 4), (8.0, 6)], 11.0) for _ in range(2))
    assert one.parent.orderType == "MKT"
    assert {each.takeProfit.ocaGroup for each in one.exits}.isdisjoint(each.takeProfit.ocaGroup for each in two.exits)
    assert [each.takeProfit.totalQuantity for each in one.exits] == [4, 6]


async def test_one_cancels_all_pairs(takes_units: Proxy, ib: ibmux.IB) -> None:
    def pair() -> list[Any]:
        return ib.oneCancelsAll([LimitOrder("SELL", 10, 6.0), StopOrder("SELL", 10, 4.0)], "a group", 1)

    await ib.placeUnit(AAPL, pair(), "x")
    await ib.placeOrders([(AAPL, order) for order in pair()], "x")
    one, two = takes_units.of("placeOrders")
    assert one == two
    assert [ticket.key for ticket in one.tickets] == ["x:1", "x:2"]
    await ib.placeOrders([(AAPL, LimitOrder("BUY", 1, 1.0), "own"), (AAPL, LimitOrder("BUY", 1, 2.0))], "y")
    assert [ticket.key for ticket in takes_units.of("placeOrders")[-1].tickets] == ["own", "y:2"]


async def test_a_modification_keeps_the_key(takes_units: Proxy, ib: ibmux.IB) -> None:
    takes_units.answers["modifyOrder"] = lambda request, _message: trade(AAPL, request.order, request.key, "alpha")
    (entry, target, _) = await ib.placeUnit(AAPL, ib.bracketOrder("BUY", 10, 5.0, 6.0, 4.0), "x")
    target.order.lmtPrice = 7.0
    assert await ib.placeOrder(AAPL, target.order) is target
    assert takes_units.of("modifyOrder")[0].key == "x:target"
    assert target.key == "x:target"
    assert entry.key == "x:entry"


@pytest.mark.parametrize(
    ("quantity", "parts", "sizes"),
    [
        (100, [0.5, 0.25, 0.25], [50, 25, 25]),
        (100, [1 / 3, 1 / 3, 1 / 3], [34, 33, 33]),
        (7, [0.5, 0.5], [4, 3]),
        (10, [4, 6], [4, 6]),
        (1.5, [0.5, 0.5], [0.75, 0.75]),
        (1, [1], [1]),
    ],
)
def test_shares(quantity: float, parts: list[float], sizes: list[float]) -> None:
    assert share(quantity, parts) == sizes


async def test_what_cannot_be_a_scale_out(ib: ibmux.IB) -> None:
    with pytest.raises(errors.RequestError, match=r"make 0\.75, neither 1 nor"):
        ib.scaleOutOrder("BUY", 100, 10.0, TARGETS[:2], 9.0)
    with pytest.raises(errors.RequestError, match="would be nothing"):
        ib.scaleOutOrder("BUY", 2, 10.0, TARGETS, 9.0)
    with pytest.raises(errors.RequestError, match="has no stop"):
        ib.scaleOutOrder("BUY", 100, 10.0, TARGETS)
    with pytest.raises(errors.RequestError, match="above 0"):
        ib.scaleOutOrder("BUY", 100, 10.0, [], 9.0)
    with pytest.raises(errors.RequestError, match="not BUY or SELL"):
        ib.scaleOutOrder("HOLD", 100, 10.0, TARGETS, 9.0)
