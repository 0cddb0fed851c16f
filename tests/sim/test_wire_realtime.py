"""Five-second bars in real time over the wire: equal to the tape's, share the lines, are refused as gateways do."""

from __future__ import annotations

from typing import Any

import pytest
from market_asks import AAPL, EURUSD, SPX, ask, cancel, error_text, of_request
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.replies import REPLIES

MORNING = "20260105 10:00:00 US/Eastern"


def bars_of(client: Raw, request_id: int) -> list[dict[str, Any]]:
    return [REPLIES["realtimeBar"].decode(message, client.version) for message in of_request(client, 50, request_id)]


@pytest.mark.parametrize("what", ["TRADES", "MIDPOINT", "BID", "ASK"])
async def test_bars_are_the_tapes(open_gateway: Opener, raw: RawOpener, what: str) -> None:
    gateway = await open_gateway(start=MORNING, speed=100.0)
    client = await raw(gateway, 1)
    ask(client, "reqRealTimeBars", 5, barSize=5, whatToShow=what, useRTH=True)
    await until(lambda: len(bars_of(client, 5)) >= 12)
    tape = gateway.world.market.tape(AAPL)
    bars = bars_of(client, 5)
    times = [bar["time"] for bar in bars]
    assert times == list(range(times[0], times[0] + 5 * len(times), 5))
    assert times[0] % 5 == 0
    for bar in bars:
        found = tape.bar(bar["time"], bar["time"] + 5, what)
        assert [bar[name] for name in ("open", "high", "low", "close")] == [
            found.open, found.high, found.low, found.close,
        ]  # fmt: skip
        if what == "TRADES":
            assert (bar["volume"], bar["wap"], bar["count"]) == (found.volume, found.wap, found.count)
        else:
            assert (bar["volume"], bar["wap"], bar["count"]) == (-1, -1, -1)


async def test_the_libraries_get_bars(open_gateway: Opener, connect: Connector, library: Any) -> None:
    ib = await connect(await open_gateway(start=MORNING, speed=100.0))
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    bars = ib.reqRealTimeBars(contract, 5, "TRADES", False)
    await until(lambda: len(bars) > 3)
    assert all(bar.low <= bar.open_ <= bar.high and bar.volume > 0 for bar in bars)
    ib.cancelRealTimeBars(bars)
    await until(lambda: not ib.errors or {code for _, code, _ in ib.errors} <= {2104, 2106, 2158})


async def test_bars_take_lines(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(lines=2)
    client = await raw(gateway, 1)
    ask(client, "reqRealTimeBars", 1, whatToShow="TRADES")
    ask(client, "reqMktData", 2, "MSFT")
    ask(client, "reqRealTimeBars", 3, "SPY", whatToShow="TRADES")
    ask(client, "reqMktData", 4, "SPY")
    await until(lambda: {(3, 101), (4, 101)} <= set(client.errors()))
    cancel(client, "cancelRealTimeBars", 1)
    ask(client, "reqMktData", 5, "SPY")
    await until(lambda: gateway.stats.lines == {1: 2})


async def test_a_closed_market_has_no_bars(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260105 09:29:20 US/Eastern", speed=50.0, always_open=False)
    client = await raw(gateway, 1)
    ask(client, "reqRealTimeBars", 5, whatToShow="TRADES", useRTH=True)
    ask(client, "reqRealTimeBars", 6, whatToShow="TRADES", useRTH=False)
    await until(lambda: len(bars_of(client, 5)) > 2)
    opening = next(bar["time"] for bar in bars_of(client, 5))
    assert opening % 1800 == 0, "the first bar of regular hours begins at half past nine"
    assert bars_of(client, 6)[0]["time"] < opening


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"whatToShow": "SOMETHING"}, 420),
        ({"whatToShow": "TRADES", **EURUSD}, 420),
        ({"whatToShow": "BID", **SPX}, 420),
        ({"whatToShow": "TRADES", "symbol": "NOSUCH"}, 200),
    ],
)
async def test_refused_bars(gateway: SimulatedGateway, raw: RawOpener, more: dict[str, Any], code: int) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqRealTimeBars", 5, **more)
    await until(lambda: (5, code) in client.errors())
    assert code != 420 or error_text(client, 5, 420).startswith("Invalid Real-time Query:")


async def test_sixty_new_ones_in_ten_minutes(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(stream_pacing=True, messages_per_second=1000)
    client = await raw(gateway, 1)
    for number in range(61):
        ask(client, "reqRealTimeBars", number, whatToShow="TRADES")
    await until(lambda: (60, 420) in client.errors())
    assert len(gateway.feed) == 60
    assert "pacing violation" in error_text(client, 60, 420)


async def test_ids_of_bars(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqRealTimeBars", 5, whatToShow="TRADES")
    ask(client, "reqMktData", 5)
    await until(lambda: (5, 102) in client.errors())
    cancel(client, "cancelRealTimeBars", 6)
    await until(lambda: (6, 300) in client.errors())
