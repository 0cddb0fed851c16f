"""Sequences of messages that gateways were recorded to send, as data: the same questions bring the same messages.

A message is written as its name and what tells it apart: `open 1 Filled`, `status 1 Filled`, `error 1 202`.
Where recordings differ (how often a status is repeated), all of them are stated.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.layout import Values
from ibmux.tws.replies import REPLY_NUMBERS
from ibmux.tws.requests import REQUEST_NAMES

Ask = tuple[str, dict[str, Any]]
ACCOUNT = "DU1000001"
AAPL, MSFT, NVDA, GOLD = 265598, 272093, 4815747, 69067924
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
ORDER = STOCK | {
    "action": "BUY", "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "tif": "DAY", "account": ACCOUNT,
    "transmit": True,
}  # fmt: skip
PAIR = {"symbol": "AAPL,MSFT", "secType": "BAG", "comboLegs": [
    {"conId": AAPL, "ratio": 1, "action": "BUY", "exchange": "SMART"},
    {"conId": MSFT, "ratio": 1, "action": "SELL", "exchange": "SMART"},
]}  # fmt: skip
UNSET = 1.7976931348623157e308
WORLD = {"status_first": 0.0}
"""The orderStatus of a fill may come before the execution, too; here it does not."""


def place(order_id: int, **more: Any) -> Ask:
    return "placeOrder", ORDER | {"orderId": order_id} | more


def cancel(order_id: int) -> Ask:
    return "cancelOrder", {"orderId": order_id}


def read(client: Raw, start: int = 0) -> list[tuple[str, Values]]:
    """The messages from a place on, decoded."""
    found = [REPLY_NUMBERS[int(message[0])] for message in client.messages[start:]]
    return [
        (reply.name, reply.decode(message, client.version))
        for reply, message in zip(found, client.messages[start:], strict=True)
    ]


def line(name: str, values: Values) -> str:
    """What tells a message apart, in a word or three."""
    match name:
        case "openOrder":
            return f"open {values['orderId']} {values['status']}"
        case "orderStatus":
            held = f" {values['whyHeld']}" if values["whyHeld"] else ""
            return f"status {values['orderId']} {values['status']}{held}"
        case "error":
            return f"error {values['id']} {values['errorCode']}"
        case "execDetails":
            return f"exec {values['orderId']} {values['secType']}"
        case "tickPrice" | "tickSize" | "tickString" | "tickGeneric":
            return f"{name} {values['tickType']}"
    return name


def seen(client: Raw, start: int) -> list[str]:
    """The messages from a place on but for what a clock sends."""
    return [line(name, values) for name, values in read(client, start) if name != "currentTime"]


async def ask(client: Raw, *asks: Ask) -> int:
    """Send requests. Return the place of the first message that may answer."""
    start = len(client.messages)
    for name, values in asks:
        client.send(*REQUEST_NAMES[name].encode(values, client.version))
    return start


async def comes(client: Raw, start: int, expected: str | list[str]) -> list[str]:
    """Wait for a sequence, and whether it is all that comes until the next question is answered."""
    wanted = expected.split(", ") if isinstance(expected, str) else expected
    with contextlib.suppress(AssertionError):  # what came instead is told below
        await until(lambda: len(seen(client, start)) >= len(wanted))
    asked = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > asked)
    assert seen(client, start) == wanted
    return wanted


def both(order_id: int, status: str, held: str = "") -> str:
    """An openOrder with its orderStatus."""
    return f"open {order_id} {status}, status {order_id} {status}{f' {held}' if held else ''}"


def working(order_id: int) -> str:
    """An order that rests at the exchange: taken, then working, which is told twice."""
    return f"{both(order_id, 'PreSubmitted')}, {both(order_id, 'Submitted')}, {both(order_id, 'Submitted')}"


def cancelled(order_id: int, *, asked: bool = True) -> str:
    """The end of a cancelled order; who asked for it hears of the pending cancel first."""
    pending = f"{both(order_id, 'PendingCancel')}, " if asked else ""
    return f"{pending}status {order_id} Cancelled, error {order_id} 202"


ORDERS: dict[str, list[tuple[list[Ask], str]]] = {
    "a market order fills": [
        ([place(1, orderType="MKT")], f"{both(1, 'PreSubmitted')}, exec 1 STK, {both(1, 'Filled')}, "
         f"{both(1, 'Filled')}, commissionReport"),
        ([place(1, orderType="MKT", totalQuantity=2)], "error 1 104"),
        ([cancel(1)], "error 1 10148"),
    ],
    "a limit order is cancelled": [
        ([place(1)], working(1)),
        ([cancel(1)], cancelled(1)),
        ([cancel(1)], "error 1 10148"),
        ([cancel(5003)], "error 5003 10147"),
    ],
    "an order is changed": [
        ([place(1)], working(1)),
        ([place(1, lmtPrice=2.0)], f"{both(1, 'Submitted')}, {both(1, 'Submitted')}"),
    ],
    "an order waits to be transmitted": [
        ([place(1, transmit=False)], ""),
        ([place(1)], working(1)),
    ],
    "a bracket goes with its parent": [
        ([place(1, transmit=False), place(2, action="SELL", lmtPrice=900.0, parentId=1, transmit=False)], ""),
        (
            [place(3, action="SELL", orderType="STP", lmtPrice=0.0, auxPrice=0.5, parentId=1)],
            f"{working(1)}, {both(2, 'PreSubmitted', 'child')}, {both(2, 'PreSubmitted', 'child')}, "
            f"{both(3, 'PreSubmitted', 'child,trigger')}, {both(3, 'PreSubmitted', 'child,trigger')}",
        ),
        ([cancel(1)], f"{cancelled(1)}, {cancelled(2, asked=False)}, {cancelled(3, asked=False)}"),
    ],
    "one order of a group cancels the others": [
        ([place(1, ocaGroup="g", ocaType=1), place(2, ocaGroup="g", ocaType=1, lmtPrice=1.5)],
         f"{working(1)}, {working(2)}"),
        ([cancel(1)], f"{cancelled(1)}, {cancelled(2, asked=False)}"),
    ],
    "a stop waits for its trigger": [
        ([place(1, orderType="STP", lmtPrice=0.0, auxPrice=900.0, outsideRth=True)],
         f"error 1 2109, {both(1, 'PreSubmitted', 'trigger')}, {both(1, 'PreSubmitted', 'trigger')}"),
    ],
    "immediate or cancel ends without an error": [
        ([place(1, tif="IOC")],
         f"{both(1, 'PreSubmitted')}, {both(1, 'PendingCancel')}, status 1 Cancelled"),
    ],
    "fill or kill ends without an error": [
        ([place(1, tif="FOK")], f"{both(1, 'PreSubmitted')}, {both(1, 'Inactive')}"),
    ],
    "what if is one openOrder and takes a number": [
        ([place(1, whatIf=True)], "open 1 PreSubmitted"),
        ([place(2, whatIf=True, transmit=False)], "error 2 321"),
        ([place(1)], "error 1 103"),
    ],
    "a combination fills, then its legs": [
        ([place(1, **PAIR, orderType="MKT")],
         f"{both(1, 'PreSubmitted')}, exec 1 BAG, {both(1, 'Filled')}, exec 1 STK, {both(1, 'Filled')}, "
         f"exec 1 STK, {both(1, 'Filled')}, commissionReport, commissionReport"),
    ],
    "an unknown type is refused before it is an order": [([place(1, orderType="NOPE")], "error 1 321")],
    "a price between ticks is refused before it is an order": [([place(1, lmtPrice=1.005)], "error 1 110")],
}  # fmt: skip
"""Orders: what is asked, and all that comes then."""


@pytest.mark.parametrize("name", ORDERS)
async def test_orders(open_gateway: Opener, raw: RawOpener, name: str) -> None:
    client = await raw(await open_gateway(**WORLD), 1)
    for asks, expected in ORDERS[name]:
        start = await ask(client, *asks)
        await comes(client, start, expected or [])


async def test_a_rejected_order_is_inactive_before_its_error(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(**WORLD), 1)
    start = await ask(client, place(1, orderType="MKT", totalQuantity=5_000_000))
    await until(lambda: (1, 201) in client.errors())
    assert seen(client, start)[:3] == [*both(1, "Inactive").split(", "), "error 1 201"]


async def test_what_stands_in_the_messages_of_a_fill(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(**WORLD), 1)
    start = await ask(client, place(1, orderType="MKT"))
    await until(lambda: client.of(59))
    told = read(client, start)
    opened = [values["commission"] for name, values in told if name == "openOrder"]
    assert opened == [UNSET, UNSET, 1.0], "the commission stands in the last openOrder alone"
    [execution] = [values for name, values in told if name == "execDetails"]
    assert execution["reqId"] == -1
    assert execution["execId"].endswith(".01.01")
    [report] = [values for name, values in told if name == "commissionReport"]
    assert (report["execId"], report["commission"], report["yield"]) == (execution["execId"], 1.0, UNSET)


async def test_what_stands_in_the_messages_of_a_bracket(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(**WORLD), 1)
    child = {"action": "SELL", "parentId": 1}
    start = await ask(
        client, place(1, transmit=False), place(2, lmtPrice=900.0, transmit=False, **child),
        place(3, orderType="STP", lmtPrice=0.0, auxPrice=0.5, **child),
    )  # fmt: skip
    await until(lambda: [values for name, values in read(client, start) if name == "openOrder"][-1:])
    await until(lambda: len(client.of(3)) == 7)
    orders = {values["orderId"]: values for name, values in read(client, start) if name == "openOrder"}
    parent = orders[1]["permId"]
    assert [orders[number]["permId"] - parent for number in (1, 2, 3)] == [0, 1, 2]
    assert [orders[number]["ocaGroup"] for number in (1, 2, 3)] == ["", str(parent), str(parent)]
    assert {orders[number]["ocaType"] for number in (1, 2, 3)} == {3}


async def test_an_order_for_a_closed_market(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(start="20260926 12:00:00 US/Eastern", always_open=False), 1)
    start = await ask(client, place(1))
    await comes(client, start, f"error 1 399, {both(1, 'PreSubmitted')}")
    [warning] = [values["errorString"] for name, values in read(client, start) if name == "error"]
    assert warning == (
        "Order Message:\nBUY 1 AAPL NASDAQ.NMS\nWarning: your order will not be placed at the exchange until "
        "2026-09-28 09:30:00 US/Eastern"
    )


async def test_what_a_client_is_greeted_with(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    told = seen(client, 0)
    assert told == [
        "managedAccounts",
        "nextValidId",
        "error -1 2104",
        "error -1 2104",
        "error -1 2106",
        "error -1 2158",
    ]


QUOTE = (
    "marketDataType, tickReqParams, tickString 45, tickPrice 4, tickSize 5, tickSize 8, tickPrice 6, tickPrice 7, "
    "tickPrice 9, tickPrice 14, tickPrice 1, tickPrice 2, tickSize 0, tickSize 3"
)


@pytest.mark.parametrize("market_type", [1, 3])
async def test_the_start_of_a_quote(gateway: SimulatedGateway, raw: RawOpener, market_type: int) -> None:
    """Who is subscribed gets live data, delayed ones asked for or not."""
    client = await raw(gateway, 1)
    await ask(client, ("reqMarketDataType", {"marketDataType": market_type}))
    start = await ask(client, ("reqMktData", {"reqId": 5} | STOCK))
    expected = QUOTE.split(", ")
    await until(lambda: len(seen(client, start)) >= len(expected))
    assert seen(client, start)[: len(expected)] == expected
    told = [values for name, values in read(client, start) if name == "marketDataType"]
    assert [values["marketDataType"] for values in told] == [1]
    prices = {
        values["tickType"]: values for name, values in read(client, start)[: len(expected)] if name == "tickPrice"
    }
    assert [prices[kind]["attrib"] for kind in (1, 2)] == [1, 1]
    assert [prices[kind]["size"] for kind in (6, 7, 9, 14)] == [0, 0, 0, 0]


async def test_the_start_of_a_delayed_quote(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(subscriptions=()), 1)
    start = await ask(client, ("reqMktData", {"reqId": 5} | STOCK))
    await until(lambda: len(seen(client, start)) == 1)
    assert seen(client, start)[0] in {"error 5 10089", "error 5 354"}
    start = await ask(
        client, ("reqMarketDataType", {"marketDataType": 3}), ("reqMktData", {"reqId": 6} | STOCK)
    )  # fmt: skip
    await until(lambda: "tickPrice 67" in seen(client, start))
    told = seen(client, start)
    assert told[:2] == ["error 6 10167", "marketDataType"]
    assert {"tickPrice 66", "tickPrice 67", "tickPrice 68", "tickPrice 75"} <= set(told)
    assert not {"tickPrice 1", "tickPrice 2", "tickPrice 4"} & set(told)


async def test_history_is_one_message_and_a_cancel_is_an_error(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    bars = STOCK | {"durationStr": "600 S", "barSizeSetting": "5 secs", "whatToShow": "TRADES", "formatDate": 1}
    start = await ask(client, ("reqHistoricalData", bars | {"reqId": 5}))
    await comes(client, start, "historicalData")
    start = await ask(client, ("reqHistoricalData", bars | {"reqId": 6, "keepUpToDate": True}))
    await until(lambda: seen(client, start)[:2] == ["historicalData", "historicalDataUpdate"])
    start = await ask(client, ("cancelHistoricalData", {"reqId": 6}))
    await until(lambda: (6, 162) in client.errors())
    [text] = [values["errorString"] for name, values in read(client, start) if name == "error"]
    assert text == "Historical Market Data Service error message:API historical data query cancelled: 6"
    start = await ask(client, ("cancelHistoricalData", {"reqId": 7}))
    await comes(client, start, "error 7 366")


async def test_account_updates(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    start = await ask(client, ("reqAccountUpdates", {"subscribe": True, "account": ACCOUNT}))
    await until(lambda: client.of(54))
    told = read(client, start)
    names = [name for name, _ in told]
    values = names.index("updatePortfolio")
    assert set(names[:values]) == {"updateAccountValue"}
    tags = list(dict.fromkeys(each["tag"] for _, each in told[:values]))
    assert tags[0] == "AccountCode"
    assert tags == sorted(tags)
    ledger = [each["currency"] for _, each in told[:values] if each["tag"] == "WarrantValue"]
    assert ledger[:2] == ["BASE", "USD"]
    held = (len(names) - 2 - values) // 2
    assert names[values:] == [
        *["updatePortfolio", "updateAccountTime"] * held, "updateAccountTime", "accountDownloadEnd"
    ]  # fmt: skip


async def test_an_account_summary_ends_twice(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    start = await ask(client, ("reqAccountSummary", {"reqId": 5, "group": "All", "tags": "$LEDGER:ALL"}))
    await until(lambda: len(client.of(64)) == 2)
    told = read(client, start)
    assert {values["account"] for name, values in told if name == "accountSummary"} == {"All"}
    assert [name for name, _ in told if name != "accountSummary"] == ["accountSummaryEnd"] * 2
    assert told[-1][0] == "accountSummaryEnd"
    await ask(client, ("cancelAccountSummary", {"reqId": 5}))
    await ask(client, ("reqAccountSummary", {"reqId": 6, "group": "All", "tags": "NetLiquidation"}))
    await ask(client, ("cancelAccountSummary", {"reqId": 6}))
    start = await ask(client, ("reqAccountSummary", {"reqId": 7, "group": "All", "tags": "NetLiquidation"}))
    await until(lambda: len([row for row in client.of(64) if row[2] == "7"]) == 2)
    assert [row[2] for row in client.of(64)] == ["5", "5", "6", "7", "7"], "a cancelled summary does not end again"


async def test_profit_and_loss_comes_at_once_and_then_every_second(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(pnl_interval=3.0)
    client = await raw(gateway, 1)
    await ask(client, ("reqPnL", {"reqId": 5, "account": ACCOUNT}))
    before = asyncio.get_running_loop().time()
    await until(lambda: client.of(94))
    assert asyncio.get_running_loop().time() - before < 2.5
    start = await ask(client, ("reqPnLSingle", {"reqId": 6, "account": ACCOUNT, "conId": GOLD}))
    await until(lambda: client.of(95))
    told = [entry for entry in read(client, start) if entry[0] != "pnl"]
    assert [line(*entry) for entry in told[:2]] == ["error 6 2150", "pnlSingle"]
    assert (told[1][1]["position"], told[1][1]["dailyPnL"]) == (0, UNSET)
    await until(lambda: len(client.of(94)) > 1)


async def test_positions_end_and_name_what_was_closed_today(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(**WORLD), 1)
    await ask(client, place(1, conId=NVDA, symbol="NVDA", action="BUY", orderType="MKT"))
    await until(lambda: len(client.of(59)) == 1)
    held = await positions(client)
    await ask(client, place(2, conId=NVDA, symbol="NVDA", action="SELL", orderType="MKT", totalQuantity=held[NVDA]))
    await until(lambda: len(client.of(59)) == 2)
    assert (await positions(client))[NVDA] == 0


async def positions(client: Raw) -> dict[int, float]:
    """What the first account holds, by contract."""
    start, ended = await ask(client, ("reqPositions", {})), len(client.of(62))
    await until(lambda: len(client.of(62)) > ended)
    told = read(client, start)
    ends = [place for place, (name, _) in enumerate(told) if name == "positionEnd"]
    rows = [values for name, values in told[: ends[0]] if name == "position"]
    return {row["conId"]: row["position"] for row in rows if row["account"] == ACCOUNT}


async def test_who_comes_back_hears_of_its_orders_before_anything_else(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(**WORLD)
    client = await raw(gateway, 1)
    start = await ask(client, place(1))
    await comes(client, start, working(1))
    await client.close()
    await until(lambda: gateway.stats.connections == 0)
    again = await raw(gateway, 1)
    assert seen(again, 0)[:5] == [*both(1, "Submitted").split(", "), "openOrderEnd", "managedAccounts", "nextValidId"]
