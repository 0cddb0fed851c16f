"""Historical ticks, histogram, schedule, earliest time and open requests over the wire, with both libraries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES

NOON = "20260608 12:00:00 US/Eastern"
AT_NOON = {"start": NOON}
START, END = "20260608 11:00:00 US/Eastern", "20260608 11:30:00 US/Eastern"


@pytest.fixture
async def noon(open_gateway: Opener) -> SimulatedGateway:
    """A gateway on a Monday at noon in New York."""
    return await open_gateway(**AT_NOON, messages_per_second=1000)


@pytest.fixture
async def at_noon(noon: SimulatedGateway, connect: Connector) -> Any:
    """The library, connected to it."""
    return await connect(noon)


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


@pytest.mark.parametrize("what", ["TRADES", "BID_ASK", "MIDPOINT"])
@pytest.mark.parametrize("reach", [(START, ""), ("", END), (START, END)])
async def test_historical_ticks(
    noon: SimulatedGateway, at_noon: Any, library: Any, what: str, reach: tuple[str, str]
) -> None:
    contract = await stock(at_noon, library)
    ticks = await at_noon.reqHistoricalTicksAsync(contract, *reach, 200, what, True)
    assert len(ticks) >= 200
    times = [tick.time for tick in ticks]
    assert times == sorted(times)
    first, last = times[0].timestamp(), times[-1].timestamp()
    tape = noon.world.market.tape(contract.conId)
    if what == "TRADES":
        own = [(tick.price, tick.size) for tick in tape.prints(first, last + 1)]
        assert [(tick.price, tick.size) for tick in ticks] == own
    elif what == "BID_ASK":
        quotes = [(tick.bid, tick.ask, tick.bidSize, tick.askSize) for tick in tape.quotes(first, last + 1)]
        assert [(tick.priceBid, tick.priceAsk, tick.sizeBid, tick.sizeAsk) for tick in ticks] == quotes
    else:
        assert [tick.price for tick in ticks] == [tick.price for tick in tape.mids(first, last + 1)]
    eleven = datetime(2026, 6, 8, 15, tzinfo=UTC).timestamp()
    assert (first - eleven < 2) if reach[0] else (eleven + 1800 - last < 2)


STREAMS = {"AllLast": ("TRADES", 98), "BidAsk": ("BID_ASK", 97), "MidPoint": ("MIDPOINT", 96)}


@pytest.mark.parametrize("kind", STREAMS)
async def test_historical_ticks_are_what_was_streamed(noon: SimulatedGateway, raw: RawOpener, kind: str) -> None:
    """Whole seconds of a tick-by-tick stream and of the past that is asked for afterwards are equal, field by field."""
    client = await raw(noon, 1)
    ask(client, "reqTickByTickData", tickType=kind, numberOfTicks=0)
    await until(lambda: len({message[3] for message in client.of(99)}) >= 4)
    streamed: dict[str, list[list[str]]] = {}
    for message in client.of(99):
        streamed.setdefault(message[3], []).append(message[4:])
    whole = sorted(streamed)[1:-1]
    what, number = STREAMS[kind]
    begin = f"{datetime.fromtimestamp(int(whole[0]), UTC):%Y%m%d-%H:%M:%S}"
    ask(client, "reqHistoricalTicks", reqId=8, startDateTime=begin, whatToShow=what, numberOfTicks=1000, useRth=False)
    [message] = await until(lambda: client.of(number))
    fields = {"AllLast": 6, "BidAsk": 6, "MidPoint": 4}[kind]
    rows = [message[start : start + fields] for start in range(3, len(message) - 1, fields)]
    past: dict[str, list[list[str]]] = {}
    for when, mask, *rest in rows:
        order = {"AllLast": [*rest[:2], mask, *rest[2:]], "BidAsk": [*rest, mask], "MidPoint": rest[:1]}[kind]
        past.setdefault(when, []).append(order)
    assert {second: past[second] for second in whole} == {second: streamed[second] for second in whole}


async def test_currency_trades_are_midpoints(at_noon: Any, library: Any) -> None:
    contract = library.Forex("EURUSD")
    await at_noon.qualifyContractsAsync(contract)
    ticks = await at_noon.reqHistoricalTicksAsync(contract, START, "", 20, "TRADES", False)
    assert {type(tick).__name__ for tick in ticks} == {"HistoricalTick"}


async def test_histogram(at_noon: Any, library: Any) -> None:
    rows = await at_noon.reqHistogramDataAsync(await stock(at_noon, library), True, "3 days")
    assert len(rows) > 50
    assert [row.price for row in rows] == sorted(row.price for row in rows)
    assert all(row.count > 0 for row in rows)


async def test_schedule(at_noon: Any, library: Any) -> None:
    found = await at_noon.reqHistoricalScheduleAsync(
        await stock(at_noon, library), 5, "20260608 20:00:00 US/Eastern", True
    )
    assert found.timeZone == "US/Eastern"
    assert len(found.sessions) == 5
    last = found.sessions[-1]
    assert (last.startDateTime, last.endDateTime, last.refDate) == (
        "20260608-09:30:00",
        "20260608-16:00:00",
        "20260608",
    )
    assert found.startDateTime == found.sessions[0].startDateTime


async def test_a_new_bar_begins_when_its_time_comes(open_gateway: Opener, connect: Connector, library: Any) -> None:
    """Kept up to date, finished bars are those of the tape, each complete; the one in progress comes last."""
    gateway = await open_gateway(**AT_NOON, speed=10.0, bar_interval=2.0)
    ib = await connect(gateway)
    contract = await stock(ib, library)
    bars = await ib.reqHistoricalDataAsync(
        contract, "", "3600 S", "5 secs", "TRADES", True, keepUpToDate=True, formatDate=2
    )
    first = len(bars)
    await until(lambda: len(bars) >= first + 4)
    ib.cancelHistoricalData(bars)
    tape = gateway.world.market.tape(contract.conId)
    for bar in bars[first - 2 : -1]:
        start = bar.date.timestamp()
        own = tape.bar(start, start + 5, "TRADES")
        assert (bar.open, bar.high, bar.low, bar.close) == (own.open, own.high, own.low, own.close)
        assert (bar.volume, bar.barCount) == (own.volume, own.count)
    dates = [bar.date.timestamp() for bar in bars[first - 1 :]]
    assert dates == [dates[0] + 5 * place for place in range(len(dates))]


def ask(client: Raw, name: str, **more: Any) -> None:
    values = {
        "reqId": 7, "conId": 265598, "exchange": "SMART", "numberOfTicks": 10, "whatToShow": "TRADES", "useRth": True,
        "useRTH": True, "timePeriod": "1 day", "formatDate": 1, "barSizeSetting": "5 secs", "durationStr": "600 S",
    }  # fmt: skip
    client.send(*REQUEST_NAMES[name].encode(values | more, client.version))


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("reqHistoricalTicks", {"startDateTime": "yesterday"}, 10314),
        ("reqHistoricalTicks", {"endDateTime": "tomorrow"}, 10314),
        ("reqHistoricalTicks", {"numberOfTicks": 0}, 321),
        ("reqHistoricalTicks", {"whatToShow": "BID"}, 321),
        ("reqHistoricalTicks", {"exchange": ""}, 321),
        ("reqHistoricalTicks", {"conId": 4711}, 200),
        ("reqHistogramData", {"timePeriod": "soon"}, 321),
        ("reqHistogramData", {"timePeriod": "9 years"}, 321),
        ("reqHistogramData", {"conId": 4711}, 200),
        ("reqHeadTimeStamp", {"conId": 4711}, 200),
        ("reqHeadTimeStamp", {"whatToShow": "MAGIC"}, 321),
    ],
)
async def test_refused(noon: SimulatedGateway, raw: RawOpener, name: str, more: dict[str, Any], code: int) -> None:
    client = await raw(noon, 1)
    ask(client, name, **more)
    await until(lambda: (7, code) in client.errors())


async def test_a_continuous_future_has_no_end_date(noon: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(noon, 1)
    future = {"conId": 0, "symbol": "ES", "secType": "CONTFUT", "exchange": "CME", "barSizeSetting": "1 hour"}
    ask(client, "reqHistoricalData", **future, durationStr="1 D", endDateTime="20260605 16:00:00 US/Eastern")
    await until(lambda: (7, 10339) in client.errors())
    ask(client, "reqHistoricalData", **future, durationStr="1 D")
    await until(lambda: client.of(17))


async def test_ticks_of_no_start_and_no_end_begin_with_the_data(noon: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(noon, 1)
    ask(client, "reqHistoricalTicks")
    [message] = await until(lambda: client.of(98))
    assert int(message[2]) >= 10
    assert int(message[3]) < datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    assert message[-1] == "1"


async def test_data_without_permission(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(**AT_NOON, subscriptions=("CASH",))
    client = await raw(gateway, 1)
    for number, (name, code) in enumerate(
        {
            "reqHistoricalTicks": 10187,
            "reqHistogramData": 10188,
            "reqHistoricalData": 162,
            "reqHeadTimeStamp": 162,
        }.items()
    ):
        ask(client, name, reqId=number)
        await until(lambda number=number, code=code: (number, code) in client.errors())


async def test_requests_are_open_until_they_are_answered(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(**AT_NOON, history_delay=30.0, messages_per_second=1000)
    one, two = await raw(gateway, 1), await raw(gateway, 2)
    ask(one, "reqHistoricalData")
    ask(one, "reqHistoricalData")
    await until(lambda: (7, 322) in one.errors())
    one.send(25, 1, 7)
    await until(lambda: (7, 162) in one.errors())
    one.send(25, 1, 7)
    await until(lambda: (7, 366) in one.errors())
    for number in range(100, 150):
        ask(one if number % 2 else two, ("reqHistoricalData", "reqHistoricalTicks")[number % 4 // 2], reqId=number)
    await until(lambda: len(gateway.clients[1].asked) + len(gateway.clients[2].asked) == 50)
    ask(two, "reqHistogramData", reqId=150)
    await until(lambda: (150, 322) in two.errors())
    await one.close()
    await until(lambda: 1 not in gateway.clients)
    ask(two, "reqHistogramData", reqId=150)
    await until(lambda: 150 in gateway.clients[2].asked)
    assert not two.of(89)


async def test_answers_come_after_their_delay(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(**AT_NOON, history_delay=0.05)
    client = await raw(gateway, 1)
    for name, number in (
        ("reqHistoricalData", 17),
        ("reqHistoricalTicks", 98),
        ("reqHistogramData", 89),
        ("reqHeadTimeStamp", 88),
    ):
        ask(client, name)
        await until(lambda number=number: client.of(number))
    ask(client, "cancelHeadTimeStamp")
    ask(client, "reqHistoricalData")
    await until(lambda: len(client.of(17)) == 2)


async def test_an_earliest_time_stays_open_until_it_is_cancelled(noon: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(noon, 1)
    for number in range(51):
        ask(client, "reqHeadTimeStamp", reqId=number)
    await until(lambda: (50, 322) in client.errors())
    assert len(client.of(88)) == 50
    ask(client, "cancelHeadTimeStamp", reqId=3)
    ask(client, "reqHeadTimeStamp", reqId=50)
    await until(lambda: len(client.of(88)) == 51)


async def test_pacing(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(**AT_NOON, history_pacing=True, messages_per_second=1000)
    one, two = await raw(gateway, 1), await raw(gateway, 2)
    ask(one, "reqHistoricalData")
    await until(lambda: one.of(17))
    ask(two, "reqHistoricalData", reqId=8)
    await until(lambda: (8, 162) in two.errors())
    assert "pacing violation" in two.of(4)[-1][4]
    ask(two, "reqHistoricalData", barSizeSetting="1 min")
    ask(two, "reqHistoricalData", barSizeSetting="1 min", reqId=9)
    await until(lambda: len(two.of(17)) == 2)
    for number in range(10, 16):
        ask(one, "reqHistoricalTicks", reqId=number, numberOfTicks=number)
    await until(lambda: [code for number, code in one.errors() if number >= 10 and code == 10187])
