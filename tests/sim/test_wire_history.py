"""Bars over the wire: sizes, dates in both formats and at older versions, updates, refusals."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from wire_client import Connector, Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


@pytest.mark.parametrize(
    ("duration", "size"), [("1 D", "5 mins"), ("3600 S", "30 secs"), ("1 M", "1 day"), ("1 W", "1 hour")]
)
async def test_bars(open_gateway: Opener, connect: Connector, library: Any, duration: str, size: str) -> None:
    ib = await connect(await open_gateway(start="20260105 15:00:00 US/Eastern"))  # when a day has bars
    bars = await ib.reqHistoricalDataAsync(await stock(ib, library), "", duration, size, "TRADES", True)
    assert len(bars) > 3
    assert [bar.date for bar in bars] == sorted({bar.date for bar in bars})
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    kind = datetime.date if "day" in size else datetime.datetime
    assert type(bars[0].date) is kind


async def test_the_same_question_has_the_same_answer(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    ask = (contract, "20260105 16:00:00 US/Eastern", "1 D", "15 mins", "TRADES", True)
    first, second = await ib.reqHistoricalDataAsync(*ask), await ib.reqHistoricalDataAsync(*ask)
    assert list(first) == list(second)
    assert len(first) > 10


@pytest.mark.parametrize("version", [157, 173, 174, 176])
async def test_dates_mean_the_same_instant_at_every_version(
    open_gateway: Opener, connect: Connector, library: Any, version: int
) -> None:
    ib = await connect(await open_gateway(version=version))
    contract = await stock(ib, library)
    ask = (contract, "20260105 16:00:00 US/Eastern", "1 D", "1 hour", "TRADES", True)
    text = await ib.reqHistoricalDataAsync(*ask)
    epoch = await ib.reqHistoricalDataAsync(*ask, formatDate=2)
    assert [bar.date.timestamp() for bar in text] == [bar.date.timestamp() for bar in epoch]
    first = epoch[0].date.astimezone(datetime.UTC)
    assert (first.year, first.month, first.day, first.hour) == (2026, 1, 5, 14)


async def test_the_last_bar_is_kept_up_to_date(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    bars = await ib.reqHistoricalDataAsync(contract, "", "3600 S", "5 secs", "TRADES", False, keepUpToDate=True)
    seen: list[bool] = []
    bars.updateEvent += lambda bars, has_new: seen.append(has_new)
    assert len(bars)
    last = bars[-1].date
    await until(lambda: seen and bars[-1].date >= last)
    ib.cancelHistoricalData(bars)
    await until(lambda: [code for _, code, _ in ib.errors if code == 162])


async def test_head_timestamp(ib: Any, library: Any) -> None:
    when = await ib.reqHeadTimeStampAsync(await stock(ib, library), "TRADES", True, 1)
    assert when.year < 2026


def question(client: Any, **more: Any) -> list[str]:
    ask = {
        "reqId": 7, "conId": 265598, "exchange": "SMART", "barSizeSetting": "1 hour", "durationStr": "1 D",
        "useRTH": True,
        "whatToShow": "TRADES", "formatDate": 1,
    }  # fmt: skip
    return REQUEST_NAMES["reqHistoricalData"].encode(ask | more, client.version)


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({"endDateTime": "yesterday"}, {10314, 321}),
        ({"barSizeSetting": "7 parsecs"}, {321}),
        ({"durationStr": "forever"}, {321}),
        ({"whatToShow": "MAGIC"}, {321}),
        ({"formatDate": 4}, {321}),
        ({"durationStr": ""}, {321}),
        ({"keepUpToDate": True, "whatToShow": "BID_ASK"}, {321}),
        ({"whatToShow": "ADJUSTED_LAST", "endDateTime": "20260105 16:00:00 US/Eastern"}, {321}),
        ({"whatToShow": "ADJUSTED_LAST", "barSizeSetting": "1 week", "durationStr": "1 M"}, {321}),
        ({"whatToShow": "SCHEDULE"}, {321}),
        ({"whatToShow": "AGGTRADES"}, {10299}),
        ({"whatToShow": "FEE_RATE"}, {162}),
        ({"conId": 4711}, {200}),
        ({"keepUpToDate": True, "endDateTime": "20260105 16:00:00 US/Eastern"}, {321}),
        ({"endDateTime": "19500105 16:00:00 US/Eastern"}, {162}),
    ],
)
async def test_refused_questions(
    gateway: SimulatedGateway, raw: RawOpener, more: dict[str, Any], codes: set[int]
) -> None:
    client = await raw(gateway, 1)
    client.send(*question(client, **more))
    await until(lambda: [code for request_id, code in client.errors() if request_id == 7])
    assert client.errors()[-1][1] in codes


async def test_one_message_holds_all_bars_and_ends_the_request(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(*question(client, endDateTime="20260105 16:00:00 US/Eastern"))
    [message] = await until(lambda: client.of(17))
    assert message[1] == "7"
    assert message[3] == "20260105 16:00:00 US/Eastern"
    assert len(message) == 5 + 8 * int(message[4])
    assert message[5] == "20260105 09:30:00 US/Eastern"
    client.send(25, 1, 7)
    await until(lambda: (7, 366) in client.errors())


async def test_updates_and_quotes_do_not_cancel_each_other(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(*question(client, keepUpToDate=True))
    await until(lambda: client.of(17))
    client.send(2, 2, 7)
    await until(lambda: (7, 300) in client.errors())
    updates = len(client.of(90))
    await until(lambda: len(client.of(90)) > updates)
    client.send(25, 1, 7)
    await until(lambda: (7, 162) in client.errors())


async def test_subscriptions_are_bounded(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(messages_per_second=1000)
    client = await raw(gateway, 1)
    for number in range(51):
        client.send(*question(client, reqId=number, keepUpToDate=True, barSizeSetting="1 day", durationStr="5 D"))
    await until(lambda: (50, 322) in client.errors())
    for number in range(101):
        client.send(92, 1000 + number, "DU1000001", "")
    await until(lambda: (1100, 322) in client.errors())
