"""The paper accounts: values that agree with each other and with fills, to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from domain_world import AAPL, ES, EURUSD, Bench, errors, share

from ibmux.sim.accounts.accounts import Account
from ibmux.sim.accounts.margin import commission
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.orders.order import ExecutionFilter

FIRST, SECOND = "DU1000001", "DU1000002"
SECURITIES = {
    "STK": ["StockMarketValue"], "OPT": ["OptionMarketValue"], "FOP": ["FutureOptionValue"],
    "CRYPTO": ["Cryptocurrency"], "BOND": ["CorporateBondValue", "TBondValue"], "FUND": ["MutualFundValue"],
}  # fmt: skip


def value(account: Account, tag: str, currency: str = "USD") -> Decimal:
    found = [row.value for row in account.values() if row.tag == tag and row.currency == currency]
    assert len(found) == 1, (tag, found)
    return Decimal(found[0])


def check_sums(account: Account) -> None:
    """The identities that hold between an account's figures at any moment."""
    portfolio = {item.contract.conId: item for item in account.portfolio()}
    kinds = {conId: item.contract.secType for conId, item in portfolio.items()}
    singles = {conId: account.pnl_single(conId) for conId in portfolio}
    assert all(single is not None for single in singles.values())
    pnl = account.pnl()
    for field in ("daily", "unrealized", "realized"):
        total = sum(Decimal(str(getattr(single, field))) for single in singles.values())
        assert total == Decimal(str(getattr(pnl, field))), field
    assert value(account, "UnrealizedPnL", "BASE") == Decimal(str(pnl.unrealized))
    assert value(account, "RealizedPnL", "BASE") == Decimal(str(pnl.realized))
    worth = {conId: Decimal(str(single.value)) for conId, single in singles.items() if single}
    securities = Decimal(0)
    for kind, tags in SECURITIES.items():
        amount = sum((worth[conId] for conId in worth if kinds[conId] == kind), Decimal(0))
        assert sum(value(account, tag, "BASE") for tag in tags) == amount, kind
        securities += amount
    assert value(account, "NetLiquidation") == value(account, "TotalCashValue") + securities
    assert value(account, "GrossPositionValue") == sum(abs(worth[c]) for c in worth if kinds[c] in SECURITIES)
    assert value(account, "AvailableFunds") == value(account, "EquityWithLoanValue") - value(account, "InitMarginReq")
    assert value(account, "ExcessLiquidity") == value(account, "EquityWithLoanValue") - value(account, "MaintMarginReq")
    assert value(account, "BuyingPower") == max(Decimal(0), value(account, "AvailableFunds")) * 4
    assert value(account, "TotalCashBalance", "BASE") == value(account, "TotalCashValue")


def test_accounts_begin_with_positions_and_sound_sums() -> None:
    bench = Bench()
    assert bench.world.accounts.names == (FIRST, SECOND)
    for account in bench.world.accounts:
        assert len(account.positions()) >= 4
        assert all(row.position and row.avgCost > 0 for row in account.positions())
        check_sums(account)


def test_the_clock_alone_moves_values() -> None:
    bench = Bench()
    account = bench.world.accounts[FIRST]
    before = account.pnl()
    for _ in range(200):
        bench.now += 1
        bench.quote().step()
    assert account.pnl() != before
    check_sums(account)


@pytest.mark.parametrize("query", [AAPL, ES, EURUSD, share("DIS")], ids=["share", "future", "currency", "new"])
def test_buying_and_selling_at_one_price_costs_the_commissions(query: Query) -> None:
    bench = Bench()
    account = bench.world.accounts[SECOND]
    details = bench.quote(query).details
    quantity = Decimal(20_000 if details.contract.secType == "CASH" else 30)
    fee = commission(details, quantity, abs(quantity * 30))
    before, version = account.figures(), account.version
    assert account.fill(details, quantity, bench.quote(query).last, fee) is None
    check_sums(account)
    assert account.fill(details, -quantity, bench.quote(query).last, fee) == -2 * fee
    check_sums(account)
    after = account.figures()
    assert after.netLiquidation == before.netLiquidation - 2 * fee
    assert after.realized == before.realized - 2 * fee
    assert after.cash == before.cash - 2 * fee
    assert account.version == version + 2
    assert account.position(details).position == 0
    assert [row.position for row in account.positions() if row.contract.conId == details.contract.conId] == [0]


def test_average_cost_includes_commissions_and_the_multiplier() -> None:
    bench = Bench()
    account = bench.world.accounts[SECOND]
    shares, future = bench.quote(share("DIS")).details, bench.quote(ES).details
    account.fill(shares, Decimal(100), 100.0, Decimal(1))
    account.fill(shares, Decimal(100), 102.0, Decimal(1))
    assert account.position(shares).avgCost == pytest.approx(101.01)
    account.fill(future, Decimal(-2), 6000.0, Decimal("4.5"))
    assert account.position(future).avgCost == pytest.approx(6000 * 50 - 2.25)


def test_selling_through_zero_realizes_the_closed_part_only() -> None:
    bench = Bench()
    account, details = bench.world.accounts[SECOND], bench.quote(share("DIS")).details
    account.fill(details, Decimal(100), 100.0, Decimal(1))
    assert account.fill(details, Decimal(-150), 110.0, Decimal("1.5")) == Decimal(1000) - 2
    assert account.position(details).position == -50
    assert account.position(details).avgCost == pytest.approx(110 - 0.01)


def test_summary_knows_its_tags_and_the_ledger() -> None:
    accounts = Bench().world.accounts
    rows = accounts.summary(["NetLiquidation", "Cushion", "NoSuchTag", "$LEDGER:ALL"])
    assert [row.account for row in rows if row.tag == "NetLiquidation"] == [FIRST, SECOND]
    assert "NoSuchTag" not in {row.tag for row in rows}
    ledger = [row for row in rows if row.account == "All" and row.tag == "StockMarketValue"]
    assert [row.currency for row in ledger] == ["BASE", "USD", "EUR"]
    both = sum(value(account, "StockMarketValue", "BASE") for account in accounts)
    assert Decimal(ledger[0].value) == both
    assert len(accounts[FIRST].summary(["All"])) > 20


def test_values_are_alphabetical_and_complete() -> None:
    rows = Bench().world.accounts[FIRST].values()
    tags = [row.tag for row in rows]
    assert tags == sorted(tags)
    assert len(rows) > 85
    wanted = {"AccountType", "AvailableFunds", "BuyingPower", "Cushion", "EquityWithLoanValue", "ExcessLiquidity"}
    wanted |= {"GrossPositionValue", "InitMarginReq", "MaintMarginReq", "NetLiquidation", "RealizedPnL"}
    wanted |= {"TotalCashValue", "UnrealizedPnL", "WarrantValue", "AccountCode", "AccountReady"}
    assert wanted <= set(tags)


def test_no_position_has_no_profit() -> None:
    assert Bench().world.accounts[FIRST].pnl_single(8314) is None


def test_a_new_day_starts_profits_and_executions_anew() -> None:
    bench = Bench()
    account = bench.world.accounts[FIRST]
    bench.place("SELL", 300, "MKT", account=FIRST)
    bench.place("BUY", 1, "LMT", lmtPrice=10.0)
    bench.place("BUY", 1, "LMT", lmtPrice=10.0, tif="GTC")
    bench.run(1)
    worth = account.figures().netLiquidation
    assert account.pnl().realized != 0
    bench.now += 86_400
    assert errors(bench.run(0.1)) == [202]
    assert [order.orderId for order in bench.desk.open_orders(1)] == [3]
    assert account.pnl().realized == 0
    assert 265598 not in {row.contract.conId for row in account.positions()}
    assert [done.order.orderId for done in bench.desk.completed()] == [2]
    assert bench.desk.executions(ExecutionFilter()) == []
    check_sums(account)
    assert account.figures().netLiquidation != worth


@pytest.mark.parametrize("tag", ["InitMarginReq", "MaintMarginReq", "TotalCashValue"])
def test_a_short_option_needs_margin(tag: str) -> None:
    bench = Bench()
    account = bench.world.accounts[SECOND]
    option = next(iter(bench.world.universe.chain("AAPL").values()))[40]
    before = value(account, tag)
    account.fill(option, Decimal(-1), bench.world.market.quote(option.contract.conId).bid, Decimal(1))
    assert value(account, tag) > before
    check_sums(account)
