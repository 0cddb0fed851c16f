"""What a gateway fills into openOrder and completedOrder, message by message, as recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.replies import REPLIES
from ibmux.tws.requests import REQUEST_NAMES
from ibmux.tws.values import UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG

GOLDEN = Path(__file__).parents[1] / "tws" / "golden.jsonl"
AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
DEFAULTS = {
    "right": "?", "ocaType": 3, "deltaNeutralOrderType": "None", "clearingIntent": "IB", "adjustedOrderType": "None",
    "dontUseAutoPriceForHedge": True, "volatilityType": 0, "referencePriceType": 0, "openClose": "",
}  # fmt: skip


def place(client: Raw, number: int, **ask: Any) -> None:
    given = AAPL | {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "tif": "DAY", "transmit": True} | ask
    client.send(*REQUEST_NAMES["placeOrder"].encode({"orderId": number, **given}, client.version))


def opened(client: Raw, number: int) -> list[dict[str, Any]]:
    """Every openOrder of that number so far, decoded."""
    found = [REPLIES["openOrder"].decode(fields, client.version) for fields in client.of(5)]
    return [values for values in found if values["orderId"] == number]


async def price(client: Raw) -> float:
    client.send(*REQUEST_NAMES["reqMktData"].encode({"reqId": 900, **AAPL}, client.version))
    await until(lambda: [m for m in client.of(1) if m[3] == "4"])
    return round(float(next(m for m in client.of(1) if m[3] == "4")[4]), 0)


async def test_a_limit_order_comes_back_with_the_recorded_defaults(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 1, lmtPrice=50.0)
    await until(lambda: len(opened(client, 1)) == 3)
    first, *later = opened(client, 1)
    for values in (first, *later):
        assert values | DEFAULTS == values
        assert (values["lmtPrice"], values["auxPrice"], values["trailStopPrice"]) == (50.0, 0.0, 51.0)
        assert values["usePriceMgmtAlgo"] is True
    assert (first["minCompeteSize"], first["competeAgainstBestOffset"]) == (100, 0.02)
    assert {values["minCompeteSize"] for values in later} == {UNSET_INTEGER}
    assert {values["competeAgainstBestOffset"] for values in later} == {UNSET_DOUBLE}


@pytest.mark.parametrize("version", [157, 163, 176])
async def test_a_limit_order_has_the_golden_messages_fields(
    gateway: SimulatedGateway, raw: RawOpener, version: int
) -> None:
    """Field by field like the golden openOrder; only what the order and the account make different differs."""
    client = await raw(gateway, 1, version)
    place(client, 1, lmtPrice=50.0)
    await until(lambda: opened(client, 1))
    rows = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    golden = max((row for row in rows if row[0] == "openOrder" and row[1] <= version), key=lambda row: row[1])[2:]
    ours = client.of(5)[0]
    assert len(ours) == len(golden)
    layout = REPLIES["openOrder"]
    left, right = layout.decode(ours, version), layout.decode(golden, version)
    different = {name for name in right if left[name] != right[name]}
    assert different <= {
        "orderId", "conId", "totalQuantity", "lmtPrice", "account", "permId", "status", "trailStopPrice",
        "sharesAllocation", "usePriceMgmtAlgo",
    }  # fmt: skip


async def test_a_stop_is_told_twice_first_with_a_protective_limit(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    level = await price(client) - 20
    place(client, 1, action="SELL", orderType="STP", auxPrice=level, tif="GTC", outsideRth=True)
    await until(lambda: len(opened(client, 1)) == len(client.of(3)) == 2)
    numbers = [m[0] for m in client.messages if m[0] in {"3", "4", "5"} and m[2 if m[0] == "4" else 1] == "1"]
    assert numbers == ["4", "5", "3", "5", "3"], "the warning (2109) comes first, then two pairs"
    assert client.errors()[-1] == (1, 2109)
    first, second = opened(client, 1)
    assert (first["lmtPrice"], second["lmtPrice"]) == (round(level + 0.03, 2), 0.0)
    for values in (first, second):
        assert (values["auxPrice"], values["trailStopPrice"], values["status"]) == (level, level, "PreSubmitted")
    assert [m[10] for m in client.of(3)] == ["trigger", "trigger"]
    client.send(*REQUEST_NAMES["cancelOrder"].encode({"orderId": 1}, client.version))
    await until(lambda: (1, 202) in client.errors())
    client.send(*REQUEST_NAMES["reqCompletedOrders"].encode({"apiOnly": False}, client.version))
    await until(lambda: client.of(102))
    done = REPLIES["completedOrder"].decode(client.of(101)[-1], client.version)
    assert done["autoCancelDate"].endswith(" 16:00:00 US/Eastern")
    assert done["autoCancelDate"][4:8] in {"0331", "0630", "0930", "1231"}


async def test_a_trailing_stop_has_no_amount_where_it_has_a_percentage(
    gateway: SimulatedGateway, raw: RawOpener
) -> None:
    client = await raw(gateway, 1)
    place(client, 1, action="SELL", orderType="TRAIL", trailingPercent=30.0, tif="GTC")
    await until(lambda: len(opened(client, 1)) == 2)
    for values in opened(client, 1):
        assert (values["lmtPrice"], values["auxPrice"], values["trailingPercent"]) == (0.0, UNSET_DOUBLE, 30.0)
        assert values["usePriceMgmtAlgo"] is False


async def test_a_completed_order_is_measured_by_what_it_filled(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 1, orderType="MKT")
    await until(lambda: client.of(59))
    place(client, 2, lmtPrice=50.0)
    client.send(*REQUEST_NAMES["cancelOrder"].encode({"orderId": 2}, client.version))
    await until(lambda: (2, 202) in client.errors())
    client.send(*REQUEST_NAMES["reqCompletedOrders"].encode({"apiOnly": False}, client.version))
    await until(lambda: client.of(102))
    filled, gone = [REPLIES["completedOrder"].decode(fields, client.version) for fields in client.of(101)]
    assert (filled["totalQuantity"], filled["filledQuantity"], filled["status"]) == (0.0, 10.0, "Filled")
    assert (gone["totalQuantity"], gone["filledQuantity"], gone["status"]) == (10.0, 0.0, "Cancelled")
    for values in (filled, gone):
        assert values["parentPermId"] == UNSET_LONG
        assert values["shareholder"] == "Not an insider or substantial shareholder"
        assert (values["autoCancelDate"], values["refFuturesConId"]) == ("", UNSET_INTEGER)


async def test_a_rejected_order_is_told_around_its_error(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 1, totalQuantity=2_000_000, orderType="MKT")
    await until(lambda: len(opened(client, 1)) == 2)
    await until(lambda: len(client.of(3)) == 2)
    told = [m[0] for m in client.messages if m[0] in {"3", "4", "5"} and (m[0] != "4" or m[2] == "1")]
    assert told == ["5", "3", "4", "5", "3"]
    assert {m[2] for m in client.of(3)} == {"Inactive"}


async def test_a_change_that_the_account_cannot_pay_leaves_the_order_as_it_was(
    open_gateway: Opener, raw: RawOpener
) -> None:
    client = await raw(await open_gateway(), 1)
    place(client, 1, lmtPrice=50.0)
    await until(lambda: len(opened(client, 1)) == 3)
    place(client, 1, lmtPrice=50.0, totalQuantity=900_000)
    await until(lambda: (1, 201) in client.errors() and len(opened(client, 1)) == 4)
    assert opened(client, 1)[-1]["totalQuantity"] == 10
    assert client.of(3)[-1][2] == "Submitted"


async def test_market_to_limit_rests_at_its_first_price(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(partial_share=1.0), 1)
    place(client, 1, orderType="MTL", totalQuantity=300)
    await until(lambda: client.of(11))
    await until(lambda: [values for values in opened(client, 1) if values["lmtPrice"]])
    fills = [REPLIES["execDetails"].decode(fields, client.version) for fields in client.of(11)]
    assert opened(client, 1)[-1]["lmtPrice"] == fills[0]["price"]
    assert all(fill["price"] <= fills[0]["price"] for fill in fills)
