"""Every message of the gateway about an order, in the orders that gateways were seen to use, and in worse ones."""

import datetime as dt

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from msgspec.structs import replace

from ibmux.core import reference
from ibmux.core.codes import judge
from ibmux.core.orderbook import OrderBook, describe
from ibmux.errors import KeyConflict, OrderNotSent
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import CommissionReport, Execution, Fill, OrderState, OrderStatus, Trade

NOW = dt.datetime(2026, 2, 19, 15, 30, tzinfo=dt.UTC)
AAPL = Contract("STK", conId=265598, symbol="AAPL")
OURS = 1


def an_order(order_id=7, **changes):
    plain = {"action": "BUY", "totalQuantity": 100.0, "orderType": "LMT", "lmtPrice": 150.0}
    return Order(orderId=order_id, clientId=OURS, **{**plain, **changes})


def a_status(status, order_id=7, perm_id=900, **changes):
    return OrderStatus(orderId=order_id, clientId=OURS, permId=perm_id, status=status, **changes)


def a_fill(exec_id="e1", *, order_id=7, perm_id=900, shares=100.0, ref="", client_id=OURS):
    execution = Execution(
        execId=exec_id, time=NOW, shares=shares, price=150.0, permId=perm_id, orderId=order_id, clientId=client_id,
        orderRef=ref,
    )  # fmt: skip
    return Fill(AAPL, execution, CommissionReport(), NOW)


@pytest.fixture
def book():
    return OrderBook(OURS)


@pytest.fixture
def entry(book):
    entry = book.place("alice", "k1", AAPL, an_order(order_id=0), NOW)
    sent = book.assign(entry, 7, 0)
    assert (sent.orderId, sent.orderRef) == (7, "ibmux:alice/k1") and entry.trade.order.orderRef == ""
    return entry


def test_the_usual_life_of_an_order(book, entry):
    assert not entry.acknowledged and entry.trade.isActive()
    shown = replace(an_order(), permId=900, orderRef=reference.write("mine", "alice", "k1"))
    assert book.saw_order(AAPL, shown, OrderState(status="PreSubmitted"), NOW)[0].news
    assert entry.acknowledged and entry.trade.order.orderRef == "mine"
    assert not book.saw_status(a_status("PreSubmitted", remaining=100), NOW)[0].news
    book.saw_status(a_status("Submitted", remaining=100), NOW)
    (fill,) = book.saw_execution(a_fill(ref=reference.write("mine", "alice", "k1")))
    assert (fill.kind, fill.fill.script, fill.fill.key, fill.fill.execution.orderRef) == ("fill", "alice", "k1", "mine")
    book.saw_status(a_status("Filled", filled=100), NOW)
    assert entry.done and entry.trade.filled() == 100 and entry.trade.remaining() == 0
    (commission,) = book.saw_commission(CommissionReport(execId="e1", commission=1.0, currency="USD"))
    assert commission.kind == "commission" and entry.trade.fills[0].commissionReport.commission == 1.0
    assert [step.status for step in entry.trade.log] == ["PendingSubmit", "PreSubmitted", "Submitted", "Filled"]
    assert book.saw_commission(CommissionReport(execId="e1", commission=1.0, currency="USD")) == []


def test_the_steps_of_an_order_are_in_order_whatever_the_clocks_say(book, entry):
    """Set back, a clock would make of the end a step of before, which a script that knows the later one ignores."""
    book.saw_status(a_status("Submitted", remaining=100), NOW + dt.timedelta(seconds=5))
    book.saw_status(a_status("Filled", filled=100), NOW - dt.timedelta(hours=1))
    times = [step.time for step in entry.trade.log]
    assert entry.trade.log[-1].status == "Filled" and times == sorted(times)


def test_an_execution_that_is_repeated_counts_once(book, entry):
    assert len(book.saw_execution(a_fill())) == 1
    assert book.saw_execution(a_fill()) == []
    assert entry.trade.filled() == 100


def test_a_commission_that_comes_first_waits_for_its_execution(book, entry):
    assert book.saw_commission(CommissionReport(execId="e1", commission=1.0)) == []
    kinds = [change.kind for change in book.saw_execution(a_fill())]
    assert kinds == ["fill", "commission"]


def test_a_refusal_before_the_acknowledgement(book, entry):
    (change,) = book.saw_error(7, 201, "Order rejected - reason: margin", NOW)
    assert entry.refusal == (201, "Order rejected - reason: margin") and entry.done
    assert (change.code, change.news) == (201, True)


def test_a_refusal_after_the_acknowledgement_concerns_the_change_and_not_the_order(book, entry):
    book.saw_status(a_status("Submitted"), NOW)
    book.saw_error(7, 110, "The price does not conform to the minimum price variation", NOW)
    assert entry.trade.orderStatus.status == "Submitted" and entry.refusal is None
    assert entry.trade.log[-1].errorCode == 110


@pytest.mark.parametrize("code", [399, 404, 2109, 10349, 2161])
def test_a_warning_leaves_the_order_as_it_is(book, entry, code):
    book.saw_error(7, code, "be warned", NOW)
    assert entry.trade.orderStatus.status == "PendingSubmit" and entry.refusal is None and not entry.acknowledged


def test_a_cancellation(book, entry):
    book.saw_status(a_status("Submitted"), NOW)
    book.saw_error(7, 202, "Order Canceled - reason:", NOW)
    assert entry.trade.orderStatus.status == "Cancelled" and entry.done


def test_a_finished_order_stays_finished(book, entry):
    book.saw_status(a_status("Filled", filled=100), NOW)
    assert book.saw_status(a_status("Submitted"), NOW) == []
    book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Submitted"), NOW)
    book.saw_error(7, 202, "late", NOW)
    assert entry.trade.orderStatus.status == "Filled"


def test_the_same_key_is_the_same_order_or_a_conflict(book, entry):
    assert book.same("alice", "k1", AAPL, an_order(order_id=0)) is entry
    assert book.same("alice", "k2", AAPL, an_order(order_id=0)) is None
    assert book.same("bob", "k1", AAPL, an_order(order_id=0)) is None
    with pytest.raises(KeyConflict, match=r"BUY 100 AAPL LMT 150.*BUY 200 AAPL LMT 150"):
        book.same("alice", "k1", AAPL, an_order(order_id=0, totalQuantity=200))
    with pytest.raises(KeyConflict):
        book.place("alice", "k1", AAPL, an_order(), NOW)


def test_an_order_that_never_left_gives_its_key_back(book, entry):
    book.forget(entry)
    assert len(book) == 0 and book.find("alice", "k1") is None and book.find("alice", order_id=7) is None
    assert entry.done and entry.unsent and entry.refusal is None


def test_orders_are_found_by_key_permid_and_orderid(book, entry):
    book.saw_status(a_status("Submitted"), NOW)
    assert book.find("alice", "k1") is book.find("", perm_id=900) is book.find("", order_id=7) is entry
    assert book.find("alice") is None


def test_an_order_of_another_program_is_adopted_as_external(book):
    order = replace(an_order(order_id=3), clientId=9, permId=55)
    (change,) = book.saw_order(AAPL, order, OrderState(status="Submitted"), NOW)
    assert (change.entry.script, change.entry.key, change.entry.address) == ("external", "perm-55", (9, 3))
    assert book.saw_status(OrderStatus(orderId=3, clientId=9, permId=55, status="Filled"), NOW)[0].entry.done


def test_an_order_from_before_the_proxys_restart_finds_its_script_again(book):
    order = replace(an_order(), permId=55, orderRef=reference.write("", "alice", "k9"))
    book.saw_order(AAPL, order, OrderState(status="Submitted"), NOW)
    assert book.find("alice", "k9").trade.order.orderRef == ""
    assert book.same("alice", "k9", AAPL, an_order()) is book.find("alice", "k9")


def test_an_open_order_message_does_not_end_an_order_before_its_counts_are_known(book, entry):
    book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Filled"), NOW)
    assert not entry.done and entry.acknowledged
    book.saw_status(a_status("Filled", filled=100), NOW)
    assert entry.done and entry.trade.orderStatus.filled == 100


def completed(status="Filled", perm_id=900, ref="ibmux:alice/k1"):
    order = replace(an_order(order_id=0), permId=perm_id, orderRef=ref)
    return Trade(AAPL, order, OrderStatus(status=status, permId=perm_id))


def test_a_completed_order_ends_what_was_open(book, entry):
    (change,) = book.saw_completed(completed(), NOW)
    assert change.entry is entry and entry.trade.orderStatus.status == "Filled" and entry.acknowledged
    assert book.find("", perm_id=900) is entry
    assert book.saw_completed(completed("Cancelled"), NOW) == []


def test_a_completed_order_from_before_the_restart_keeps_its_key(book):
    assert book.saw_completed(completed(), NOW) == []
    assert book.same("alice", "k1", AAPL, an_order()).trade.orderStatus.status == "Filled"
    assert book.saw_completed(completed(perm_id=901, ref="by hand"), NOW) == []
    assert book.find("", perm_id=901) is None


def test_a_completed_order_of_the_same_key_and_another_permid_is_not_this_one(book, entry):
    book.saw_status(a_status("Submitted", perm_id=900), NOW)
    assert book.saw_completed(completed(perm_id=800), NOW) == []
    assert not entry.done


def test_a_number_that_the_gateway_hands_out_again_is_another_order(book, entry):
    book.saw_status(a_status("Filled", perm_id=900, filled=100), NOW)
    book.saw_order(AAPL, replace(an_order(), permId=901), OrderState(status="Submitted"), NOW)
    assert entry.trade.orderStatus.status == "Filled"
    assert book.find("", perm_id=901) is not entry


def test_messages_about_orders_that_nobody_knows(book):
    assert book.saw_error(99, 201, "?", NOW) == []
    assert book.saw_status(a_status("Submitted", order_id=99, perm_id=0), NOW) == []
    (change,) = book.saw_execution(a_fill(order_id=0, perm_id=77, client_id=0))
    assert change.entry is None and change.fill.script == "external"


def test_only_so_many_commissions_wait(book):
    for number in range(1100):
        book.saw_commission(CommissionReport(execId=str(number), commission=1.0))
    assert len(book.saw_execution(a_fill("99"))) == 1
    assert len(book.saw_execution(a_fill("100"))) == 2
    assert len(book.saw_execution(a_fill("1099"))) == 2


def test_an_order_in_words():
    assert describe(Contract(conId=5), an_order(orderType="MKT", lmtPrice=None)) == "BUY 100 conId 5 MKT"


def test_verdicts():
    assert [judge(code) for code in (201, 202, 399, 2104, 10147, 10148)] == [
        "refused", "cancelled", "information", "information", "cancel_refused", "cancel_refused",
    ]  # fmt: skip


EVENTS = st.lists(
    st.one_of(
        st.sampled_from(["PendingSubmit", "PreSubmitted", "Submitted", "Filled", "Cancelled", "Inactive"]).map(
            lambda text: ("status", text)
        ),
        st.sampled_from([201, 202, 110, 399, 10147, 10148, 2109]).map(lambda code: ("error", code)),
        st.integers(1, 4).map(lambda number: ("fill", number)),
        st.integers(1, 4).map(lambda number: ("commission", number)),
    ),
    max_size=40,
)


@given(EVENTS)
def test_in_any_order_of_messages_no_fill_is_lost_or_doubled_and_nothing_ends_twice(events):
    book = OrderBook(OURS)
    entry = book.place("alice", "k", AAPL, an_order(order_id=0), NOW)
    book.assign(entry, 7, 0)
    told: list[str] = []
    ended = None
    for kind, what in events:
        if kind == "status":
            changes = book.saw_status(a_status(what), NOW)
        elif kind == "error":
            changes = book.saw_error(7, what, "text", NOW)
        elif kind == "fill":
            changes = book.saw_execution(a_fill(f"e{what}", shares=10.0))
        else:
            changes = book.saw_commission(CommissionReport(execId=f"e{what}", commission=1.0))
        told += [change.fill.execution.execId for change in changes if change.kind == "fill"]
        status = entry.trade.orderStatus.status
        note(f"{kind} {what} -> {status}")
        assert book.working() == [each for each in book if not each.done]
        if ended in ("Filled", "Cancelled"):
            assert status == ended
        ended = status
    seen = {f"e{what}" for kind, what in events if kind == "fill"}
    assert sorted(told) == sorted(seen) == sorted(fill.execution.execId for fill in entry.trade.fills)


def test_a_cancelled_order_that_was_never_taken_is_refused_for_the_reason_that_follows(book, entry):
    book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Cancelled"), NOW)
    assert not entry.acknowledged and not entry.done
    book.saw_status(a_status("Cancelled"), NOW)
    assert entry.refused and entry.refusal is None
    book.saw_error(7, 201, "Order rejected - reason: margin", NOW)
    assert entry.refusal == (201, "Order rejected - reason: margin")
    assert entry.trade.orderStatus.status == "Cancelled"


def test_an_order_that_was_rejected_and_comes_back_works_again_and_a_forgotten_one_does_not(book, entry):
    book.saw_status(a_status("Inactive"), NOW)
    assert book.working() == []
    book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Submitted"), NOW)
    assert book.working() == [entry]
    book.forget(entry, "PendingSubmit")
    assert book.working() == []


def test_an_execution_proves_that_the_order_was_taken(book, entry):
    book.saw_execution(a_fill())
    assert entry.acknowledged
    book.saw_status(a_status("Cancelled"), NOW)
    assert entry.done and not entry.refused


def test_numbers_that_a_later_message_leaves_out_are_kept(book, entry):
    book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Submitted"), NOW)
    book.saw_status(a_status("Submitted", perm_id=0, whyHeld="locate"), NOW)
    book.saw_order(AAPL, replace(an_order(), orderId=0, permId=900), OrderState(status="Submitted"), NOW)
    assert (entry.trade.order.orderId, entry.trade.order.permId, entry.trade.orderStatus.permId) == (7, 900, 900)
    assert book.find("alice", perm_id=900) is entry and book.find("alice", order_id=7) is entry


def test_foreign_orders_without_a_permid_are_told_apart(book):
    for number in (1, 2):
        book.saw_order(AAPL, Order(orderId=number, clientId=5), OrderState(status="PreSubmitted"), NOW)
    assert sorted(entry.key for entry in book) == ["client-5-1", "client-5-2"]
    book.saw_order(AAPL, Order(orderId=2, clientId=5, permId=77), OrderState(status="Submitted"), NOW)
    assert len(book) == 2 and book.find("", perm_id=77).key == "client-5-2"


def test_a_key_from_before_a_restart_fits_only_an_order_like_it(book):
    marked = an_order(permId=900, orderRef=reference.write("", "alice", "k1"))
    book.saw_order(AAPL, marked, OrderState(status="Submitted"), NOW)
    assert book.same("alice", "k1", AAPL, an_order(order_id=0, totalQuantity=50)) is not None
    for contract, changes in (
        (AAPL, {"action": "SELL"}),
        (Contract("STK", conId=1, symbol="AAPL"), {}),
        (Contract("OPT", symbol="AAPL"), {}),
    ):
        with pytest.raises(KeyConflict):
            book.same("alice", "k1", contract, an_order(order_id=0, **changes))


def test_what_completed_partly_was_taken(book, entry):
    order = an_order(0, permId=900, orderRef=reference.write("", "alice", "k1"))
    done = Trade(AAPL, order, OrderStatus(status="Cancelled", permId=900, filled=40))
    assert len(book.saw_completed(done, NOW)) == 1
    assert entry.done and not entry.refused and entry.trade.orderStatus.filled == 40


def test_forgetting_an_order_leaves_the_next_one_of_its_key_alone(book):
    first = book.place("alice", "k1", AAPL, an_order(order_id=0), NOW)
    assert first.waiting
    book.forget(first, "ApiCancelled")
    second = book.place("alice", "k1", AAPL, an_order(order_id=0), NOW)
    book.forget(first)
    assert book.find("alice", "k1") is second


def test_a_forgotten_order_gets_no_address(book):
    entry = book.place("alice", "k1", AAPL, an_order(order_id=0), NOW)
    book.forget(entry, "ApiCancelled")
    with pytest.raises(OrderNotSent):
        book.assign(entry, 7, 0)
    assert entry.trade.order.orderId == 0 and book.find("", order_id=7) is None


def test_the_book_forgets_its_oldest_finished_orders_and_their_fills(book, monkeypatch):
    monkeypatch.setattr("ibmux.core.orderbook.KEPT", 3)
    monkeypatch.setattr("ibmux.core.executions.KEPT", 30)
    for number in range(1, 6):
        entry = book.place("alice", f"k{number}", AAPL, an_order(order_id=0), NOW)
        book.assign(entry, number, 0)
        book.saw_execution(a_fill(f"e{number}", order_id=number, perm_id=900 + number))
        if number > 1:
            book.saw_status(a_status("Filled", order_id=number, perm_id=900 + number), NOW)
    assert [entry.key for entry in book] == ["k1", "k4", "k5"]
    assert list(book.fills) == ["e1", "e4", "e5"]
    assert book.find("", order_id=2) is None and book.find("", perm_id=902) is None
    for number in range(40):
        book.saw_execution(a_fill(f"x{number}", order_id=0, perm_id=5000 + number))
    assert len(book.fills) == 30


def test_the_log_of_an_order_does_not_grow_for_ever(book, entry):
    for _ in range(3):
        book.saw_order(AAPL, replace(an_order(), permId=900), OrderState(status="Submitted", warningText="hm"), NOW)
    assert [step.message for step in entry.trade.log] == ["", "hm"]
    for number in range(500):
        book.saw_error(7, 110, f"price {number}", NOW)
    assert len(entry.trade.log) == 200
    assert (entry.trade.log[0].status, entry.trade.log[-1].message) == ("PendingSubmit", "price 499")


MAKER = reference.write("", "alice", "k1")


def test_what_the_gateway_makes_of_an_order_belongs_to_the_same_script_under_a_key_of_its_own(book, entry):
    book.saw_order(AAPL, replace(an_order(), permId=900, orderRef=MAKER), OrderState(status="Submitted"), NOW)
    for order_id, perm_id in ((8, 901), (7, 902)):  # a profit taker; a change that became a second live order
        order = replace(an_order(order_id), permId=perm_id, orderRef=MAKER)
        (change,) = book.saw_order(AAPL, order, OrderState(status="Submitted"), NOW)
        assert (change.entry.script, change.entry.key) == ("alice", f"perm-{perm_id}")
        (fill,) = book.saw_execution(a_fill(f"e{perm_id}", order_id=order_id, perm_id=perm_id, ref=MAKER))
        assert (fill.entry, fill.fill.key) == (change.entry, f"perm-{perm_id}")
    assert not entry.trade.fills and book.find("alice", "k1") is entry


def test_a_number_that_the_gateway_takes_for_itself_acknowledges_nothing(book, entry):
    other = replace(an_order(), permId=950, orderRef=reference.write("", "bob", "z"))
    (change,) = book.saw_order(AAPL, other, OrderState(status="Submitted"), NOW)
    assert change.entry is not entry and not entry.acknowledged
    book.saw_error(7, 105, "does not match", NOW)
    assert entry.refused and entry.refusal == (105, "does not match")
    assert not change.entry.refused


def test_a_mark_that_was_cut_short_is_still_that_of_the_order(book, entry):
    book.saw_order(AAPL, replace(an_order(), permId=900, orderRef="ibmux:alice/k"), OrderState(status="Submitted"), NOW)
    assert entry.acknowledged and len(book) == 1


def test_the_mark_of_another_clientid_is_not_ours(book):
    (change,) = book.saw_execution(a_fill(order_id=3, perm_id=77, client_id=5, ref=MAKER))
    assert (change.fill.script, change.fill.key) == ("external", "perm-77")
    book.saw_order(AAPL, replace(an_order(3), clientId=5, permId=77, orderRef=MAKER), OrderState(status="Filled"), NOW)
    assert book.find("alice", "k1") is None and book.find("", perm_id=77).trade.fills == [change.fill]


def test_an_execution_may_come_before_its_order(book, entry):
    book.saw_status(a_status("Submitted"), NOW)
    (change,) = book.saw_execution(a_fill(order_id=8, perm_id=901, ref=MAKER))
    assert change.entry is None and (change.fill.script, change.fill.key) == ("alice", "perm-901")
    order = replace(an_order(8), permId=901, orderRef=MAKER)
    (change,) = book.saw_order(AAPL, order, OrderState(status="Submitted"), NOW)
    assert change.entry.key == "perm-901" and len(change.entry.trade.fills) == 1


def test_a_status_that_was_overtaken_takes_nothing_back(book, entry):
    book.saw_status(a_status("Submitted", filled=40, remaining=60), NOW)
    (change,) = book.saw_status(a_status("Submitted", filled=20, remaining=80), NOW)
    assert not change.news and entry.trade.orderStatus.filled == 40
    book.saw_status(a_status("Cancelled", filled=0, remaining=100), NOW)
    assert entry.done and entry.trade.orderStatus.filled == 40


def test_an_error_whose_number_two_clients_have_cancels_nothing(book, entry):
    book.saw_status(a_status("Submitted"), NOW)
    theirs = replace(an_order(), clientId=5, permId=77)
    book.saw_order(AAPL, theirs, OrderState(status="Submitted"), NOW)
    book.saw_error(7, 202, "Order Canceled", NOW)
    assert entry.trade.orderStatus.status == "Submitted"
    book.saw_status(a_status("Cancelled"), NOW)
    assert entry.done


def test_a_change_that_comes_too_early_is_refused_and_the_order_is_not(book, entry):
    assert judge(2102) == "change_refused"
    book.saw_error(7, 2102, "still being processed", NOW)
    assert not entry.done and entry.refusal is None


def test_what_an_exercise_delivers_does_not_count_as_options():
    stock, option = AAPL, Contract("OPT", conId=5, symbol="AAPL")
    fills = [
        Fill(each, Execution(shares=shares), CommissionReport(), NOW) for each, shares in ((option, 2), (stock, 200))
    ]
    trade = Trade(option, an_order(totalQuantity=2.0), OrderStatus(), fills=fills)
    assert (trade.filled(), trade.remaining()) == (2, 0)


def test_a_late_message_on_a_forgotten_order_does_not_hide_the_new_one_of_its_key(book, entry):
    entry.trade.order.orderId = 0  # so that its old number still names it when it is taken out
    book.forget(entry)
    entry.trade.order.orderId = 7
    new = book.place("alice", "k1", AAPL, an_order(order_id=0), NOW)
    book.index.note(entry)
    assert book.working() == [new]
