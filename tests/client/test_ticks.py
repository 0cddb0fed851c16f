"""The table of tick types against ib_async's own handling, and a ticker's attributes."""

from __future__ import annotations

import math
import os
import random

import ib_async
import pytest
from ib_async import wrapper

from ibmux.client import ticks
from ibmux.client.ticker import Ticker


def test_the_table_names_what_ib_async_names() -> None:
    assert ticks.SIZES == wrapper.SIZE_TICK_MAP
    assert ticks.PRICES == {**wrapper.PRICE_TICK_MAP, **wrapper.GENERIC_TICK_MAP}


def test_every_attribute_of_ib_asyncs_ticker_that_quotes_fill_is_there() -> None:
    ours, foreign = Ticker(None), ib_async.Ticker()
    depth = {"tickByTicks", "domBids", "domBidsDict", "domAsks", "domAsksDict", "domTicks"}
    for name, value in vars(foreign).items():
        if name in depth | {"defaults", "created", "updateEvent"}:
            continue
        mine = getattr(ours, name)
        assert mine == value or (math.isnan(mine) and math.isnan(value)), name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ours.nonsense


def test_random_ticks_leave_the_same_quote_as_in_ib_async() -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    chance = random.Random(seed)
    foreign = ib_async.wrapper.Wrapper(ib_async.IB())
    theirs = foreign.startTicker(1, ib_async.Contract(conId=1), "mktData")
    ours = Ticker(None)
    kinds = [1, 2, 4, 66, 67, 68, 0, 3, 69, 70, 5, 71, *ticks.PRICES, *ticks.SIZES]
    for _ in range(3000):
        kind, price, size = chance.choice(kinds), chance.uniform(1, 100), float(chance.randrange(0, 5))
        if kind in ticks.PRICED:
            size += 1
            foreign.priceSizeTick(1, kind, price, size)
        elif kind in wrapper.PRICE_TICK_MAP:
            foreign.priceSizeTick(1, kind, price, size)
        elif kind in wrapper.GENERIC_TICK_MAP:
            foreign.tickGeneric(1, kind, price)
        else:
            if kind in (5, 71) and math.isnan(theirs.last):
                continue
            foreign.tickSize(1, kind, size)
        ours.lay([(kind, price, size)], {})
        for name in (
            *ticks.PRICES.values(),
            *ticks.SIZES.values(),
            "bid",
            "bidSize",
            "ask",
            "askSize",
            "last",
            "lastSize",
        ):
            mine, its = getattr(ours, name), getattr(theirs, name)
            assert mine == its or (math.isnan(mine) and math.isnan(its)), (seed, name, kind)
