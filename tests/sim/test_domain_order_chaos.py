"""Orders with every attribute at random, at every hour: nothing breaks, and every fill has its commission."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from domain_world import AAPL, ES, EURUSD, Bench, of, share

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Commission, Execution, OrderStatus
from ibmux.sim.orders.adjusting import STOP_TYPES, Adjustment
from ibmux.sim.orders.algos import PARAMETERS
from ibmux.sim.orders.checks import ORDER_TYPES, TIFS
from ibmux.sim.orders.combos import Leg
from ibmux.sim.orders.conditions import KINDS, Condition
from ibmux.sim.orders.order import OVER
from ibmux.sim.orders.scales import Scale
from ibmux.sim.world import WorldSettings

ORDERS = 1500
NUMBERS = (0.0, 0.01, 0.5, 1.0, 2.0, 50.0, 277.0, 300.0, 1e6, -1.0)
DATES = ("", "", "20260608 12:00:30 US/Eastern", "20260609 10:00:00 US/Eastern", "20250101-10:00:00", "nonsense")


def attributes(bench: Bench, draw: Random) -> dict[str, Any]:
    number = lambda: draw.choice(NUMBERS)  # noqa: E731 - drawn many times below
    maybe = {
        "lmtPrice": number(), "auxPrice": number(), "trailStopPrice": number(), "trailingPercent": number(),
        "lmtPriceOffset": number(), "percentOffset": number(), "cashQty": number(), "discretionaryAmt": number(),
        "displaySize": draw.choice([0, 1, 5, 100]), "minQty": draw.choice([0, 1, 200]), "allOrNone": True,
        "triggerMethod": draw.choice([0, 1, 2, 3, 4, 7, 8]), "outsideRth": True, "whatIf": True,
        "ocaGroup": draw.choice("ab"), "ocaType": draw.choice([0, 1, 2, 3]), "transmit": False,
        "parentId": draw.choice([0, bench.desk.next_id(1) - 1]), "goodAfterTime": draw.choice(DATES),
        "goodTillDate": draw.choice(DATES), "algoStrategy": draw.choice(["", "Bad", *PARAMETERS]),
        "conditions": tuple(
            Condition(kind, draw.choice("ao"), draw.random() < 0.5, number(), draw.choice(DATES), bench.conId(AAPL),
                      "SMART", "STK", "MSFT", draw.choice([0, 2, 8]))
            for kind in draw.sample(sorted(KINDS), draw.randint(0, 3))
        ),
        "conditionsCancelOrder": True, "conditionsIgnoreRth": True,
        "scale": Scale(draw.choice([0, 1, 10]), draw.choice([0, 1, 5]), number(), number(), draw.random() < 0.5),
        "adjustment": Adjustment(draw.choice(sorted(STOP_TYPES)), number(), number(), number(), number(),
                                 draw.choice([0, 100])),
        "hedgeType": draw.choice("DBFPX"), "hedgeParam": draw.choice(["", "1", "0.5", "x"]), "faGroup": "Equals",
    }  # fmt: skip
    return {name: maybe[name] for name in draw.sample(sorted(maybe), draw.randint(0, 6))}


def goods(bench: Bench, draw: Random) -> tuple[Query, tuple[Leg, ...]]:
    if draw.random() < 0.15:
        legs = (Leg(bench.conId(AAPL), draw.randint(0, 3), "BUY"), Leg(bench.conId(share("MSFT")), 1, "SELL"))
        return Query(symbol="AAPL", secType="BAG", exchange="SMART", currency="USD"), legs
    return draw.choice([AAPL, share("MSFT"), ES, EURUSD]), ()


@pytest.mark.parametrize("always_open", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_breaks_the_desk(seed: int, always_open: bool) -> None:
    print(f"seed={seed}")  # noqa: T201
    settings = WorldSettings(
        seed=seed, partial_share=0.5, status_first=0.3, always_open=always_open, hard_to_borrow=("MSFT",),
        locate_delay=1.0, active_orders=0,
    )  # fmt: skip
    bench, draw = Bench(settings), Random(seed)
    for _ in range(ORDERS):
        query, legs = goods(bench, draw)
        bench.place(
            draw.choice(["BUY", "SELL"]), Decimal(draw.choice(["0", "1", "10", "100", "0.5"])),
            draw.choice(sorted(ORDER_TYPES)), query, legs=legs, clientId=1, tif=draw.choice(["DAY", *sorted(TIFS)]),
            **attributes(bench, draw),
        )  # fmt: skip
        if draw.random() < 0.3:
            bench.cancel(draw.randint(1, bench.desk.next_id(1)))
        bench.now += draw.choice([0.1, 1.0, 30.0, 600.0])
        bench.keep(bench.world.advance(bench.now))
    bench.keep(bench.desk.cancel_all(bench.now))
    check(bench)


def check(bench: Bench) -> None:
    assert of(bench.events, Execution)
    reports = {report.execId for report in of(bench.events, Commission)}
    assert reports == {f.execId for f in of(bench.events, Execution) if f.contract.secType != "BAG"}
    over: dict[int, str] = {}
    for event in bench.events:
        if isinstance(event, OrderStatus):
            assert over.get(event.permId, event.status) == event.status or not event.permId
            assert event.filled >= 0 <= event.remaining
            if event.status in OVER:
                over[event.permId] = event.status
    for order in bench.desk._book._orders.values():
        assert order.filled <= order.total
