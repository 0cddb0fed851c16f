"""A line against ib_async's own ticker: the same messages, the same attributes, the same ticks."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import ib_async as ib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.ticker import Ticker
from ib_async.wrapper import GENERIC_TICK_MAP, GREEKS_TICK_MAP, PRICE_TICK_MAP, SIZE_TICK_MAP

from ibmux.client import ticks as client_ticks
from ibmux.messages.contracts import Contract
from ibmux.session.ticks import Line

PRICED = [1, 2, 4, 66, 67, 68, *PRICE_TICK_MAP]
SIZED = [0, 3, 5, 69, 70, 71, *SIZE_TICK_MAP]
prices = st.sampled_from([-1.0, 0.0, 1.5, 100.25, 101.0])
sizes = st.sampled_from([0.0, 1.0, 100.0, 250.0])
TEXTS = {
    32: ["Q", "NQ"],
    33: ["Z"],
    84: ["V"],
    45: ["0", "1700000000"],
    48: ["701.28;1;1348075471534;67854;701.46;true", ";0;1348075476533;67854;701.46;true"],
    77: ["5.5;2;1348075471534;100;5.25;false"],
}
messages = st.one_of(
    st.tuples(st.just("price"), st.sampled_from(PRICED), prices, sizes),
    st.tuples(st.just("size"), st.sampled_from(SIZED), sizes),
    st.tuples(st.just("generic"), st.sampled_from(sorted(GENERIC_TICK_MAP)), st.sampled_from([-1.0, 0.0, 0.5, 3.0])),
    st.sampled_from([("text", kind, value) for kind, values in TEXTS.items() for value in values]),
)


def reference(sequence: list[tuple[Any, ...]]) -> Ticker:
    """What ib_async makes of the messages."""
    wrapper = ib.IB().wrapper
    ticker: Ticker = wrapper.startTicker(7, ib.Contract(conId=1), "mktData")
    for name, *values in sequence:
        method = {
            "price": wrapper.priceSizeTick,
            "size": wrapper.tickSize,
            "generic": wrapper.tickGeneric,
            "text": wrapper.tickString,
        }[name]
        method(7, *values)
    return ticker


def line_of(sequence: list[tuple[Any, ...]]) -> Line:
    """What a line makes of them."""
    line = Line(Contract(conId=1))
    for name, *values in sequence:
        getattr(line, name)(*values)
    return line


def plain(value: Any) -> Any:
    return value.timestamp() if hasattr(value, "timestamp") else value


@settings(max_examples=300, deadline=None)
@given(st.lists(messages, max_size=25))
def test_quote_and_ticks_are_ib_asyncs(sequence: list[tuple[Any, ...]]) -> None:
    ticker, line = reference(sequence), line_of(sequence)
    for name, value in line.fields.items():
        assert plain(getattr(ticker, name)) == pytest.approx(value), name
    for name, value in dataclasses.asdict(ticker).items():
        unknown = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
        if (
            isinstance(value, int | float)
            and not unknown
            and name not in ("marketDataType", "snapshotPermissions", "created")
        ):
            assert name in line.fields, name
    assert [repr(tuple(map(float, each))) for each in line.ticks] == [
        repr((float(tick.tickType), float(tick.price), float(tick.size))) for tick in ticker.ticks
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(messages, max_size=25))
def test_a_script_that_applies_the_ticks_sees_the_same_quote(sequence: list[tuple[Any, ...]]) -> None:
    line = line_of(sequence)
    ticks, changed = line.take()
    seen: dict[str, Any] = {}
    client_ticks.apply(seen, ticks)
    seen |= changed
    for name in ("bid", "bidSize", "ask", "askSize", "high", "low", "close", "open", "volume", "bidExchange", "vwap"):
        if line.fields.get(name):
            assert seen.get(name) == line.fields[name], name
    assert line.take() == ([], {})


@given(st.sampled_from(sorted(GREEKS_TICK_MAP)))
def test_greeks_are_plain_and_what_was_not_computed_is_none(kind: int) -> None:
    line = Line(Contract(conId=1))
    line.greeks(kind, 0, (0.25, -2.0, -1.0, 0.5, 0.01, -2.0, -0.02, 100.0))
    assert line.fields[GREEKS_TICK_MAP[kind]] == {
        "tickAttrib": 0, "impliedVol": 0.25, "delta": None, "optPrice": None, "pvDividend": 0.5, "gamma": 0.01,
        "vega": None, "theta": -0.02, "undPrice": 100.0,
    }  # fmt: skip
    assert line.take() == ([], {GREEKS_TICK_MAP[kind]: line.fields[GREEKS_TICK_MAP[kind]]})


def test_texts_that_ib_packs_are_unpacked() -> None:
    line = Line(Contract(conId=1))
    line.text(59, "0.83,0.92,20130219,0.23")
    line.text(47, "TTMNPMGN=16.1298;NLOW=80.6;PEEXCLXOR=-99999.99;CURRENCY=USD")
    assert line.fields["dividends"] == {
        "past12Months": 0.83, "next12Months": 0.92, "nextDate": "2013-02-19", "nextAmount": 0.23,
    }  # fmt: skip
    ratios = line.fields["fundamentalRatios"]
    assert (ratios["TTMNPMGN"], ratios["CURRENCY"]) == (16.1298, "USD")
    assert math.isnan(ratios["PEEXCLXOR"])
    line.efp(38, {"basisPoints": 1.0})
    assert line.fields["bidEfp"] == {"basisPoints": 1.0}


def test_types_that_nobody_knows_change_nothing() -> None:
    line = Line(Contract(conId=1))
    line.price(9999, 1.0, 1.0)
    line.size(9999, 1.0)
    line.generic(9999, 1.0)
    line.text(9999, "x")
    line.greeks(9999, 0, (1.0,) * 8)
    line.efp(9999, {})
    assert (line.fields, line.take()) == ({}, ([], {}))
