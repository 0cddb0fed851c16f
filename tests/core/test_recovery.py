"""What is thought of orders that the gateway does not show, and of units with a missing leg."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ibmux.core import recovery
from ibmux.core.entry import Entry
from ibmux.core.orderbook import OrderBook
from ibmux.errors import OrderNotSent
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import CommissionReport, Execution, Fill, OrderState, OrderStatus, Trade

NOW = dt.datetime(2026, 2, 19, 15, 30, tzinfo=dt.UTC)
AAPL = Contract(conId=265598, symbol="AAPL", secType="STK")


def restored(key: str, status: str = "PendingSubmit", order_id: int = 0, perm_id: int = 0, **more: Any) -> Entry:
    """An order as the journal gives it back."""
    terms = {"clientId": 1, "action": "BUY", "totalQuantity": 10.0, "orderType": "LMT", "lmtPrice": 1.0}
    order = Order(orderId=order_id, permId=perm_id, **terms | more)
    state = OrderStatus(orderId=order_id, clientId=1, permId=perm_id, status=status, remaining=10.0)
    taken = status != "PendingSubmit"
    return Entry("ann", key, Trade(AAPL, order, state, key=key, script="ann"), acknowledged=taken, restored=not taken)


def fill(number: str, shares: float, perm_id: int) -> Fill:
    execution = Execution(
        execId=number, shares=shares, price=2.0, permId=perm_id, clientId=1, cumQty=shares, avgPrice=2.0
    )
    return Fill(AAPL, execution, CommissionReport(), NOW)


@pytest.fixture
def book() -> OrderBook:
    return OrderBook(1)


def shown(key: str, order_id: int, perm_id: int = 77, client: int = 1) -> Order:
    mark = f"ibmux:ann/{key}"
    return Order(orderId=order_id, clientId=client, permId=perm_id, orderRef=mark, action="BUY", totalQuantity=10.0,
                 orderType="LMT", lmtPrice=1.0)  # fmt: skip


def test_a_restored_order_without_a_number_is_known_by_its_mark(book: OrderBook) -> None:
    entry = book.restore(restored("a"))
    [change] = book.saw_order(AAPL, shown("a", 9), OrderState(status="Submitted"), NOW)
    assert change.entry is entry
    assert (entry.trade.order.orderId, entry.acknowledged) == (9, True)
    assert len(book) == 1


def test_the_mark_of_another_clients_order_is_not_ours(book: OrderBook) -> None:
    entry = book.restore(restored("a"))
    book.saw_order(AAPL, shown("a", 9, client=5), OrderState(status="Submitted"), NOW)
    assert not entry.acknowledged
    assert len(book) == 2


def test_a_mark_seen_twice_belongs_to_the_first(book: OrderBook) -> None:
    entry = book.restore(restored("a"))
    book.saw_order(AAPL, shown("a", 9), OrderState(status="Submitted"), NOW)
    [second] = book.saw_order(AAPL, shown("a", 10, perm_id=78), OrderState(status="Submitted"), NOW)
    assert second.entry is not entry
    assert second.entry is not None
    assert second.entry.key == "perm-78"


def test_what_was_not_shown_is_missed_and_what_was_is_not(book: OrderBook) -> None:
    lost, there, over = (book.restore(restored(key)) for key in ("lost", "there", "over"))
    over.trade.orderStatus.status = "Cancelled"
    look = book.begin_look()
    book.saw_order(AAPL, shown("there", 9), OrderState(status="Submitted"), NOW)
    assert recovery.unseen(book, 1, look) == [lost]
    look = book.begin_look()
    book.shown([there.trade])
    assert recovery.unseen(book, 1, look) == [lost]
    assert recovery.is_unsent(lost)
    assert not recovery.is_unsent(there)


def test_an_order_that_waits_or_is_sent_during_a_look_is_not_missed(book: OrderBook) -> None:
    look = book.begin_look()
    entry = book.place("ann", "new", AAPL, Order(clientId=1, action="BUY", totalQuantity=10.0), NOW)
    assert recovery.unseen(book, 1, look) == []
    book.assign(entry, 12, 0)
    assert recovery.unseen(book, 1, look) == []
    assert recovery.unseen(book, 1, book.begin_look()) == [entry]


def test_an_order_that_is_only_held_is_not_missed(book: OrderBook) -> None:
    book.restore(restored("held", order_id=4, transmit=False))
    unknown = book.restore(restored("unknown", transmit=False))
    assert recovery.unseen(book, 1, book.begin_look()) == [unknown]


def test_not_sent_it_is_out_of_the_book_and_its_key_is_free(book: OrderBook) -> None:
    entry = book.restore(restored("a"))
    change = book.end_unsent(entry, NOW, "never came")
    assert (change.entry, change.message) == (entry, "never came")
    assert entry.unsent
    assert book.find("ann", "a") is None
    assert entry.trade.log[-1].message == "never came"


@pytest.mark.parametrize(("shares", "status"), [(10.0, "Filled"), (4.0, "Inactive"), (0.0, "Inactive")])
def test_over_it_is_what_its_fills_say(book: OrderBook, shares: float, status: str) -> None:
    fills = [fill("e1", shares, 77)] if shares else []
    entry = book.restore(restored("a", "Submitted", 9, 77), fills)
    book.end_unseen(entry, NOW, "over")
    seen = entry.trade.orderStatus
    assert (seen.status, seen.filled, seen.remaining) == (status, shares, 10.0 - shares)
    assert seen.avgFillPrice == (2.0 if shares else 0.0)


def test_what_turns_up_under_a_key_that_waits_keeps_the_new_order_back(book: OrderBook) -> None:
    entry = book.restore(restored("a"))
    book.saw_order(AAPL, shown("a", 9), OrderState(status="Submitted"), NOW)
    with pytest.raises(OrderNotSent, match="turned up"):
        book.assign(entry, 10, 0)


def test_a_unit_with_fills_is_not_cancelled_and_what_protects_them_stays() -> None:
    parent, stop, other = restored("p", "Submitted", 1), restored("s", "Submitted", 2, parentId=1), restored("o")
    unit = [parent, stop, other]
    assert recovery.may_cancel(unit)
    assert not any(recovery.protects(each, unit) for each in unit)
    parent.trade.orderStatus.filled = 5.0
    assert not recovery.may_cancel(unit)
    assert [each.key for each in unit if recovery.protects(each, unit)] == ["s"]
    stop.trade.orderStatus.status = "Cancelled"
    assert not recovery.protects(stop, unit)


def test_a_unit_came_whole_when_each_of_its_legs_was_heard_of() -> None:
    one, two = restored("1", "Submitted", 1), restored("2", order_id=2)
    one.unit = ("1", "2")
    assert not recovery.came_whole(one, [one])
    assert not recovery.came_whole(one, [one, two])
    two.trade.orderStatus.permId = 77
    assert recovery.came_whole(one, [one, two])


def test_the_other_legs_of_a_unit_are_those_of_the_same_script_that_are_not_over() -> None:
    one, two, done = restored("1", "Submitted", 1), restored("2", "Submitted", 2), restored("3", "Cancelled", 3)
    foreign = restored("2", "Submitted", 4)
    foreign.script = "ben"
    one.unit = ("1", "2", "3")
    assert list(recovery.legs([one, two, done, foreign], one)) == [two]


def test_a_leg_that_its_group_cancelled_had_been_taken() -> None:
    one, two = restored("1", order_id=1, ocaGroup="g"), restored("2", "Submitted", 2, ocaGroup="g")
    one.trade.orderStatus.status = "Cancelled"
    assert not recovery.was_taken(one, [one, two]), "nothing filled"
    two.trade.orderStatus.filled = 1.0
    assert recovery.was_taken(one, [one, two])
    assert not recovery.was_taken(two, [one, two]), "it works"
    one.trade.order.ocaGroup = ""
    assert not recovery.was_taken(one, [one, two])
