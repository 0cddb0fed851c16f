"""Random damage to real requests: always answered or closed, never felt by another client.

FUZZ_SECONDS in the environment says how long the requests that make sense are damaged: 5 unless told otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.framing import frame, join_fields
from ibmux.tws.layout import Message
from ibmux.tws.requests import REQUEST_NAMES, REQUESTS

INTERESTING = ["", "-1", "0", "1e400", "nan", "9" * 400, "Infinite", "\u0661", "x" * 5000, "2147483648", "BAG", "1" * 7]


def damaged(rng: random.Random) -> bytes:
    """Return the payload of a request with random faults."""
    message = rng.choice(list(REQUESTS.values()))
    texts = message.encode({"reqId": rng.randrange(5), "orderId": rng.randrange(5), "clientId": 1}, 176)
    for _ in range(rng.randrange(4)):
        texts[rng.randrange(len(texts))] = rng.choice(INTERESTING)
    if rng.random() < 0.2:
        del texts[rng.randrange(len(texts)) :]
    payload = bytearray("".join(f"{text}\0" for text in texts).encode())
    for _ in range(rng.choice([0, 0, 1, 5]) if payload else 0):
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    return bytes(payload)


async def assault(client: Raw, rng: random.Random, rounds: int) -> None:
    for _ in range(rounds):
        if client.ended:
            return
        payload = damaged(rng)
        if payload:
            client.writer.write(frame(payload))
        await asyncio.sleep(0)


async def test_damaged_requests_hurt_nobody_else(
    open_gateway: Opener, raw: RawOpener, caplog: pytest.LogCaptureFixture
) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    rng = random.Random(seed)
    gateway = await open_gateway(messages_per_second=1_000_000)
    good = await raw(gateway, 1000)
    with caplog.at_level(logging.ERROR):
        for client_id in range(2, 12):
            await assault(await raw(gateway, client_id), rng, 150)
            good.send(49, 1)
            await until(lambda: len(good.of(49)) == client_id - 1)  # noqa: B023 - awaited before the next turn
    assert not good.ended
    assert not [record.getMessage() for record in caplog.records], f"seed {seed}"


async def test_random_bytes_hurt_nobody_else(open_gateway: Opener, raw: RawOpener) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    rng = random.Random(seed)
    gateway = await open_gateway()
    good = await raw(gateway, 1000)
    for number in range(30):
        _, writer = await asyncio.open_connection(gateway.host, gateway.port)
        writer.write((b"API\0" if number % 2 else b"") + rng.randbytes(rng.randrange(1, 3000)))
        writer.close()
    good.send(49, 1)
    await until(lambda: good.of(49) and len(gateway.connections) == 1)
    assert not good.ended, f"seed {seed}"


SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))
ACCOUNT = "DU1000001"
WIDE = {"advisor": True, "models": ("M1",), "program": "tws", "fundamentals": True, "bulletins": 500.0}
"""A gateway that answers everything."""
CONTRACTS: list[dict[str, Any]] = [
    {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "conId": 265598},
    {"symbol": "AAPL", "secType": "OPT", "exchange": "SMART", "currency": "USD", "strike": 250.0, "right": "C"},
    {"symbol": "ES", "secType": "FUT", "exchange": "CME", "currency": "USD"},
    {"symbol": "ES", "secType": "CONTFUT", "exchange": "CME", "currency": "USD"},
    {"symbol": "SPX", "secType": "IND", "exchange": "CBOE", "currency": "USD"},
    {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"},
    {"symbol": "BTC", "secType": "CRYPTO", "exchange": "PAXOS", "currency": "USD"},
    {"symbol": "IBUS500", "secType": "CFD", "exchange": "SMART", "currency": "USD"},
    {"symbol": "IBM", "secType": "BOND", "exchange": "SMART", "currency": "USD"},
    {"symbol": "VINIX", "secType": "FUND", "exchange": "FUNDSERV", "currency": "USD"},
    {"symbol": "BRFG:BRFG_ALL", "secType": "NEWS", "exchange": "BRFG"},
    {"symbol": "AAPL,MSFT", "secType": "BAG", "exchange": "SMART", "currency": "USD", "comboLegs": [
        {"conId": 265598, "ratio": 1, "action": "BUY", "exchange": "SMART"},
        {"conId": 272093, "ratio": 1, "action": "SELL", "exchange": "SMART"},
    ]},
]  # fmt: skip
CONDITIONS: list[dict[str, Any]] = [
    {"condType": 1, "conjunction": "a", "isMore": True, "price": 9.0, "conId": 272093, "exch": "SMART"},
    {"condType": 3, "conjunction": "o", "isMore": True, "time": "20300101 15:00:00 US/Eastern"},
    {"condType": 4, "conjunction": "a", "isMore": True, "percent": 20},
    {"condType": 5, "conjunction": "a", "secType": "STK", "exch": "SMART", "symbol": "IBM"},
    {"condType": 6, "conjunction": "a", "isMore": True, "volume": 100, "conId": 272093, "exch": "SMART"},
    {"condType": 7, "conjunction": "a", "isMore": True, "changePercent": 5.0, "conId": 272093, "exch": "SMART"},
]
SENSE: dict[str, list[Any]] = {
    "account": [ACCOUNT, "All", ""], "acctCode": ["", ACCOUNT], "modelCode": ["", "M1"], "group": ["All"],
    "tags": ["NetLiquidation", "$LEDGER:ALL"], "subscribe": [True, False], "groupId": [1], "faDataType": [1, 2, 3],
    "contractInfo": ["265598@SMART"], "xml": ["", "<ListOfGroups/>", "<a>" * 50], "marketDataType": [1, 2, 3, 4],
    "genericTickList": ["", "100,101,104,106,165,233,236,292,318,456,588", "mdoff,292:BRFG"],
    "endDateTime": ["", "20260101 12:00:00 UTC"], "startDateTime": ["", "20260101-10:00:00"],
    "durationStr": ["600 S", "2 D", "1 M"], "barSizeSetting": ["5 secs", "1 hour", "1 day"],
    "whatToShow": ["TRADES", "MIDPOINT", "BID_ASK", "SCHEDULE", "OPTION_IMPLIED_VOLATILITY"], "formatDate": [1, 2],
    "keepUpToDate": [False, True], "barSize": [5], "numRows": [5], "numberOfTicks": [10], "timePeriod": ["3 days"],
    "tickType": ["Last", "AllLast", "BidAsk", "MidPoint"], "underConId": [265598], "marketRuleId": [26],
    "bboExchange": ["9c0001", "a60001"], "pattern": ["AA", "I"], "reportType": ["ReportSnapshot", "RESC"],
    "providerCodes": ["BRFG+DJ-N"], "providerCode": ["BRFG"], "articleId": ["BRFG$1"], "totalResults": [5],
    "optionPrice": [5.0], "underPrice": [250.0], "volatility": [0.3], "exerciseAction": [1, 2],
    "exerciseQuantity": [1], "instrument": ["STK"], "locationCode": ["STK.US.MAJOR"], "numberOfRows": ["10"],
    "scanCode": ["TOP_PERC_GAIN", "MOST_ACTIVE"], "filterOptions": ["", "usdMarketCapAbove=1;avgVolumeAbove=5;"],
    "filter": ["", '{"watchlist": ["8314"], "wshe_ed": "true"}'], "action": ["BUY", "SELL"], "transmit": [True, False],
    "totalQuantity": [1.0, 100.0, 0.5], "lmtPrice": [1.0, 250.0], "auxPrice": [1.0, 0.05], "tif": ["DAY", "GTC", "IOC"],
    "orderType": ["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "REL", "PEG MID", "PEG BEST", "PEG BENCH", "MOC"],
    "trailingPercent": [1.0], "parentId": [0, 1], "ocaGroup": ["", "g"], "ocaType": [0, 1, 2, 3],
    "whatIf": [False, True], "goodTillDate": ["", "20300101 12:00:00 UTC"], "faGroup": ["", "All"],
    "faMethod": ["", "NetLiq"], "algoStrategy": ["", "Adaptive", "Vwap"],
    "algoParams": [[], [{"tag": "adaptivePriority", "value": "Normal"}]],
    "hedgeType": ["", "B", "D"], "hedgeParam": ["0.5"], "adjustedOrderType": ["", "STP LMT"], "triggerPrice": [2.0],
    "scalePriceIncrement": [0.0, 0.1], "scaleInitLevelSize": [1], "conditions": [[], [CONDITIONS[0]], CONDITIONS],
}  # fmt: skip
"""Values with which a request is understood, by field."""


def sensible(rng: random.Random, message: Message) -> list[str]:
    """The fields of a request that a gateway would answer."""
    values = {name: rng.choice(choices) for name, choices in SENSE.items() if rng.random() < 0.8}
    values |= {"reqId": rng.randrange(200), "orderId": rng.randrange(1, 40)}
    return message.encode(values | rng.choice(CONTRACTS), 176)


async def mistreat(client: Raw, rng: random.Random, rounds: int) -> None:
    """Send requests, most of them with a field or two put wrong or left out."""
    names = [name for name in REQUEST_NAMES if name != "startApi"]
    for _ in range(rounds):
        texts = sensible(rng, REQUEST_NAMES[rng.choice([*names, "placeOrder", "reqMktData", "reqHistoricalData"])])
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            texts[rng.randrange(len(texts) > 1, len(texts))] = rng.choice([*INTERESTING, *texts])
        kept = texts[: rng.randrange(1, len(texts) + 1)] if rng.random() < 0.1 else texts
        client.writer.write(join_fields(kept))
        await asyncio.sleep(0)


def reason(gateway: SimulatedGateway, number: int) -> str:
    """Why the gateway ended the connection of a clientId; empty if it did not, or would not say."""
    return next((each.text for each in gateway.log.of("closed") if each.client == number and each.by == "gateway"), "")


async def test_requests_that_make_sense_are_damaged(
    open_gateway: Opener, raw: RawOpener, caplog: pytest.LogCaptureFixture
) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    rng = random.Random(seed)
    gateway = await open_gateway(messages_per_second=1_000_000, **WIDE)
    good, number, end = await raw(gateway, 1000), 1, time.monotonic() + SECONDS
    with caplog.at_level(logging.ERROR):
        while time.monotonic() < end:
            number += 1
            bad = await raw(gateway, number)
            await mistreat(bad, rng, 100)
            asked = len(good.of(49))
            good.send(49, 1)
            await until(lambda: len(good.of(49)) > asked)  # noqa: B023 - awaited before the next turn
            if bad.ended:
                await until(lambda: reason(gateway, number))  # noqa: B023
            await bad.close()
            assert not [record.getMessage() for record in caplog.records], f"seed {seed}"
    assert not good.ended, f"seed {seed}"
