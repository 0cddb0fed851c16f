"""What stops streams: a competing session, a lost connection, a farm that failed; and what goes on afterwards."""

from __future__ import annotations

import pytest
from market_asks import EURUSD, ask, cancel, of_request
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway

STREAMS = {1: 1, 2: 99, 3: 13, 4: 50}
"""The message in which each of the four requests below streams."""


async def open_all(client: Raw, first: int = 1) -> None:
    """Open a line, ticks, a book and bars under four ids from `first` on; wait until each has brought something."""
    ask(client, "reqMktData", first)
    ask(client, "reqTickByTickData", first + 1, tickType="BidAsk")
    ask(client, "reqMktDepth", first + 2, isSmartDepth=True, numRows=3)
    ask(client, "reqRealTimeBars", first + 3, whatToShow="TRADES")
    await until(lambda: all(count(client, first + place) > 0 for place in range(4)))


def count(client: Raw, request_id: int) -> int:
    kind = STREAMS[(request_id - 1) % 10 + 1]
    return len(of_request(client, kind, request_id, place=1 if kind == 99 else 2))


def counts(client: Raw, first: int = 1) -> list[int]:
    return [count(client, first + place) for place in range(4)]


async def quick(open_gateway: Opener) -> SimulatedGateway:
    return await open_gateway(start="20260106 11:00:00 US/Eastern", speed=50.0, rate=200.0)


async def settled(client: Raw, other: Raw) -> list[int]:
    """The counts once another client has seen enough pass for late messages to have come."""
    seen = len(other.messages)
    await until(lambda: len(other.messages) > seen + 50)
    return counts(client)


async def test_a_competing_session_ends_them_all(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await quick(open_gateway)
    client = await raw(gateway, 1)
    await open_all(client)
    gateway.feed.compete(True)
    await until(lambda: {(number, 10197) for number in range(1, 5)} <= set(client.errors()))
    assert gateway.feed.competing
    assert gateway.stats.lines == {1: 0}
    ask(client, "reqMktData", 9)
    await until(lambda: (9, 10197) in client.errors())
    gateway.feed.compete(False)
    await open_all(client, 11)


@pytest.mark.parametrize("venues", [None, ("US",)])
async def test_what_a_farm_dropped_stays_dead(
    open_gateway: Opener, raw: RawOpener, venues: tuple[str, ...] | None
) -> None:
    gateway = await quick(open_gateway)
    client, other = await raw(gateway, 1), await raw(gateway, 2)
    await open_all(client)
    gateway.feed.silence(venues)
    ask(other, "reqMktData", 1, "MSFT")
    ask(other, "reqMktData", 2, **EURUSD)
    await until(lambda: of_request(other, 1, 2))
    dead = await settled(client, other)
    assert await settled(client, other) == dead
    assert gateway.stats.lines[1] == 1, "a dead line counts"
    await open_all(client, 11)
    assert counts(client) == dead
    cancel(client, "cancelMktData", 1)
    await until(lambda: gateway.stats.lines[1] == 1)
    assert (1, 300) not in client.errors()


async def test_other_venues_go_on(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await quick(open_gateway)
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 1)
    ask(client, "reqMktData", 2, **EURUSD)
    await until(lambda: of_request(client, 1, 1) and of_request(client, 1, 2))
    gateway.feed.silence(("FX",))
    mark = len(client.messages)
    await until(lambda: len(client.messages) > mark + 50)
    late = [message for message in client.messages[mark + 10 :] if message[0] in ("1", "2")]
    assert {message[2] for message in late} == {"1"}


async def test_a_pause_loses_what_was_meanwhile(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await quick(open_gateway)
    client = await raw(gateway, 1)
    await open_all(client)
    gateway.feed.pause(True)
    client.send(49, 1)
    await until(lambda: client.of(49))
    still, paused = counts(client), gateway.clock.now()
    await until(lambda: gateway.clock.now() > paused + 60)
    assert counts(client) == still
    gateway.feed.pause(False)
    resumed = gateway.clock.now()
    await until(lambda: all(now > then for now, then in zip(counts(client), still, strict=True)))
    times = [int(message[3]) for message in client.of(99)]
    assert not [when for when in times if paused + 2 < when < resumed - 2]
    starts = [int(message[3]) for message in client.of(50)]
    assert not [when for when in starts if paused + 5 < when < resumed - 5]


async def test_streams_of_a_kind_or_a_symbol_die_without_a_word(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await quick(open_gateway)
    client, other = await raw(gateway, 1), await raw(gateway, 2)
    await open_all(client)
    assert await gateway.faults.apply("deaden depth") == "1 stream dead"
    ask(other, "reqMktData", 1, "MSFT")
    await until(lambda: of_request(other, 1, 1))
    before = await settled(client, other)
    await until(lambda: [now > then for now, then in zip(counts(client), before, strict=True)].count(True) == 3)
    assert counts(client)[2] == before[2]
    assert await gateway.faults.apply("deaden aapl") == "4 streams dead"
    all_dead = await settled(client, other)
    assert await settled(client, other) == all_dead
    await open_all(client, 11)
    assert counts(client) == all_dead
    assert not [number for number, _ in client.errors() if number > 0]
