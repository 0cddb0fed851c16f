"""Faults of the session with Interactive Brokers: cuts, farms, another session, restarts, logins, accounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wire_client import FAST, Connector, Opener, Raw, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.calendar.hours import TIMETABLES
from ibmux.sim.faults.farms import VENUES
from ibmux.sim.faults.outage import CONTRACTS, HISTORY, REMOTE, refuse
from ibmux.tws.requests import REQUEST_NAMES

AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
ORDER = AAPL | {
    "action": "BUY", "totalQuantity": 1, "orderType": "MKT", "account": "DU1000001", "transmit": True,
}  # fmt: skip


def ask(client: Raw, name: str, **values: Any) -> None:
    client.send(*REQUEST_NAMES[name].encode(values, client.version))


def place(client: Raw, order_id: int, **more: Any) -> None:
    ask(client, "placeOrder", orderId=order_id, **(ORDER | more))


def states(client: Raw, order_id: int) -> list[str]:
    return [message[2] for message in client.of(3) if message[1] == str(order_id)]


def ticks(client: Raw) -> int:
    return len(client.of(1)) + len(client.of(2))


async def flows(client: Raw) -> None:
    seen = ticks(client)
    await until(lambda: ticks(client) > seen + 3)


async def stands(client: Raw, seconds: float = 0.3) -> bool:
    """Whether no tick comes for some time."""
    await settle(client)
    seen = ticks(client)
    await asyncio.wait({client._task}, timeout=seconds)
    return ticks(client) == seen


async def settle(client: Raw) -> None:
    seen = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > seen)


async def watch(client: Raw, request_id: int = 1) -> None:
    ask(client, "reqMktData", reqId=request_id, **AAPL)
    await flows(client)


@pytest.fixture
async def lively(open_gateway: Opener) -> SimulatedGateway:
    return await open_gateway(rate=400.0, time_pause=0.0)


async def test_a_cut_stops_data_and_1102_lets_lines_go_on(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.cut()
    await until(lambda: (-1, 1100) in client.errors())
    assert await stands(client)
    assert await lively.faults.restore() == "Interactive Brokers is back"
    await until(lambda: (-1, 1102) in client.errors())
    await flows(client)
    assert lively.stats.lines == {1: 1}
    assert not client.ended
    assert len(lively.log.of("attempt")) == 1


async def test_bars_and_snapshots_wait_for_the_end_of_a_cut(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    bars = {"durationStr": "1800 S", "barSizeSetting": "1 min", "whatToShow": "TRADES", "formatDate": 1, "useRTH": 0}
    ask(client, "reqHistoricalData", reqId=5, keepUpToDate=True, endDateTime="", **bars, **AAPL)
    await until(lambda: client.of(90))
    await lively.faults.cut()
    await until(lambda: (-1, 1100) in client.errors())
    seen = len(client.of(90))
    await asyncio.wait({client._task}, timeout=0.3)
    assert len(client.of(90)) == seen
    await lively.faults.restore()
    await until(lambda: len(client.of(90)) > seen)
    await lively.faults.cut(0.01, bare=True)
    await until(lambda: (-1, 1101) in client.errors())
    seen = len(client.of(90))
    await asyncio.wait({client._task}, timeout=0.6)
    assert len(client.of(90)) == seen


async def test_after_1101_every_subscription_is_gone(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    ask(client, "reqPnL", reqId=8, account="DU1000001", modelCode="")
    await until(lambda: client.of(94))
    await lively.faults.cut(0.05, bare=True, broken=True)
    await until(lambda: (-1, 1101) in client.errors())
    assert [code for _, code in client.errors()][-3:] == [1100, 2110, 1101]
    assert lively.stats.lines == {1: 0}
    assert await stands(client)
    assert lively.faults.in_force == {}
    await watch(client, 2)


@pytest.mark.parametrize("word", ["farms", "none"])
@pytest.mark.parametrize("bare", [False, True])
async def test_a_cut_that_ends_without_a_word(lively: SimulatedGateway, raw: RawOpener, word: str, bare: bool) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.cut(bare=bare, word=word)
    assert await stands(client)
    before = len(client.errors())
    assert await lively.faults.restore(bare, word) == "Interactive Brokers is back" + (
        ", subscriptions are gone" * bare + ", and nothing is said of it" * (word == "none")
    )
    await settle(client)
    said = [code for _, code in client.errors()[before:]]
    assert said == ([2104, 2104, 2106, 2158] if word == "farms" else [])
    if bare:
        assert await stands(client)
    else:
        await flows(client)


async def test_what_is_asked_for_in_a_cut(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await lively.faults.cut()
    ask(client, "reqContractDetails", reqId=11, **AAPL)
    ask(client, "reqMktData", reqId=12, **AAPL)
    ask(client, "reqHistoricalData", reqId=13, durationStr="1 D", barSizeSetting="1 min", whatToShow="TRADES", **AAPL)
    ask(client, "reqMatchingSymbols", reqId=14, pattern="AAP")
    client.send(61, 1)
    client.send(49, 1)
    await until(lambda: client.of(62) and client.of(49))
    found = dict(error for error in client.errors() if error[0] > 0)
    assert found == {11: 200, 12: 200, 13: 200, 14: 504}
    await lively.faults.restore()
    ask(client, "reqContractDetails", reqId=15, **AAPL)
    await until(lambda: client.of(52))


@pytest.mark.parametrize("told", ["late", "lost", "through"])
async def test_news_of_orders_during_a_cut(lively: SimulatedGateway, raw: RawOpener, told: str) -> None:
    client = await raw(lively, 1)
    place(client, 1, orderType="LMT", lmtPrice=1.0)
    await until(lambda: "Submitted" in states(client, 1))
    await lively.faults.cut(told=told)
    before = len(client.of(3))
    place(client, 2)
    await settle(client)
    assert states(client, 2) == []
    lively.tell(lively.world.desk.cancel(1, 1, lively.clock.now()))
    await settle(client)
    assert ("Cancelled" in states(client, 1)) == (told == "through")
    assert len(client.of(3)) == before + (len(states(client, 1)) - before)
    await lively.faults.restore()
    await until(lambda: "Filled" in states(client, 2))
    assert ("Cancelled" in states(client, 1)) == (told != "lost")
    assert [message[2] for message in client.of(11)] == ["2"]


async def test_who_connects_in_a_cut_is_told_of_it(lively: SimulatedGateway, connect: Connector) -> None:
    await lively.faults.cut()
    ib = await connect(lively, 3)
    assert ib.positions()
    assert [code for _, code, _ in ib.errors if code in (1100, 2104, 2110)] == [2110]
    await lively.faults.heal()
    await until(lambda: any(code == 1102 for _, code, _ in ib.errors))


async def test_orders_of_clients_that_left_in_a_cut_are_not_sent(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await lively.faults.cut()
    place(client, 1)
    await settle(client)
    await client.close()
    await until(lambda: lively.stats.connections == 0)
    await lively.faults.restore()
    assert lively.book.open_orders(None) == []


@pytest.mark.parametrize(("name", "codes"), [("usfarm", [2103, 2104]), ("secdefil", [2157, 2158])])
async def test_a_farm_that_breaks_and_is_well_again(
    lively: SimulatedGateway, raw: RawOpener, name: str, codes: list[int]
) -> None:
    client = await raw(lively, 1)
    before = len(client.errors())
    await lively.faults.blip(name, 0.05)
    await until(lambda: len(client.errors()) == before + 2)
    assert [code for _, code in client.errors()[before:]] == codes
    assert all(name in message[4] for message in client.of(4)[before:])


async def test_streams_stay_dead_after_2104(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.blip("usfarm", 0.05)
    await until(lambda: client.errors()[-1] == (-1, 2104))
    assert await stands(client)
    assert lively.stats.lines == {1: 1}
    await watch(client, 2)


async def test_streams_may_go_on_after_2104(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.farm("usfarm", dead=False)
    assert await stands(client)
    ask(client, "reqMktData", reqId=2, **AAPL)
    await until(lambda: lively.stats.lines == {1: 2})
    await lively.faults.farm("usfarm", "ok", dead=False)
    await flows(client)


async def test_farms_of_other_markets_leave_a_line_alone(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.farm("usfuture")
    await flows(client)
    assert (-1, 2103) in client.errors()


async def test_history_and_definitions_without_their_farms(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    bars = {"durationStr": "1800 S", "barSizeSetting": "1 min", "whatToShow": "TRADES", "formatDate": 1, "useRTH": 0}
    ask(client, "reqHistoricalData", reqId=5, keepUpToDate=True, endDateTime="", **bars, **AAPL)
    await until(lambda: client.of(17) and client.of(90))
    await lively.faults.farm("ushmds")
    await until(lambda: (5, 10182) in client.errors())
    seen = len(client.of(90))
    ask(client, "reqHistoricalData", reqId=6, endDateTime="", **bars, **AAPL)
    await until(lambda: (6, 162) in client.errors())
    await lively.faults.farm("secdefil")
    ask(client, "reqContractDetails", reqId=7, **AAPL)
    await until(lambda: (7, 200) in client.errors())
    await lively.faults.heal()
    ask(client, "reqHistoricalData", reqId=8, endDateTime="", **bars, **AAPL)
    ask(client, "reqContractDetails", reqId=9, **AAPL)
    await until(lambda: len(client.of(17)) == 2 and client.of(52))
    assert len(client.of(90)) == seen, "bars that were kept up to date stay dead"


async def test_all_states_of_farms_have_their_message(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    lines = ["usfuture broken", "usfuture inactive", "usfuture connecting", "usfuture ok", "ushmds broken",
             "ushmds inactive", "ushmds ok", "secdefil broken", "secdefil ok"]  # fmt: skip
    before = len(client.errors())
    for line in lines:
        await lively.faults.apply(f"farm {line}")
    await settle(client)
    assert [code for _, code in client.errors()[before:]] == [2103, 2108, 2119, 2104, 2105, 2107, 2106, 2157, 2158]
    await lively.faults.farm("usfarm", "inactive")
    late = await raw(lively, 2)
    assert [code for _, code in late.errors()] == [2104, 2108, 2106, 2158]


async def test_a_competing_session_takes_the_data(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await watch(client)
    await lively.faults.compete()
    await until(lambda: (1, 10197) in client.errors())
    ask(client, "reqMktData", reqId=2, **AAPL)
    await until(lambda: (2, 10197) in client.errors())
    await lively.faults.heal()
    await watch(client, 3)


async def test_a_restart_resets_sockets_and_keeps_the_world(lively: SimulatedGateway, raw: RawOpener) -> None:
    client, port = await raw(lively, 1), lively.port
    place(client, 1, orderType="LMT", lmtPrice=1.0)
    place(client, 2)
    await until(lambda: "Submitted" in states(client, 1) and "Filled" in states(client, 2))
    await lively.faults.restart(1.5)
    await until(lambda: client.ended)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(lively.host, port)
    await until(lambda: lively.door.is_open)
    again = await raw(lively, 1)
    assert lively.port == port
    assert [message[1] for message in again.of(5)] == ["1"]
    assert again.of(9) == [["9", "1", "3"]]
    ask(again, "reqExecutions", reqId=4)
    await until(lambda: again.of(55))
    assert [message[2] for message in again.of(11)] == ["2"]


async def test_a_restart_frees_client_ids_and_may_be_slow_to_settle(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(linger=60.0)
    await raw(gateway, 1)
    await gateway.faults.restart(0.05, settle=1.0)
    await until(lambda: gateway.door.is_open)
    assert gateway.faults.in_force == {"silent": "new connections are accepted and never answered"}
    await until(lambda: not gateway.faults.in_force)
    assert (await raw(gateway, 1)).of(15)


@pytest.mark.parametrize("port", ["closed", "silent"])
async def test_a_weekly_login_waits_for_a_person(lively: SimulatedGateway, raw: RawOpener, port: str) -> None:
    client = await raw(lively, 1)
    await lively.faults.logout(port)
    await until(lambda: client.ended)
    if port == "closed":
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(lively.host, lively.port)
    else:
        stuck = Raw(*await asyncio.open_connection(lively.host, lively.port))
        stuck.writer.write(b"API\0\0\0\0\x09v157..176")
        await asyncio.wait({stuck._task}, timeout=0.1)
        assert (stuck.version, stuck.ended) == (0, False)
        await stuck.close()
    assert await lively.faults.login() == "logged in"
    assert (await raw(lively, 1)).of(15)
    assert lively.faults.in_force == {}


async def test_a_read_only_api(lively: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(lively, 1)
    await lively.faults.read_only()
    place(client, 1)
    client.send(5, 1)
    client.send(99, 1)
    await until(lambda: len([1 for _, code in client.errors() if code == 321]) == 3)
    assert {error for error in client.errors() if error[1] == 321} == {(1, 321), (-1, 321)}
    client.send(61, 1)
    await until(lambda: client.of(62))
    await lively.faults.heal()
    place(client, 1)
    await until(lambda: "Filled" in states(client, 1))


async def test_another_account(lively: SimulatedGateway, raw: RawOpener, connect: Connector) -> None:
    await lively.faults.wrong_account("U1", "U2")
    client = await raw(lively, 1)
    assert client.of(15) == [["15", "1", "U1,U2"]]
    client.send(17, 1)
    await until(lambda: len(client.of(15)) == 2)
    assert client.of(15)[1] == ["15", "1", "U1,U2"]
    await lively.faults.heal()
    assert (await connect(lively, 2)).managedAccounts() == ["DU1000001", "DU1000002"]


def test_farms_carry_venues_that_exist() -> None:
    assert {venue for venues in VENUES.values() for venue in venues} <= set(TIMETABLES)


def test_refusals_as_a_table() -> None:
    for name in REQUEST_NAMES:
        assert refuse(name, cut=False, read_only=False, broken=()) is None
        expected = 200 if name in CONTRACTS else 504
        assert refuse(name, cut=True, read_only=False, broken=()) == (
            None if name not in REMOTE else (expected, {200: "No security definition has been found for the request",
                                                        504: "Not connected"}[expected])
        )  # fmt: skip
    assert {name for name in HISTORY if refuse(name, False, False, {"history"}) is not None} == HISTORY
    assert set(REQUEST_NAMES) >= REMOTE | HISTORY


async def test_everything_at_once_is_healed(raw: RawOpener) -> None:
    async with SimulatedGateway(Settings(**FAST)) as gateway:
        lines = [
            "cut", "farm usfarm", "farm ushmds", "compete", "read_only", "wrong_account", "silent", "full", "strict 1",
            "freeze", "delay 1 1", "lose 100%", "partial_sync", "slow_sync 9", "stuck 1", "half_open new=refuse",
            "duplicate 1", "reorder 1", "refuse", "logout", "restart 999", "move_port", "slam", "fork_on_modify",
        ]  # fmt: skip
        for line in lines:
            await gateway.faults.apply(line)
        assert (await gateway.faults.apply("status")).count("fault ") >= 20
        await gateway.faults.apply("heal")
        assert gateway.faults.in_force == {}
        client = await raw(gateway, 1)
        assert client.of(15) == [["15", "1", "DU1000001,DU1000002"]]
        assert [code for _, code in client.errors()] == [2104, 2104, 2106, 2158]
        place(client, 1)
        await until(lambda: "Filled" in states(client, 1))
