"""Market-data types over the wire: what a login without a subscription sees, and what closed markets show."""

from __future__ import annotations

from typing import Any

import pytest
from market_asks import AAPL, EURUSD, SPX, ask, cancel, error_text, of_request
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.feeds.permissions import DELAY

MORNING = "20260106 11:00:00 US/Eastern"
NIGHT = "20260106 22:00:00 US/Eastern"


def prices(client: Raw, request_id: int) -> dict[str, str]:
    """The last price of each tick type."""
    return {message[3]: message[4] for message in of_request(client, 1, request_id)}


async def set_type(gateway: SimulatedGateway, client: Raw, wanted: int, client_id: int = 1) -> None:
    client.send(59, 1, wanted)
    await until(lambda: gateway.clients[client_id].market_type == wanted)


@pytest.mark.parametrize(
    "answer",
    [
        ({}, 10089, "Requested market data requires additional subscription for API."),
        (SPX, 354, "Requested market data is not subscribed.Delayed market data is available."),
    ],
)
@pytest.mark.parametrize("wanted", [1, 2])
async def test_without_a_subscription_there_are_no_live_data(
    open_gateway: Opener, raw: RawOpener, wanted: int, answer: tuple[dict[str, Any], int, str]
) -> None:
    more, code, start = answer
    gateway = await open_gateway(subscriptions=())
    client = await raw(gateway, 1)
    await set_type(gateway, client, wanted)
    ask(client, "reqMktData", 5, **more)
    await until(lambda: (5, code) in client.errors())
    assert error_text(client, 5, code).startswith(start)
    assert gateway.stats.lines == {1: 0}
    assert not client.of(58)
    cancel(client, "cancelMktData", 5)
    await until(lambda: (5, 300) in client.errors())


@pytest.mark.parametrize("wanted", [3, 4])
async def test_delayed_data_have_their_own_types(
    open_gateway: Opener, connect: Connector, library: Any, wanted: int
) -> None:
    gateway = await open_gateway(subscriptions=(), rate=100.0)
    ib = await connect(gateway)
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    ib.reqMarketDataType(wanted)
    kinds: set[int] = set()
    ticker = ib.reqMktData(contract)
    ticker.updateEvent += lambda changed: kinds.update(tick.tickType for tick in changed.ticks)
    await until(lambda: {66, 67, 69, 70} <= kinds and ticker.close > 0 and ticker.volume > 0)
    assert kinds <= {66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 90}
    assert ticker.marketDataType == 3
    assert [text for _, code, text in ib.errors if code == 10167] == [
        "Requested market data is not subscribed. Displaying delayed market data."
    ]
    assert gateway.stats.lines == {1: 1}


async def test_delayed_data_are_what_live_data_were(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=MORNING, subscriptions=(), rate=100.0)
    client = await raw(gateway, 1)
    await set_type(gateway, client, 3)
    ask(client, "reqMktData", 5)
    await until(lambda: sum(message[3] in ("66", "67") for message in client.of(1)) > 15)
    late = gateway.clock.now() - DELAY
    quotes = gateway.world.market.tape(AAPL).quotes(late - 30, late + 1)
    bids = [float(message[4]) for message in client.of(1) if message[3] == "66"]
    asks = [float(message[4]) for message in client.of(1) if message[3] == "67"]
    assert set(bids) <= {tick.bid for tick in quotes}
    assert set(asks) <= {tick.ask for tick in quotes}
    times = [int(message[4]) for message in client.of(46) if message[3] == "88"]
    assert all(late - 60 < when <= late + 1 for when in times)
    assert times


async def test_delayed_options_have_delayed_greeks(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start=MORNING, subscriptions=())
    ib = await connect(gateway)
    (row, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", AAPL)
    option = library.Option("AAPL", row.expirations[2], row.strikes[len(row.strikes) // 2], "C", "SMART")
    await ib.qualifyContractsAsync(option)
    ib.reqMarketDataType(3)
    ticker = ib.reqMktData(option)
    await until(lambda: ticker.modelGreeks and ticker.bidGreeks)
    late = dict(gateway.feed.views.late.computations(option.conId))
    assert ticker.modelGreeks.delta == pytest.approx(late[13].delta, abs=0.01)
    live = dict(gateway.world.market.computations(option.conId))
    assert ticker.modelGreeks.undPrice != live[13].undPrice


async def test_delayed_data_can_be_off(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(subscriptions=(), delayed=False)
    client = await raw(gateway, 1)
    await set_type(gateway, client, 3)
    ask(client, "reqMktData", 5)
    await until(lambda: (5, 10168) in client.errors())
    await set_type(gateway, client, 4)
    ask(client, "reqMktData", 7)
    await until(lambda: (7, 10186) in client.errors())
    await set_type(gateway, client, 1)
    ask(client, "reqMktData", 6)
    await until(lambda: (6, 10089) in client.errors())
    assert "Delayed market data is not available." in error_text(client, 6, 10089)


@pytest.mark.parametrize("name", ["STK", "US", "NASDAQ", "SMART"])
async def test_subscriptions_by_kind_venue_or_exchange(open_gateway: Opener, raw: RawOpener, name: str) -> None:
    gateway = await open_gateway(subscriptions=(name,))
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 5)
    ask(client, "reqMktData", 6, **EURUSD)
    await until(lambda: of_request(client, 1, 5) and (6, 354) in client.errors())
    assert of_request(client, 58, 5) == [["58", "1", "5", "1"]]


async def test_an_option_without_its_underlying_comes_without_greeks(
    open_gateway: Opener, connect: Connector, library: Any
) -> None:
    gateway = await open_gateway(subscriptions=("OPT",), rate=100.0)
    ib = await connect(gateway)
    (row, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", AAPL)
    option = library.Option("AAPL", row.expirations[2], row.strikes[len(row.strikes) // 2], "C", "SMART")
    await ib.qualifyContractsAsync(option)
    seen: list[Any] = []
    ticker = ib.reqMktData(option)
    ticker.updateEvent += lambda changed: seen.extend(changed.ticks)
    await until(lambda: ticker.bid > 0 and len(seen) > 40)
    (text,) = [text for _, code, text in ib.errors if code == 10090]
    assert text.startswith("Part of requested market data is not subscribed. Subscription-independent ticks")
    assert text.endswith("AAPL ISLAND/TOP/ALL")
    assert ticker.modelGreeks is None


@pytest.mark.parametrize(
    ("name", "more", "answer"),
    [
        ("reqTickByTickData", {"tickType": "Last"}, (10189, "No market data permissions for ISLAND STK")),
        ("reqMktDepth", {"isSmartDepth": True}, (354, "Error&ISLAND/STK/Deep")),
        ("reqRealTimeBars", {"whatToShow": "TRADES"}, (420, "Invalid Real-time Query:No market data permissions")),
    ],
)
async def test_other_streams_need_subscriptions_too(
    open_gateway: Opener, raw: RawOpener, name: str, more: dict[str, Any], answer: tuple[int, str]
) -> None:
    code, text = answer
    gateway = await open_gateway(subscriptions=("CASH",))
    client = await raw(gateway, 1)
    await set_type(gateway, client, 3)
    ask(client, name, 5, **more)
    await until(lambda: (5, code) in client.errors())
    assert text in error_text(client, 5, code)


async def test_a_regulatory_snapshot_needs_no_subscription(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(subscriptions=())
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 5, regulatorySnapshot=True)
    await until(lambda: client.of(57))
    assert {"1", "2"} <= prices(client, 5).keys()


@pytest.mark.parametrize(("wanted", "shown", "book"), [(1, 1, False), (2, 2, True), (3, 1, False), (4, 2, True)])
async def test_a_closed_market(open_gateway: Opener, raw: RawOpener, wanted: int, shown: int, book: bool) -> None:
    gateway = await open_gateway(start=NIGHT, always_open=False, rate=200.0)
    client = await raw(gateway, 1)
    await set_type(gateway, client, wanted)
    ask(client, "reqMktData", 5)
    ask(client, "reqMktData", 6, **EURUSD)
    await until(lambda: len(of_request(client, 2, 6)) > 100)
    assert of_request(client, 58, 5) == [["58", "1", "5", str(shown)]]
    seen = [message[3] for message in of_request(client, 1, 5)]
    assert len(seen) == len(set(seen)), "nothing moves"
    assert {"4", "6", "7", "9", "14"} <= set(seen)
    assert ({"1", "2"} <= set(seen)) is book
    tape = gateway.world.market.tape(AAPL)
    closing = gateway.world.market.quote(AAPL).present
    assert prices(client, 5)["4"] == str(tape.last_trade(closing, closing - 60).price)  # type: ignore[union-attr]


async def test_delayed_and_frozen(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=NIGHT, always_open=False, subscriptions=())
    client = await raw(gateway, 1)
    await set_type(gateway, client, 4)
    ask(client, "reqMktData", 5)
    await until(lambda: len(of_request(client, 1, 5)) >= 7)
    assert of_request(client, 58, 5) == [["58", "1", "5", "4"]]
    assert {"66", "67", "68"} <= prices(client, 5).keys()


async def test_a_market_opens_and_closes_under_a_line(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260107 03:58:00 US/Eastern", speed=60.0, always_open=False, rate=100.0)
    client = await raw(gateway, 1)
    await set_type(gateway, client, 2)
    ask(client, "reqMktData", 5)
    await until(lambda: [message[3] for message in of_request(client, 58, 5)] == ["2", "1"])
    moved = len(of_request(client, 1, 5))
    await until(lambda: len(of_request(client, 1, 5)) > moved + 20)
    gateway.clock.set(at=gateway.clock.now() + 16 * 3600)
    await until(lambda: [message[3] for message in of_request(client, 58, 5)] == ["2", "1", "2"])
