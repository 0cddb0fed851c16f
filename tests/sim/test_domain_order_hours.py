"""Orders where exchanges keep their hours: regular hours, auctions, cut-offs, half days, dates, the end of the day."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from domain_world import AAPL, ES, Bench, bought, errors, of, share, statuses

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Execution, OrderError
from ibmux.sim.world import WorldSettings

FAR_BELOW, FAR_ABOVE = 50.0, 1500.0
NEW_YORK = ZoneInfo("US/Eastern")
IBM = share("IBM")


def at(text: str) -> float:
    return datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=NEW_YORK).timestamp()


def keeping_hours(now: str, **more: Any) -> Bench:
    settings = WorldSettings(always_open=False, partial_share=0.0, status_first=0.0, **more)
    return Bench(settings, now=at(now))


def pass_until(bench: Bench, text: str) -> list[Any]:
    """Let time pass in whole seconds."""
    events: list[Any] = []
    while bench.now < at(text):
        bench.now += 1.0
        events += bench.world.advance(bench.now)
    return bench.keep(events)


@pytest.mark.parametrize("orderType", ["MOC", "LOC"])
def test_orders_on_the_close_fill_at_the_close(orderType: str) -> None:
    bench = keeping_hours("20260608 15:40:00")
    bench.place("BUY", 10, orderType, lmtPrice=FAR_ABOVE if orderType == "LOC" else None)
    bench.place("SELL", 10, orderType, lmtPrice=1.0 if orderType == "LOC" else None)
    assert pass_until(bench, "20260608 15:59:59") == []
    fills = of(pass_until(bench, "20260608 16:00:01"), Execution)
    assert [fill.time for fill in fills] == [at("20260608 16:00:00")] * 2
    assert len({fill.price for fill in fills}) == 1, "an auction has one price"
    bar = bench.world.market.tape(bench.conId(AAPL)).bar(fills[0].time - 1, fills[0].time + 1, "TRADES")
    assert bar.low <= fills[0].price <= bar.high


@pytest.mark.parametrize(("query", "cutoff"), [(AAPL, "15:55"), (IBM, "15:50")])
def test_orders_on_the_close_have_a_cut_off(query: Query, cutoff: str) -> None:
    bench = keeping_hours(f"20260608 {cutoff[:-1]}{int(cutoff[-1]) - 1 if cutoff[-1] != '0' else 0}:00")
    bench.now = at(f"20260608 {cutoff}:00") - 1
    assert errors(bench.place("BUY", 10, "MOC", query)) == []
    bench.now += 1
    events = bench.place("BUY", 10, "MOC", query)
    assert errors(events) == [201]
    assert statuses(events, 2) == ["Inactive", "Inactive"]
    assert errors(bench.cancel(1)) == [161]
    assert bench.order(1).status == "Submitted"
    bench.now = at("20260608 16:30:00")
    assert errors(bench.place("BUY", 10, "MOC", query)) == []
    assert bench.order(3).auctionAt == at("20260609 16:00:00")


def test_a_half_day_closes_early() -> None:
    bench = keeping_hours("20261127 12:30:00")  # the day after Thanksgiving
    bench.place("BUY", 10, "MOC")
    assert of(pass_until(bench, "20261127 13:00:01"), Execution)[0].time == at("20261127 13:00:00")


@pytest.mark.parametrize("more", [{"orderType": "MKT", "tif": "OPG"}, {"orderType": "MOO"}])
def test_orders_for_the_opening_fill_at_the_opening(more: dict[str, Any]) -> None:
    bench = keeping_hours("20260608 09:28:00")
    events = bench.place("BUY", 10, **more)
    assert errors(events) == []
    bench.place("BUY", 10, "LMT", tif="OPG", lmtPrice=1.0)
    assert pass_until(bench, "20260608 09:29:59") == []
    events = pass_until(bench, "20260608 09:30:01")
    assert [fill.time for fill in of(events, Execution)] == [at("20260608 09:30:00")]
    assert statuses(events, 2)[-1] == "Cancelled", "what the opening does not fill is cancelled"
    bench.place("BUY", 10, **more)
    assert bench.order(3).auctionAt == at("20260609 09:30:00")


def test_regular_hours_only_unless_asked() -> None:
    bench = keeping_hours("20260608 08:00:00")
    assert errors(bench.place("BUY", 10, "LMT", lmtPrice=FAR_ABOVE)) == [399]
    assert errors(bench.place("BUY", 10, "LMT", lmtPrice=FAR_ABOVE, outsideRth=True)) == []
    held = bench.place("BUY", 10, "MKT", outsideRth=True)
    assert errors(held) == [2109, 399]
    assert of(held, OrderError)[1].text.endswith("2026-06-08 09:30:00 US/Eastern")
    assert [fill.orderId for fill in of(pass_until(bench, "20260608 08:00:05"), Execution)] == [2]
    assert {fill.orderId for fill in of(pass_until(bench, "20260608 09:30:05"), Execution)} == {1, 3}


def test_orders_for_the_day_lapse_at_the_close() -> None:
    bench = keeping_hours("20260608 15:59:00")
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, outsideRth=True)
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, tif="GTC")
    bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW, tif="DTC")
    events = pass_until(bench, "20260608 16:00:01")
    assert (statuses(events, 1)[-1], statuses(events, 4)[-1]) == ("Cancelled", "Inactive")
    assert statuses(events, 2) == statuses(events, 3) == []
    assert bench.order(2).expires == at("20260608 20:00:00")
    bench.now = at("20260609 04:30:00")
    bench.keep(bench.world.advance(bench.now))
    assert [order.orderId for order in bench.desk.open_orders(None)] == [3]


def test_an_order_of_the_evening_lives_through_the_next_day() -> None:
    bench = keeping_hours("20260608 21:00:00")
    assert errors(bench.place("BUY", 10, "LMT", lmtPrice=FAR_BELOW)) == [399]
    assert bench.order(1).expires == at("20260609 16:00:00")
    bench.now = at("20260609 10:00:00")
    bench.keep(bench.world.advance(bench.now))
    assert bench.order(1).status == "Submitted"


def test_good_after_waits_for_its_time() -> None:
    bench = keeping_hours("20260608 10:00:00")
    events = bench.place("BUY", 10, "MKT", goodAfterTime="20260608 10:01:00 US/Eastern")
    assert statuses(events, 1) == ["PreSubmitted"] * 2
    assert pass_until(bench, "20260608 10:00:59") == []
    assert bought(pass_until(bench, "20260608 10:01:03")) == 10


def test_conditions_wait_for_regular_hours_unless_told_not_to() -> None:
    from ibmux.sim.orders.conditions import TIME, Condition

    bench = keeping_hours("20260608 08:00:00")
    past = (Condition(TIME, isMore=True, time="20260608 07:00:00 US/Eastern"),)
    given: dict[str, Any] = {"lmtPrice": FAR_ABOVE, "outsideRth": True, "conditions": past}
    bench.place("BUY", 10, "LMT", **given)
    bench.place("BUY", 10, "LMT", **given, conditionsIgnoreRth=True)
    assert [fill.orderId for fill in of(pass_until(bench, "20260608 08:00:05"), Execution)] == [2]


def test_futures_trade_through_the_night() -> None:
    bench = keeping_hours("20260608 20:00:00")
    assert errors(bench.place("BUY", 1, "MKT", ES, outsideRth=True)) == []
    assert errors(bench.place("BUY", 1, "MKT", ES)) == [399]
    assert bought(pass_until(bench, "20260608 20:00:05")) == 1
