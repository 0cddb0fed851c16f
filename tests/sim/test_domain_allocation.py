"""An advisor's orders: shared among the accounts of a group, fill by fill."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from domain_world import AAPL, Bench, bought, errors, of, statuses

from ibmux.sim.events import Commission, Execution, OpenOrder
from ibmux.sim.orders.allocation import divide
from ibmux.sim.world import WorldSettings

FIRST, SECOND = "DU1000001", "DU1000002"


def advised(**more: Any) -> Bench:
    return Bench(WorldSettings(**{"advisor": True, "partial_share": 0.0, "status_first": 0.0} | more))


def test_a_group_order_is_executed_in_every_account() -> None:
    bench = advised()
    before = {account.name: account.ledger.position(bench.conId(AAPL)) for account in bench.world.accounts}
    placed = bench.place("BUY", 101, "MKT", faGroup="Equals", faMethod="Equal")
    assert of(placed, OpenOrder)[0].order.account == bench.world.advisor.master
    events = bench.run(1)
    fills = of(events, Execution)
    assert {fill.account: fill.shares for fill in fills} in ({FIRST: 51, SECOND: 50}, {FIRST: 50, SECOND: 51})
    assert statuses(events, 1)[-1] == "Filled"
    assert len(of(events, Commission)) == 2
    for fill in fills:
        account = bench.world.accounts[fill.account]
        assert account.ledger.position(bench.conId(AAPL)) - before[fill.account] == fill.shares


def test_shares_follow_what_accounts_are_worth_over_many_fills() -> None:
    bench = advised(partial_share=1.0)
    bench.place("BUY", 1000, "MKT", faGroup="Everybody", faMethod="NetLiq")
    fills = of(bench.run(3), Execution)
    worth = {account.name: float(account.figures().netLiquidation) for account in bench.world.accounts}
    got = {name: sum(fill.shares for fill in fills if fill.account == name) for name in worth}
    assert sum(got.values()) == 1000
    assert float(got[FIRST]) == pytest.approx(1000 * worth[FIRST] / sum(worth.values()), abs=5)


def test_an_advisor_has_to_say_for_whom() -> None:
    bench = advised()
    assert errors(bench.place("BUY", 1, "MKT")) == [436]
    assert errors(bench.place("BUY", 1, "MKT", account=bench.world.advisor.master)) == [436]
    assert errors(bench.place("BUY", 1, "MKT", faGroup="Nobody")) == [321]
    assert errors(bench.place("BUY", 1, "MKT", faGroup="Equals", faMethod="Fairly")) == [321]
    assert errors(bench.place("BUY", 1, "MKT", account=SECOND)) == []
    assert bought(bench.run(1)) == 1
    assert errors(Bench().place("BUY", 1, "MKT", faGroup="Equals")) == [321]


def test_parts_always_add_up() -> None:
    draw = Random(7)
    for _ in range(500):
        shares = tuple((f"a{n}", Decimal(draw.randint(1, 1000))) for n in range(draw.randint(1, 5)))
        done = [Decimal(draw.randint(0, 50)) for _ in shares]
        quantity = Decimal(draw.randint(1, 300))
        parts = divide(quantity, shares, Decimal(1), done)
        assert sum(parts) == quantity
        assert all(part >= 0 and part % 1 == 0 for part in parts)
