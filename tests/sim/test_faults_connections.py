"""Faults of sockets and clientIds: what a client sees, what the log says, and that all is well once it is lifted."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from typing import Any

import pytest
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.faults.faults import FaultError
from ibmux.tws.handshake import Greeting, encode_greeting
from ibmux.tws.requests import REQUEST_NAMES

APPLE = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
LIMIT = {"action": "BUY", "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "transmit": True}


async def dial(gateway: SimulatedGateway) -> Raw:
    """A socket that has sent its greeting; whether it is answered is the test's question."""
    client = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    client.writer.write(encode_greeting(Greeting(157, 176)))
    return client


async def is_served(gateway: SimulatedGateway, client_id: int = 77, patience: float = 20.0) -> bool:
    """Whether a new connection gets as far as its accounts, within so many seconds."""
    try:
        client = await dial(gateway)
    except ConnectionError:
        return False
    try:
        async with asyncio.timeout(patience):
            await until(lambda: client.version or client.ended)
            if client.version:
                client.send(71, 2, client_id, "")
                await until(lambda: client.of(15) or client.ended)
        return bool(client.of(15))
    except (TimeoutError, AssertionError):
        return False
    finally:
        await client.close()


async def alive(client: Raw) -> None:
    """Wait for the answer to a new question."""
    seen = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > seen)


async def test_refuse_closes_the_port_and_keeps_it(gateway: SimulatedGateway, raw: RawOpener) -> None:
    held, port = await raw(gateway, 1), gateway.port
    assert await gateway.faults.refuse() == "the port is closed"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, port)
    other = await asyncio.start_server(lambda *_: None, gateway.host, 0)
    assert other.sockets[0].getsockname()[1] != port
    other.close()
    await alive(held)
    await gateway.faults.heal()
    assert gateway.port == port
    assert await is_served(gateway)
    assert [entry.kind for entry in gateway.log.of("deaf", "listening")] == ["listening", "deaf", "listening"]


async def test_a_fault_ends_by_itself(gateway: SimulatedGateway) -> None:
    await gateway.faults.refuse(1.0)
    assert gateway.faults.in_force == {"refuse": "the port is closed"}
    await until(lambda: gateway.door.is_open)
    assert gateway.faults.in_force == {}
    assert await is_served(gateway)


async def test_reset_accepts_and_resets(gateway: SimulatedGateway) -> None:
    await gateway.faults.reset()
    client = await dial(gateway)
    await until(lambda: client.ended)
    assert not client.version
    [closed] = gateway.log.of("closed")
    assert (closed.by, closed.text) == ("gateway", "reset at once")
    await client.close()
    await gateway.faults.heal()
    assert await is_served(gateway)


@pytest.mark.parametrize(("fault", "greeted"), [("silent", False), ("silent_api", True)])
async def test_silence(open_gateway: Opener, raw: RawOpener, fault: str, greeted: bool) -> None:
    gateway = await open_gateway(greeting_timeout=1.5)
    held = await raw(gateway, 1)
    await gateway.faults.apply(fault)
    client = await dial(gateway)
    if greeted:
        await until(lambda: client.version)
        client.send(71, 2, 5, "")
    await alive(held)
    await asyncio.wait({client._task}, timeout=2.0)  # longer than the greeting may take
    assert (bool(client.version), client.messages, client.ended) == (greeted, [], False)
    await gateway.faults.heal()
    await until(lambda: client.ended)
    assert await is_served(gateway, 5)
    await client.close()


async def test_both_libraries_time_out_at_a_silent_gateway(
    gateway: SimulatedGateway, library: Any, connect: Connector
) -> None:
    await gateway.faults.silent()
    ib = library.IB()
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=0.2)
    ib.disconnect()
    await until(lambda: gateway.log.of("closed"))
    assert gateway.log.of("closed")[0].by == "client"
    await gateway.faults.heal()
    assert (await connect(gateway, 1)).positions()


async def test_slam_closes_after_start_api_without_a_word(gateway: SimulatedGateway) -> None:
    await gateway.faults.slam(0.1)
    client = await dial(gateway)
    await until(lambda: client.version)
    began = time.monotonic()
    client.send(71, 2, 5, "")
    await until(lambda: client.ended)
    assert 0.05 < time.monotonic() - began < 20
    assert client.messages == []
    await client.close()
    await gateway.faults.heal()
    assert await is_served(gateway, 5)


@pytest.mark.parametrize("new", ["answer", "silent", "refuse"])
async def test_half_open_sockets_hear_and_say_nothing(gateway: SimulatedGateway, raw: RawOpener, new: str) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.half_open(new=new)
    before = len(client.messages)
    client.send(49, 1)
    assert await is_served(gateway, 2, 20.0 if new == "answer" else 1.0) == (new == "answer")
    assert (len(client.messages), client.ended) == (before, False)
    await gateway.faults.heal()
    await until(lambda: client.ended)
    assert await is_served(gateway, 1)


async def test_half_open_twice_is_undone_at_once(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first = await raw(gateway, 1)
    await gateway.faults.half_open(new="silent")
    await gateway.faults.half_open(new="refuse")
    await until(lambda: first.ended)
    assert not await is_served(gateway, patience=1.0)
    await gateway.faults.heal()
    assert await is_served(gateway)


async def test_half_open_ids_may_stay_taken(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.half_open(ids="held")
    await client.close()
    await until(lambda: gateway.log.of("closed"))
    assert (await raw(gateway, 1)).errors() == [(-1, 326)]
    await gateway.faults.heal()
    assert await is_served(gateway, 1)


async def test_frozen_gateways_answer_when_they_thaw(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.freeze()
    before = len(client.messages)
    client.send(49, 1)
    late = await dial(gateway)
    await until(lambda: len(gateway.log.of("attempt")) == 2)
    assert (len(client.messages), late.version) == (before, 0)
    assert await gateway.faults.thaw() == "the gateway goes on"
    await until(lambda: client.of(49) and late.version == 176)
    await late.close()


async def test_drop_cuts_one_or_all(gateway: SimulatedGateway, raw: RawOpener) -> None:
    one, two, three = [await raw(gateway, number) for number in (1, 2, 3)]
    assert await gateway.faults.drop(2) == "1 socket cut"
    await until(lambda: two.ended)
    await alive(one)
    await gateway.faults.apply("drop")
    await until(lambda: one.ended and three.ended)
    assert {entry.text for entry in gateway.log.of("closed")} == {"cut off"}


@pytest.mark.parametrize(("fault", "survives"), [("stuck", False), ("occupy", True)])
async def test_client_ids_that_somebody_holds(
    gateway: SimulatedGateway, raw: RawOpener, fault: str, survives: bool
) -> None:
    client = await raw(gateway, 7)
    await gateway.faults.apply(f"{fault} 7")
    if survives:
        await alive(client)
        await client.close()
    await until(lambda: client.ended)
    for _ in range(2):
        assert (await raw(gateway, 7)).errors() == [(-1, 326)]
    assert await is_served(gateway, 8)
    assert [entry.text for entry in gateway.log.of("refused")] == ["error 326"] * 2
    await gateway.faults.apply(f"{fault} 9")
    await gateway.faults.apply(f"lift {fault} 9")
    assert await is_served(gateway, 9)
    assert list(gateway.faults.in_force) == [f"{fault} 7"]
    await gateway.faults.unstuck()
    assert await is_served(gateway, 7)
    assert gateway.faults.in_force == {}


async def test_full_lets_nobody_in(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.full()
    assert (await raw(gateway, 2)).errors() == [(-1, 502)]
    await alive(client)
    await gateway.faults.heal()
    assert await is_served(gateway, 2)


async def test_strict_allows_fewer_messages(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.strict(5)
    for _ in range(8):
        client.send(49, 1)
    await until(lambda: client.errors().count((-1, 100)) == 3)
    assert len(client.of(49)) == 5
    await gateway.faults.heal()
    for _ in range(20):
        client.send(49, 1)
    await until(lambda: len(client.of(49)) == 25)
    await gateway.faults.strict(1, breaches=1)
    client.send(49, 1)
    client.send(49, 1)
    await until(lambda: client.ended)


async def test_a_moved_port_is_announced_and_comes_home(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client, home = await raw(gateway, 1), gateway.port
    await gateway.faults.move_port()
    assert gateway.port != home
    await until(lambda: client.ended)
    assert client.errors()[-1] == (-1, 1300)
    assert str(gateway.port) in client.of(4)[-1][4]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, home)
    assert await is_served(gateway)
    await gateway.faults.move_port()
    await gateway.faults.heal()
    assert gateway.port == home
    assert await is_served(gateway)


async def test_faults_of_the_port_that_end_together_open_it_once(gateway: SimulatedGateway) -> None:
    port = gateway.port
    for line in ("cut", "restart", "move_port", "half_open new=silent", "refuse", "logout"):
        await gateway.faults.apply(line)
    await gateway.faults.heal()
    assert (gateway.port, gateway.door.is_open) == (port, True)
    assert gateway.log.of("error") == []
    gateway.faults.do("refuse")
    gateway.faults.do("heal")
    gateway.faults.do("refuse")
    await gateway.faults.settle()
    assert not gateway.door.is_open


@pytest.mark.parametrize("closed", ["refuse", "restart 999 fragile=4", "logout", "half_open new=refuse"])
@pytest.mark.parametrize("moved_first", [True, False], ids=["moved-first", "closed-first"])
async def test_a_closed_port_that_moves_and_comes_home_stays_closed(
    gateway: SimulatedGateway, closed: str, moved_first: bool
) -> None:
    home = gateway.port
    for line in ("move_port", closed) if moved_first else (closed, "move_port"):
        await gateway.faults.apply(line)
    assert (gateway.door.is_open, gateway.port == home) == (False, False)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, gateway.port)
    await gateway.faults.apply("lift move_port")
    assert (gateway.door.is_open, gateway.port) == (False, home)
    opened = len(gateway.log.of("listening"))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, home)
    await gateway.faults.apply(f"lift {closed.partition(' ')[0]}")
    assert (gateway.door.is_open, gateway.port) == (True, home)
    assert len(gateway.log.of("listening")) == opened + 1
    assert gateway.log.of("error") == []


async def test_a_port_that_is_closed_while_it_moves_stays_closed(gateway: SimulatedGateway) -> None:
    gateway.faults.do("move_port")
    gateway.faults.do("refuse")
    await gateway.faults.settle()
    assert not gateway.door.is_open
    gateway.faults.do("lift refuse")
    gateway.faults.do("lift move_port")
    gateway.faults.do("restart 999")
    await gateway.faults.settle()
    assert not gateway.door.is_open
    await gateway.faults.heal()
    assert await is_served(gateway)


async def test_a_port_that_is_taken_is_noted(gateway: SimulatedGateway, open_gateway: Opener) -> None:
    other = await open_gateway()
    await gateway.faults.move_port(other.port)
    assert f"cannot listen on port {other.port}" in gateway.log.of("error")[0].text
    await gateway.faults.heal()
    assert await is_served(gateway)


async def test_the_log_is_a_witness_of_sockets(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first = await raw(gateway, 1)
    second = await raw(gateway, 2)
    await first.close()
    await second.close()
    await until(lambda: len(gateway.log.of("closed")) == 2)
    third = await raw(gateway, 1)
    await third.close()
    await until(lambda: len(gateway.log.of("closed")) == 3)
    assert gateway.log.most_at_once() == 2
    beside, after = gateway.log.pauses()
    assert beside == 0.0 < after
    kinds = [entry.kind for entry in gateway.log if entry.connection == 1]
    assert kinds == ["attempt", "spoke", "greeted", "started", "closed"]
    assert [entry.client for entry in gateway.log.of("started")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cutt 5", "did you mean cut"),
        ("cut x", "no length of time"),
        ("cut 1 yes late yes full more", "too much"),
        ("stuck", "CLIENT is missing"),
        ("stuck x", "no whole number"),
        ("half_open new=maybe", "answer, silent, refuse"),
        ("lose 10% orderStatuss", "similar: orderStatus"),
        ("lose 200%", "no share"),
        ("farm usfarm asleep", "is one of ok, broken, inactive, connecting"),
        ("say 9", "which text"),
        ("lift cut", "not in force"),
        ("cut 'x", "cannot be read"),
        ("strict 0", "at least 1"),
        ("shock 7", "write -7%"),
        ("deaden APPL", "nothing is streamed of 'APPL'; kinds are all, quotes"),
        ("cut told=never", "late, lost, through"),
        ("cut word=never", "full, farms, none"),
        ("cut 5" + " " * 5000, "at most"),
    ],
)
async def test_what_cannot_be_done_is_said(gateway: SimulatedGateway, line: str, words: str) -> None:
    with pytest.raises(FaultError, match=words.replace("+", r"\+")):
        await gateway.faults.apply(line)
    assert gateway.faults.in_force == {}


async def test_lines_may_be_empty_or_comments(gateway: SimulatedGateway) -> None:
    assert await gateway.faults.apply("") == await gateway.faults.apply("  # nothing") == ""
    with pytest.raises(AttributeError, match="no fault 'nonsense'"):
        gateway.faults.nonsense()


async def test_a_gateway_that_is_greeted_too_early_is_stuck_until_it_restarts(
    open_gateway: Opener, raw: RawOpener
) -> None:
    gateway = await open_gateway(fragile=30.0)
    early = await dial(gateway)
    await until(lambda: "wedged" in gateway.faults.in_force)
    late = await dial(gateway)  # whoever comes now is not answered either
    await until(lambda: len(gateway.log.of("spoke")) == 2)
    assert gateway.log.of("greeted") == []
    assert not early.version
    assert not late.version
    assert re.search(r"greeted \d\.\d s after the port opened", gateway.log.of("fault")[0].text)
    await gateway.faults.restart(0.01, fragile=0.3)
    await until(lambda: early.ended and late.ended and gateway.door.is_open)
    patient = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    opened = gateway.log.of("listening")[-1].at
    await until(lambda: gateway.clock.now() > opened + 0.35)  # the test is about waiting
    patient.writer.write(encode_greeting(Greeting(157, 176)))
    await until(lambda: patient.version == 176)
    assert len(gateway.log.intervals()) == 2
    for client in (early, late, patient):
        await client.close()


async def test_a_port_that_moves_is_no_restart(open_gateway: Opener) -> None:
    gateway = await open_gateway(fragile=0.2)
    await until(lambda: gateway.clock.now() > gateway.listener._opened + 0.2)
    await gateway.faults.move_port()
    assert await is_served(gateway)


async def test_a_restart_alone_may_be_fragile(gateway: SimulatedGateway) -> None:
    assert await is_served(gateway)
    await gateway.faults.restart(0.01, fragile=60)
    await until(lambda: gateway.door.is_open)
    assert not await is_served(gateway, patience=1.0)
    await gateway.faults.restart(0.01)
    await until(lambda: gateway.door.is_open)
    assert await is_served(gateway)


async def test_a_gateway_that_goes_on_reads_the_orders_of_those_who_have_gone(
    gateway: SimulatedGateway, raw: RawOpener
) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.freeze()
    client.send(*REQUEST_NAMES["reqMktData"].encode({"reqId": 1, **APPLE}, 176))
    client.send(*REQUEST_NAMES["placeOrder"].encode({"orderId": 7, **APPLE, **LIMIT}, 176))
    await client.close()
    await until(lambda: gateway.stats.close_wait == 1)
    await gateway.faults.thaw()
    assert [each.orderId for each in gateway.book._book.open()] == [7]
    await until(lambda: gateway.stats.close_wait == 0)
    assert not gateway.stats.lines, "data for nobody"
    assert await is_served(gateway)


@pytest.mark.parametrize("fault", ["silent", "silent_api", "half_open", "freeze"])
async def test_whoever_goes_while_the_gateway_is_stuck_leaves_a_socket_in_close_wait(
    gateway: SimulatedGateway, fault: str
) -> None:
    if fault == "half_open":
        client = await dial(gateway)
        await until(lambda: client.version)
        await gateway.faults.half_open()
    else:
        await gateway.faults.apply(fault)
        client = await dial(gateway)
        client.send(71, 2, 5, "")
        await until(lambda: gateway.log.of("spoke"))
    await client.close()
    await until(lambda: gateway.stats.close_wait == 1)
    assert "1 in CLOSE_WAIT" in await gateway.faults.status()
    [left] = gateway.listener.left
    assert left._transport is not None
    state = left._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    assert state == 8  # CLOSE_WAIT in the kernel's table
    assert [entry.text for entry in gateway.log.of("closed")] == ["left in CLOSE_WAIT"]
    await gateway.faults.heal()
    await until(lambda: gateway.stats.close_wait == 0)
    assert len(gateway.log.of("closed")) == 1
    assert await is_served(gateway, 5)


async def test_a_half_open_socket_that_is_gone_before_the_fault_is_lifted(gateway: SimulatedGateway) -> None:
    client = await dial(gateway)
    await until(lambda: client.version)
    await gateway.faults.half_open()
    await client.close()
    await until(lambda: gateway.stats.close_wait == 1)
    await gateway.faults.freeze()
    await gateway.faults.thaw()
    await until(lambda: gateway.stats.close_wait == 0)
    await gateway.faults.half_open()
    await gateway.faults.heal()
    assert await is_served(gateway)
