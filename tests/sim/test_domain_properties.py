"""What must hold whatever clients do: hundreds of random orders, reconciled to the cent from the messages alone."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

from domain_world import AAPL, ES, EURUSD, Bench, of, share
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from test_domain_accounts import check_sums

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Commission, Event, Execution, OrderStatus, PositionChange
from ibmux.sim.orders.order import OVER
from ibmux.sim.world import WorldSettings

ACCOUNTS = ("DU1000001", "DU1000002")
SAP = Query(symbol="SAP", secType="STK", exchange="SMART", currency="EUR")
QUERIES = [AAPL, share("MSFT"), share("SPY"), SAP, ES, EURUSD]
TYPES = ["MKT", "MKT", "LMT", "LMT", "STP", "STP LMT", "MOC", "TRAIL", "MIDPRICE", "LOC"]
PLAIN = ["MKT", "LMT", "STP", "TRAIL"]
ORDERS = 150
slow = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def start(seed: int) -> Bench:
    note(f"seed {seed}")
    return Bench(WorldSettings(seed=seed, partial_share=0.5, status_first=0.3, moc_delay=1.0, fee_delay=0.05))


def option(bench: Bench) -> Query:
    """A call near the money, far from the nickel's edge."""
    rows = list(bench.world.universe.chain("AAPL").values())[5]
    return Query.of(min(rows, key=lambda row: abs(row.contract.strike - bench.quote().last)).contract)


def random_order(bench: Bench, draw: Random) -> None:
    query = draw.choice([*QUERIES, option(bench)])
    quote = bench.quote(query)
    if query is EURUSD:
        quantity = draw.choice([20_000, 35_001])
    else:
        quantity = draw.randint(1, 3) if query is ES else draw.randint(1, 400)
    orderType = draw.choice(PLAIN if query in (ES, EURUSD) or query.secType == "OPT" else TYPES)
    offset = draw.randint(-60, 60) * quote.minTick
    tick = 0.05 if query.secType == "OPT" else quote.minTick
    price = round(round((quote.mid + offset) / tick) * tick, 8)
    more: dict[str, object] = {"lmtPrice": price, "auxPrice": price}
    if orderType == "TRAIL":
        more = {"auxPrice": round(draw.randint(1, 40) * tick, 8)}
    if orderType in {"MKT", "MOC", "MIDPRICE"}:
        more = {}
    if draw.random() < 0.15:
        more |= {"ocaGroup": f"g{draw.randint(1, 5)}", "ocaType": draw.choice([1, 2, 3])}
    if draw.random() < 0.1 and orderType == "LMT":
        more |= {"tif": draw.choice(["IOC", "FOK"])}
    bench.place(
        draw.choice(["BUY", "SELL"]), quantity, orderType, query,
        clientId=draw.randint(1, 3), account=draw.choice(ACCOUNTS), **more,
    )  # fmt: skip


def random_change(bench: Bench, draw: Random) -> None:
    orders = bench.desk.open_orders(None)
    if not orders:
        return
    order = draw.choice(orders)
    if draw.random() < 0.6:
        bench.cancel(order.orderId, order.clientId)
        return
    spec, quote = order.spec, bench.world.market.quote(order.contract.conId)
    price = None if spec.lmtPrice is None else round(spec.lmtPrice + quote.minTick, 8)
    bench.place(
        spec.action, order.total + draw.randint(0, 20), spec.orderType, Query.of(order.contract),
        orderId=order.orderId, clientId=order.clientId,
        account=order.account, lmtPrice=price, auxPrice=spec.auxPrice, ocaGroup=spec.ocaGroup, ocaType=spec.ocaType,
        tif=spec.tif,
    )  # fmt: skip


def trade_at_random(bench: Bench, seed: int, orders: int) -> list[Event]:
    draw = Random(seed)
    for _ in range(orders):
        random_order(bench, draw)
        if draw.random() < 0.3:
            random_change(bench, draw)
        bench.run(draw.choice([0.0, 0.05, 0.2]))
    bench.run(2)
    bench.keep(bench.desk.cancel_all(bench.now))  # a fill of the last moment would still owe its fee
    bench.run(1)
    return bench.events


def rate(bench: Bench, fill: Execution) -> Decimal:
    details = bench.world.market.details(fill.contract.conId)
    return Decimal(str(details.currencyRate)) * details.pointValue


def check_books(bench: Bench, began: dict[str, tuple[Decimal, dict[int, Decimal], Decimal]]) -> None:
    """Cash and positions must follow from the executions and commissions that were reported, to the cent."""
    fills, reports = of(bench.events, Execution), of(bench.events, Commission)
    assert len({fill.execId for fill in fills}) == len(fills)
    assert [fill.execId for fill in fills] == [report.execId for report in sorted(reports, key=lambda r: r.execId)]
    charged = {report.execId: report for report in reports}
    for name, (first_cash, positions, worth) in began.items():
        account, cash, realized = bench.world.accounts[name], first_cash, Decimal(0)
        for fill in (fill for fill in fills if fill.account == name):
            signed = fill.shares * (1 if fill.side == "BOT" else -1)
            paid = (signed * Decimal(str(fill.price)) * rate(bench, fill)).quantize(Decimal("0.01"))
            cash -= paid + Decimal(str(charged[fill.execId].commission))
            positions[fill.contract.conId] += signed
            realized += Decimal(str(charged[fill.execId].realizedPNL or 0.0))
        assert cash == account.ledger.cash
        assert {row.contract.conId: row.position for row in account.positions()} == dict(positions)
        assert realized == account.ledger.realized == Decimal(str(account.pnl().realized))
        held = account.ledger.holdings.values()
        assert account.ledger.cash + sum(one.cost for one in held) - realized == worth
        sums = account.figures()
        assert sums.netLiquidation - sums.daily == sum((one.start for one in held), began[name][0])
        check_sums(account)
    last = {(change.account, change.contract.conId): change for change in of(bench.events, PositionChange)}
    for (name, conId), change in last.items():
        assert change.position == began[name][1][conId]


def check_orders(bench: Bench) -> None:
    """Fills of an order add up, and nothing happens to it once it is over."""
    filled: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    over: dict[tuple[int, int], str] = {}
    for event in bench.events:
        if isinstance(event, Execution):
            key = (event.clientId, event.orderId)
            filled[key] += event.shares
            assert event.shares > 0
            assert filled[key] == event.cumQty
            assert over.get(key, "Filled") == "Filled"
        elif isinstance(event, OrderStatus):
            key = (event.clientId, event.orderId)
            assert over.get(key, event.status) == event.status
            assert event.filled >= 0 <= event.remaining
            if event.status in OVER:
                over[key] = event.status
            if event.status == "Filled":
                assert event.remaining == 0
    for (client, number), quantity in filled.items():
        order = bench.order(number, client)
        assert order.filled == quantity <= order.total
    open_keys = {(order.clientId, order.orderId) for order in bench.desk.open_orders(None)}
    assert open_keys.isdisjoint(over)


@slow
@given(st.integers(0, 2**31))
def test_random_orders_reconcile_to_the_cent(seed: int) -> None:
    """Eight examples of 150 orders each."""
    bench = start(seed)
    began = {}
    for account in bench.world.accounts:
        held = account.ledger.holdings.values()
        positions = defaultdict(Decimal, {one.details.contract.conId: one.position for one in held})
        began[account.name] = (account.ledger.cash, positions, account.ledger.cash + sum(one.cost for one in held))
    trade_at_random(bench, seed, ORDERS)
    assert of(bench.events, Execution)
    check_books(bench, began)
    check_orders(bench)


@slow
@given(st.integers(0, 2**31))
def test_brackets_never_fill_both_children(seed: int) -> None:
    bench, draw = start(seed), Random(seed)
    families = []
    for _ in range(30):
        quote, parent = bench.quote(), bench.desk.next_id(1)
        near = [round(quote.last + draw.randint(-8, 8) * 0.01, 2) for _ in range(3)]
        quantity = draw.randint(1, 200)
        bench.place("BUY", quantity, "LMT", lmtPrice=near[0], transmit=False)
        bench.place("SELL", quantity, "LMT", lmtPrice=near[1], parentId=parent, transmit=False)
        bench.place("SELL", quantity, "STP", auxPrice=near[2], parentId=parent)
        families.append(parent)
        bench.run(draw.choice([0.1, 0.5]))
        if draw.random() < 0.2:
            bench.cancel(draw.choice(families) + draw.randint(0, 2))
    bench.run(2)
    for parent in families:
        first, target, stop = (bench.order(number) for number in (parent, parent + 1, parent + 2))
        assert not (target.status == stop.status == "Filled")
        assert target.filled + stop.filled <= first.filled
        if target.filled + stop.filled:
            assert first.status == "Filled"
        if first.over and first.status != "Filled":
            assert target.over
            assert stop.over
    check_orders(bench)


@slow
@given(st.integers(0, 2**31))
def test_equal_seeds_give_equal_histories(seed: int) -> None:
    one, two = start(seed), start(seed)
    trade_at_random(one, seed, 40)
    trade_at_random(two, seed, 40)
    assert of(one.events, Execution)
    assert _told(one) == _told(two)
    other = start(seed + 1)
    trade_at_random(other, seed, 40)
    assert _told(other) != _told(one)


def _told(bench: Bench) -> list[Event]:
    return [event for event in bench.events if isinstance(event, Execution | Commission | OrderStatus | PositionChange)]
