"""Every field of an order, its contract and its conditions goes through ibmux as ib_async itself would send it, placed,
changed and as a what-if; and what the gateway shows of it comes back to the script as ib_async reads it.

`IBMUX_EXAMPLES=500` (of each type) is a long form, `IBMUX_SEED` another draw.
"""

from __future__ import annotations

import asyncio
import os
import random

import ib_async
import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from order_fields import (
    CONDITIONS,
    KINDS,
    NUMBERS,
    Maker,
    completions,
    contracts,
    names_of,
    orders,
    wire_names,
)
from order_ways import FIGURES, MARGINS, Drawn, Ways, figures, margins, two_ways

from ibmux.tws.orders import PLACE_ORDER

SEED = int(os.environ.get("IBMUX_SEED", "20260221"))
EXAMPLES = int(os.environ.get("IBMUX_EXAMPLES", "10"))
UNSHOWN = frozenset(
    {
        "activeStartTime", "activeStopTime", "algoId", "orderMiscOptions", "overridePercentageConstraints",
        "scaleTable", "extOperator", "mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader",
        "mifid2ExecutionAlgo", "advancedErrorOverride", "manualOrderTime", "transmit", "whatIf", "basisPoints",
        "basisPointsType",
    }
)  # fmt: skip
"""What a gateway never shows again in its text messages, or (`basisPoints`) what is its own and no client sends."""


def test_every_field_travels_as_ib_async_sends_it_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"IBMUX_SEED={SEED}")  # noqa: T201 - repeats a run
    with asyncio.Runner() as runner:
        stage = two_ways(monkeypatch)
        ways = runner.run(stage.__aenter__())
        try:
            for kind in KINDS:  # each type brings fields of its own to the wire
                compare_drawn(runner, ways, kind)
            runner.run(compare_full(ways))
        finally:
            runner.run(stage.__aexit__(None, None, None))
    everything_was_varied(ways)


def compare_drawn(runner: asyncio.Runner, ways: Ways, kind: str) -> None:
    """Some orders of one type."""

    @seed(SEED)
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(st.builds(Drawn, contracts, orders((kind,)), orders(), figures, margins, completions, st.booleans()))
    def compare(drawn: Drawn) -> None:
        runner.run(ways.compare(drawn))

    compare()


async def compare_full(ways: Ways) -> None:
    """Orders of each type with something in every field, in contracts of each kind."""
    maker = Maker(random.Random(SEED))
    plain, margin = {"whyHeld": "", **dict.fromkeys(FIGURES, 0.0)}, dict.fromkeys(MARGINS, 0.5)
    for number, kind in enumerate((*KINDS, *KINDS)):
        contract = maker.contract(("BAG", "STK", "OPT")[number % 3], ("IBKRATS", "SMART")[number % 2])
        order, change = maker.order(kind), maker.order(kind)
        flags = dict.fromkeys(("imbalanceOnly", "routeMarketableToBbo"), number % 2 == 0)
        words = {name: f"{name} {number}" for name in ("autoCancelDate", "shareholder")}
        order.transmit = number % 2 == 0
        counts = dict.fromkeys(("filledQuantity", "parentPermId", "refFuturesConId"), number + 1)
        ended = {"status": "Cancelled", **flags, **words, **counts}
        await ways.compare(Drawn(contract, order, change, plain, margin, ended, number % 2 == 1))


def everything_was_varied(ways: Ways) -> None:
    """No field was compared only at one value: not in what scripts gave, not on the wire, not in what came back."""
    assert not ways.objects.constant(names_of(ib_async.Order, but=NUMBERS | {"parentId", "whatIf"}))
    for kind in (ib_async.Contract, ib_async.ComboLeg, ib_async.DeltaNeutralContract, ib_async.SoftDollarTier):
        assert not ways.objects.constant(names_of(kind))
    for condition in CONDITIONS:
        assert not ways.objects.constant(names_of(condition, but=frozenset({"condType"})))
    assert not ways.sent.constant(wire_names(PLACE_ORDER))
    assert ways.back.constant(names_of(ib_async.Order, but=NUMBERS | {"parentId"})) == {
        f"Order.{name}" for name in UNSHOWN
    }
