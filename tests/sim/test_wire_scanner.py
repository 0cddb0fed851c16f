"""Market scans over the wire: the document of parameters, ranked results, filters, refreshes and limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from wire_client import Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.companies.scanner_codes import ALIASES, FILTERS, LOCATIONS, SCANS
from ibmux.tws.requests import REQUEST_NAMES

SCAN = {"numberOfRows": "-1", "instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "TOP_PERC_GAIN"}


def ask(client: Any, request_id: int, **fields: str) -> None:
    client.send(*REQUEST_NAMES["reqScannerSubscription"].encode(SCAN | {"reqId": request_id} | fields, client.version))


def rows(message: list[str]) -> list[list[str]]:
    assert int(message[3]) * 16 == len(message[4:])
    return [message[start : start + 16] for start in range(4, len(message), 16)]


async def test_the_parameters_name_what_can_be_scanned(ib: Any) -> None:
    root = ET.fromstring(await ib.reqScannerParametersAsync())  # noqa: S314
    assert root.tag == "ScanParameterResponse"
    codes = {element.text for element in root.iterfind(".//ScanType/scanCode")}
    assert codes == {scan.code for scan in SCANS}
    assert {"TOP_PERC_GAIN", "MOST_ACTIVE", "HOT_BY_VOLUME", "HIGH_OPT_IMP_VOLAT"} <= codes
    places = {element.text for element in root.iterfind(".//Location/locationCode")}
    assert places == {location.code for location in LOCATIONS}
    types = {element.text for element in root.iterfind("./InstrumentList/Instrument/type")}
    assert {"STK", "FUT.US", "IND.US"} <= types
    bounds = {element.text for element in root.iterfind(".//AbstractField/code")}
    assert {code for each in FILTERS for code in (each.above, each.below)} < bounds


async def test_gainers_and_losers_are_ranked_by_the_market(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    def change(con_id: int) -> float:
        quote = gateway.world.market.quote(con_id)
        return quote.last / quote.close - 1.0

    def seen(rows: list[Any]) -> list[tuple[float, float]]:
        """Each one's lowest and highest change, before and after the scan: prices move on meanwhile."""
        now = [(before[each], change(each)) for each in (row.contractDetails.contract.conId for row in rows)]
        return [(min(each), max(each)) for each in now]

    def falls(changes: list[tuple[float, float]]) -> bool:
        return all(low < high + 0.002 for (_, high), (low, _) in pairwise(changes))

    stocks = [each.contract.conId for each in gateway.world.universe.listed("STK")]
    before = {each: change(each) for each in stocks}
    scan = library.ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN")
    best = list(await ib.reqScannerDataAsync(scan))
    scan.scanCode = "TOP_PERC_LOSE"
    worst = list(await ib.reqScannerDataAsync(scan))
    assert len(best) == len(worst) == 50
    assert [row.rank for row in best] == list(range(50))
    gains, losses = seen(best), seen(worst)
    assert falls(gains)
    assert falls(losses[::-1])
    assert gains[0][0] > losses[0][1] + 0.01
    assert best[0].contractDetails.contract.exchange == "SMART"
    assert best[0].contractDetails.marketName
    await until(lambda: [error[1] for error in ib.errors].count(162) == 2)
    assert all("API scanner subscription cancelled" in error[2] for error in ib.errors if error[1] == 162)


async def test_filters_leave_what_fits(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    scan = library.ScannerSubscription(
        numberOfRows=20, instrument="STK", locationCode="STK.NYSE", scanCode="MOST_ACTIVE", abovePrice=50.0,
        belowPrice=200.0, stockTypeFilter="CORP",
    )  # fmt: skip
    tags = [library.TagValue("changePercAbove", "-1"), library.TagValue("marketCapAbove1e6", "20000")]
    found = list(await ib.reqScannerDataAsync(scan, [], tags))
    assert 0 < len(found) <= 20
    market = gateway.world.market
    for row in found:
        details = market.details(row.contractDetails.contract.conId)
        price = market.quote(details.contract.conId).last
        assert 49.5 < price < 202.0
        assert details.contract.primaryExchange == "NYSE"
        assert details.stockType == "COMMON"
        assert price / market.quote(details.contract.conId).close > 0.985


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.code)
async def test_every_code_can_be_scanned(gateway: SimulatedGateway, raw: RawOpener, scan: Any) -> None:
    client = await raw(gateway, 1)
    instrument = scan.instruments[-1]
    place = next(location.code for location in LOCATIONS if location.instrument == instrument and not location.parent)
    ask(client, 1, scanCode=scan.code, instrument=instrument, locationCode=place, numberOfRows="5")
    await until(lambda: client.of(20))
    assert len(rows(client.of(20)[0])) <= 5
    assert {code for _, code in client.errors()} <= {2104, 2106, 2158}


@pytest.mark.parametrize("short", ALIASES)
async def test_short_names_of_instruments_are_understood(gateway: SimulatedGateway, raw: RawOpener, short: str) -> None:
    client = await raw(gateway, 1)
    place = next(location.code for location in LOCATIONS if location.instrument == ALIASES[short])
    ask(client, 1, instrument=short, locationCode=place)
    await until(lambda: client.of(20))
    kinds = {row[3] for row in rows(client.of(20)[0])}
    assert kinds == {{"ETF": "STK"}.get(short, short)}


async def test_results_come_again_until_cancelled(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(scanner_interval=0.05)
    client = await raw(gateway, 1)
    ask(client, 7, numberOfRows="3")
    await until(lambda: len(client.of(20)) >= 3)
    assert all(message[:4] == ["20", "3", "7", "3"] for message in client.of(20))
    client.send(23, 1, 7)
    await until(lambda: (7, 162) in client.errors())
    seen = len(client.of(20))
    client.send(23, 1, 7)
    await until(lambda: (7, 365) in client.errors())
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert len(client.of(20)) == seen


async def test_what_is_unknown_is_refused(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, 1, scanCode="NO_SUCH_SCAN")
    ask(client, 2, locationCode="STK.MOON")
    ask(client, 3, filterOptions="noSuchFilter=1;")
    ask(client, 4, abovePrice="much")
    ask(client, 5, instrument="FUT.US")
    await until(lambda: {(1, 162), (2, 162), (3, 162), (4, 321), (5, 162)} <= set(client.errors()))
    texts = [message[4] for message in client.of(4)]
    assert "Historical Market Data Service error message:Scanner type with code NO_SUCH_SCAN is disabled." in texts
    assert "Historical Market Data Service error message:Scanner filter noSuchFilter is disabled." in texts
    assert client.of(20) == []


async def test_ten_scans_at_most(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    for request_id in range(1, 12):
        ask(client, request_id)
    await until(lambda: len(client.of(20)) == 10 and (11, 322) in client.errors())
    other = await raw(gateway, 2)
    ask(other, 1)
    await until(lambda: (1, 322) in other.errors())
    client.send(23, 1, 1)
    ask(client, 2)
    await until(lambda: (2, 322) in client.errors())
    ask(other, 12)
    await until(lambda: any(message[2] == "12" for message in other.of(20)))
    texts = [message[4] for message in client.of(4) if message[3] == "322"]
    assert texts[0].endswith("Only 10 simultaneous API scanner subscriptions are allowed.")
    assert texts[1].endswith("Duplicate ticker ID for API scanner subscription")
