"""What can be made to go wrong at the order desk, orders placed by hand, and one-cancels-all groups of every type."""

from __future__ import annotations

from decimal import Decimal

import pytest
from domain_world import AAPL, Bench, bought, errors, names, of, share, statuses

from ibmux.sim.events import Execution, OpenOrder, OrderBound, OrderStatus
from ibmux.sim.orders.order import OrderSpec
from ibmux.sim.world import WorldSettings

FAR_BELOW, FAR_ABOVE = 50.0, 1500.0


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_next_orders_can_be_rejected(bench: Bench) -> None:
    bench.desk.reject_next(201, "Order rejected - reason:a test")
    bench.desk.reject_next(110, "tick")
    first = bench.place("BUY", 1, "MKT")
    assert errors(first) == [201]
    assert statuses(first, 1) == ["Inactive", "Inactive"]
    assert errors(bench.place("BUY", 1, "MKT")) == [110]
    assert errors(bench.place("BUY", 1, "MKT")) == []


def test_the_next_order_can_be_delayed(bench: Bench) -> None:
    bench.desk.delay_next(1.0)
    assert bench.place("BUY", 1, "MKT") == []
    assert errors(bench.place("BUY", 2, "MKT", orderId=1)) == [2102], "it is still being processed"
    assert statuses(bench.place("BUY", 1, "MKT", clientId=2), 1) == ["PreSubmitted"], "others do not wait"
    assert statuses(bench.run(0.9), 1) == ["Filled", "Filled"], "of client 2"
    events = bench.run(0.5)
    assert statuses(events, 1) == ["PreSubmitted", "Filled", "Filled"]


def test_nothing_of_the_same_client_overtakes_a_delayed_order(bench: Bench) -> None:
    bench.desk.delay_next(1.0)
    assert bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, orderId=5) == []
    assert bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, orderId=6) == []
    assert bench.cancel(5) == []
    bench.desk.hold_acknowledgement(0.5)
    assert bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, orderId=7) == []
    events = bench.run(1.2)
    assert statuses(events, 5)[-1] == "Cancelled"
    assert errors(events) == [202], "neither 103 nor 10147"
    assert (statuses(events, 6)[-1], statuses(events, 7)) == ("Submitted", []), "the hold met the next order alone"
    assert statuses(bench.run(0.5), 7)[-1] == "Submitted"
    bench.desk.delay_next(1.0)
    bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW, orderId=8)
    assert bench.keep(bench.desk.cancel_all(bench.now, 1)) == []
    assert sorted(errors(bench.run(1.2))) == [202, 202, 202], "the global cancel waits, too, and misses none"


def test_an_acknowledgement_can_be_held_back(bench: Bench) -> None:
    bench.desk.hold_acknowledgement()
    assert bench.place("BUY", 1, "MKT") == []
    events = bench.run(0.5)
    assert names(events) == ["PositionChange"], "the order works all the same"
    told = bench.desk.release_acknowledgements(bench.now)
    assert names(told)[:3] == ["OpenOrder", "OrderStatus", "Execution"]
    assert names(told)[-1] == "Commission"
    assert statuses(told, 1)[-1] == "Filled"
    bench.desk.hold_acknowledgement(1.0)
    assert bench.place("BUY", 1, "LMT", lmtPrice=FAR_BELOW) == []
    assert bench.run(0.9) == []
    assert statuses(bench.run(0.2), 2) == ["PreSubmitted", "Submitted", "Submitted"]


def test_the_next_number_can_go_back_once(bench: Bench) -> None:
    for _ in range(5):
        bench.place("BUY", 1, "MKT")
    bench.run(0.5)
    bench.desk.roll_back_ids(3)
    assert bench.desk.next_id(1) == 3
    assert bench.desk.next_id(1) == 6
    assert errors(bench.place("BUY", 1, "MKT", orderId=3)) == [104], "its number is used all the same"


def test_a_change_can_fork(bench: Bench) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    bench.desk.fork_on_modify(True)
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW + 1, orderId=1)
    bench.desk.fork_on_modify(False)
    live = bench.desk.open_orders(1)
    assert [order.orderId for order in live] == [1, 1]
    assert len({order.permId for order in live}) == 2
    assert errors(bench.cancel(1)) == [202]
    assert [order.spec.lmtPrice for order in bench.desk.open_orders(1)] == [FAR_BELOW], "the newest was cancelled"
    assert errors(bench.cancel(1)) == [202]
    assert bench.desk.open_orders(1) == []


def by_hand(bench: Bench, orderType: str = "LMT", price: float | None = FAR_BELOW) -> list[object]:
    spec = OrderSpec(
        orderId=5, clientId=5, action="BUY", totalQuantity=Decimal(10), orderType=orderType, lmtPrice=price
    )
    return list(bench.keep(bench.desk.place_by_hand(spec, AAPL, bench.now)))


def test_orders_by_hand_have_no_number_until_they_are_bound(bench: Bench) -> None:
    events = by_hand(bench)
    assert {event.orderId for event in events if isinstance(event, OrderStatus)} == {0}
    by_hand(bench)
    assert errors(bench.cancel(0, clientId=0)) == [135]
    bound = bench.desk.bind()
    assert [event.orderId for event in of(bound, OrderBound)] == [-1, -2]
    assert {event.order.clientId for event in of(bound, OpenOrder)} == {0}
    assert bench.desk.bind() == []
    assert errors(bench.cancel(-1, clientId=0)) == [202]
    changed = bench.place("BUY", 5, "LMT", lmtPrice=FAR_BELOW, clientId=0, orderId=-2)
    assert errors(changed) == []
    assert bench.order(-2, 0).total == 5
    assert bench.desk.next_id(0) == 1


def test_orders_by_hand_fill_and_are_cancelled_globally(bench: Bench) -> None:
    by_hand(bench, "MKT", None)
    fills = of(bench.run(0.5), Execution)
    assert [(fill.orderId, fill.clientId) for fill in fills] == [(0, 0)]
    by_hand(bench)
    assert errors(bench.desk.cancel_all(bench.now)) == [202]


def group_of(bench: Bench, ocaType: int, sizes: tuple[int, int], prices: tuple[float, float]) -> None:
    for size, price in zip(sizes, prices, strict=True):
        bench.place("BUY", size, "LMT", lmtPrice=price, ocaGroup="g", ocaType=ocaType)


def slow() -> Bench:
    return Bench(WorldSettings(partial_share=1.0, status_first=0.0, fill_delay=0.2))


def test_type_1_cancels_the_others_at_the_first_fill() -> None:
    bench = slow()
    group_of(bench, 1, (100, 100), (FAR_ABOVE, FAR_BELOW))
    while not bench.order(1).filled:
        bench.run(0.05)
    assert bench.order(1).status == "Submitted"
    assert bench.order(2).status == "Cancelled"
    assert bought(bench.run(3)) + 0 == bench.order(1).total - of(bench.events, Execution)[0].shares


@pytest.mark.parametrize("ocaType", [2, 3])
def test_types_2_and_3_reduce_in_proportion(ocaType: int) -> None:
    bench = slow()
    group_of(bench, ocaType, (100, 200), (FAR_ABOVE, FAR_BELOW))
    while not bench.order(1).filled:
        bench.run(0.05)
    share_left = 1 - bench.order(1).filled / 100
    assert bench.order(2).total == 200 * share_left
    bench.run(3)
    assert bench.order(2).status == "Cancelled"


@pytest.mark.parametrize(("ocaType", "together"), [(2, False), (3, True)])
def test_only_a_group_without_block_works_at_once(ocaType: int, together: bool) -> None:
    bench = slow()
    group_of(bench, ocaType, (100, 100), (FAR_ABOVE, FAR_ABOVE))
    bench.run(0.1)
    assert [bench.order(number).due is not None for number in (1, 2)] == [True, together]
    bench.run(5)
    assert sum(fill.shares for fill in of(bench.events, Execution)) == 100


def test_a_group_spans_contracts(bench: Bench) -> None:
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, ocaGroup="g", ocaType=1)
    bench.place("BUY", 10, "MKT", share("MSFT"), ocaGroup="g", ocaType=1)
    bench.run(1)
    assert bench.order(1).status == "Cancelled"
