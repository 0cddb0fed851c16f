"""Ten thousand random orders over every kind of instrument, reconciled to the cent.

The books of the test are its own: they know the executions and commissions that were reported, and nothing else.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from math import floor
from random import Random

import pytest
from domain_world import AAPL, ES, EURUSD, Bench, of, share
from test_domain_accounts import check_sums

from ibmux.sim.catalogue.contracts import ContractDetails, Query
from ibmux.sim.events import Commission, Event, Execution, PositionChange
from ibmux.sim.orders.combos import Leg
from ibmux.sim.orders.order import OVER
from ibmux.sim.world import WorldSettings

ORDERS = 10_000
ACCOUNTS = ("DU1000001", "DU1000002")
SEED = int(os.environ.get("SIM_SEED", "20260608"))
CENT = Decimal("0.01")
SAP = Query(symbol="SAP", secType="STK", exchange="SMART", currency="EUR")
TYPES = ["MKT", "MKT", "LMT", "LMT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "LIT"]
SHARE_TYPES = [*TYPES, "MOC", "LOC", "MIDPRICE", "REL", "SNAP MKT", "PEG MID"]
CROWD = 80


@dataclass
class Goods:
    """One contract to trade: how much at a time, and as which types."""

    query: Query
    sizes: tuple[str, ...]
    types: list[str]
    legs: tuple[Leg, ...] = ()


@dataclass
class OwnBook:
    """What an account has, by the reports alone; amounts in base currency."""

    cash: Decimal
    position: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cost: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    realized: Decimal = Decimal(0)

    def trade(self, conId: int, quantity: Decimal, paid: Decimal, fee: Decimal) -> Decimal:
        """Book a trade at average cost; the profit that it realized."""
        self.cash -= paid + fee
        held = self.position[conId]
        closed = min(abs(held), abs(quantity)) if held * quantity < 0 else Decimal(0)
        share_closed = closed / abs(quantity)
        out = rounded(paid * share_closed) + rounded(fee * share_closed) if closed else Decimal(0)
        released = self.cost[conId] if closed == abs(held) else rounded(self.cost[conId] * closed / abs(held))
        released = released if closed else Decimal(0)
        self.position[conId] += quantity
        self.cost[conId] += paid + fee - out - released
        profit = -out - released if closed else Decimal(0)
        self.realized += profit
        return profit


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def listed(bench: Bench, kind: str, symbol: str) -> Query:
    for details in bench.world.universe.listed():
        if (details.contract.secType, details.contract.symbol) == (kind, symbol):
            return Query.of(details.contract)
    found = bench.world.universe.find(Query(symbol=symbol, secType=kind, currency="USD", exchange="SMART"))
    return Query.of(found[0].contract)


def options(bench: Bench) -> list[ContractDetails]:
    rows = list(bench.world.universe.chain("AAPL").values())[5]
    near = sorted(rows, key=lambda row: abs(row.contract.strike - bench.quote().last))
    return [row for row in near if row.contract.right == "C"][:3]


def future_option(bench: Bench) -> Query:
    rows = bench.world.universe.find(Query(symbol="ES", secType="FOP", exchange="CME"))
    return Query.of(min(rows, key=lambda row: abs(row.contract.strike - bench.quote(ES).last)).contract)


def market(bench: Bench) -> list[Goods]:
    calls = options(bench)
    pair = (Leg(bench.conId(AAPL), 1, "BUY"), Leg(bench.conId(share("MSFT")), 1, "SELL"))
    spread = (Leg(calls[0].contract.conId, 1, "BUY"), Leg(calls[1].contract.conId, 2, "SELL"))
    bag = Query(symbol="AAPL", secType="BAG", exchange="SMART", currency="USD")
    shares = ("1", "25", "100", "333")
    return [
        Goods(AAPL, shares, SHARE_TYPES),
        Goods(share("SPY"), (*shares, "0.75"), TYPES),
        Goods(SAP, shares, TYPES),
        Goods(ES, ("1", "2", "3"), TYPES),
        Goods(EURUSD, ("20000", "35001"), TYPES),
        Goods(Query.of(calls[0].contract), ("1", "3", "10"), ["MKT", "LMT", "LMT", "STP"]),
        Goods(listed(bench, "CRYPTO", "BTC"), ("0.0123", "0.4", "0.00051"), ["LMT"]),
        Goods(listed(bench, "CFD", "IBM"), ("10", "77"), ["MKT", "LMT", "STP"]),
        Goods(listed(bench, "BOND", "US-T"), ("1000", "25000"), ["MKT", "LMT", "LMT", "STP"]),
        Goods(listed(bench, "BOND", "F"), ("1000", "7000"), ["MKT", "LMT", "STP"]),
        Goods(listed(bench, "FUND", "VFIAX"), ("3.25", "10"), ["MKT"]),
        Goods(future_option(bench), ("1", "4"), ["MKT", "LMT", "STP"]),
        Goods(bag, ("1", "5"), ["MKT", "LMT"], pair),
        Goods(bag, ("1", "2"), ["MKT", "LMT"], spread),
    ]


def price_near(bench: Bench, goods: Goods, draw: Random) -> float:
    if goods.legs:
        from ibmux.sim.orders import combos

        parts = combos.parts_of(bench.world.universe, goods.legs)
        assert isinstance(parts, tuple)
        return round(combos.quote(bench.world.market, parts).mid + draw.randint(-80, 80) * 0.01, 2)
    quote = bench.world.market.quote(goods.query.conId or bench.conId(goods.query))
    tick = {"OPT": 0.05, "FOP": 0.25}.get(goods.query.secType, quote.minTick)
    return max(tick, round(round(quote.mid / tick + draw.randint(-40, 40)) * tick, 8))


def random_order(bench: Bench, goods: Goods, draw: Random) -> None:
    orderType, price = draw.choice(goods.types), price_near(bench, goods, draw)
    more: dict[str, object] = {"lmtPrice": price, "auxPrice": price}
    if orderType in {"MKT", "MOC", "MIDPRICE", "REL", "SNAP MKT", "PEG MID"}:
        more = {}
    if orderType == "TRAIL":
        more = {"auxPrice": 0.25} if goods.query is not EURUSD else {"trailingPercent": 0.05}
    chance = draw.random()
    if chance < 0.1 and not goods.legs:
        more |= {"ocaGroup": f"g{draw.randint(1, 6)}", "ocaType": draw.choice([1, 2, 3])}
    elif chance < 0.2 and orderType == "LMT":
        more |= {"tif": draw.choice(["IOC", "FOK"] if goods.query.secType == "STK" else ["IOC"])}
    elif chance < 0.25 and orderType == "LMT" and goods.query is AAPL:
        more |= {"allOrNone": True} if draw.random() < 0.5 else {"displaySize": 1}
    action, quantity = draw.choice(["BUY", "SELL"]), Decimal(draw.choice(goods.sizes))
    if goods.query.secType == "FUND" and action == "BUY":
        quantity, more = Decimal(0), {"cashQty": float(draw.randint(500, 9000))}
    bench.place(
        action, quantity, orderType, goods.query, legs=goods.legs,
        clientId=draw.randint(1, 3), account=draw.choice(ACCOUNTS), **more,
    )  # fmt: skip


def trade(bench: Bench, draw: Random) -> None:
    goods = market(bench)
    for _ in range(ORDERS):
        random_order(bench, draw.choice(goods), draw)
        open_orders = bench.desk.open_orders(None)
        while len(open_orders) > CROWD:
            gone = open_orders.pop(draw.randrange(len(open_orders)))
            if not gone.over:
                bench.cancel(gone.orderId, gone.clientId)
        bench.now += draw.choice([0.02, 0.1, 0.4])
        bench.keep(bench.world.advance(bench.now))
    bench.keep(bench.desk.cancel_all(bench.now))
    bench.now += 1.0
    bench.keep(bench.world.advance(bench.now))


def own_books(bench: Bench) -> dict[str, OwnBook]:
    """The books at the beginning, as the accounts tell them."""
    books = {}
    for account in bench.world.accounts:
        book = books[account.name] = OwnBook(account.ledger.cash)
        for held in account.ledger.holdings.values():
            conId = held.details.contract.conId
            book.position[conId], book.cost[conId] = held.position, held.cost
    return books


def book_reports(bench: Bench, books: dict[str, OwnBook], events: list[Event]) -> int:
    """Book every execution with its commission; how many there were (combinations as a whole book nothing)."""
    fees = {report.execId: report for report in of(events, Commission)}
    fills = of(events, Execution)
    assert len({fill.execId for fill in fills}) == len(fills)
    for fill in fills:
        if fill.contract.secType == "BAG":
            assert fill.execId not in fees
            continue
        details = bench.world.market.details(fill.contract.conId)
        signed = fill.shares if fill.side == "BOT" else -fill.shares
        paid = rounded(signed * Decimal(str(fill.price)) * details.pointValue * Decimal(str(details.currencyRate)))
        report = fees.pop(fill.execId)
        profit = books[fill.account].trade(fill.contract.conId, signed, paid, Decimal(str(report.commission)))
        assert profit == Decimal(str(report.realizedPNL or 0.0))
    assert not fees, "a commission without its execution"
    return len(fills)


def compare(bench: Bench, books: dict[str, OwnBook]) -> None:
    for account in bench.world.accounts:
        book = books[account.name]
        assert account.ledger.cash == book.cash
        assert {row.contract.conId: row.position for row in account.positions()} == dict(book.position)
        value = Decimal(0)
        for held in account.ledger.holdings.values():
            conId = held.details.contract.conId
            assert held.cost == book.cost[conId]
            value += held.value(account.mark(held.details))
        sums = account.figures()
        assert sums.netLiquidation == book.cash + value
        assert Decimal(str(account.pnl().realized)) == book.realized
        assert Decimal(str(account.pnl().unrealized)) == value - sum(book.cost.values())
        check_sums(account)
    last = {(change.account, change.contract.conId): change.position for change in of(bench.events, PositionChange)}
    assert all(books[name].position[conId] == position for (name, conId), position in last.items())


def check_orders(bench: Bench) -> None:
    """Fills of each order add up to what it says, and never exceed it."""
    filled: dict[int, Decimal] = defaultdict(Decimal)
    whole = {fill.permId for fill in of(bench.events, Execution) if fill.contract.secType == "BAG"}
    for fill in of(bench.events, Execution):
        if fill.permId not in whole or fill.contract.secType == "BAG":
            filled[fill.permId] += fill.shares
            assert filled[fill.permId] == fill.cumQty
    for order in bench.desk._book._orders.values():
        assert order.status in OVER
        assert filled.get(order.permId, Decimal(0)) == order.filled <= order.total


def check_tape(bench: Bench, draw: Random) -> None:
    """Every fill lies inside what the tape shows of its second; sampled, as reading the tape takes its time."""
    fills = [fill for fill in of(bench.events, Execution) if fill.contract.secType in {"STK", "OPT", "FUT"}]
    for fill in draw.sample(fills, 300):
        second = floor(fill.time)
        bar = bench.world.market.tape(fill.contract.conId).bar(second, second + 1, "TRADES")
        assert bar.low - 1e-9 <= fill.price <= bar.high + 1e-9, fill


@pytest.mark.timeout(600)
def test_ten_thousand_orders_reconcile_to_the_cent() -> None:
    print(f"SIM_SEED={SEED}")  # noqa: T201
    settings = WorldSettings(
        seed=SEED, partial_share=0.4, status_first=0.3, moc_delay=1.0, fee_delay=0.05, cash=100_000_000.0
    )
    bench, draw = Bench(settings), Random(SEED)
    books = own_books(bench)
    trade(bench, draw)
    assert book_reports(bench, books, bench.events) > ORDERS / 2
    compare(bench, books)
    check_orders(bench)
    check_tape(bench, draw)
    kinds = {fill.contract.secType for fill in of(bench.events, Execution)}
    assert kinds == {"STK", "FUT", "CASH", "OPT", "CRYPTO", "CFD", "BAG", "BOND", "FUND", "FOP"}
