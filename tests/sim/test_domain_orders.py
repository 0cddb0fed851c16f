"""Orders at the simulated gateway: the sequences of messages, the states, the refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from domain_world import AAPL, ES, EURUSD, Bench, bought, errors, fees, names, of, share, statuses

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Commission, Execution, OpenOrder, OrderError, OrderStatus, PositionChange
from ibmux.sim.orders.order import ExecutionFilter
from ibmux.sim.world import WorldSettings

FAR_BELOW, FAR_ABOVE = 50.0, 1500.0
INDEX = Query(symbol="SPX", secType="IND", exchange="CBOE", currency="USD")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_market_order_goes_from_presubmitted_to_filled(bench: Bench) -> None:
    first = bench.place("BUY", 100, "MKT")
    assert names(first) == ["OpenOrder", "OrderStatus"]
    assert statuses(first, 1) == ["PreSubmitted"]
    later = bench.run(0.2)
    assert names(later) == [
        "Execution", "OpenOrder", "OrderStatus", "OpenOrder", "OrderStatus", "Commission", "PositionChange",
    ]  # fmt: skip
    assert statuses(later, 1) == ["Filled", "Filled"]
    assert [event.commission for event in of(later, OpenOrder)] == [None, 1.0]
    fill, fee = of(later, Execution)[0], of(later, Commission)[0]
    assert (fill.side, fill.shares, fill.cumQty, fill.orderId, fill.clientId) == ("BOT", 100, 100, 1, 1)
    assert fill.execId == fee.execId
    assert fee.realizedPNL is None
    assert of(later, PositionChange)[0].position == 400
    assert bench.desk.open_orders(None) == []


def test_the_status_may_come_before_the_execution() -> None:
    bench = Bench(WorldSettings(status_first=1.0, partial_share=0.0, fee_delay=0.5))
    bench.place("BUY", 1, "MKT")
    assert names(bench.run(0.2))[:3] == ["OpenOrder", "OrderStatus", "Execution"]
    assert names(bench.run(1)) == ["Commission"]


def test_a_resting_limit_order_can_be_changed_and_cancelled(bench: Bench) -> None:
    placed = bench.place("BUY", 100, "LMT", lmtPrice=FAR_BELOW)
    assert statuses(placed, 1) == ["PreSubmitted", "Submitted", "Submitted"]
    assert bench.run(1) == []
    permId = bench.order(1).permId
    changed = bench.place("BUY", 50, "LMT", orderId=1, lmtPrice=FAR_BELOW + 1)
    assert names(changed) == ["OpenOrder", "OrderStatus"] * 2
    assert (bench.order(1).permId, bench.order(1).remaining) == (permId, 50)
    gone = bench.cancel(1)
    assert statuses(gone, 1) == ["PendingCancel", "Cancelled"]
    assert errors(gone) == [202]
    assert of(gone, OrderError)[0].text == "Order Canceled - reason:"
    assert errors(bench.cancel(1)) == [10148]
    assert errors(bench.cancel(77)) == [10147]


def test_a_change_to_a_market_order_fills(bench: Bench) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    bench.place("BUY", 10, "MKT", orderId=1)
    assert bought(bench.run(0.3)) == 10


def test_a_marketable_limit_order_never_trades_worse_than_its_limit(bench: Bench) -> None:
    limit = bench.quote().ask
    bench.place("BUY", 10, "LMT", lmtPrice=limit)
    for fill in of(bench.run(5), Execution):
        assert fill.price <= limit


@pytest.mark.parametrize(
    ("action", "orderType", "side"), [("SELL", "STP", -1), ("BUY", "STP", 1), ("SELL", "STP LMT", -1)]
)
def test_stops_wait_for_their_trigger(bench: Bench, action: str, orderType: str, side: int) -> None:
    far = round(bench.quote().last + side * 20, 2)
    prices = {"auxPrice": far} | ({"lmtPrice": FAR_BELOW} if "LMT" in orderType else {})
    placed = bench.place(action, 10, orderType, **prices)
    assert statuses(placed, 1) == ["PreSubmitted", "PreSubmitted"]
    assert {event.whyHeld for event in of(placed, OrderStatus)} == {"trigger"}
    assert bench.run(1) == []
    reached = {"auxPrice": round(bench.quote().last - side * 5, 2)}
    bench.place(action, 10, orderType, orderId=1, **(prices | reached))
    events = bench.run(1)
    assert statuses(events, 1) == ["Submitted", "Filled", "Filled"]
    assert bought(events) == side * 10


def test_a_trailing_stop_follows_and_never_goes_back(bench: Bench) -> None:
    bench.place("SELL", 10, "TRAIL", auxPrice=30.0)
    levels = []
    for _ in range(50):
        bench.run(0.1)
        levels.append(bench.order(1).stop or 0.0)
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(bench.quote().last - 30, abs=1)
    bench.place("SELL", 10, "TRAIL", orderId=1, auxPrice=30.0, trailStopPrice=FAR_ABOVE)
    assert bought(bench.run(1)) == -10


def test_a_trailing_stop_by_percent_of_a_buyer(bench: Bench) -> None:
    bench.place("BUY", 10, "TRAIL", trailingPercent=10.0)
    bench.place("BUY", 10, "TRAIL LIMIT", trailingPercent=10.0, lmtPrice=FAR_ABOVE)
    bench.run(0.1)
    for number in (1, 2):
        assert bench.order(number).stop == pytest.approx(bench.quote().last * 1.1, rel=0.01)
        assert bench.order(number).status == "PreSubmitted"
    bench.order(1).stop = bench.order(2).stop = FAR_BELOW  # as if the market had risen through it
    assert bought(bench.run(1)) == 20


@pytest.mark.parametrize(("orderType", "prices"), [("MIT", {}), ("LIT", {"lmtPrice": FAR_ABOVE})])
def test_touches_buy_when_the_price_falls_to_them(bench: Bench, orderType: str, prices: dict[str, float]) -> None:
    last = bench.quote().last
    placed = bench.place("BUY", 10, orderType, auxPrice=round(last - 20, 2), **prices)
    assert {event.whyHeld for event in of(placed, OrderStatus)} == {"trigger"}
    assert bench.run(1) == []
    bench.place("BUY", 10, orderType, orderId=1, auxPrice=round(last + 20, 2), **prices)
    assert bought(bench.run(1)) == 10


def test_an_option_stop_watches_the_side_that_it_trades_at(bench: Bench) -> None:
    rows = list(bench.world.universe.chain("AAPL").values())[5]
    row = min(rows, key=lambda details: abs(details.contract.strike - bench.quote().last))
    query = Query.of(row.contract)
    quote = bench.quote(query)
    bench.place("SELL", 1, "STP", query, auxPrice=round(quote.bid * 0.5 // 0.05 * 0.05, 2), account="DU1000001")
    assert bench.run(0.5) == []
    bench.place(
        "SELL", 1, "STP", query, orderId=1, auxPrice=round(quote.bid * 1.5 // 0.05 * 0.05, 2), account="DU1000001"
    )
    assert bought(bench.run(0.5)) == -1


def test_the_desk_says_when_something_is_due() -> None:
    bench = Bench(WorldSettings(fill_delay=0.5, partial_share=0.0, fee_delay=2.0, status_first=0.0))
    assert bench.desk.next_due() is None
    bench.place("BUY", 10, "MKT")
    assert bench.desk.next_due() == bench.now + 0.5
    bench.run(0.55)
    assert bench.desk.next_due() == pytest.approx(bench.now + 2.0, abs=0.06)


def test_an_order_may_not_shrink_below_what_has_filled() -> None:
    bench = Bench(WorldSettings(partial_share=1.0, fill_delay=0.2))
    bench.place("BUY", 100, "LMT", lmtPrice=FAR_ABOVE)
    while not bench.order(1).filled:
        bench.run(0.1)
    filled = bench.order(1).filled
    assert 0 < filled < 100
    assert errors(bench.place("BUY", filled, "LMT", lmtPrice=FAR_ABOVE, orderId=1)) == [201]
    assert bench.order(1).total == 100
    bench.place("BUY", 60, "LMT", lmtPrice=FAR_ABOVE, orderId=1)
    bench.run(3)
    assert (bench.order(1).status, bench.order(1).filled) == ("Filled", 60)


def test_a_sale_that_reduces_risk_is_never_refused_for_margin() -> None:
    bench = Bench(WorldSettings(cash=-400_000.0, partial_share=0.0))
    assert errors(bench.place("BUY", 100, "MKT")) == [201]
    assert errors(bench.place("SELL", 100, "MKT")) == []
    assert bought(bench.run(1)) == -100


def test_orders_for_the_close_fill_after_the_delay() -> None:
    bench = Bench(WorldSettings(moc_delay=2.0, partial_share=0.0))
    bench.place("BUY", 10, "MOC")
    bench.place("BUY", 10, "LOC", lmtPrice=FAR_BELOW)
    assert bench.run(1.9) == []
    events = bench.run(0.2)
    assert statuses(events, 1)[-1] == "Filled"
    assert statuses(events, 2)[-1] == "Cancelled"
    assert errors(events) == [202]


def test_midprice_trades_between_bid_and_ask(bench: Bench) -> None:
    bench.place("BUY", 10, "MIDPRICE")
    quote = bench.quote()
    fill = of(bench.run(0.2, move=False), Execution)[0]
    assert quote.bid < fill.price <= quote.ask


def test_partial_fills_add_up() -> None:
    bench = Bench(WorldSettings(partial_share=1.0))
    bench.place("BUY", 1000, "MKT")
    events = bench.run(2)
    fills = of(events, Execution)
    assert 2 <= len(fills) <= 4
    assert [fill.cumQty for fill in fills] == [sum(f.shares for f in fills[: n + 1]) for n in range(len(fills))]
    assert fills[-1].cumQty == 1000
    assert "Submitted" in statuses(events, 1)
    assert statuses(events, 1)[-1] == "Filled"
    assert sum(fees(events)) == pytest.approx(5.0)  # half a cent a share for the whole order
    assert fills[-1].avgPrice == pytest.approx(float(sum(Decimal(str(f.price)) * f.shares for f in fills) / 1000))


@pytest.mark.parametrize(("tif", "final"), [("IOC", "Cancelled"), ("FOK", "Inactive")])
def test_immediate_orders_end_without_error(bench: Bench, tif: str, final: str) -> None:
    events = bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, tif=tif)
    assert statuses(events, 1)[-1] == final
    assert errors(events) == []
    assert bought(bench.place("BUY", 10, "LMT", lmtPrice=FAR_ABOVE, tif=tif)) == 10


def bracket(bench: Bench, *, entry: float, target: float, stop: float, quantity: int = 10) -> list[Any]:
    parent = bench.desk.next_id(1)
    held = bench.place("BUY", quantity, "LMT", lmtPrice=entry, transmit=False)
    held += bench.place("SELL", quantity, "LMT", lmtPrice=target, parentId=parent, transmit=False)
    assert held == []
    assert bench.desk.open_orders(1) == []
    return bench.place("SELL", quantity, "STP", auxPrice=stop, parentId=parent)


def test_a_bracket_is_transmitted_with_its_last_child(bench: Bench) -> None:
    events = bracket(bench, entry=FAR_BELOW, target=FAR_ABOVE, stop=10.0)
    parent, target, stop = (bench.order(number) for number in (1, 2, 3))
    assert [target.permId, stop.permId] == [parent.permId + 1, parent.permId + 2]
    assert target.ocaGroup == stop.ocaGroup == str(parent.permId)
    assert (target.ocaType, target.parentPermId) == (3, parent.permId)
    assert statuses(events, 1)[-1] == "Submitted"
    assert (target.status, target.whyHeld, stop.whyHeld) == ("PreSubmitted", "child", "child,trigger")
    assert bench.run(1) == []


def test_cancelling_the_parent_cancels_the_children(bench: Bench) -> None:
    bracket(bench, entry=FAR_BELOW, target=FAR_ABOVE, stop=10.0)
    events = bench.cancel(1)
    assert statuses(events, 1) == ["PendingCancel", "Cancelled"]
    assert statuses(events, 2) == statuses(events, 3) == ["Cancelled"]
    assert errors(events) == [202, 202, 202]
    assert [event.orderId for event in of(events, OrderError)] == [1, 2, 3]


def test_one_child_fills_and_the_other_is_cancelled(bench: Bench) -> None:
    bracket(bench, entry=FAR_ABOVE, target=FAR_BELOW, stop=10.0)
    events = bench.run(2)
    assert statuses(events, 1)[-1] == "Filled"
    assert statuses(events, 2)[-1] == "Filled"
    assert statuses(events, 3)[-1] == "Cancelled"
    assert bought(events) == 0


def test_children_of_a_rejected_parent_do_not_live(bench: Bench) -> None:
    parent = bench.desk.next_id(1)
    bench.place("BUY", 900_000, "LMT", lmtPrice=1000.0, transmit=False)
    events = bench.place("SELL", 900_000, "STP", auxPrice=10.0, parentId=parent)
    assert statuses(events, parent) == ["Inactive", "Inactive"]
    assert statuses(events, parent + 1) == ["ApiCancelled"]
    assert errors(events) == [201, 202]
    assert bench.desk.open_orders(None) == []
    assert bench.run(1) == []


def test_an_oca_group_lives_once(bench: Bench) -> None:
    for _ in range(3):
        bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, ocaGroup="one", ocaType=1)
    other = bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, ocaGroup="two", ocaType=1)
    events = bench.place("BUY", 10, "LMT", orderId=1, lmtPrice=FAR_ABOVE, ocaGroup="one", ocaType=1) + bench.run(1)
    assert [statuses(events, number)[-1] for number in (1, 2, 3)] == ["Filled", "Cancelled", "Cancelled"]
    assert [order.orderId for order in bench.desk.open_orders(None)] == [of(other, OpenOrder)[0].order.orderId]


def test_cancelling_a_member_cancels_its_group(bench: Bench) -> None:
    for _ in range(2):
        bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, ocaGroup="one")
    events = bench.cancel(2)
    assert statuses(events, 1) == ["Cancelled"]
    assert errors(events) == [202, 202]


def test_a_reducing_group_never_fills_more_than_one_size() -> None:
    bench = Bench(WorldSettings(partial_share=1.0))
    for _ in range(2):
        bench.place("BUY", 100, "LMT", lmtPrice=FAR_ABOVE, ocaGroup="both", ocaType=3)
    assert bought(bench.run(3)) == 100
    assert bench.desk.open_orders(None) == []


def test_untransmitted_orders_are_silent_until_sent(bench: Bench) -> None:
    assert bench.place("BUY", 10, "MKT", transmit=False) == []
    assert bench.run(1) == []
    assert statuses(bench.place("BUY", 20, "MKT", orderId=1), 1) == ["PreSubmitted"]
    assert bought(bench.run(1)) == 20
    bench.place("BUY", 10, "MKT", transmit=False)
    assert statuses(bench.cancel(2), 2) == ["ApiCancelled"]


def test_what_if_answers_with_margins_and_leaves_nothing(bench: Bench) -> None:
    before = bench.world.accounts["DU1000001"].figures()
    events = bench.place("BUY", 100, "LMT", lmtPrice=100.0, whatIf=True)
    assert names(events) == ["OpenOrder"]
    answer = of(events, OpenOrder)[0]
    assert answer.status == "PreSubmitted"
    margin = answer.margin
    assert margin is not None
    assert margin.initBefore == float(before.initial)
    assert margin.initAfter == pytest.approx(margin.initBefore + 5000)
    assert margin.equityAfter == pytest.approx(margin.equityBefore - 1.0)
    assert (margin.initChange, margin.commission) == (5000, 1.0)
    assert bench.desk.next_id(1) == 2
    assert bench.desk.open_orders(None) == []
    assert bench.run(1) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"action": "HOLD"}, 321),
        ({"orderType": "NOPE"}, 321),
        ({"tif": "WEEK"}, 10052),
        ({"quantity": 0}, 434),
        ({"quantity": "0.5", "query": ES}, 10243),
        ({"orderType": "LMT"}, 463),
        ({"orderType": "STP"}, 321),
        ({"orderType": "TRAIL"}, 321),
        ({"orderType": "LMT", "lmtPrice": -1.0}, 463),
        ({"orderType": "LMT", "lmtPrice": 100.005}, 110),
        ({"orderType": "LMT", "lmtPrice": 6000.1, "query": ES}, 110),
        ({"orderType": "LMT", "lmtPrice": 1.10001, "query": EURUSD}, 110),
        ({"orderType": "STP", "auxPrice": 0.0001}, 110),
        ({"orderType": "MOC", "query": EURUSD}, 387),
        ({"orderType": "MOC", "tif": "IOC"}, 111),
        ({"tif": "GTD"}, 321),
        ({"account": "U999"}, 321),
        ({"query": INDEX}, 201),
        ({"query": share("NOSUCH")}, 200),
        ({"query": Query(symbol="AAPL", secType="STK", currency="USD")}, 321),
        ({"quantity": 2_000_000}, 201),
        ({"quantity": 900_000}, 201),
        ({"whatIf": True, "transmit": False}, 321),
        ({"parentId": 55}, 10006),
        ({"orderId": -5}, 103),
    ],
)
def test_refusals(bench: Bench, request_: dict[str, Any], code: int) -> None:
    given = {"action": "BUY", "quantity": 10, "orderType": "MKT", "query": AAPL} | request_
    events = bench.place(**given)
    assert errors(events) == [code]
    assert bench.desk.open_orders(None) == []
    assert bench.run(0.5) == []
    assert statuses(events, 1) == (["Inactive", "Inactive"] if code == 201 else [])


def test_order_numbers_are_used_once(bench: Bench) -> None:
    bench.place("BUY", 1, "MKT", orderId=10)
    assert bench.desk.next_id(1) == 11
    assert bench.desk.next_id(2) == 1
    assert errors(bench.place("BUY", 1, "MKT", orderId=9)) == [103]
    bench.run(1)
    assert errors(bench.place("BUY", 2, "MKT", orderId=10)) == [104]
    bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, orderId=11)
    bench.cancel(11)
    assert errors(bench.place("BUY", 1, "MKT", orderId=11)) == [104]


def test_a_limit_far_through_the_market_is_refused_where_a_percentage_is_set() -> None:
    bench = Bench(WorldSettings(partial_share=0.0, price_percentage=3.0))
    ask, bid = bench.quote().ask, bench.quote().bid
    for action, far, near in (("BUY", ask * 1.04, ask * 1.02), ("SELL", bid * 0.96, bid * 0.98)):
        assert errors(bench.place(action, 1, "LMT", lmtPrice=round(far, 2))) == [163]
        assert errors(bench.place(action, 1, "LMT", lmtPrice=round(near, 2))) == []
    assert errors(bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW)) == [], "what gives nothing away may be far"


@pytest.mark.parametrize("orderType", ["PEG STK", "PEG BENCH", "PEG BEST", "VOL"])
def test_types_that_a_contract_does_not_list_are_refused_as_such(bench: Bench, orderType: str) -> None:
    assert errors(bench.place("BUY", 1, orderType, lmtPrice=100.0)) == [387]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"auxPrice": 1.0, "trailingPercent": 2.0}, 320),
        ({"trailingPercent": 150.0}, 321),
        ({"orderType": "TRAIL LIMIT", "auxPrice": 1.0}, 321),
        ({"orderType": "TRAIL LIMIT", "auxPrice": 1.0, "lmtPrice": 100.0, "lmtPriceOffset": 0.5}, 321),
        ({"orderType": "MIDPRICE", "outsideRth": True}, 321),
        ({"orderType": "MIT"}, 321),
    ],
)
def test_contradictory_prices_are_refused(bench: Bench, more: dict[str, Any], code: int) -> None:
    assert errors(bench.place(**{"action": "SELL", "quantity": 1, "orderType": "TRAIL"} | more)) == [code]


def test_funds_are_bought_for_money_and_sold_by_size(bench: Bench) -> None:
    fund = Query(symbol="VFIAX", secType="FUND", exchange="FUNDSERV", currency="USD")
    assert errors(bench.place("BUY", 5, "MKT", fund)) == [10203]
    assert errors(bench.place("BUY", 0, "MKT", fund, cashQty=5000.0)) == []
    bench.run(0.5)
    account = bench.world.accounts["DU1000001"]
    held = account.ledger.position(bench.conId(fund))
    assert held > 7
    assert account.figures().fund > 4900
    assert errors(bench.place("SELL", 0, "MKT", fund, cashQty=100.0)) == [10204]
    assert errors(bench.place("SELL", held, "MKT", fund)) == []
    bench.run(0.5)
    assert account.figures().fund == 0


@pytest.mark.parametrize("change", [{"action": "SELL"}, {"query": share("MSFT")}, {"account": "DU1000002"}])
def test_a_change_must_match_its_order(bench: Bench, change: dict[str, Any]) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    given = {"action": "BUY", "quantity": 10, "orderType": "LMT", "lmtPrice": FAR_BELOW, "orderId": 1} | change
    assert errors(bench.place(**given)) == [105]
    assert bench.order(1).status == "Submitted"


def test_a_bad_change_leaves_the_order_alone(bench: Bench) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    assert errors(bench.place("BUY", 10, "LMT", lmtPrice=50.001, orderId=1)) == [110]
    assert bench.order(1).spec.lmtPrice == FAR_BELOW
    assert [order.orderId for order in bench.desk.open_orders(1)] == [1]


@pytest.mark.parametrize("allowed", [False, True])
def test_cancelling_for_another_client(allowed: bool) -> None:
    bench = Bench(WorldSettings(foreign_cancel=allowed))
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, clientId=1, orderId=7)
    events = bench.cancel(7, clientId=2)
    assert errors(events) == ([202] if allowed else [10147])
    assert {event.clientId for event in events} == {1 if allowed else 2}
    assert len(bench.desk.open_orders(1)) == (0 if allowed else 1)


def test_open_orders_by_client_and_global_cancel(bench: Bench) -> None:
    for client in (1, 1, 2, 3):
        bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, clientId=client)
    assert [len(bench.desk.open_orders(client)) for client in (1, 2, 3, None)] == [2, 1, 1, 4]
    assert names(bench.desk.open_orders(2)[0].snapshot()) == ["OpenOrder", "OrderStatus"]
    events = bench.keep(bench.desk.cancel_all(bench.now))
    assert errors(events) == [202] * 4
    assert bench.desk.open_orders(None) == []


def test_executions_can_be_filtered(bench: Bench) -> None:
    bench.place("BUY", 10, "MKT", clientId=1, account="DU1000001")
    bench.place("SELL", 10, "MKT", share("MSFT"), clientId=2, account="DU1000002")
    bench.run(1)
    desk = bench.desk
    assert len(desk.executions(ExecutionFilter())) == 2
    for wanted in (
        ExecutionFilter(clientId=2), ExecutionFilter(acctCode="DU1000002"), ExecutionFilter(symbol="MSFT"),
        ExecutionFilter(side="SELL"),
    ):  # fmt: skip
        found = desk.executions(wanted)
        assert [execution.clientId for execution, _ in found] == [2]
        assert found[0][0].execId == found[0][1].execId
    assert len(desk.executions(ExecutionFilter(secType="STK"))) == 2
    assert desk.executions(ExecutionFilter(time="20990101 00:00:00 UTC")) == []
    assert len(desk.executions(ExecutionFilter(time="20260608-16:00:00"))) == 2


def test_completed_orders_are_listed(bench: Bench) -> None:
    bench.place("BUY", 10, "MKT")
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    bench.run(1)
    bench.cancel(2)
    done = bench.desk.completed()
    assert [(one.order.orderId, one.status, one.completedStatus) for one in done] == [
        (1, "Filled", "Filled Size: 10"),
        (2, "Cancelled", "Cancelled by Trader"),
    ]
    assert done[0].completedTime.startswith("20260608 12:00:00 US/Eastern")
    assert done[0].commission == 1.0


def test_good_till_date_lapses(bench: Bench) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, tif="GTD", goodTillDate="20260608 12:00:01 US/Eastern")
    assert bench.run(0.9) == []
    assert errors(bench.run(0.2)) == [202]


def test_a_closed_market_holds_orders_with_a_warning() -> None:
    bench = Bench(WorldSettings(always_open=False, partial_share=0.0))
    bench.now -= 3 * 3600  # nine in the morning in New York
    events = bench.place("BUY", 10, "MKT")
    assert errors(events) == [399]
    text = of(events, OrderError)[0].text
    assert text.startswith(
        "Order Message:\nBUY 10 AAPL NASDAQ.NMS\nWarning: your order will not be placed at the exchange until"
    )
    assert text.endswith("2026-06-08 09:30:00 US/Eastern")
    assert statuses(events, 1) == ["PreSubmitted"]
    assert bench.run(1) == []
    bench.now += 1800
    assert bought(bench.run(1)) == 10


def test_fills_name_an_exchange_and_ids_never_repeat(bench: Bench) -> None:
    for _ in range(20):
        bench.place("BUY", 1, "MKT")
    fills = of(bench.run(1), Execution)
    assert len({fill.execId for fill in fills}) == len({fill.permId for fill in fills}) == 20
    for fill in fills:
        assert fill.execId.count(".") == 3
        assert fill.exchange != "SMART"
        assert fill.contract.exchange == fill.exchange
