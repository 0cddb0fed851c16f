"""Each shipped scenario, played to its end on a clock moved by hand, with clients that see what it promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import ib_async
import pytest
from wire_client import Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.faults.scenario import load, shipped
from ibmux.tws.requests import REQUEST_NAMES

NEW_YORK = ZoneInfo("US/Eastern")
APPLE = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
Play = Callable[[str], Awaitable[SimulatedGateway]]


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    """Start a shipped scenario on a clock that stands."""
    opened: list[SimulatedGateway] = []

    async def start(name: str) -> SimulatedGateway:
        scenario = load(name, speed=0.0, partial_share=0.0)
        gateway = SimulatedGateway(scenario.settings)
        await gateway.start()
        opened.append(gateway)
        scenario.play(gateway)
        return gateway

    yield start
    for gateway in opened:
        assert gateway.log.of("error") == []
        assert any(entry.text.endswith("is over") for entry in gateway.log.of("step")), "played to its end"
        await gateway.close()


async def go_to(gateway: SimulatedGateway, clock: str, days: int = 0) -> None:
    """Let time pass until it is `clock` in New York."""
    here = datetime.fromtimestamp(gateway.clock.now(), NEW_YORK)
    then = datetime.combine(here.date(), datetime.strptime(clock, "%H:%M:%S").time(), NEW_YORK)  # noqa: DTZ007
    await gateway.pass_time(then.timestamp() + 86_400 * days - gateway.clock.now())


async def finish(gateway: SimulatedGateway, name: str) -> None:
    """Let time pass until the scenario is over."""
    scenario = load(name)
    begun = next(iter(gateway.log)).at
    await gateway.pass_time(begun + scenario.length - gateway.clock.now() + 1)


def ask(client: Raw, request: str, **values: Any) -> None:
    client.send(*REQUEST_NAMES[request].encode(values, client.version))


def place(client: Raw, order_id: int, **more: Any) -> None:
    order = APPLE | {"action": "BUY", "totalQuantity": 10, "orderType": "MKT", "account": "DU1000001", "transmit": True}
    ask(client, "placeOrder", **(order | more | {"orderId": order_id}))


def states(client: Raw, order_id: int) -> list[str]:
    return [message[2] for message in client.of(3) if message[1] == str(order_id)]


async def settle(client: Raw) -> None:
    seen = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > seen)


def ticks(client: Raw, request_id: int) -> int:
    return sum(message[2] == str(request_id) for message in client.of(1) + client.of(2))


async def stays_dead(client: Raw, dead: int, alive: int) -> None:
    """Wait for ticks of one line while another one gets none."""
    await settle(client)
    seen, still = ticks(client, alive), ticks(client, dead)
    await until(lambda: ticks(client, alive) > seen + 15)
    assert ticks(client, dead) == still


async def lost(client: Raw) -> None:
    await until(lambda: client.ended)


def middle(gateway: SimulatedGateway, symbol: str) -> float:
    query = Query(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
    found = gateway.world.universe.find(query)[0].contract.conId
    return float(gateway.world.market.tape(found).mid(gateway.clock.now()))


async def test_quiet_day(play: Play) -> None:
    gateway = await play("quiet-day")
    ib = ib_async.IB()
    errors: list[int] = []
    ib.errorEvent += lambda _id, code, _text, _contract: errors.append(code)
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=20)
    [apple] = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
    ib.reqMktData(apple)
    early = ib.placeOrder(apple, ib_async.MarketOrder("BUY", 10, account="DU1000001"))
    await until(lambda: 399 in errors)
    await go_to(gateway, "09:29:00")
    assert early.orderStatus.filled == 0
    await go_to(gateway, "09:31:00")
    await until(lambda: early.fills)
    for hour in range(10, 16):
        await go_to(gateway, f"{hour}:00:00")
        trade = ib.placeOrder(apple, ib_async.MarketOrder("SELL", 1, account="DU1000001"))
        await until(lambda: trade.orderStatus.permId)  # noqa: B023 - awaited before the next turn
        await gateway.pass_time(30)
        await until(lambda: trade.fills)  # noqa: B023 - awaited before the next turn
    await finish(gateway, "quiet-day")
    assert set(errors) <= {399, 2104, 2106, 2158}
    errors.clear()
    ib.placeOrder(apple, ib_async.MarketOrder("BUY", 1, account="DU1000001"))
    await until(lambda: 399 in errors)
    assert ib.isConnected()
    assert gateway.log.of("fault", "closed") == []
    ib.disconnect()


async def test_crash_day(play: Play, raw: RawOpener) -> None:
    gateway = await play("crash-day")
    client = await raw(gateway, 1)
    await go_to(gateway, "10:29:59")
    before = {name: middle(gateway, name) for name in ("AAPL", "MSFT", "SPY", "JPM")}
    ask(client, "reqMktData", reqId=1, **APPLE)
    await settle(client)
    place(client, 1, orderType="STP", auxPrice=round(before["AAPL"] * 0.96, 2), action="SELL")
    await settle(client)
    await go_to(gateway, "10:46:00")
    changes = [middle(gateway, name) / price - 1 for name, price in before.items()]
    assert sum(changes) / 4 == pytest.approx(-0.07, abs=0.02)
    await until(lambda: "Filled" in states(client, 1))
    await until(lambda: [code for _, code in client.errors()][-2:] == [2103, 2104])
    await finish(gateway, "crash-day")
    assert gateway.faults.in_force == {}
    changes = [middle(gateway, name) / price - 1 for name, price in before.items()]
    assert sum(changes) / 4 == pytest.approx(-0.1165, abs=0.04)


async def test_nightly_restart(play: Play, raw: RawOpener) -> None:
    gateway = await play("nightly-restart")
    client = await raw(gateway, 1)
    place(client, 8, orderType="LMT", lmtPrice=1.0, tif="GTC")
    await until(lambda: states(client, 8))
    await gateway.pass_time(119)
    assert not client.ended
    await gateway.pass_time(1)
    await lost(client)
    await gateway.pass_time(239)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, gateway.port)
    await gateway.pass_time(1)
    stuck = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    await gateway.pass_time(30)
    await lost(stuck)
    assert stuck.version == 0
    await stuck.close()
    again = await raw(gateway, 1)
    assert [message[1] for message in again.of(5)] == ["8"]
    assert again.of(9) == [["9", "1", "5"]], "ids went back by four"
    ask(again, "reqMktData", reqId=1, **APPLE)
    await settle(again)
    await finish(gateway, "nightly-restart")
    await settle(again)
    session = [code for _, code in again.errors() if code in (1100, 1101, 1102, 2103, 2105)]
    assert session == [2103, 2105, 1100, 1101]
    assert gateway.stats.lines == {1: 0}
    assert len(gateway.book.open_orders(1)) == 1


async def test_weekly_relogin(play: Play, raw: RawOpener) -> None:
    gateway = await play("weekly-relogin")
    client = await raw(gateway, 1)
    await go_to(gateway, "01:00:00")
    await lost(client)
    for clock in ("01:00:30", "04:00:00", "08:29:59"):
        await go_to(gateway, clock)
        stuck = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
        stuck.writer.write(b"API\0\0\0\0\x09v157..176")
        await gateway.pass_time(0.5)
        assert (stuck.version, stuck.ended) == (0, False)
        await stuck.close()
    await go_to(gateway, "08:30:00")
    assert (await raw(gateway, 1)).of(15)
    await finish(gateway, "weekly-relogin")
    assert gateway.log.most_at_once() == 1


async def test_moc_close(play: Play) -> None:
    gateway = await play("moc-close")
    ib = ib_async.IB()
    codes: list[int] = []
    ib.errorEvent += lambda _id, code, _text, _contract: codes.append(code)
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=20)
    [apple] = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
    order = ib_async.Order(action="BUY", totalQuantity=10, orderType="MOC", account="DU1000001", tif="DAY")
    trade = ib.placeOrder(apple, order)
    await until(lambda: trade.orderStatus.permId)
    await go_to(gateway, "15:50:00")
    await until(lambda: 1102 in codes)
    assert trade.orderStatus.filled == 0
    await go_to(gateway, "16:00:30")
    await until(lambda: codes.count(1100) == 2)
    assert not trade.fills
    await go_to(gateway, "16:01:05")
    await until(lambda: trade.fills)
    filled = trade.fills[0].execution.time.astimezone(NEW_YORK)
    assert (filled.hour, filled.minute) == (16, 0)
    await until(lambda: codes.count(1102) == 2)
    await finish(gateway, "moc-close")
    ib.disconnect()


async def test_half_day(play: Play, raw: RawOpener) -> None:
    gateway = await play("half-day")
    client = await raw(gateway, 1)
    await go_to(gateway, "12:30:00")
    place(client, 1)
    await settle(client)
    await gateway.pass_time(30)
    await until(lambda: "Filled" in states(client, 1))
    await go_to(gateway, "13:00:30")
    place(client, 2)
    await until(lambda: (2, 399) in client.errors())
    [warning] = [message[4] for message in client.of(4) if message[3] == "399"]
    assert "2026-11-30 09:30:00" in warning
    await finish(gateway, "half-day")
    await settle(client)
    assert "Filled" not in states(client, 2)
    assert [code for _, code in client.errors()][-2:] == [1100, 1102]


async def test_expiry_friday(play: Play, raw: RawOpener) -> None:
    gateway = await play("expiry-friday")
    client = await raw(gateway, 1)
    option = {"symbol": "SPY", "secType": "OPT", "exchange": "SMART", "currency": "USD", "right": "C",
              "lastTradeDateOrContractMonth": "20260116"}  # fmt: skip
    strikes = sorted(
        details.contract.strike
        for details in gateway.world.universe.find(Query(**option))
        if abs(details.contract.strike / middle(gateway, "SPY") - 1) < 0.01
    )
    option["strike"] = strikes[len(strikes) // 2]
    await go_to(gateway, "10:00:00")
    ask(client, "reqMktData", reqId=1, **option)
    place(client, 1, **option, totalQuantity=1)
    await settle(client)
    await gateway.pass_time(60)
    await until(lambda: "Filled" in states(client, 1))
    await go_to(gateway, "15:30:15")
    await settle(client)
    assert [code for _, code in client.errors() if code in (2103, 2104)][-2:] == [2103, 2104]
    ask(client, "reqMktData", reqId=2, **APPLE)
    await stays_dead(client, 1, 2)
    await finish(gateway, "expiry-friday")
    assert gateway.stats.lines == {1: 2}
    await go_to(gateway, "12:00:00", days=1)
    ask(client, "reqContractDetails", reqId=9, **option)
    await until(lambda: (9, 200) in client.errors())


async def test_data_farm_trouble(play: Play, raw: RawOpener) -> None:
    gateway = await play("data-farm-trouble")
    client = await raw(gateway, 1)
    ask(client, "reqMktData", reqId=1, **APPLE)
    await settle(client)
    ask(client, "reqMktData", reqId=8, symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD")
    await go_to(gateway, "10:00:05")
    await stays_dead(client, 1, 8)
    await go_to(gateway, "10:11:00")
    bars = {"durationStr": "1 D", "barSizeSetting": "1 hour", "whatToShow": "TRADES", "formatDate": 1, "useRTH": 1}
    ask(client, "reqHistoricalData", reqId=2, endDateTime="", **bars, **APPLE)
    await until(lambda: (2, 162) in client.errors())
    await go_to(gateway, "10:20:30")
    ask(client, "reqContractDetails", reqId=3, **APPLE)
    await until(lambda: (3, 200) in client.errors())
    place(client, 1)
    await settle(client)
    await gateway.pass_time(60)
    await until(lambda: "Filled" in states(client, 1))
    await go_to(gateway, "10:35:00")
    ask(client, "reqHistoricalData", reqId=4, endDateTime="", **bars, **APPLE)
    ask(client, "reqContractDetails", reqId=5, **APPLE)
    await until(lambda: client.of(17) and client.of(52))
    await stays_dead(client, 1, 8)
    ask(client, "cancelMktData", reqId=1)
    ask(client, "reqMktData", reqId=6, **APPLE)
    await until(lambda: ticks(client, 6) > 12)
    await go_to(gateway, "10:41:00")
    await until(lambda: (6, 10197) in client.errors())
    await finish(gateway, "data-farm-trouble")
    await settle(client)
    told = [code for _, code in client.errors() if 2100 < code < 2200][4:]
    assert told == [2103, 2104, 2105, 2106, 2157, 2158, 2108, 2119, 2104]
    assert gateway.faults.in_force == {}


async def test_rejected_orders(play: Play, raw: RawOpener) -> None:
    gateway = await play("rejected-orders")
    client = await raw(gateway, 1)
    for clock, numbers in (("09:36:00", (1, 2)), ("09:41:00", (3,)), ("09:46:00", (4, 5, 6, 7)), ("10:01:00", (8,))):
        await go_to(gateway, clock)
        for number in numbers:
            place(client, number)
        await settle(client)
        if numbers == (3,):
            await gateway.pass_time(29)
            await settle(client)
            assert states(client, 3) == []
        await gateway.pass_time(60)
        await settle(client)
        if 7 in numbers:
            await go_to(gateway, "09:51:00")
            place(client, 99)
            await until(lambda: (99, 321) in client.errors())
    await finish(gateway, "rejected-orders")
    await settle(client)
    rejected = [request_id for request_id, code in client.errors() if code == 201]
    assert rejected == [1, 4, 5, 6]
    assert [number for number in range(1, 9) if "Filled" in states(client, number)] == [2, 3, 7, 8]
    assert gateway.faults.in_force == {}


async def test_sixteen_scripts(play: Play, raw: RawOpener) -> None:
    gateway = await play("sixteen-scripts")
    placed: dict[int, int] = dict.fromkeys(range(1, 17), 0)
    clients = {number: await raw(gateway, number) for number in placed}

    async def trade() -> None:
        for number, client in clients.items():
            placed[number] += 1
            place(
                client, placed[number], totalQuantity=1, action="BUY" if number % 2 else "SELL", orderRef=f"s{number}"
            )
        for client in clients.values():
            await settle(client)

    for clock in ("10:00:00", "10:15:30", "11:00:00", "11:59:00"):
        await go_to(gateway, clock)
        await trade()
    await go_to(gateway, "12:00:00")
    for client in clients.values():
        await lost(client)
    await go_to(gateway, "12:03:30")
    stuck = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    await go_to(gateway, "12:04:30")
    await lost(stuck)
    await stuck.close()
    assert stuck.version == 0
    clients.update({number: await raw(gateway, number) for number in placed})
    assert {int(client.of(9)[0][2]) for client in clients.values()} == {5}
    for clock in ("13:00:00", "14:00:30", "15:00:00", "15:55:00"):
        await go_to(gateway, clock)
        await trade()
    await finish(gateway, "sixteen-scripts")
    first = clients[1]
    ask(first, "reqExecutions", reqId=7)
    await until(lambda: first.of(55))
    found = sorted((int(message[22]), int(message[2])) for message in first.of(11) if message[1] == "7")
    assert found == sorted((number, order_id) for number in placed for order_id in range(1, 9))
    for number, client in clients.items():
        codes = [code for _, code in client.errors() if code in (1100, 2110, 1101, 1102)]
        assert codes == [1100, 2110, 1101], number
    twice = sum(len(client.of(11)) - len({message[14] for message in client.of(11)}) for client in clients.values())
    assert twice > 0, "some messages came twice"


def test_every_shipped_scenario_is_played_here() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(shipped()) <= tested
