"""Historical ticks: counted forwards and backwards, whole seconds, one session; and the pacing of history."""

from __future__ import annotations

from itertools import pairwise
from math import floor

import pytest
from domain_world import EURUSD, MONDAY_NOON, Bench

from ibmux.sim.calendar import hours
from ibmux.sim.prices import pasts
from ibmux.sim.prices.gradual import outcome
from ibmux.sim.prices.history_limits import HistoryLimits
from ibmux.sim.prices.tape import QuoteTick

BENCH = Bench()
SOURCES = ("TRADES", "BID_ASK", "MIDPOINT")
START = MONDAY_NOON - 3600
SESSION = pasts.session_before("US", START, True)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("count", [1, 7, 250, 1000])
def test_ticks_forwards_are_those_of_the_tape(source: str, count: int) -> None:
    tape = BENCH.quote().tape
    found = outcome(pasts.after(tape, source, START, count, SESSION, ignoreSize=False))
    assert len(found) >= count
    last = floor(found[-1].time)
    assert floor(found[count - 1].time) == last
    assert found == list(pasts.read(tape, source, START, last + 1, False))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("count", [1, 7, 250, 1000])
def test_ticks_backwards_are_those_of_the_tape(source: str, count: int) -> None:
    tape = BENCH.quote().tape
    found = outcome(pasts.before(tape, source, START, count, SESSION, ignoreSize=False))
    assert len(found) >= count
    first = floor(found[0].time)
    assert floor(found[-count].time) == first
    assert found == list(pasts.read(tape, source, first, START, False))


def test_pages_fit_together() -> None:
    """Who asks on from the second after the last tick misses nothing and gets nothing twice."""
    tape = BENCH.quote().tape
    at, pages = START, []
    for _ in range(5):
        page = outcome(pasts.after(tape, "TRADES", at, 100, SESSION, ignoreSize=False))
        pages += page
        at = floor(page[-1].time) + 1.0
    assert pages == tape.prints(START, at)


def test_quotes_without_sizes_change_their_prices() -> None:
    tape = BENCH.quote().tape
    found = outcome(pasts.after(tape, "BID_ASK", START, 300, SESSION, ignoreSize=True))
    quotes = [tick for tick in found if isinstance(tick, QuoteTick)]
    assert len(quotes) == len(found)
    prices = [(tick.bid, tick.ask) for tick in quotes]
    assert all(one != two for one, two in pairwise(prices))
    everything = tape.quotes(START, floor(found[-1].time) + 1.0)
    assert len(everything) > len(found)
    assert [prices[0], *prices] != [(tick.bid, tick.ask) for tick in everything]


def test_ticks_end_with_their_session() -> None:
    tape = BENCH.quote().tape
    session = hours.session("US", hours.local_date("US", MONDAY_NOON - 86_400 * 3), True)
    assert session is not None
    late = outcome(
        pasts.after(
            tape, "TRADES", session[1] - 5, 1000, pasts.session_after("US", session[1] - 5, True), ignoreSize=False
        )
    )
    assert late
    assert late[-1].time < session[1]
    weekend = session[1] + 86_400
    assert pasts.session_before("US", weekend, True) == session
    opening = pasts.session_after("US", weekend, True)
    assert opening[0] > weekend
    assert outcome(pasts.after(tape, "TRADES", weekend, 3, opening, ignoreSize=False))[0].time >= opening[0]


def test_rare_trades_are_found() -> None:
    rows = list(BENCH.world.universe.chain("AAPL").values())[4]
    tape = BENCH.world.market.tape(rows[40].contract.conId)
    session = pasts.session_before("US.OPT", MONDAY_NOON, True)
    found = outcome(pasts.before(tape, "TRADES", MONDAY_NOON, 20, session, ignoreSize=False))
    assert len(found) >= 20
    assert found[-1].time - found[0].time > 60


def test_currencies_answer_with_midpoints() -> None:
    details = BENCH.quote(EURUSD).details
    assert pasts.source_of(details, "TRADES") == "MIDPOINT"
    assert pasts.source_of(details, "bid_ask") == "BID_ASK"
    assert pasts.source_of(BENCH.quote().details, "aggtrades") == "TRADES"


@pytest.mark.parametrize(
    ("exchange", "secType", "number", "what", "cause"),
    [
        ("", "STK", 5, "TRADES", "Exchange"),
        ("SMART", "BAG", 5, "TRADES", "Combo"),
        ("SMART", "STK", 0, "TRADES", "Number of ticks"),
        ("SMART", "STK", 5, " ", "must not be empty"),
        ("SMART", "STK", 5, "BID", "Invalid source"),
    ],
)
def test_refused_requests_for_ticks(exchange: str, secType: str, number: int, what: str, cause: str) -> None:
    refusal = pasts.refuse(exchange, secType, number, what)
    assert refusal is not None
    assert refusal.code == 321
    assert cause in refusal.text


def test_a_sound_request_is_not_refused() -> None:
    assert pasts.refuse("SMART", "STK", 5, "trades") is None


def test_identical_requests_need_fifteen_seconds() -> None:
    limits = HistoryLimits()
    assert limits.admit("one", "AAPL", 0.0)
    assert not limits.admit("one", "AAPL", 14.9)
    assert limits.admit("one", "AAPL", 15.0)


def test_the_sixth_request_of_a_contract_within_two_seconds() -> None:
    limits = HistoryLimits()
    assert [limits.admit(number, "AAPL", number * 0.1) for number in range(6)] == [True] * 5 + [False]
    assert limits.admit("other", "MSFT", 0.6)
    assert limits.admit("later", "AAPL", 2.0)


def test_sixty_requests_in_ten_minutes() -> None:
    limits = HistoryLimits()
    assert all(limits.admit(number, number, number * 0.5) for number in range(60))
    assert not limits.admit("more", "more", 599.0)
    assert limits.admit("more", "more", 600.0)


def test_bid_ask_counts_twice() -> None:
    limits = HistoryLimits()
    assert [limits.admit(number, "AAPL", 0.0, weight=2) for number in range(3)] == [True, True, False]
    other = HistoryLimits()
    assert [other.admit(number, number, 0.0, weight=2) for number in range(31)] == [True] * 30 + [False]


def test_refused_requests_do_not_count() -> None:
    limits = HistoryLimits()
    assert limits.admit("one", "AAPL", 0.0)
    for when in range(1, 15):
        assert not limits.admit("one", "AAPL", float(when))
    assert limits.admit("one", "AAPL", 15.1)
