"""What the simulation does not model is refused as a gateway would; nothing is met with silence."""

from __future__ import annotations

import pytest
from wire_client import RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES, REQUESTS

UNMODELLED = {
    "reqScannerSubscription": 162, "reqHistoricalNews": 321,
    "reqNewsArticle": 10276, "reqFundamentalData": 10358, "reqHistogramData": 321,
    "reqHistoricalTicks": 321, "reqWshEventData": 10282,
    "queryDisplayGroups": 322, "replaceFA": 321, "cancelMktDepth": 310, "cancelTickByTickData": 300,
    "cancelScannerSubscription": 365, "cancelRealTimeBars": 300, "cancelHistoricalData": 366, "cancelMktData": 300,
    "cancelPnL": 300,
}  # fmt: skip


@pytest.mark.parametrize("name", UNMODELLED)
async def test_what_is_not_modelled_is_refused_under_its_own_id(
    gateway: SimulatedGateway, raw: RawOpener, name: str
) -> None:
    client = await raw(gateway, 1)
    client.send(*REQUEST_NAMES[name].encode({"reqId": 4711, "symbol": "AAPL"}, client.version))
    await until(lambda: (4711, UNMODELLED[name]) in client.errors())


SILENT = {  # gateways do not acknowledge these
    "cancelPositions", "setServerLogLevel", "reqNewsBulletins", "cancelNewsBulletins", "cancelAccountSummary",
    "cancelPositionsMulti", "cancelAccountUpdatesMulti", "cancelHistogramData", "cancelHeadTimeStamp",
    "reqGlobalCancel",
    "cancelCalculateImpliedVolatility", "cancelCalculateOptionPrice", "startApi", "cancelWshMetaData",
    "cancelWshEventData",
}  # fmt: skip
EMPTY_IS_VALID = {"reqAccountUpdates"}


@pytest.mark.parametrize(
    "number", [n for n, message in REQUESTS.items() if message.name not in SILENT | EMPTY_IS_VALID]
)
async def test_no_request_is_met_with_silence(gateway: SimulatedGateway, raw: RawOpener, number: int) -> None:
    client = await raw(gateway, 1)
    before = len(client.messages)
    client.send(*REQUESTS[number].encode({"reqId": 4711, "orderId": 4711, "group": "All"}, client.version))
    await until(lambda: len(client.messages) > before)
    assert not [message for message in client.of(4) if "internal error" in message[4]]
