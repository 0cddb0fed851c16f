"""Fundamental reports and the event calendar over the wire."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from wire_client import Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.companies.fundamentals import REPORTS
from ibmux.tws.requests import REQUEST_NAMES

AAPL, IBM = 265598, 8314
START = "20260304 15:00:00 US/Eastern"
UNSET = 2147483647


async def test_reports_are_refused_as_by_present_gateways(ib: Any, library: Any) -> None:
    contract = library.Stock("AAPL", "SMART", "USD")
    assert not await ib.reqFundamentalDataAsync(contract, "ReportSnapshot")
    assert [error[1] for error in ib.errors if error[1] < 2000 or error[1] > 10000] == [10358]


@pytest.mark.parametrize("kind", REPORTS)
async def test_reports_are_documents(open_gateway: Opener, connect: Any, library: Any, kind: str) -> None:
    ib = await connect(await open_gateway(fundamentals=True, start=START))
    text = await ib.reqFundamentalDataAsync(library.Stock("AAPL", "SMART", "USD"), kind)
    root = ET.fromstring(text)  # noqa: S314
    assert len(list(root.iter())) > 5
    if kind == "ReportSnapshot":
        assert root.findtext("./Issues/Issue/IssueID[@Type='Ticker']") == "AAPL"
        ratios = {each.get("FieldName"): float(each.text or "nan") for each in root.iterfind("./Ratios/Group/Ratio")}
        assert ratios["PEEXCLXOR"] == pytest.approx(ratios["NPRICE"] / ratios["TTMEPSXCLX"], rel=1e-4)
    if kind == "ReportsFinSummary":
        assert len(root.findall("./EPSs/EPS")) == 12


async def test_no_report_about_a_fund_or_of_no_kind(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(fundamentals=True), 1)
    for request_id, symbol, kind in ((1, "SPY", "ReportSnapshot"), (2, "AAPL", "NoReport"), (3, "NONE", "RESC")):
        ask = {"reqId": request_id, "symbol": symbol, "secType": "STK", "exchange": "SMART", "currency": "USD"}
        client.send(*REQUEST_NAMES["reqFundamentalData"].encode(ask | {"reportType": kind}, client.version))
    await until(lambda: {(1, 430), (2, 430), (3, 200)} <= set(client.errors()))


async def test_the_calendar_through_the_libraries(open_gateway: Opener, connect: Any, library: Any) -> None:
    ib = await connect(await open_gateway(start=START))
    meta = json.loads(await ib.getWshMetaDataAsync())
    tags = {each["tag"] for each in meta["meta_data"]["event_types"]}
    assert {"wshe_ed", "wshe_bod", "wshe_div"} <= tags
    events = json.loads(await ib.getWshEventDataAsync(library.WshEventData(conId=AAPL)))
    assert {event["event_type"] for event in events} >= {"wshe_ed", "wshe_eps", "wshe_fq"}
    assert all(event["conids"] == [str(AAPL)] for event in events)
    dates = [event["index_date"] for event in events]
    assert dates == sorted(dates)
    chosen = '{"country": "All", "watchlist": ["8314"], "limit_region": 10, "limit": 3, "wshe_ed": "true"}'
    few = json.loads(await ib.getWshEventDataAsync(library.WshEventData(filter=chosen)))
    assert len(few) == 3
    assert {event["event_type"] for event in few} == {"wshe_ed"}
    held = library.WshEventData(filter='{"wshe_eps": "true"}', fillPortfolio=True, startDate="20260101", totalLimit=50)
    mine = json.loads(await ib.getWshEventDataAsync(held))
    assert str(AAPL) in {conId for event in mine for conId in event["conids"]}
    assert all(event["index_date"] >= "20260101" for event in mine)
    assert [error for error in ib.errors if error[1] >= 10000] == []


async def test_events_need_the_metadata_first(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(102, 1, AAPL, "", 0, 0, 0, "", "", UNSET)
    await until(lambda: (1, 10282) in client.errors())
    client.send(100, 2)
    client.send(100, 3)
    await until(lambda: client.of(104) and (3, 10278) in client.errors())
    client.send(102, 4, AAPL, "", 0, 0, 0, "", "", UNSET)
    client.send(102, 5, AAPL, "", 0, 0, 0, "", "", UNSET)
    await until(lambda: client.of(105) and (5, 10281) in client.errors())
    client.send(102, 6, AAPL, "{}", 0, 0, 0, "", "", UNSET)
    client.send(102, 7, UNSET, "{", 0, 0, 0, "", "", UNSET)
    client.send(102, 8, AAPL, "", 0, 0, 0, "soon", "", UNSET)
    client.send(102, 9, UNSET, '{"nothing": "true"}', 0, 0, 0, "", "", UNSET)
    await until(lambda: {(number, 10283) for number in (6, 7, 8, 9)} <= set(client.errors()))
    assert [message[1] for message in client.of(105)] == ["4"]


async def test_a_cancelled_request_for_metadata_is_not_answered(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(100, 1)
    client.send(101, 1)
    client.send(100, 2)
    await until(lambda: client.of(104))
    assert [message[1] for message in client.of(104)] == ["2"]


async def test_without_a_subscription_there_is_no_calendar(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(wsh=False), 1)
    client.send(100, 1)
    client.send(102, 2, IBM, "", 0, 0, 0, "", "", UNSET)
    await until(lambda: {(1, 10276), (2, 10276)} <= set(client.errors()))


async def test_reports_and_calendar_tell_one_story(open_gateway: Opener, connect: Any, library: Any) -> None:
    ib = await connect(await open_gateway(fundamentals=True, start=START))
    contract = library.Stock("AAPL", "SMART", "USD")
    root = ET.fromstring(await ib.reqFundamentalDataAsync(contract, "CalendarReport"))  # noqa: S314
    announced = {(each.text or "").replace("-", "") for each in root.iterfind("EarningsDate")}
    await ib.getWshMetaDataAsync()
    events = json.loads(await ib.getWshEventDataAsync(library.WshEventData(conId=AAPL)))
    earnings = {each["index_date"] for each in events if each["event_type"] in {"wshe_ed", "wshe_fq"}}
    assert announced <= earnings
