"""The end of contracts: exercise asked for, automatic exercise, assignment, cash settlement, and what vanishes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from domain_world import AAPL, Bench, errors, of, statuses

from ibmux.sim.accounts.accounts import Account
from ibmux.sim.catalogue.contracts import ContractDetails, Query
from ibmux.sim.events import Commission, Event, Execution, PositionChange
from ibmux.sim.orders.exercise import EXERCISE, LAPSE, ExerciseRequest
from ibmux.sim.world import WorldSettings

SECOND = "DU1000002"
FRIDAY = datetime(2026, 6, 12, 15, 30, tzinfo=ZoneInfo("US/Eastern")).timestamp()


def friday() -> Bench:
    return Bench(WorldSettings(partial_share=0.0, status_first=0.0, moc_delay=1.0), now=FRIDAY)


def option(bench: Bench, right: str, depth: float, symbol: str = "AAPL", day: str = "20260612") -> ContractDetails:
    """An option of that day that is about `depth` (share of the price) in the money."""
    under = bench.world.universe.underlying(symbol)
    spot = bench.world.market.quote(under.contract.conId).mid
    strike = spot * (1 - depth if right == "C" else 1 + depth)
    rows = [row for row in bench.world.universe.chain(symbol)[day] if row.contract.right == right]
    return min(rows, key=lambda row: abs(row.contract.strike - strike))


def holding(bench: Bench, details: ContractDetails, quantity: int) -> Account:
    account = bench.world.accounts[SECOND]
    account.fill(
        details, Decimal(quantity), max(bench.world.market.quote(details.contract.conId).bid, 0.01), Decimal(0)
    )
    return account


def expire(bench: Bench) -> list[Event]:
    bench.now = FRIDAY + 1800.0
    return bench.keep(bench.world.advance(bench.now))


def ask(bench: Bench, details: ContractDetails, action: int, quantity: int, override: bool = False) -> list[Event]:
    number = bench.desk.next_id(1)
    request = ExerciseRequest(
        clientId=1, reqId=number, action=action, quantity=quantity, account=SECOND, override=override
    )
    return bench.keep(bench.desk.exercise(request, Query.of(details.contract), bench.now))


def test_an_exercised_call_brings_shares_at_the_strike() -> None:
    bench = friday()
    call = option(bench, "C", 0.05)
    account = holding(bench, call, 3)
    cash, worth = account.ledger.cash, account.figures().netLiquidation
    realized = account.ledger.realized
    premium = account.ledger.released(call.contract.conId, Decimal(2))
    assert premium > 0
    events = ask(bench, call, EXERCISE, 2)
    assert statuses(events, 1) == ["PreSubmitted"]
    assert errors(bench.cancel(1)) == [136]
    assert errors(ask(bench, call, EXERCISE, 2)) == [322], "one is left to exercise"
    events = bench.run(1.1, move=False)
    assert statuses(events, 1) == ["Filled"]
    gone, bought = of(events, Execution)
    assert (gone.side, gone.shares, gone.price) == ("SLD", 2, 0.0)
    assert (bought.side, bought.shares, bought.price, bought.contract.symbol) == (
        "BOT",
        200,
        call.contract.strike,
        "AAPL",
    )
    assert account.ledger.position(call.contract.conId) == 1
    assert account.ledger.position(bench.conId(AAPL)) == 200
    assert account.ledger.cash == cash - Decimal(str(call.contract.strike)) * 200
    option_report, share_report = of(events, Commission)
    assert (option_report.realizedPNL, share_report.realizedPNL) == (0.0, None)
    assert account.ledger.realized == realized, "the premium is not realized by the exercise"
    shares = account.ledger.holdings[bench.conId(AAPL)]
    assert shares.cost == Decimal(str(call.contract.strike)) * 200 + premium
    assert float(account.figures().netLiquidation) == pytest.approx(float(worth), abs=400)


def test_what_cannot_be_exercised() -> None:
    bench = friday()
    poor, rich = option(bench, "C", -0.03), option(bench, "P", 0.05)
    holding(bench, poor, 1)
    holding(bench, rich, 1)
    assert errors(ask(bench, poor, EXERCISE, 1)) == [322]
    assert errors(ask(bench, rich, LAPSE, 1)) == [322]
    assert errors(ask(bench, rich, EXERCISE, 2)) == [322]
    assert errors(ask(bench, rich, 3, 1)) == [322]
    share = bench.quote(AAPL).details
    assert errors(ask(bench, share, EXERCISE, 1)) == [322]
    assert errors(ask(bench, poor, EXERCISE, 1, override=True)) == []


def test_options_in_the_money_are_exercised_at_expiry_and_the_rest_vanishes() -> None:
    bench = friday()
    call, put, worthless = option(bench, "C", 0.05), option(bench, "P", 0.05), option(bench, "C", -0.05)
    account = holding(bench, call, 2)
    holding(bench, put, -1)
    holding(bench, worthless, 5)
    bench.place("BUY", 1, "LMT", Query.of(call.contract), lmtPrice=0.05, tif="GTC")
    events = expire(bench)
    conIds = {one.contract.conId for one in (call, put, worthless)}
    assert {account.ledger.position(conId) for conId in conIds} == {Decimal(0)}
    assert account.ledger.position(bench.conId(AAPL)) == 200 + 100, "bought by the calls, and assigned by the put"
    assert statuses(events, 1) == ["Cancelled"]
    assert {change.contract.conId for change in of(events, PositionChange)} == conIds | {bench.conId(AAPL)}
    assert all(fill.orderId == 0 for fill in of(events, Execution))
    assert bench.world.advance(bench.now + 3600) == []


def test_a_lapse_is_respected_at_expiry() -> None:
    bench = friday()
    call = option(bench, "C", 0.05)
    account = holding(bench, call, 2)
    assert errors(ask(bench, call, LAPSE, 2, override=True)) == []
    expire(bench)
    assert account.ledger.position(call.contract.conId) == 0
    assert account.ledger.position(bench.conId(AAPL)) == 0


def test_index_options_are_paid_in_cash() -> None:
    bench = friday()
    call = option(bench, "C", 0.02, "SPX")
    account = holding(bench, call, 1)
    assert errors(ask(bench, call, EXERCISE, 1)) == [322], "a European option"
    cash = account.ledger.cash
    events = expire(bench)
    [fill] = of(events, Execution)
    spot = bench.world.market.path(bench.world.universe.underlying("SPX")).at(call.expires)
    assert fill.price == pytest.approx(spot - call.contract.strike, abs=0.02)
    assert float(account.ledger.cash - cash) == pytest.approx(fill.price * 100, abs=0.01)


def test_futures_are_paid_out_at_expiry() -> None:
    bench = friday()
    front = next(d for d in bench.world.universe.find(Query(symbol="ES", secType="FUT", exchange="CME")))
    account = bench.world.accounts["DU1000001"]
    held = account.ledger.position(front.contract.conId)
    assert held
    cash = account.ledger.cash
    bench.now = front.expires - 5
    bench.keep(bench.world.advance(bench.now))
    assert account.ledger.position(front.contract.conId) == held
    bench.now = front.expires
    [fill] = of(bench.world.advance(bench.now), Execution)
    assert (fill.side, fill.shares) == ("SLD", held)
    assert account.ledger.position(front.contract.conId) == 0
    assert float(account.ledger.cash - cash) == pytest.approx(float(held) * fill.price * 50, abs=0.01)


def test_the_books_balance_through_settlements() -> None:
    bench = friday()
    account = holding(bench, option(bench, "C", 0.05), 2)
    holding(bench, option(bench, "P", 0.05), -3)
    held = account.ledger.holdings.values
    before = account.ledger.cash + sum(one.cost for one in held()) - account.ledger.realized
    expire(bench)
    assert account.ledger.cash + sum(one.cost for one in held()) - account.ledger.realized == before


def test_what_has_expired_cannot_be_traded() -> None:
    bench = friday()
    call = option(bench, "C", 0.05)
    expire(bench)
    assert errors(bench.place("BUY", 1, "MKT", Query.of(call.contract))) in ([392], [200])
