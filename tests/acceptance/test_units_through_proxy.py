"""Units under one key through the proxy: placed again they are the same unit; a scale-out is left part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from stage import running_proxy, settings, until, url_of

import ibmux
from ibmux import LimitOrder, MarketOrder, Stock, StopOrder, errors
from ibmux.sim import Settings, SimulatedGateway

APPLE = Stock("AAPL", "SMART", "USD")
FIRST = "DU1000001"
FAR, CHEAP = 10_000.0, 1.0


class Floor:
    """The gateway and one script."""

    def __init__(self, simulator: SimulatedGateway, ib: ibmux.IB) -> None:
        self.simulator, self.ib = simulator, ib

    @property
    def placed(self) -> int:
        return self.simulator.stats.orders_placed

    def scale_out(self) -> Any:
        """The first target is met at once, the second never."""
        targets = [(CHEAP, 0.4), (FAR, 0.6)]
        return self.ib.scaleOutOrder("BUY", 10, None, targets, 0.5, key="scale", account=FIRST)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    async with AsyncExitStack() as stack:
        quick = Settings(seed=7, linger=0.0, fill_delay=0.05, partial_share=0.0, status_first=0.0)
        simulator = await stack.enter_async_context(SimulatedGateway(quick))
        proxy = await stack.enter_async_context(running_proxy(settings(simulator.port)))
        ib = await ibmux.connect("ann", url=url_of(proxy))
        yield Floor(simulator, ib)
        await ib.close()


async def test_a_scale_out_is_left_part_by_part(floor: Floor) -> None:
    legs = await floor.ib.placeUnit(APPLE, floor.scale_out(), "scale")
    entry, target1, stop1, target2, stop2 = legs
    await entry.wait("Filled", timeout=20)
    await target1.wait("Filled", timeout=20)
    with pytest.raises(errors.OrderEnded, match="ended Cancelled"):
        await stop1.wait("Filled", timeout=20)
    assert target1.filled() == 4
    assert (target2.isActive(), stop2.isActive()) == (True, True), "the other part stays protected"
    assert (target2.order.totalQuantity, stop2.order.totalQuantity) == (6, 6)
    await floor.ib.cancelOrder(target2)
    await floor.ib.cancelOrder(stop2)


async def test_a_unit_placed_again_under_its_key_is_the_same_unit(floor: Floor) -> None:
    first = await floor.ib.placeUnit(APPLE, floor.scale_out(), "scale")
    again = await floor.ib.placeUnit(APPLE, floor.scale_out(), "scale")
    assert (again, floor.placed) == (first, 5)

    def bracket() -> Any:
        return floor.ib.bracketOrder("BUY", 10, CHEAP, FAR, 0.5, account=FIRST)

    first = await floor.ib.placeUnit(APPLE, bracket(), "bracket")
    assert [each.key for each in first] == ["bracket:entry", "bracket:target", "bracket:stop"]
    assert (await floor.ib.placeUnit(APPLE, bracket(), "bracket"), floor.placed) == (first, 8)
    other = floor.ib.bracketOrder("BUY", 20, CHEAP, FAR, 0.5, account=FIRST)
    with pytest.raises(errors.KeyConflict, match="bracket:entry"):
        await floor.ib.placeUnit(APPLE, other, "bracket")
    assert floor.placed == 8


async def test_by_another_running_copy_too(floor: Floor) -> None:
    await floor.ib.placeUnit(APPLE, floor.scale_out(), "scale")
    async with ibmux.connect("ann", url=floor.ib._identity.url) as copy:
        targets = [(CHEAP, 0.4), (FAR, 0.6)]
        unit = copy.scaleOutOrder("BUY", 10, None, targets, 0.5, key="scale", account=FIRST)
        assert len(await copy.placeUnit(APPLE, unit, "scale")) == 5
    assert floor.placed == 5


async def test_one_cancels_the_other_as_a_unit(floor: Floor) -> None:
    def pair() -> list[Any]:
        orders = [LimitOrder("BUY", 5, CHEAP, account=FIRST), StopOrder("BUY", 5, FAR, account=FIRST)]
        return floor.ib.oneCancelsAll(orders, "a pair", 1)

    low, high = await floor.ib.placeUnit(APPLE, pair(), "pair")
    await floor.ib.placeOrders([(APPLE, order) for order in pair()], "pair")
    assert floor.placed == 2
    low.order.lmtPrice = FAR
    assert await floor.ib.modifyOrder(low) is low
    assert low.key == "pair:1"
    await low.wait("Filled", timeout=20)
    await until(high.isDone, "the other one is cancelled")
    assert high.orderStatus.status == "Cancelled"


async def test_a_leg_that_is_refused_takes_the_unit_with_it(floor: Floor) -> None:
    await floor.simulator.faults.reject_next(201, "Order rejected - reason:no", 1)
    with pytest.raises(errors.OrderRejected):
        await floor.ib.placeUnit(APPLE, floor.scale_out(), "scale")
    await until(lambda: not floor.simulator.book._book.open(), "nothing of it works")


async def test_until_filled_in_one_call(floor: Floor) -> None:
    trade = await floor.ib.placeOrder(APPLE, MarketOrder("BUY", 3, account=FIRST), "now", until="Filled", timeout=20)
    assert trade.orderStatus.status == "Filled"
    with pytest.raises(errors.OrderPending, match=r"key 'low'\) is (PreS|S)ubmitted, not Filled after") as caught:
        await floor.ib.placeOrder(APPLE, LimitOrder("BUY", 3, CHEAP, account=FIRST), "low", until="Filled", timeout=5.0)
    assert isinstance(caught.value, TimeoutError)
    await floor.ib.cancelOrder("low")
    with pytest.raises(errors.OrderEnded, match="ended Cancelled, not Filled"):
        await floor.ib.waitFor("low", timeout=20)
