"""What it takes to close positions, decided without asking anybody; and a fraction that the API does not take."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import pytest
from far_side import Proxy, trade

import ibmux
from ibmux import Contract, Order, Stock, errors
from ibmux.client.plans import (
    Plan,
    Row,
    Scope,
    failure,
    is_behind,
    left_to_close,
    make_scope,
    open_units,
    order_in_words,
    route,
    whole_units,
)
from ibmux.client.trades import of_wire
from ibmux.messages.account import Position
from ibmux.messages.contracts import ComboLeg, ContractDetails
from ibmux.messages.session import ProxyReport
from ibmux.messages.trades import CommissionReport, Execution, Fill

DAY = dt.date(2026, 2, 19)
AAPL = Contract("STK", 265598, "AAPL", exchange="NASDAQ", currency="USD")
ES = Contract("FUT", 495512563, "ES", localSymbol="ESZ6", currency="USD", multiplier="50")


def held(quantity: float, contract: Contract = AAPL, account: str = "DU1") -> Position:
    return Position(account, contract, quantity, 100.0)


def order(action: str, quantity: float, kind: str = "MKT", key: str = "k", **more: Any) -> Any:
    account = more.pop("account", "DU1")
    made = Order(action=action, totalQuantity=quantity, orderType=kind, account=account)
    return of_wire(trade(more.pop("contract", AAPL), made, key, "other", **more))


PLAN = Plan("close", DAY, Scope(), "MOC")
FLAT = Plan("flatten", DAY, Scope(), "MKT", exclusive=True)


class TestPlan:
    def test_keys_are_made_of_day_place_and_attempt(self) -> None:
        assert PLAN.key(("DU1", 265598), 2) == "close:2026-02-19:DU1:265598:2"

    @pytest.mark.parametrize(
        ("working", "closes"),
        [
            (order("SELL", 100), True),
            (order("SELL", 100, "MOC"), True),
            (order("SELL", 100, account=""), True),
            (order("BUY", 100), False),
            (order("SELL", 100, "STP"), False),
            (order("SELL", 100, "LMT"), False),
            (order("SELL", 100, account="DU2"), False),
            (order("SELL", 100, contract=ES), False),
            (order("SELL", 100, "LMT", key="close:2026-02-18:DU1:265598:1"), True),
        ],
    )
    def test_what_closes_a_long_position_for_certain(self, working: Any, closes: bool) -> None:
        assert PLAN.closes(working, held(100)) is closes

    def test_flatten_counts_only_its_own_orders_of_its_type(self) -> None:
        assert not FLAT.closes(order("SELL", 100), held(100))
        assert FLAT.closes(order("SELL", 100, key="flatten:x"), held(100))
        assert not FLAT.closes(order("SELL", 100, "MOC", key="flatten:x"), held(100))

    def test_a_limit_of_before_is_not_what_was_asked_for_now(self) -> None:
        assert not PLAN.suffices(order("SELL", 100, "LMT", key="close:x").order)
        assert PLAN.suffices(order("SELL", 100, "MKT").order)
        assert Plan("close", DAY, Scope(), "LMT", 5.0).suffices(order("SELL", 100, "LMT").order)

    def test_orders_in_words(self) -> None:
        assert order_in_words(Order(action="SELL", totalQuantity=5, orderType="STP", auxPrice=48)) == "SELL 5 STP 48"
        stop = Order(action="BUY", totalQuantity=5, orderType="STP LMT", lmtPrice=1.5, auxPrice=1.25)
        assert order_in_words(stop) == "BUY 5 STP LMT 1.5 1.25"
        assert order_in_words(Order(action="BUY", totalQuantity=5, orderType="MKT", lmtPrice=1.5)) == "BUY 5 MKT"

    def test_orders(self) -> None:
        made = Plan("c", DAY, Scope(), "LMT", lambda position: position.avgCost + 1, "GTC").order_for(held(-5, ES), 5)
        assert (made.action, made.totalQuantity, made.lmtPrice, made.tif, made.account) == ("BUY", 5, 101, "GTC", "DU1")
        assert PLAN.order_for(held(5), 3).lmtPrice is None


class TestQuantities:
    def test_left_to_close(self) -> None:
        assert left_to_close(held(-100), [30.0, 20.0]) == 50
        assert left_to_close(held(100), [130.0]) == 0
        assert open_units(order("SELL", 100, filled=40.0)) == 60

    def test_a_position_that_does_not_show_its_last_fill_yet(self) -> None:
        done = order("SELL", 100, status="Filled", filled=100.0)
        part = order("SELL", 100, status="Cancelled", filled=40.0)
        assert is_behind(held(100), done)
        assert is_behind(held(100), part)
        assert not is_behind(held(60), part)
        assert not is_behind(held(-100), done), "it is another position by now"
        assert not is_behind(held(100), order("SELL", 100))
        assert not is_behind(held(100), None)

    def test_whole_units(self) -> None:
        assert [whole_units(each) for each in (100.5, 100.0, 0.4, 2.9999999999)] == [100, 100, 0, 3]


class TestScope:
    def test_names(self) -> None:
        scope = make_scope("", ["AAPL", 495512563, Stock("MSFT", "SMART", "USD")])
        assert scope.holds("DU1", AAPL)
        assert scope.holds("DU2", ES)
        assert scope.holds("DU2", Contract("STK", 272093, "MSFT"))
        assert not scope.holds("DU1", Contract("OPT", 1, "MSFT")), "a stock was meant"
        assert not scope.whole
        assert make_scope("", None).whole

    def test_accounts(self) -> None:
        assert not make_scope("DU1", None).holds("DU2", AAPL)
        assert make_scope("DU1", None).holds("", AAPL), "an order without account may be one of it"

    def test_combinations_by_their_legs(self) -> None:
        legs = [ComboLeg(conId=265598, ratio=1, action="BUY"), ComboLeg(conId=272093, ratio=1, action="SELL")]
        pair = Contract("BAG", symbol="AAPL,MSFT", comboLegs=legs)
        assert make_scope("", [held(5)]).holds("DU1", pair)
        assert make_scope("", "MSFT").holds("DU1", pair)
        assert not make_scope("", "SPY").holds("DU1", pair)


class TestRoutes:
    def test_smart_where_it_trades_there(self) -> None:
        details = [ContractDetails(contract=AAPL, validExchanges="SMART,NASDAQ,ARCA")]
        assert route(AAPL, details).exchange == "SMART"
        assert AAPL.exchange == "NASDAQ", "the position's own is left as it is"

    def test_else_its_own_exchange(self) -> None:
        known = Contract("FUT", ES.conId, "ES", exchange="CME")
        assert route(ES, [ContractDetails(contract=known, validExchanges="CME,QBALGO")]).exchange == "CME"

    def test_where_nothing_is_known(self) -> None:
        assert route(AAPL, []).exchange == "SMART"
        assert route(Contract("FUT", 1, "CL", exchange="NYMEX"), []).exchange == "NYMEX"


def test_the_error_names_what_is_left() -> None:
    rows = [
        Row(
            what="position",
            account="DU1",
            contract=AAPL,
            quantity=100,
            order="SELL 100 MOC",
            result="is Submitted",
            ok=True,
        ),
        Row(what="position", account="DU1", contract=ES, quantity=-2, order="BUY 2 MOC", result="was refused: no."),
        Row(what="order", account="DU2", contract=AAPL, quantity=5, key="x", result="could not be cancelled: late."),
    ]
    assert failure(rows) == (
        "1 of 2 positions and 1 of 1 orders are not closed: DU1 -2 ESZ6: BUY 2 MOC was refused: no; "
        "DU2 order x: could not be cancelled: late."
    )


def _without_message(answer: Any, request: Any, _message: Any) -> Any:
    return answer(request)


class Desk:
    """A proxy with one position, of which it takes only whole units."""

    def __init__(self, proxy: Proxy, quantity: float) -> None:
        self.quantity = quantity
        self.orders: dict[str, Any] = {}
        answers: dict[str, Any] = {
            "positions": lambda _request: [held(self.quantity)] if self.quantity else [],
            "openTrades": lambda _request: [],
            "fills": lambda _request: [],
            "reqContractDetails": lambda _request: [ContractDetails(contract=AAPL, validExchanges="SMART")],
            "orderStatus": self.status,
            "placeOrder": self.place,
            "reqAllOpenOrders": lambda _request: [],
            "status": lambda _request: ProxyReport("0", 0.0, "online", [], [], {}),
        }
        for name, answer in answers.items():
            proxy.answers[name] = partial(_without_message, answer)

    def status(self, request: Any) -> Any:
        if request.key not in self.orders:
            raise errors.OrderNotFound("There is none.")
        return self.orders[request.key]

    def place(self, request: Any) -> Any:
        size = request.order.totalQuantity
        if size % 1:
            self.orders[request.key] = trade(AAPL, request.order, request.key, "alpha", "Inactive")
            raise errors.OrderRejected(
                "It was refused.", ib=(10243, "Fractional-sized order cannot be placed via API.")
            )
        self.quantity -= size
        placed = trade(request.contract, request.order, request.key, "alpha", "Filled", filled=size)
        self.orders[request.key] = placed
        return placed


class TestFractions:
    async def test_the_whole_part_is_closed_and_the_rest_named(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Desk(proxy, 100.5)
        with pytest.raises(errors.NotClosed, match=r"the fraction of 0\.5 cannot be closed through the API"):
            await ib.flatten(timeout=10)
        assert desk.quantity == 0.5
        sizes = [request.order.totalQuantity for request in proxy.of("placeOrder")]
        assert sizes == [100.5, 100.0]
        assert [request.key[-2:] for request in proxy.of("placeOrder")] == [":1", ":2"]

    async def test_a_fraction_alone_is_named(self, proxy: Proxy, ib: ibmux.IB) -> None:
        Desk(proxy, 0.5)
        with pytest.raises(errors.NotClosed, match="Fractional-sized order cannot be placed"):
            await ib.closePositions("AAPL", orderType="MKT", timeout=5)


class Racing(Desk):
    """A proxy whose positions follow fills late, or at which another run acts between two questions."""

    def __init__(self, proxy: Proxy, quantity: float, *, late: int = 0) -> None:
        super().__init__(proxy, quantity)
        self.shown, self.late, self.looks = quantity, late, 0
        proxy.answers["positions"] = lambda _request, _message: self.look()

    def look(self) -> list[Position]:
        self.looks += 1
        if self.shown != self.quantity:
            self.late -= 1
            if self.late <= 0:
                self.shown = self.quantity
        return [held(self.shown)] if self.shown else []

    def other_run(self, attempt: int, size: float, status: str = "Filled") -> None:
        """An order of another run of the same script."""
        key = f"flatten:{dt.date.today()}:DU1:265598:{attempt}"  # noqa: DTZ011 - the keys' own day
        made = Order(action="SELL", totalQuantity=size, orderType="MKT", account="DU1")
        filled = size if status == "Filled" else 0.0
        self.orders[key] = trade(AAPL, made, key, "alpha", status, filled=filled)
        self.quantity -= filled


class TestRaces:
    async def test_a_position_that_follows_its_fill_late(self, proxy: Proxy, ib: ibmux.IB) -> None:
        Racing(proxy, 100, late=4)
        await ib.flatten(timeout=10)
        assert [request.key[-2:] for request in proxy.of("placeOrder")] == [":1"]

    async def test_the_same_in_the_next_run(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Racing(proxy, 100, late=5)
        desk.other_run(1, 100)
        await ib.flatten(timeout=10)
        assert proxy.of("placeOrder") == []

    async def test_another_run_fills_between_the_questions(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Racing(proxy, 100)
        status = desk.status

        def late_status(request: Any) -> Any:
            if not desk.orders:
                desk.other_run(1, 100)
            return status(request)

        proxy.answers["orderStatus"] = lambda request, _message: late_status(request)
        await ib.flatten(timeout=10)
        assert proxy.of("placeOrder") == []

    async def test_another_run_is_quicker(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Racing(proxy, 100)

        def conflict(request: Any) -> Any:
            if not desk.orders:
                desk.other_run(1, 60)
                raise errors.KeyConflict("It belongs to SELL 60 AAPL MKT.")
            return desk.place(request)

        proxy.answers["placeOrder"] = lambda request, _message: conflict(request)
        await ib.flatten(timeout=10)
        placed = [(request.key[-2:], request.order.totalQuantity) for request in proxy.of("placeOrder")]
        assert placed == [(":1", 100), (":2", 40)]
        assert desk.quantity == 0

    async def test_an_order_that_fills_after_it_was_listed(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Racing(proxy, 100)
        desk.other_run(1, 100, "Submitted")
        (key,) = desk.orders

        def list_and_fill(_request: Any, _message: Any) -> Any:
            listed = [each for each in desk.orders.values() if not each.isDone()]
            if listed:
                desk.quantity = desk.shown = 0.0
                done = trade(AAPL, listed[0].order, key, "alpha", "Filled", filled=100.0)
                desk.orders[key] = done
            return listed

        proxy.answers["openTrades"] = list_and_fill
        proxy.answers["cancelOrder"] = lambda request, _message: desk.orders[request.key]
        rows = await ib.flatten(timeout=10)
        assert proxy.of("placeOrder") == []
        assert all(row.ok for row in rows)

    async def test_a_fill_of_a_moment_ago_by_anybody_is_given_time_to_show(self, proxy: Proxy, ib: ibmux.IB) -> None:
        desk = Racing(proxy, 100)
        now = dt.datetime.now(dt.UTC)
        execution = Execution("e1", now, acctNumber="DU1", shares=100.0, side="SLD")
        proxy.answers["fills"] = lambda _request, _message: [
            Fill(AAPL, execution, CommissionReport(), now, "k", "beta")
        ]
        looks = desk.look

        def look(_request: Any, _message: Any) -> Any:
            desk.quantity = desk.shown = 0.0 if desk.looks >= 3 else 100.0
            return looks()

        proxy.answers["positions"] = look
        await ib.closePositions("AAPL", orderType="MKT", timeout=10)
        assert proxy.of("placeOrder") == []
