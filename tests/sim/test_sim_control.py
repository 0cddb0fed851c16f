"""The control port and what stands in front of a gateway: lines in, answers out; a forwarder for a dead one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from wire_client import FAST, Raw, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.faults.control import MAX_SESSIONS, Control, send
from ibmux.sim.faults.forwarder import Forwarder
from ibmux.sim.faults.verbs import VERBS
from ibmux.sim.log import Log, as_json
from ibmux.tws.handshake import Greeting, encode_greeting


@pytest.fixture
async def control(gateway: SimulatedGateway) -> AsyncIterator[Control]:
    async with Control(gateway, 0) as opened:
        yield opened


async def test_a_line_gets_an_answer(gateway: SimulatedGateway, control: Control) -> None:
    assert await send(control.port, "cut 30 told=lost") == ["ok no Interactive Brokers, for 30 s"]
    assert gateway.conduct.cut
    assert await send(control.port, "nonsense") == ["error there is no fault 'nonsense': `help` lists them."]
    assert await send(control.port, "") == ["ok"]
    assert await send(control.port, "heal") == ["ok lifted: cut"]
    assert not gateway.conduct.cut


async def test_longer_answers_end_with_ok(gateway: SimulatedGateway, control: Control, raw: RawOpener) -> None:
    await raw(gateway, 5)
    await send(control.port, "read-only")
    status = await send(control.port, "status")
    assert status[1:] == [
        "clients: 5; sockets: 1", "orders placed: 0; open: 0", "fault read_only: the API is read-only", "ok",
    ]  # fmt: skip
    log = await send(control.port, "log 2")
    assert [line[10:] for line in log[:-1]] == [
        "client 5 started (connection 1)",
        "fault read_only: the API is read-only",
    ]
    help_text = await send(control.port, "help")
    assert all(any(line.strip().startswith(name) for line in help_text) for name in VERBS)
    assert "[told=late]" in (await send(control.port, "help cut"))[0]


async def test_one_connection_may_send_many_lines(control: Control) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
    writer.write(b"cut\nrestore\n\xff\xfe\n" + b"x" * 5000 + b"\nheal\n")
    answers = (await asyncio.wait_for(reader.read(), 20)).decode().splitlines()
    assert [line.split()[0] for line in answers] == ["ok", "ok", "error", "error"]
    writer.close()


async def test_control_connections_are_bounded(control: Control) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", control.port) for _ in range(MAX_SESSIONS + 1)]
    assert await asyncio.wait_for(opened[-1][0].read(), 20) == b""
    opened[0][1].write(b"heal\n")
    assert await asyncio.wait_for(opened[0][0].readline(), 20) == b"ok no fault was in force\n"
    for _, writer in opened:
        writer.close()


async def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        await send(free_port(), "heal")


async def test_the_log_goes_to_a_file(tmp_path: Path, raw: RawOpener) -> None:
    path = tmp_path / "gateway.jsonl"
    heard: list[Any] = []
    async with SimulatedGateway(
        Settings(start="20260106 10:00:00 US/Eastern", port=free_port(), **FAST), path
    ) as gateway:
        gateway.log.listen(heard.append)
        await raw(gateway, 3)
        await gateway.faults.cut()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds == ["listening", "attempt", "spoke", "greeted", "started", "fault", "deaf", "closed"]
    assert lines[4]["client"] == 3
    assert lines[0]["time"].startswith("2026-01-06T15:00:00")
    assert [entry.kind for entry in heard] == kinds[1:]
    assert json.loads(as_json(heard[-1]))["by"] == "gateway"
    assert len(gateway.log) == len(lines)
    async with gateway:
        pass
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()][-2:] == ["listening", "deaf"]


def test_the_log_forgets_the_oldest() -> None:
    log = Log(lambda: 0.0)
    for number in range(20_005):
        log.add("act", str(number))
    assert (len(log), next(iter(log)).text) == (20_000, "5")


async def dial(forwarder: Forwarder) -> Raw:
    client = Raw(*await asyncio.open_connection(forwarder.host, forwarder.port))
    client.writer.write(encode_greeting(Greeting(157, 176)))
    return client


async def test_a_forwarder_hands_everything_on(gateway: SimulatedGateway) -> None:
    async with Forwarder((gateway.host, gateway.port)) as forwarder:
        client = await dial(forwarder)
        await until(lambda: client.version == 176)
        await client.start(4)
        assert client.of(15)
        gateway.drop(4)
        await until(lambda: client.ended)
        await client.close()
        await until(lambda: forwarder.log.of("closed"))
        assert forwarder.log.of("closed")[0].by == "gateway"


async def test_a_forwarder_accepts_for_a_dead_gateway(gateway: SimulatedGateway) -> None:
    await gateway.faults.refuse()
    async with Forwarder((gateway.host, gateway.port)) as forwarder:
        client = await dial(forwarder)
        await until(lambda: client.ended)
        assert client.version == 0
        assert [entry.kind for entry in forwarder.log] == ["attempt", "refused", "closed"]
        await client.close()
        forwarder.dead = "hang"
        client = await dial(forwarder)
        await until(lambda: len(forwarder.log.of("refused")) == 2)
        assert not client.ended
        await client.close()
        await until(lambda: len(forwarder.log.of("closed")) == 2)
        assert forwarder.log.most_at_once() == 1
        await gateway.faults.heal()
        client = await dial(forwarder)
        await until(lambda: client.version == 176)
        await client.close()
    with pytest.raises(ValueError, match="close and hang"):
        Forwarder(("127.0.0.1", 1), dead="perhaps")


async def test_a_forwarder_ends_with_open_connections(gateway: SimulatedGateway) -> None:
    async with Forwarder((gateway.host, gateway.port)) as forwarder:
        client = await dial(forwarder)
        await until(lambda: client.version == 176)
    await until(lambda: client.ended)
    await client.close()
    await until(lambda: not gateway.connections)
