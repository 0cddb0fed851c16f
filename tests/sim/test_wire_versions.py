"""What older clients are not told, because they could not read it, and what official clients spell in their own way."""

from __future__ import annotations

from typing import Any

import pytest
from market_asks import AAPL, EURUSD, ask, error_text, of_request
from wire_client import Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES

BTC = {"symbol": "BTC", "secType": "CRYPTO", "exchange": "PAXOS", "currency": "USD"}
BARS = {"durationStr": "2 D", "barSizeSetting": "1 day", "formatDate": 1, "whatToShow": "MIDPOINT"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("reqMktData", EURUSD),
        ("reqMktData", BTC),
        ("reqTickByTickData", EURUSD | {"tickType": "BidAsk"}),
        ("reqHistoricalData", BTC | BARS),
        ("reqRealTimeBars", EURUSD | {"barSize": 5, "whatToShow": "MIDPOINT"}),
    ],
)
async def test_clients_that_read_no_fractions_are_refused_them(
    open_gateway: Opener, raw: RawOpener, name: str, more: dict[str, Any]
) -> None:
    gateway = await open_gateway()
    old, new = await raw(gateway, 1, highest=162), await raw(gateway, 2, highest=163)
    for client in (old, new):
        ask(client, name, 5, **more)
        client.send(49, 1)
    await until(lambda: old.of(49) and new.of(49))
    assert old.errors()[-1] == (5, 10285)
    assert "minimum version 163" in error_text(old, 5, 10285)
    assert (5, 10285) not in new.errors()
    ask(old, "reqMktData", 6, "AAPL", conId=AAPL)
    await until(lambda: of_request(old, 1, 6))


async def test_clients_that_know_no_schedules_are_refused_them(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway()
    old, new = await raw(gateway, 1, highest=173), await raw(gateway, 2, highest=174)
    for client in (old, new):
        ask(client, "reqHistoricalData", 5, **BARS | {"whatToShow": "SCHEDULE"})
    await until(lambda: old.errors()[-1] == (5, 321) and of_request(new, 106, 5, 1))


@pytest.mark.parametrize("word", ["Infinity", "Infinite"])
async def test_an_offset_up_to_the_midpoint_is_read(gateway: SimulatedGateway, raw: RawOpener, word: str) -> None:
    client = await raw(gateway, 1)
    order = {
        "orderId": 1, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY",
        "totalQuantity": 10, "orderType": "PEG BEST", "lmtPrice": 1.0, "account": "DU1000001", "transmit": True,
        "minCompeteSize": 1, "competeAgainstBestOffset": float("inf"), "midOffsetAtWhole": 0.01,
    }  # fmt: skip
    client.send(*(word if text == "Infinity" else text for text in REQUEST_NAMES["placeOrder"].encode(order, 176)))
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert (1, 320) not in client.errors()


async def test_the_filters_of_the_official_sample_are_known(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    scan = {"reqId": 5, "instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "HOT_BY_VOLUME"}
    large = "usdMarketCapAbove=10000;optVolumeAbove=1000;avgVolumeAbove=10000;"
    client.send(*REQUEST_NAMES["reqScannerSubscription"].encode(scan | {"filterOptions": large}, 176))
    await until(lambda: client.of(20))
    assert int(client.of(20)[0][3]) > 0
    client.send(*REQUEST_NAMES["reqScannerSubscription"].encode(scan | {"reqId": 6, "filterOptions": "no=1;"}, 176))
    await until(lambda: (6, 162) in client.errors())
