"""Order types and attributes beyond the usual: pegged, snapped, iceberg, conditional, scaled, adjusted, hedged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from domain_world import AAPL, ES, EURUSD, Bench, bought, errors, names, of, share, statuses

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Execution, OpenOrder, OrderError, OrderStatus
from ibmux.sim.orders.adjusting import Adjustment
from ibmux.sim.orders.conditions import CHANGE, EXECUTION, MARGIN, PRICE, TIME, VOLUME, Condition
from ibmux.sim.orders.scales import Scale, component
from ibmux.sim.world import WorldSettings

FAR_BELOW, FAR_ABOVE = 50.0, 1500.0
MSFT = share("MSFT")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def calm(**more: Any) -> Bench:
    return Bench(WorldSettings(partial_share=0.0, status_first=0.0, **more))


@pytest.mark.parametrize("orderType", ["MIDPRICE", "PEG MID", "REL", "PEG MKT", "SNAP MKT"])
@pytest.mark.parametrize("action", ["BUY", "SELL"])
def test_pegged_orders_trade_inside_the_book(bench: Bench, orderType: str, action: str) -> None:
    bench.place(action, 10, orderType)
    for _ in range(2000):
        before = bench.quote().bid, bench.quote().ask
        fills = of(bench.run(0.025), Execution)
        if fills:
            low = min(before[0], bench.quote().bid)
            assert low <= fills[0].price <= max(before[1], bench.quote().ask)
            return
    pytest.fail(f"{orderType} never filled")


def test_a_relative_order_respects_its_cap(bench: Bench) -> None:
    bench.place("BUY", 10, "REL", lmtPrice=FAR_BELOW, auxPrice=0.01)
    assert bought(bench.run(3)) == 0


def test_an_order_snaps_once_and_stays(bench: Bench) -> None:
    offset = 5.0
    ask = bench.quote().ask
    bench.place("BUY", 10, "SNAP MKT", auxPrice=offset)
    assert bench.order(1).pegged == pytest.approx(ask - offset, abs=0.02)
    bench.run(1)
    assert bench.order(1).pegged == pytest.approx(ask - offset, abs=0.02)
    assert bench.order(1).status == "Submitted"


def test_an_iceberg_fills_by_what_it_displays(bench: Bench) -> None:
    bench.place("BUY", 100, "LMT", lmtPrice=FAR_ABOVE, displaySize=30)
    fills = of(bench.run(2), Execution)
    assert [fill.shares for fill in fills] == [30, 30, 30, 10]


def test_all_or_none_fills_at_once_and_a_minimum_is_kept() -> None:
    bench = Bench(WorldSettings(partial_share=1.0))
    bench.place("BUY", 100, "LMT", lmtPrice=FAR_ABOVE, allOrNone=True)
    bench.place("BUY", 100, "LMT", lmtPrice=FAR_ABOVE, minQty=60)
    fills = of(bench.run(2), Execution)
    assert [fill.shares for fill in fills if fill.orderId == 1] == [100]
    assert next(fill.shares for fill in fills if fill.orderId == 2) == 60


@pytest.mark.parametrize("method", [0, 2, 4, 8])
def test_stops_look_at_the_price_of_their_trigger_method(bench: Bench, method: int) -> None:
    price = round(bench.quote().last + 5, 2)
    bench.place("SELL", 10, "STP", auxPrice=price, triggerMethod=method)
    assert bought(bench.run(1)) == -10


def price_condition(bench: Bench, level: float, more: bool, conjunction: str = "a") -> Condition:
    return Condition(PRICE, conjunction, more, level, conId=bench.conId(AAPL), exchange="SMART")


def test_an_order_waits_for_its_conditions(bench: Bench) -> None:
    unmet = price_condition(bench, FAR_ABOVE, True)
    events = bench.place("BUY", 10, "MKT", MSFT, conditions=(unmet,))
    assert statuses(events, 1) == ["PreSubmitted", "PreSubmitted"]
    assert bench.run(1) == []
    bench.place("BUY", 10, "MKT", MSFT, orderId=1, conditions=(price_condition(bench, FAR_BELOW, True),))
    assert bought(bench.run(1)) == 10


def test_and_binds_closer_than_or(bench: Bench) -> None:
    never, always = price_condition(bench, FAR_ABOVE, True), price_condition(bench, FAR_BELOW, True)
    either = (price_condition(bench, FAR_ABOVE, True, "o"), always)
    both = (always, never)
    mixed = (always, price_condition(bench, FAR_ABOVE, True, "o"), price_condition(bench, FAR_BELOW, True, "a"), always)
    for conditions in (either, both, mixed):
        bench.place("BUY", 10, "MKT", MSFT, conditions=conditions)
    events = bench.run(1)
    assert sorted({fill.orderId for fill in of(events, Execution)}) == [1, 3]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (Condition(TIME, isMore=True, time="20260608 12:00:05 US/Eastern"), False),
        (Condition(TIME, isMore=True, time="20260608 11:00:00 US/Eastern"), True),
        (Condition(MARGIN, isMore=True, level=10), True),
        (Condition(MARGIN, isMore=False, level=10), False),
        (Condition(VOLUME, isMore=True, level=1, conId=265598), True),
        (Condition(VOLUME, isMore=True, level=10**12, conId=265598), False),
        (Condition(CHANGE, isMore=True, level=-90.0, conId=265598), True),
        (Condition(CHANGE, isMore=True, level=90.0, conId=265598), False),
        (Condition(EXECUTION, secType="STK", symbol="KO", exchange="SMART"), False),
    ],
)
def test_every_kind_of_condition(bench: Bench, condition: Condition, met: bool) -> None:
    bench.place("BUY", 10, "MKT", MSFT, conditions=(condition,))
    assert bought(bench.run(1)) == (10 if met else 0)


def test_time_and_execution_conditions_come_true(bench: Bench) -> None:
    bench.place("BUY", 1, "MKT", MSFT, conditions=(Condition(TIME, isMore=True, time="20260608 12:00:02 US/Eastern"),))
    ko = Condition(EXECUTION, secType="STK", symbol="KO", exchange="SMART")
    bench.place("BUY", 1, "MKT", MSFT, conditions=(ko,))
    assert bought(bench.run(1.9)) == 0
    assert bought(bench.run(0.5)) == 1
    bench.place("BUY", 1, "MKT", share("KO"))
    assert bought(bench.run(0.5)) == 2


def test_conditions_can_cancel(bench: Bench) -> None:
    soon = Condition(TIME, isMore=True, time="20260608 12:00:02 US/Eastern")
    bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, conditions=(soon,), conditionsCancelOrder=True)
    assert bench.order(1).status == "Submitted"
    assert statuses(bench.run(2.5), 1)[-1] == "Cancelled"


def test_a_scale_order_works_in_components(bench: Bench) -> None:
    ask = bench.quote().ask
    top = round(ask + 1, 2)
    scale = Scale(40, 30, 200.0)
    bench.place("BUY", 100, "LMT", lmtPrice=top, scale=scale)
    fills = of(bench.run(3), Execution)
    assert [fill.shares for fill in fills] == [40]
    component = bench.order(1).component
    assert component is not None
    assert (component.place, component.limit, component.left) == (1, pytest.approx(top - 200.0), 30)


def test_components_cover_the_order_without_gap() -> None:
    scale, done, places = Scale(7, 3, 0.5), Decimal(0), []
    while done < 40:
        part = component(scale, 100.0, 1, done, 40 - done)
        places.append((part.place, part.limit, part.left))
        done += part.left
    assert places[:3] == [(0, 100.0, 7), (1, 99.5, 3), (2, 99.0, 3)]
    assert [place for place, _, _ in places] == list(range(12))
    assert component(scale, 100.0, -1, Decimal(8), Decimal(1)).limit == 100.5


def test_a_filled_component_takes_its_profit_and_is_restored(bench: Bench) -> None:
    top = round(bench.quote().ask + 1, 2)
    bench.place("BUY", 100, "LMT", lmtPrice=top, scale=Scale(40, 30, 200.0, profitOffset=300.0, autoReset=True))
    bench.run(1)
    profit = bench.order(2)
    assert (profit.spec.action, profit.total, profit.spec.lmtPrice) == ("SELL", 40, pytest.approx(top + 300))
    bench.place("SELL", 40, "LMT", orderId=2, lmtPrice=round(top - 100, 2))  # as if the price had risen
    events = bench.run(2)
    assert [(fill.orderId, fill.shares) for fill in of(events, Execution)][:2] == [(2, 40), (1, 40)]
    assert bench.order(1).remaining == 60


def test_an_adjustable_stop_becomes_another_stop(bench: Bench) -> None:
    last = bench.quote().last
    stop = round(last - 50, 2)
    wanted = Adjustment("TRAIL", round(last - 1, 2), trailing=40.0)
    bench.place("SELL", 10, "STP", auxPrice=stop, adjustment=wanted)
    events = bench.run(1)
    order = bench.order(1)
    assert order.spec.orderType == "TRAIL"
    assert order.stop == pytest.approx(last - 40, abs=2)
    assert len(of(events, OpenOrder)) == 1
    bench.place("SELL", 10, "STP", auxPrice=stop, adjustment=Adjustment("STP", round(last + 900, 2), stopPrice=last))
    bench.run(1)
    assert bench.order(2).spec.orderType == "STP"
    assert bench.order(2).spec.auxPrice == stop


def hedged(bench: Bench, kind: str, param: str, query: Query, action: str = "SELL") -> Decimal:
    parent = bench.desk.next_id(1)
    bench.place("BUY", 10, "MKT", transmit=False)
    bench.place(action, 0, "MKT", query, parentId=parent, hedgeType=kind, hedgeParam=param)
    events = bench.run(1)
    assert bench.order(parent + 1).status == "Filled"
    return -sum((fill.shares for fill in of(events, Execution) if fill.orderId == parent + 1), Decimal(0))


def test_hedges_are_sized_by_their_parent(bench: Bench) -> None:
    assert hedged(bench, "P", "2", MSFT) == -20
    ratio = bench.quote(AAPL).mid / bench.quote(MSFT).mid
    assert float(hedged(bench, "B", "1.5", MSFT)) == pytest.approx(-10 * 1.5 * ratio, abs=1)


def test_a_delta_hedge_follows_the_options_delta(bench: Bench) -> None:
    option = at_the_money(bench)
    bench.place("BUY", 10, "MKT", option, transmit=False, account="DU1000002")
    bench.place("SELL", 0, "MKT", AAPL, parentId=1, hedgeType="D", account="DU1000002")
    bench.run(1)
    assert 300 < bench.order(2).filled < 700


def at_the_money(bench: Bench) -> Query:
    rows = list(bench.world.universe.chain("AAPL").values())[5]
    return Query.of(min(rows, key=lambda row: abs(row.contract.strike - bench.quote().last)).contract)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoStrategy": "Magic"}, 439),
        ({"algoStrategy": "Vwap", "algoParams": (("nonsense", "1"),)}, 443),
        ({"algoStrategy": "Vwap", "algoParams": (("maxPctVol", "7"),)}, 441),
        ({"algoStrategy": "Adaptive", "algoParams": (("adaptivePriority", "Soon"),)}, 441),
        ({"scale": Scale(0, 10, 0.1), "orderType": "LMT", "lmtPrice": 1.0}, 409),
        ({"scale": Scale(10, 10, 0.0), "orderType": "LMT", "lmtPrice": 1.0}, 408),
        ({"scale": Scale(10, 10, 0.1, -1.0), "orderType": "LMT", "lmtPrice": 1.0}, 418),
        ({"adjustment": Adjustment("TRAIL", None), "orderType": "STP", "auxPrice": 1.0}, 361),
        ({"adjustment": Adjustment("STP", 5.0), "orderType": "STP", "auxPrice": 1.0}, 362),
        ({"adjustment": Adjustment("STP LMT", 5.0, 4.0), "orderType": "STP", "auxPrice": 1.0}, 363),
        ({"hedgeType": "D"}, 10007),
        ({"hedgeType": "X", "parentId": 1}, 10007),
        ({"hedgeType": "B", "hedgeParam": "", "parentId": 1}, 10008),
        ({"hedgeType": "P", "hedgeParam": "zero", "parentId": 1}, 10009),
        ({"displaySize": 10}, 10020),
        ({"displaySize": 5, "discretionaryAmt": 0.1}, 157),
        ({"conditions": (Condition(PRICE, conId=1),)}, 147),
        ({"conditions": (Condition(TIME, time="soon"),)}, 337),
        ({"goodAfterTime": "tomorrow"}, 337),
        ({"tif": "GTD", "goodTillDate": "later"}, 337),
        ({"tif": "OPG", "orderType": "STP", "auxPrice": 1.0}, 111),
        ({"quantity": "0.5", "orderType": "MOC"}, 10318),
        ({"cashQty": -100.0, "quantity": 0}, 10244),
        ({"cashQty": 0.001, "quantity": 0}, 388),
        ({"quantity": "Infinity"}, 321),
        ({"orderType": "REL", "percentOffset": 1e300}, 321),
        ({"orderType": "LMT", "lmtPrice": float("inf")}, 321),
        ({"hedgeType": "P", "hedgeParam": "1e999999", "parentId": 1}, 10009),
        ({"scale": Scale(10, 10, 0.1, filled=-5), "orderType": "LMT", "lmtPrice": 1.0}, 321),
        ({"cashQty": 100.0, "query": ES, "quantity": 0}, 10244),
    ],
)
def test_what_attributes_must_not_be(bench: Bench, changes: dict[str, Any], code: int) -> None:
    given = {"action": "BUY", "quantity": 10, "orderType": "MKT", "query": AAPL} | changes
    assert errors(bench.place(**given)) == [code]
    assert bench.desk.open_orders(None) == []


def test_algorithms_are_accepted_and_work(bench: Bench) -> None:
    bench.place("BUY", 10, "MKT", algoStrategy="Vwap", algoParams=(("maxPctVol", "0.1"), ("noTakeLiq", "1")))
    assert bought(bench.run(1)) == 10
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, algoStrategy="Adaptive", orderId=2)
    assert errors(bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, orderId=2)) == [440]
    assert errors(bench.place("BUY", 10, "REL", orderId=2, algoStrategy="Adaptive")) == [329]


def test_an_amount_of_cash_buys_what_it_can(bench: Bench) -> None:
    ask = bench.quote().ask
    bench.place("BUY", 0, "MKT", cashQty=1000.0)
    quantity = bought(bench.run(1))
    assert 999 <= float(quantity) * ask <= 1001
    assert errors(bench.place("BUY", 5000, "MKT", EURUSD)) == [399]
    assert bought(bench.run(1)) == 5000


def crypto(bench: Bench) -> Query:
    for details in bench.world.universe.listed():
        if details.contract.secType == "CRYPTO" and details.contract.symbol == "BTC":
            return Query.of(details.contract)
    raise LookupError("no BTC")


def test_crypto_is_bought_for_cash_and_sold_by_size(bench: Bench) -> None:
    coin = crypto(bench)
    assert errors(bench.place("BUY", 1, "MKT", coin, tif="IOC")) == [10289]
    assert errors(bench.place("BUY", 1, "MKT", coin, tif="IOC", cashQty=100.0)) == [10293]
    assert errors(bench.place("BUY", 0, "MKT", coin, cashQty=1000.0)) == [201]
    events = bench.place("BUY", 0, "MKT", coin, tif="IOC", cashQty=1000.0)
    [fill] = of(events, Execution)
    assert float(fill.shares) * fill.price == pytest.approx(1000, abs=1)
    sold = bench.place("SELL", fill.shares, "MKT", coin, tif="IOC")
    assert bought(sold) == -fill.shares
    bench.place("BUY", fill.shares, "LMT", coin, tif="Minutes", lmtPrice=round(fill.price * 2, 0))
    assert bought(bench.run(1)) == fill.shares


def test_shares_that_are_hard_to_borrow_are_located_first() -> None:
    bench = calm(hard_to_borrow=("KO",), locate_delay=2.0)
    events = bench.place("SELL", 10, "MKT", share("KO"))
    assert names(events) == ["OrderError", "OpenOrder", "OrderStatus"]
    assert errors(events) == [404]
    assert of(events, OrderStatus)[0].whyHeld == "locate"
    assert bought(bench.run(1.9)) == 0
    assert bought(bench.run(0.5)) == -10
    assert errors(bench.place("BUY", 10, "MKT", share("KO"))) == []


def test_restricted_contracts_crowded_sides_and_presets() -> None:
    bench = calm(restricted=("KO",), active_orders=3, tif_preset=True)
    assert errors(bench.place("BUY", 1, "MKT", share("KO"))) == [203]
    for _ in range(3):
        bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW)
    assert errors(bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW)) == [201]
    assert errors(bench.place("SELL", 1, "LMT", lmtPrice=FAR_ABOVE)) == []
    events = bench.place("BUY", 1, "LMT", MSFT, lmtPrice=FAR_BELOW, tif="")
    assert errors(events) == [10349]
    assert statuses(events, bench.desk.next_id(1) - 1)[-1] == "Submitted"


def test_the_order_efficiency_ratio_can_be_kept() -> None:
    bench = calm(efficiency_ratio=20.0)
    for _ in range(25):
        bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW)
        bench.cancel(bench.desk.next_id(1) - 1)
    events = bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW)
    assert errors(events) == [201]
    assert "ratio" in of(events, OrderError)[0].text


def test_executions_keep_the_order_efficiency_ratio_low() -> None:
    bench = calm(efficiency_ratio=3.0)
    for _ in range(60):
        assert errors(bench.place("BUY", 1, "MKT")) == []
        bench.run(0.1, move=False)


def test_types_that_know_no_irregular_hours_are_taken_with_a_warning(bench: Bench) -> None:
    assert errors(bench.place("BUY", 1, "MKT", outsideRth=True)) == [2109]
    assert errors(bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, outsideRth=True)) == []
    assert bought(bench.run(1)) == 1


def test_a_hedge_that_comes_late_is_sized_at_once(bench: Bench) -> None:
    bench.place("BUY", 10, "MKT")
    bench.run(1)
    bench.place("SELL", 0, "MKT", MSFT, parentId=1, hedgeType="P", hedgeParam="3", tif="IOC")
    assert bench.order(2).filled == 30
