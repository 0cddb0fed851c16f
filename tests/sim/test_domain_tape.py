"""The tape: ticks, bars of every size, live quotes, depth and options tell one story, for every type of contract."""

from __future__ import annotations

from itertools import pairwise
from math import floor

import pytest
from domain_world import AAPL, ES, EURUSD, MONDAY_NOON, Bench, of, share
from hypothesis import given, settings
from hypothesis import strategies as st

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import Execution
from ibmux.sim.prices.market import Market
from ibmux.sim.prices.quote import ASK, BID, HIGH, LAST, LOW, VOLUME, Quote
from ibmux.sim.prices.tape import Bar, Tape

DAY = 86_400
KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")
BENCH = Bench()
INDEX = Query(symbol="SPX", secType="IND", exchange="CBOE", currency="USD")


def an_option(right: str, nth: int = 40) -> Query:
    rows = list(BENCH.world.universe.chain("AAPL").values())[4]
    chosen = [row for row in rows if row.contract.right == right]
    return Query.of(min(chosen, key=lambda row: abs(row.contract.strike - BENCH.quote().last - nth + 40)).contract)


def queries() -> list[Query]:
    """One contract of every security type that the universe lists, and some more."""
    by_type = {details.contract.secType: details for details in BENCH.world.universe.listed()}
    wanted = [AAPL, EURUSD, ES, INDEX, share("SPY"), an_option("C"), an_option("P")]
    return wanted + [Query.of(details.contract) for details in by_type.values()]


TAPES = [BENCH.world.market.tape(BENCH.conId(query)) for query in queries()]
tapes = st.sampled_from(TAPES)
starts = st.integers(int(MONDAY_NOON) - 5 * DAY, int(MONDAY_NOON) - DAY)
lengths = st.sampled_from([1, 2, 5, 59, 60, 61, 300, 900, 3600, 7200, 40_000])


def figures(bar: Bar) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, round(bar.volume, 5), bar.count


def joined(bars: list[Bar], traded: bool) -> tuple[float, ...]:
    volume = round(sum(bar.volume for bar in bars), 5) if traded else -1.0
    count = sum(bar.count for bar in bars) if traded else -1
    high, low = max(bar.high for bar in bars), min(bar.low for bar in bars)
    return bars[0].open, high, low, bars[-1].close, volume, count


@settings(max_examples=120, deadline=None, print_blob=True)
@given(tape=tapes, start=starts, length=lengths, kind=st.sampled_from(KINDS), data=st.data())
def test_longer_bars_are_the_aggregate_of_any_shorter_ones(
    tape: Tape, start: int, length: int, kind: str, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(start, start + length), max_size=6))
    edges = sorted({start, start + length, *cuts})
    parts = [tape.bar(left, right, kind) for left, right in pairwise(edges)]
    assert figures(tape.bar(start, start + length, kind)) == joined(parts, kind == "TRADES")


@settings(max_examples=120, deadline=None, print_blob=True)
@given(tape=tapes, start=starts, length=st.sampled_from([1, 2, 20]))
def test_ticks_agree_with_bars(tape: Tape, start: int, length: int) -> None:
    end = start + length
    bar, trades = tape.bar(start, end, "TRADES"), tape.trades(start, end)
    assert bar.count == len(trades)
    assert bar.volume == pytest.approx(sum(tick.size for tick in trades))
    assert all(start <= tick.time < end and bar.low <= tick.price <= bar.high and tick.size > 0 for tick in trades)
    assert [tick.time for tick in trades] == sorted(tick.time for tick in trades)
    if tape.ladder.bookless:
        assert tape.quotes(start, end) == []
        return
    quotes, bid, ask = tape.quotes(start, end), tape.bar(start, end, "BID"), tape.bar(start, end, "ASK")
    bids, asks = [tick.bid for tick in quotes], [tick.ask for tick in quotes]
    assert (bids[0], max(bids), min(bids), bids[-1]) == figures(bid)[:4]
    assert (asks[0], max(asks), min(asks), asks[-1]) == figures(ask)[:4]
    assert all(tick.bid < tick.ask for tick in quotes)
    middle = tape.bar(start, end, "MIDPOINT")
    seen = [middle.open, *(tick.price for tick in tape.mids(start, end))]
    assert (max(seen), min(seen)) == (middle.high, middle.low)


@settings(max_examples=120, deadline=None, print_blob=True)
@given(tape=tapes, start=starts)
def test_a_second_with_trades_prints_its_whole_bar(tape: Tape, start: int) -> None:
    bar, trades = tape.bar(start, start + 1, "TRADES"), tape.trades(start, start + 1)
    assert len(trades) != 1 or not trades
    if trades:
        prices = [tick.price for tick in trades]
        assert (prices[0], max(prices), min(prices), prices[-1]) == figures(bar)[:4]


@settings(max_examples=100, deadline=None, print_blob=True)
@given(tape=tapes, start=starts, offset=st.floats(0, 1, exclude_max=True))
def test_whatever_trades_at_bid_or_ask_lies_in_its_bar(tape: Tape, start: int, offset: float) -> None:
    if tape.ladder.bookless:
        return
    middle = tape.at(start + offset)
    bar = tape.bar(start, start + 1, "TRADES")
    assert bar.low <= tape.ladder.sold(middle) <= tape.ladder.bought(middle) <= bar.high
    assert tape.ladder.bid(middle) < tape.ladder.ask(middle)
    assert tape.mid(start + offset) == pytest.approx((tape.ladder.bid(middle) + tape.ladder.ask(middle)) / 2)


@settings(max_examples=60, deadline=None, print_blob=True)
@given(tape=tapes, start=starts, span=st.floats(0.01, 30))
def test_an_unfinished_bar_is_what_was_seen_so_far(tape: Tape, start: int, span: float) -> None:
    now = start + span
    whole, part = tape.bar(start, start + floor(span) + 1, "TRADES"), tape.bar(start, now, "TRADES")
    assert part.open == whole.open
    assert whole.low <= part.low <= part.close <= part.high <= whole.high
    seen = tape.trades(start, now)
    assert part.volume == pytest.approx(sum(tick.size for tick in seen))
    assert part.count == len(seen)
    assert not seen or seen[-1].time < floor(now) or part.close == seen[-1].price


def test_equal_seeds_give_equal_tapes_in_any_order() -> None:
    first, second = Bench().quote().tape, Bench().quote().tape
    spans = [(int(MONDAY_NOON) - back, int(MONDAY_NOON) - back + 500) for back in (100_000, 5_000, 700, 200_000)]
    one = {span: first.bar(*span, "TRADES") for span in spans}
    two = {span: second.bar(*span, "TRADES") for span in reversed(spans)}
    assert one == two
    assert first.trades(*spans[0]) == second.trades(*spans[0])


def test_followers_move_together() -> None:
    """A fund, a future and the index that both follow have one course."""
    index, fund = (BENCH.quote(query).tape for query in (INDEX, share("SPY")))
    moves = [tape.at(MONDAY_NOON) / tape.at(MONDAY_NOON - 3600) for tape in (index, fund, BENCH.quote(ES).tape)]
    assert moves == pytest.approx([moves[0]] * 3)


def test_days_have_sound_ranges() -> None:
    """A day's range is about what its volatility says, and its prices move all through it."""
    tape = BENCH.quote().tape
    volatility = tape.details.volatility
    days = [
        tape.bar(start, start + DAY, "MIDPOINT") for start in range(int(MONDAY_NOON) - 200 * DAY, int(MONDAY_NOON), DAY)
    ]
    ranges = [(day.high - day.low) / day.open for day in days]
    assert 0.7 < sum(ranges) / len(ranges) / (volatility * (1 / 365) ** 0.5 * 1.6) < 1.4
    minutes = [
        tape.bar(start, start + 60, "MIDPOINT") for start in range(int(MONDAY_NOON) - 7200, int(MONDAY_NOON), 60)
    ]
    assert len({bar.close for bar in minutes}) > 60
    assert all(bar.high > bar.low for bar in minutes)


def follow(quote: Quote, bench: Bench, seconds: float, step: float) -> dict[int, list[float]]:
    """Step a quote through time; what a subscriber saw of each tick type."""
    seen: dict[int, list[float]] = {}
    for kind, price, size in quote.snapshot():
        seen.setdefault(kind, []).append(size if kind == VOLUME else price)
    until = bench.now + seconds
    while bench.now < until - 1e-9:
        bench.now = min(until, bench.now + step)
        for kind, price, size in quote.step():
            seen.setdefault(kind, []).append(size if kind == VOLUME else price)
    return seen


@pytest.mark.parametrize("step", [0.0005, 0.05, 0.3, 2.5])
@pytest.mark.parametrize("query", [AAPL, ES, EURUSD, INDEX], ids=lambda query: query.symbol)
def test_a_subscriber_sees_what_the_bars_tell(query: Query, step: float) -> None:
    bench = Bench()
    quote = bench.quote(query)
    start = bench.now
    seen = follow(quote, bench, 20.0 if step < 1 else 600.0, step)
    tape, now = quote.tape, bench.now
    bar = tape.bar(start, floor(now) + 1, "TRADES")
    assert bar.low <= min(seen.get(LAST, [])[1:], default=bar.low)
    assert bar.high >= max(seen.get(LAST, [])[1:], default=bar.high)
    day = hours.session(quote.details.venue, hours.local_date(quote.details.venue, now))
    assert day is not None
    today = tape.bar(day[0], now, "TRADES")
    assert (seen[HIGH][-1], seen[LOW][-1]) == (quote.high, quote.low)
    if tape.activity.trades:
        assert quote.volume == seen[VOLUME][-1] == pytest.approx(today.volume, abs=max(200.0, 1e-4 * today.volume))
        assert seen[VOLUME] == sorted(seen[VOLUME])
    if not quote.isIndex:
        bids, asks = tape.bar(start, floor(now) + 1, "BID"), tape.bar(start, floor(now) + 1, "ASK")
        assert bids.low <= min(seen[BID]) <= max(seen[BID]) <= bids.high
        assert asks.low <= min(seen[ASK]) <= max(seen[ASK]) <= asks.high
        assert quote.mid == pytest.approx(tape.mid(now))
    # Once the second has ended, range and volume of the day are those of its bar exactly.
    bench.now = floor(now) + 1.0
    quote.step()
    full = tape.bar(day[0], bench.now, "TRADES")
    if tape.activity.trades or quote.isIndex:
        assert (quote.open, quote.high, quote.low) == (full.open, full.high, full.low)
    if tape.activity.trades:
        printed = sum(tick.size for tick in tape.trades(bench.now, bench.now + 1) if tick.time <= bench.now)
        assert quote.volume == pytest.approx(full.volume + printed, abs=1e-6)


def test_late_quotes_catch_up_exactly() -> None:
    """A quote that nobody looked at for minutes is where one is that was stepped all the time."""
    one, two = Bench(), Bench()
    often, seldom = one.quote(), two.quote()
    follow(often, one, 400.0, 0.25)
    two.now = one.now
    seldom.step()
    for name in ("bid", "ask", "last", "high", "low", "open", "close", "volume", "lastSize"):
        assert getattr(often, name) == getattr(seldom, name), name


def test_the_market_looks_at_quotes_when_they_are_asked_for() -> None:
    bench = Bench()
    before = bench.quote()
    known = {kind: price for kind, price, _ in before.snapshot()}
    bench.now += 300
    assert bench.quote().mid == pytest.approx(before.tape.mid(bench.now))
    known |= {kind: price for kind, price, _ in before.step()}
    assert (known[BID], known[ASK]) == (before.bid, before.ask)


@pytest.mark.parametrize(
    "query", [AAPL, ES, EURUSD, share("SPY"), None], ids=["share", "future", "pair", "fund", "option"]
)
def test_fills_lie_within_the_bar_of_their_second(query: Query | None) -> None:
    bench = Bench()
    asked = query or an_option("C")
    tape = bench.world.market.tape(bench.conId(asked))
    for number in range(40):
        bench.run(0.37 + number * 0.11, move=False)
        bench.place("BUY" if number % 2 else "SELL", 25_000 if asked is EURUSD else 1, "MKT", asked)
        bench.run(0.2, move=number % 3 == 0)
    fills = of(bench.events, Execution)
    assert len(fills) == 40
    for fill in fills:
        bar = tape.bar(floor(fill.time), floor(fill.time) + 1, "TRADES")
        assert bar.low <= fill.price <= bar.high
        assert fill.price in {tape.ladder.bid(tape.at(fill.time)), tape.ladder.ask(tape.at(fill.time))}


def test_what_midnight_changes_is_told() -> None:
    """The world's new day moves no quote behind its subscribers' backs."""
    bench = Bench(now=MONDAY_NOON + 12 * 3600 - 2)
    quote = bench.quote()
    known = {kind: price for kind, price, _ in quote.snapshot()}
    for _ in range(8):
        bench.now += 0.5
        bench.world.advance(bench.now)
        known |= {kind: price for kind, price, _ in quote.step()}
        assert (known[BID], known[ASK], known[LAST]) == (quote.bid, quote.ask, quote.last)


def test_quotes_exist_at_any_hour() -> None:
    for offset in range(0, 7 * DAY, 3 * 3600 + 17):
        bench = Bench(now=MONDAY_NOON + offset)
        for query in (AAPL, EURUSD, ES, INDEX):
            quote = bench.quote(query)
            assert quote.low <= quote.last <= quote.high
            assert quote.isIndex or 0 < quote.bid < quote.ask
            bench.now += 5
            assert quote.step()
            bench.now -= 5


def test_a_new_session_begins_the_day_anew() -> None:
    bench = Bench(now=MONDAY_NOON + 15 * 3600)  # 03:00 in New York, an hour before the session begins
    quote = bench.quote()
    yesterday = (quote.open, quote.volume)
    bench.now += 3600 + 5
    kinds = {kind for kind, *_ in quote.step()}
    assert {HIGH, LOW, VOLUME, BID, ASK} <= kinds
    assert (quote.open, quote.volume) != yesterday
    assert quote.volume < 10_000
    regular = hours.previous_session("US", bench.now)
    assert quote.close == quote.tape.bar(regular[0], regular[1], "TRADES").close


def test_where_hours_are_kept_quotes_stand_still_while_closed() -> None:
    world = Bench().world
    now = [MONDAY_NOON + 9 * 3600]  # 21:00 in New York
    market = Market(world.universe, lambda: now[0], always_open=False)
    quote = market.quote(BENCH.conId(AAPL))
    end = hours.session("US", hours.local_date("US", MONDAY_NOON))
    assert end is not None
    last = quote.tape.quotes(end[1] - 1, end[1])[-1]
    for _ in range(20):
        now[0] += 600
        quote.step()
        assert (quote.bid, quote.ask) == (last.bid, last.ask)
    now[0] = MONDAY_NOON + 17 * 3600
    quote.step()
    assert quote.mid == pytest.approx(quote.tape.mid(now[0]))


@pytest.mark.parametrize("smart", [True, False])
def test_the_book_stands_around_the_quote(smart: bool) -> None:
    bench = Bench()
    for query in (AAPL, ES, EURUSD, an_option("C")):
        bids, asks = bench.world.market.depth(bench.conId(query), 10, smart)
        quote = bench.quote(query)
        assert (bids[0].price, asks[0].price) == (quote.bid, quote.ask)
        assert sum(level.size for level in bids if level.price == quote.bid) == pytest.approx(quote.bidSize)
        assert sum(level.size for level in asks if level.price == quote.ask) == pytest.approx(quote.askSize)
        assert len(asks) == 10
        assert len(bids) == 10 or bids[-1].price < 0.2
        assert [level.price for level in bids] == sorted((level.price for level in bids), reverse=True)
        assert [level.price for level in asks] == sorted(level.price for level in asks)
        assert all(level.size >= 0 for level in bids + asks)
        assert all(bool(level.marketMaker) == smart for level in bids + asks)
    assert bench.world.market.depth(bench.conId(INDEX), 5, smart) == ([], [])


def test_histogram_adds_up_to_the_volume() -> None:
    bench = Bench()
    rows = bench.world.market.histogram(bench.conId(AAPL), "2 days", True)
    assert [price for price, _ in rows] == sorted({price for price, _ in rows})
    start = MONDAY_NOON - 2 * DAY
    spans = [hours.session("US", hours.local_date("US", start + k * DAY), True) for k in range(3)]
    tape = bench.quote().tape
    volume = sum(
        tape.bar(max(start, span[0]), min(MONDAY_NOON, span[1]), "TRADES").volume
        for span in spans
        if span is not None and span[0] < MONDAY_NOON and span[1] > start
    )
    assert sum(size for _, size in rows) == pytest.approx(volume)
    for bad in ("", "3 parsecs", "0 days", "days"):
        with pytest.raises(ValueError, match="Invalid time period"):
            bench.world.market.histogram(bench.conId(AAPL), bad, True)
