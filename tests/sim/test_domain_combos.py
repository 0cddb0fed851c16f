"""Combinations: their price, the messages and positions of their fills, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from domain_world import AAPL, Bench, errors, names, of, share, statuses

from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.events import Commission, Execution, OpenOrder, PositionChange
from ibmux.sim.orders import combos
from ibmux.sim.orders.combos import BAG_CONID, Leg, Part
from ibmux.sim.orders.order import ExecutionFilter

SECOND = "DU1000002"
BAG = Query(symbol="AAPL", secType="BAG", exchange="SMART", currency="USD")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def calls(bench: Bench, expiry: int = 5) -> list[ContractDetails]:
    """Calls near the money, by strike."""
    rows = [row for row in list(bench.world.universe.chain("AAPL").values())[expiry] if row.contract.right == "C"]
    spot = bench.quote().last
    near = sorted(rows, key=lambda row: abs(row.contract.strike - spot))[:4]
    return sorted(near, key=lambda row: row.contract.strike)


def spread(bench: Bench) -> tuple[Leg, ...]:
    low, *_, high = calls(bench)
    return (Leg(low.contract.conId, 1, "BUY"), Leg(high.contract.conId, 1, "SELL"))


def parts(bench: Bench, legs: tuple[Leg, ...]) -> tuple[Part, ...]:
    found = combos.parts_of(bench.world.universe, legs)
    assert not isinstance(found, Refusal)
    return found


def test_the_price_is_the_sum_of_the_legs(bench: Bench) -> None:
    legs = spread(bench)
    quote = combos.quote(bench.world.market, parts(bench, legs))
    low, high = (bench.world.market.quote(leg.conId) for leg in legs)
    assert quote.bid == pytest.approx(low.bid - high.ask)
    assert quote.ask == pytest.approx(low.ask - high.bid)
    assert quote.bid < quote.mid < quote.ask
    assert quote.bidSize == min(low.bidSize, high.askSize)


def test_shares_and_options_have_one_price_per_share(bench: Bench) -> None:
    call = calls(bench)[1]
    legs = (Leg(bench.conId(AAPL), 100, "BUY"), Leg(call.contract.conId, 1, "SELL"))
    quote = combos.quote(bench.world.market, parts(bench, legs))
    assert quote.ask == pytest.approx(bench.quote().ask - bench.world.market.quote(call.contract.conId).bid)


def test_a_combination_fills_as_a_whole_and_by_leg(bench: Bench) -> None:
    legs = spread(bench)
    ask = combos.quote(bench.world.market, parts(bench, legs)).ask
    placed = bench.place("BUY", 3, "LMT", BAG, legs=legs, lmtPrice=round(ask + 1, 2), account=SECOND)
    shown = of(placed, OpenOrder)[0].order
    assert (shown.contract.conId, shown.contract.tradingClass) == (BAG_CONID, "COMB")
    assert combos.describe(shown.parts) == f"{legs[0].conId}|1,{legs[1].conId}|-1"
    events = bench.run(1)
    assert names(events) == [
        "Execution", "OpenOrder", "OrderStatus", "Execution", "OpenOrder", "OrderStatus", "Execution", "OpenOrder",
        "OrderStatus", "Commission", "Commission", "PositionChange", "PositionChange",
    ]  # fmt: skip
    whole, bought, sold = of(events, Execution)
    assert [fill.contract.secType for fill in (whole, bought, sold)] == ["BAG", "OPT", "OPT"]
    assert [fill.side for fill in (whole, bought, sold)] == ["BOT", "BOT", "SLD"]
    assert whole.price == pytest.approx(bought.price - sold.price)
    assert [fill.execId.count(".") for fill in (whole, bought, sold)] == [3, 4, 4]
    assert [fill.lastLiquidity for fill in (whole, bought, sold)] == [1, 2, 2]
    assert {fill.execId for fill in (bought, sold)} == {report.execId for report in of(events, Commission)}
    assert {change.position for change in of(events, PositionChange)} == {Decimal(3), Decimal(-3)}
    assert len({(fill.orderId, fill.permId) for fill in (whole, bought, sold)}) == 1
    found = bench.desk.executions(ExecutionFilter())
    assert [fee is None for _, fee in found] == [True, False, False]


def test_a_combination_may_have_a_negative_price(bench: Bench) -> None:
    low, *_, high = calls(bench)
    legs = (Leg(low.contract.conId, 1, "SELL"), Leg(high.contract.conId, 1, "BUY"))
    bid = combos.quote(bench.world.market, parts(bench, legs)).ask
    assert bid < 0
    events = bench.place("BUY", 1, "LMT", BAG, legs=legs, lmtPrice=round(bid - 5, 2), account=SECOND)
    assert statuses(events, 1)[-1] == "Submitted"
    assert bench.run(0.5) == []
    bench.place("BUY", 1, "MKT", BAG, legs=legs, account=SECOND)
    assert of(bench.run(1), Execution)[0].price < 0


def test_each_leg_may_have_its_own_limit(bench: Bench) -> None:
    legs = spread(bench)
    bench.place("BUY", 1, "LMT", BAG, legs=legs, legPrices=(0.05, None), account=SECOND)
    assert bench.run(0.5) == []
    bench.place("BUY", 1, "LMT", BAG, orderId=1, legs=legs, legPrices=(900.0, 0.05), account=SECOND)
    assert bench.order(1).status == "Submitted"
    assert len(of(bench.run(1), Execution)) == 3


def test_a_spread_needs_no_more_margin_than_it_can_lose(bench: Bench) -> None:
    legs = spread(bench)
    low, *_, high = calls(bench)
    [answer] = of(bench.place("SELL", 2, "MKT", BAG, legs=legs, account=SECOND, whatIf=True), OpenOrder)
    assert answer.margin is not None
    assert answer.margin.initChange == pytest.approx((high.contract.strike - low.contract.strike) * 200)
    assert answer.margin.commission == pytest.approx(2.6)
    naked = of(
        bench.place("SELL", 2, "MKT", Query.of(low.contract), account=SECOND, whatIf=True),
        OpenOrder,
    )[0].margin
    assert naked is not None
    assert naked.initChange > answer.margin.initChange


def test_a_covered_call_needs_no_margin_of_its_own(bench: Bench) -> None:
    call = Query.of(calls(bench)[3].contract)
    covered = of(bench.place("SELL", 3, "MKT", call, account="DU1000001", whatIf=True), OpenOrder)[0].margin
    open_ = of(bench.place("SELL", 4, "MKT", call, account="DU1000001", whatIf=True), OpenOrder)[0].margin
    assert covered is not None
    assert open_ is not None
    assert covered.initChange == 0
    assert open_.initChange > 1000


def test_what_is_no_combination(bench: Bench) -> None:
    one = bench.conId(AAPL)
    cases = [
        ((), 314),
        ((Leg(one, 1, "BUY"),), 312),
        ((Leg(one, 1, "BUY"), Leg(one, 1, "SELL")), 312),
        ((Leg(one, 1, "BUY"), Leg(77, 1, "SELL")), 313),
        ((Leg(one, 1, "BUY"), Leg(bench.conId(share("MSFT")), 0, "SELL")), 313),
        ((Leg(one, 1, "BUY"), Leg(bench.conId(share("MSFT")), 1, "HOLD")), 313),
    ]
    for legs, code in cases:
        assert errors(bench.place("BUY", 1, "MKT", BAG, legs=legs)) == [code], legs
    pair = (Leg(one, 1, "BUY"), Leg(bench.conId(share("MSFT")), 1, "SELL"))
    nowhere = Query(symbol="AAPL", secType="BAG", currency="USD")
    assert errors(bench.place("BUY", 1, "MKT", nowhere, legs=pair)) == [321]
    assert errors(bench.place("BUY", 1, "LMT", BAG, legs=pair)) == [463]
    assert errors(bench.place("BUY", 1, "LMT", BAG, legs=pair, lmtPrice=-3.333)) == [110]


def test_legs_of_a_stock_pair_move_positions(bench: Bench) -> None:
    pair = (Leg(bench.conId(AAPL), 1, "BUY"), Leg(bench.conId(share("MSFT")), 2, "SELL"))
    before = {row.contract.symbol: row.position for row in bench.world.accounts["DU1000001"].positions()}
    bench.place("SELL", 5, "MKT", BAG, legs=pair, account="DU1000001")
    bench.run(1)
    after = {row.contract.symbol: row.position for row in bench.world.accounts["DU1000001"].positions()}
    assert after["AAPL"] - before["AAPL"] == -5
    assert after["MSFT"] - before["MSFT"] == 10


def test_a_quote_can_be_had_for_legs_as_they_were_sent(bench: Bench) -> None:
    legs = spread(bench)
    assert combos.quote(bench.world.market, legs) == combos.quote(bench.world.market, parts(bench, legs))
    rows = [{"conId": leg.conId, "ratio": leg.ratio, "action": leg.action, "exchange": leg.exchange} for leg in legs]
    assert combos.legs_from(rows) == legs
