"""Accounts over the wire: figures that agree with each other and with fills."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import Connector, Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES

FIRST, SECOND = "DU1000001", "DU1000002"


def held(rows: Any, con_id: int, account: str = FIRST) -> float:
    return sum(row.position for row in rows if row.contract.conId == con_id and row.account == account)


async def test_positions_values_and_portfolio_agree(ib: Any) -> None:
    positions = ib.positions(FIRST)
    assert len(positions) >= 3
    assert {position.account for position in ib.positions()} == {FIRST, SECOND}
    await ib.reqAccountUpdatesAsync(FIRST)
    portfolio = ib.portfolio()
    assert {(row.contract.conId, row.position) for row in positions} == {
        (row.contract.conId, row.position) for row in portfolio
    }
    for item in portfolio:
        multiplier = float(item.contract.multiplier or 1)
        assert item.marketValue == pytest.approx(item.position * item.marketPrice * multiplier, rel=1e-3)
        assert item.unrealizedPNL == pytest.approx(item.marketValue - item.position * item.averageCost, abs=1.0)
    values = {(value.tag, value.currency): value.value for value in ib.accountValues(FIRST)}
    assert values["AccountCode", ""] == FIRST
    assert float(values["NetLiquidation", "USD"]) > 0
    assert ("CashBalance", "BASE") in values


async def test_summary_covers_both_accounts(ib: Any) -> None:
    rows = await ib.accountSummaryAsync()
    per_account = {
        account: {row.tag: row.value for row in rows if row.account == account} for account in (FIRST, SECOND)
    }
    for account, tags in per_account.items():
        values = {value.tag: value.value for value in ib.accountValues(account) if value.currency in ("", "USD")}
        assert tags["AccountType"] == values["AccountType"]
        assert float(tags["NetLiquidation"]) == pytest.approx(float(values["NetLiquidation"]), rel=0.01)


async def test_a_fill_moves_position_portfolio_cash_and_profit(ib: Any, library: Any) -> None:
    contract = library.Stock("KO", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    await ib.reqAccountUpdatesAsync(FIRST)
    before = held(ib.positions(), contract.conId)

    def cash() -> float:
        values = [v.value for v in ib.accountValues(FIRST) if v.tag == "TotalCashBalance" and v.currency == "USD"]
        return float(values[0])

    had = cash()
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 100, account=FIRST))
    await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
    await until(lambda: held(ib.positions(), contract.conId) == before + 100)
    await until(lambda: held(ib.portfolio(), contract.conId) == before + 100)
    paid = sum(fill.execution.shares * fill.execution.price + fill.commissionReport.commission for fill in trade.fills)
    # Futures and currencies settle into cash as they move meanwhile.
    await until(lambda: cash() == pytest.approx(had - paid, abs=0.05 * paid))


async def test_pnl_follows_a_fill(ib: Any, library: Any) -> None:
    contract = library.Stock("PEP", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    pnl = ib.reqPnL(FIRST)
    await until(lambda: pnl.dailyPnL == pnl.dailyPnL)
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 10, account=FIRST))
    await until(trade.isDone)
    single = ib.reqPnLSingle(FIRST, "", contract.conId)
    await until(lambda: single.position == 10)
    assert single.value == pytest.approx(10 * trade.fills[0].execution.price, rel=0.02)
    sale = ib.placeOrder(contract, library.MarketOrder("SELL", 10, account=FIRST))
    await until(lambda: sale.isDone() and pnl.realizedPnL)
    report = await until(lambda: sale.fills and sale.fills[-1].commissionReport)
    await until(lambda: report.realizedPNL)
    await until(lambda: single.position == 0)
    ib.cancelPnL(FIRST)
    ib.cancelPnLSingle(FIRST, "", contract.conId)


async def test_profit_of_nothing_is_warning_2150_and_unset(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(94, 5, FIRST, "", 999_999)
    await until(lambda: client.of(95))
    assert (5, 2150) in client.errors()
    unset = "1.7976931348623157E308"
    assert client.of(95)[0] == ["95", "5", "0", unset, unset, unset, unset]


async def test_positions_end_once_and_stream_changes_until_cancelled(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(61, 1)
    await until(lambda: client.of(62))
    rows = len(client.of(61))
    assert rows == sum(len(gateway.world.accounts[name].positions()) for name in (FIRST, SECOND))
    buy(client, 1)
    await until(lambda: len(client.of(61)) > rows)
    client.send(64, 1)
    buy(client, 2)
    await until(lambda: [message for message in client.of(3) if message[1:3] == ["2", "Filled"]])
    settled = len(client.of(61))
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert len(client.of(61)) == settled


def buy(client: Any, order_id: int) -> None:
    order = {
        "orderId": order_id, "symbol": "MSFT", "secType": "STK", "exchange": "SMART", "currency": "USD",
        "action": "BUY",
        "totalQuantity": 1, "orderType": "MKT", "account": FIRST, "transmit": True,
    }  # fmt: skip
    client.send(*REQUEST_NAMES["placeOrder"].encode(order, client.version))


async def test_positions_and_values_of_one_account(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(74, 1, 5, SECOND, "")
    client.send(76, 1, 6, SECOND, "", 0)
    await until(lambda: client.of(72) and client.of(74))
    assert {message[3] for message in client.of(71)} == {SECOND}
    assert {message[3] for message in client.of(73)} == {SECOND}
    client.send(74, 1, 7, "DU0", "")
    client.send(76, 1, 8, "DU0", "", 0)
    client.send(92, 9, "DU0", "")
    await until(lambda: {(7, 321), (8, 321), (9, 321)} <= set(client.errors()))


async def test_two_summaries_at_most(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    for number in (1, 2, 3):
        client.send(62, 1, number, "All", "NetLiquidation,$LEDGER:ALL")
    await until(lambda: {row[2] for row in client.of(64)} == {"1", "2"} and (3, 322) in client.errors())
    rows = client.of(63)
    assert {row[3] for row in rows if row[4] == "NetLiquidation"} == {FIRST, SECOND}
    assert {row[3] for row in rows if row[4] == "CashBalance"} == {"All"}
    client.send(63, 1, 1)
    client.send(62, 1, 4, "All", "NetLiquidation")
    await until(lambda: client.of(64)[-1][2] == "4")
    client.send(62, 1, 5, "Nobody", "NetLiquidation")
    client.send(63, 1, 2)
    client.send(62, 1, 6, "Nobody", "NetLiquidation")
    await until(lambda: (6, 321) in client.errors())


async def test_account_updates_are_for_one_account_at_a_time(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(6, 2, 1, FIRST)
    client.send(6, 2, 1, SECOND)
    await until(lambda: len(client.of(54)) == 2)
    assert [message[2] for message in client.of(54)] == [FIRST, SECOND]
    seen = len(client.of(7))
    buy(client, 1)
    await until(lambda: client.of(59))
    client.send(6, 2, 0, SECOND)
    client.send(6, 2, 1, "DU0")
    await until(lambda: (-1, 321) in client.errors())
    assert {message[-1] for message in client.of(7)[seen:]} <= {SECOND}


async def test_accounts_survive_a_reconnect(gateway: SimulatedGateway, connect: Connector, library: Any) -> None:
    ib = await connect(gateway, 1)
    contract = library.Stock("KO", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    before = held(ib.positions(), contract.conId)
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 7, account=FIRST))
    await until(trade.isDone)
    ib.disconnect()
    await until(lambda: gateway.stats.connections == 0)
    again = await connect(gateway, 1)
    assert held(again.positions(), contract.conId) == before + 7


async def test_a_single_account_is_followed_from_the_start(
    open_gateway: Opener, connect: Connector, library: Any
) -> None:
    gateway = await open_gateway(accounts=("DU7000001",))
    ib = await connect(gateway, 0)
    assert ib.managedAccounts() == ["DU7000001"]
    assert len(ib.portfolio()) == len(ib.positions()) > 0
    assert [error for error in ib.errors if error[1] < 2100] == []
    contract = library.Stock("KO", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    before = sum(item.position for item in ib.portfolio() if item.contract.symbol == "KO")
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 3))
    await until(trade.isDone)
    await until(lambda: sum(item.position for item in ib.portfolio() if item.contract.symbol == "KO") == before + 3)
    assert trade.fills[0].execution.acctNumber == "DU7000001"


async def test_a_position_closed_today_stays_with_size_nought(ib: Any, library: Any) -> None:
    contract = library.Stock("KO", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    for side in ("BUY", "SELL"):
        trade = ib.placeOrder(contract, library.MarketOrder(side, 10, account=FIRST))
        await until(trade.isDone)
    rows: list[tuple[str, float]] = []
    ib.positionEvent += lambda position: rows.append((position.contract.symbol, position.position))
    await ib.reqPositionsAsync()
    await until(lambda: ("KO", 0.0) in rows)


async def test_values_come_under_the_tags_of_gateways(ib: Any) -> None:
    await ib.reqAccountUpdatesMultiAsync(SECOND)
    rows = {(value.tag, value.currency): value.value for value in ib.accountValues(SECOND)}
    tags = {tag for tag, _ in rows}
    assert len(tags) >= 88
    assert {"SegmentTitle-S", "NetLiquidation-S", "NetLiquidation-C", "RealCurrency", "DayTradesRemainingT+4"} <= tags
    assert {currency for _, currency in rows} == {"", "BASE", "USD", "EUR"}
    assert rows["Currency", "EUR"] == "EUR"
    assert float(rows["StockMarketValue", "EUR"]) > 0


async def test_profit_comes_every_second_and_ends_when_cancelled(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(pnl_interval=0.02)
    client = await raw(gateway, 1)
    position = gateway.world.accounts[FIRST].positions()[0]
    client.send(92, 1, FIRST, "")
    client.send(94, 2, FIRST, "", position.contract.conId)
    client.send(94, 3, "All", "", position.contract.conId)
    await until(lambda: len(client.of(94)) >= 3 and len(client.of(95)) >= 6)
    assert {row[2] for row in client.of(95)} == {f"{position.position:f}"}
    for number, request_id in ((93, 1), (95, 2), (95, 3)):
        client.send(number, request_id)
    client.send(93, 1)
    await until(lambda: (1, 300) in client.errors())
    seen = len(client.of(94)), len(client.of(95))
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert (len(client.of(94)), len(client.of(95))) == seen


async def test_an_unknown_model_is_refused(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(92, 1, FIRST, "Core")
    client.send(94, 2, FIRST, "Core", 265598)
    client.send(92, 3, "", "")
    client.send(94, 4, FIRST, "", 0)
    await until(lambda: {(1, 321), (2, 321), (3, 321), (4, 321)} <= set(client.errors()))
    assert client.of(94) == client.of(95) == []
