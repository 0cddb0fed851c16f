"""Events that meet at awkward moments: each leaves one socket at most, no task, no error that nobody looks at."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from ports import free_port
from session_stage import QUICK, Far, Stage, soon, until

from ibmux.config import GatewaySettings
from ibmux.session import Session
from ibmux.session.link import Link
from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.client import Client

OURS = ("DU1000001",)


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[str]]:
    """What the loop complains of: errors of tasks and futures that nobody looked at."""
    found: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(str(context)))
    yield found
    gc.collect()
    await asyncio.sleep(0)
    assert not found


def check_of(session: Session) -> Any:
    return session.status().check


# -- settling ---------------------------------------------------------------------------------------------------------


class Talker:
    """A listener that says something unasked."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.words)
        try:
            while data := await reader.read(1000):
                self.heard += data
        except ConnectionError:
            pass  # cut off by the other side
        writer.close()


@pytest.mark.parametrize(
    "words", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x00\x00\x1a176\x0020261121 14:00:00 GMT\x00"], ids=["ssh", "version"]
)
async def test_one_that_speaks_while_it_settles_is_no_gateway(stage: Stage, words: bytes) -> None:
    port = free_port()
    session = stage.start(port, settle=30.0, pause_floor=30.0, pause_cap=30.0)
    await until(lambda: session.state == "waiting")
    talker = Talker(words)
    server = await asyncio.start_server(talker.serve, "127.0.0.1", port)
    # the pause after the knock is half a second at most
    await until(lambda: session.transitions["connecting", "waiting"] == 2)
    assert "not as TWS or IB Gateway do" in session.reason
    assert talker.heard == b""
    server.close()


async def test_a_socket_that_closes_while_it_settles_leaves_nothing_behind(stage: Stage) -> None:
    port = free_port()
    session = stage.start(port, settle=0.1)
    await until(lambda: session.state == "waiting")
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    await until(lambda: session.transitions["connecting", "waiting"] >= 3)
    closing.close()


# -- endpoints --------------------------------------------------------------------------------------------------------


async def test_a_port_that_opens_late_after_1300_is_found(stage: Stage, gateway: SimulatedGateway) -> None:
    """The gateway's own word about its port outlives a refused connection."""
    session = await stage.ready(gateway)
    port = free_port()
    gateway.clients[1].error(-1, 1300, f"Socket port has been reset. Please reconnect on the new port - {port}")
    await until(lambda: session.status().endpoint.endswith(str(port)))
    await gateway.close()
    await until(lambda: "Nothing listens" in session.reason)
    await stage.gateway(port=port)
    await session.until_ready(soon())
    assert session.status().endpoint == f"127.0.0.1:{port}"
    assert not session.status().fallback


async def test_a_port_that_never_opens_after_1300_is_left_for_that_of_the_settings(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    session = await stage.ready(gateway)
    gateway.clients[1].error(-1, 1300, f"Please reconnect on the new port - {free_port()}")
    await until(lambda: session.route.moved)
    await gateway.faults.drop()
    await until(lambda: session.epoch == 2)
    assert session.status().endpoint == f"127.0.0.1:{gateway.port}"
    assert session.route.open() == [session.route.home], "the port is forgotten where the settings' one serves"


@pytest.mark.parametrize("promise", [{}, {"accounts": OURS}], ids=["nothing promised", "accounts promised"])
async def test_another_login_at_the_port_of_1300_is_never_used(
    stage: Stage, gateway: SimulatedGateway, promise: dict[str, Any]
) -> None:
    other = await stage.gateway(accounts=("U5555555",))
    session = await stage.ready(gateway, **promise)
    gateway.clients[1].error(-1, 1300, f"Please reconnect on the new port - {other.port}")
    await until(lambda: session.status().endpoint.endswith(str(other.port)))
    await gateway.faults.drop()
    await until(lambda: session.epoch == 2)
    assert session.status().endpoint == f"127.0.0.1:{gateway.port}"
    assert other.stats.connections_ever == 1
    assert not session.transitions["connecting", "parked"]


async def test_a_fallback_that_moved_its_port_is_still_a_fallback(stage: Stage, gateway: SimulatedGateway) -> None:
    home = free_port()
    session = stage.start(home, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS, home=0.1, settle=0.05)
    await session.until_ready(soon())
    await gateway.faults.move_port()
    await until(lambda: session.epoch == 2)
    assert session.status().endpoint == f"127.0.0.1:{gateway.port}"
    assert session.status().fallback
    await stage.gateway(port=home)
    await until(lambda: session.epoch == 3 and session.status().endpoint == f"127.0.0.1:{home}")


async def test_a_gateway_that_breaks_off_each_download_leads_to_the_fallback(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = await stage.gateway()
    reply = Client.reply

    def break_off(self: Client, name: str, **values: Any) -> None:
        if name == "positionEnd" and sick.clients.get(1) is self:
            sick.drop(1)
        else:
            reply(self, name, **values)

    monkeypatch.setattr(Client, "reply", break_off)
    session = stage.start(sick.port, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS)
    await session.until_ready(soon())
    assert session.status().fallback
    assert sick.stats.connections_ever == 1


async def test_a_name_that_cannot_exist_ends_nothing(stage: Stage, gateway: SimulatedGateway) -> None:
    """Neither the knocking nor the look at the first endpoint."""
    away = free_port()
    session = stage.start(1, host="no..host", fallback=(f"127.0.0.1:{away}",), accounts=OURS, home=0.05, settle=0.01)
    await until(lambda: session.transitions["connecting", "waiting"] >= 2)
    fallback = await stage.gateway(port=away)
    await session.until_ready(soon())
    await asyncio.sleep(0.3)  # some looks at home
    assert (session.state, fallback.stats.connections_ever) == ("ready", 1)


# -- downloads and cuts -----------------------------------------------------------------------------------------------


async def test_a_part_that_comes_late_meets_a_new_download(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1101 while a missing part is fetched in the background: both end, and nobody stumbles over the other."""
    monkeypatch.setattr("ibmux.session.upkeep.ASK_AGAIN", (0.02, 0.02))
    await gateway.faults.read_only()
    session = await stage.ready(gateway)
    assert session.missing
    end = session.calls.end

    def end_with_1101(key: Any, result: Any = None) -> None:
        end(key, result)
        if key == "openOrders" and session.state == "ready":
            session.on_error(-1, 1101, "Connectivity restored, data lost.", "")

    monkeypatch.setattr(session.calls, "end", end_with_1101)  # before it can be answered
    await gateway.faults.clear()
    await until(lambda: session.transitions["ready", "syncing"])
    await until(lambda: session.state == "ready" and not session.missing)
    assert (session.epoch, gateway.stats.connections_ever) == (1, 1)


async def test_what_a_later_download_misses_is_its_own(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.missing = {"open orders": "no open orders"}

    async def overtaken() -> None:
        session.missing = {"completed orders": "no completed orders"}

    monkeypatch.setattr(session, "_ask_for_open_orders", overtaken)
    await session._complete()
    assert session.missing == {"completed orders": "no completed orders"}


async def test_1101_again_and_again_downloads_and_subscribes_once(session: Session, gateway: SimulatedGateway) -> None:
    for _ in range(3):
        session.on_error(-1, 1101, "Connectivity restored, data lost.", "")
    await session.until_ready(soon())
    assert (session.epoch, session.gaps, session.illegal) == (1, 1, 0)


async def test_an_empty_answer_is_no_end_of_a_cut(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, probe=0.1)
    client = gateway.clients[1]
    reply = client.reply
    asked = 0

    def nothing_found(name: str, **values: Any) -> None:
        nonlocal asked
        asked += name == "symbolSamples"
        reply(name, **values | ({"contracts": []} if name == "symbolSamples" and asked < 4 else {}))

    client.reply = nothing_found  # type: ignore[method-assign]
    client.error(-1, 1100, "Connectivity lost.")
    await until(lambda: session.transitions["cut", "syncing"])
    assert asked >= 4, "no empty answer ended it; an answer that comes after its time is asked for again"


async def test_another_login_during_a_cut_is_noticed(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, kind="paper")
    session.on_error(-1, 1100, "Connectivity lost.", "")
    session.on_accounts(["U7654321"])
    assert session.state == "parked"
    assert "promises a paper login" in session.reason


# -- what is told -----------------------------------------------------------------------------------------------------


async def test_the_verdict_on_an_attempt_does_not_outlive_a_cut(stage: Stage, gateway: SimulatedGateway) -> None:
    await gateway.faults.cut()
    session = stage.start(gateway.port)
    await until(lambda: session.state == "cut")
    assert check_of(session).exit == 6
    await gateway.faults.restore()
    await session.until_ready(soon())
    assert (check_of(session).exit, check_of(session).message[:18]) == (0, "Ready as client 1:")
    assert [step.ok for step in check_of(session).steps] == [True] * 6


async def test_the_verdict_changes_when_what_was_missing_came(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibmux.session.upkeep.ASK_AGAIN", (0.05, 0.05))
    await gateway.faults.read_only()
    session = await stage.ready(gateway)
    assert check_of(session).exit == 5
    session.park("")
    assert session.status().missing == []
    session.resume()
    await session.until_ready(soon())
    await gateway.faults.clear()
    await until(lambda: not session.status().missing)
    assert check_of(session).exit == 0


async def test_a_clock_that_jumps_changes_no_advice(stage: Stage, far: Far) -> None:
    """Neither a script nor a person is told of an attempt in the past, or in an hour."""
    offset = 0.0
    session = Session(
        GatewaySettings(**QUICK | {"port": far.port, "connect_timeout": 0.02, "pause_floor": 60.0, "pause_cap": 60.0}),
        clock=lambda: time.time() + offset,
    )
    stage.tasks[session] = asyncio.create_task(session.run())
    await until(lambda: session.state == "waiting")
    for jump in (-3600.0, 0.0, 3600.0):
        offset = jump
        assert 30.0 < (session.not_ready().retry_after or 0.0) <= 60.0
        assert 30.0 < (session.status().next_attempt or 0.0) - session.clock() <= 60.0


async def test_a_gap_is_told_once_and_never_ends_before_it_begins(stage: Stage, gateway: SimulatedGateway) -> None:
    offset = 0.0
    session = Session(
        GatewaySettings(**QUICK | {"port": gateway.port}), stage.heard.hooks(), clock=lambda: time.time() + offset
    )
    stage.tasks[session] = asyncio.create_task(session.run())
    await session.until_ready(soon())
    session.on_error(-1, 1100, "Connectivity lost.", "")
    session.on_error(-1, 1100, "Connectivity lost.", "")
    offset = -3600.0
    session.on_error(-1, 1102, "Connectivity restored.", "")
    await session.until_ready(soon())
    ((start, end, _),) = stage.heard.of("on_gap")
    assert start == end
    assert session.gaps == 1


# -- sockets ----------------------------------------------------------------------------------------------------------


async def test_a_connection_that_comes_about_after_it_was_given_up_is_closed(far: Far) -> None:
    link = Link(object(), {}, lambda: None, lambda reason: None)
    link.close()
    await asyncio.get_running_loop().create_connection(lambda: link.wire, "127.0.0.1", far.port)
    await until(lambda: not link.wire.present)


async def test_a_gateway_that_hangs_up_and_reads_no_more_is_gone_at_once() -> None:
    release = asyncio.Event()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write_eof()
        await release.wait()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    link = Link(object(), {}, lambda: None, lambda reason: None)
    await link.reach(*server.sockets[0].getsockname()[:2])
    opening = asyncio.create_task(link.introduce(1))
    await asyncio.sleep(0)
    link.wire.write(b"x" * 50_000_000)
    async with asyncio.timeout(20.0):
        await link.gone.wait()
    await asyncio.gather(opening, return_exceptions=True)
    release.set()
    server.close()


async def test_what_was_posted_takes_no_turns_of_the_next_connection(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway)
    for _ in range(1600):  # forty seconds' worth
        session._post_stream(lambda wire: wire.reqCurrentTime())
    await gateway.faults.drop()
    await until(lambda: session.epoch == 2)


async def test_many_attempts_leave_nothing_behind(stage: Stage, far: Far) -> None:
    """Neither a socket nor a task."""
    me = psutil.Process()
    session = stage.start(far.port, connect_timeout=0.02, pause_floor=0.01, pause_cap=0.01)
    await until(lambda: far.connections >= 10)
    files, tasks = me.num_fds(), len(asyncio.all_tasks())
    await until(lambda: far.connections >= 60, timeout=40.0)
    await until(lambda: abs(me.num_fds() - files) <= 4)
    assert len(asyncio.all_tasks()) <= tasks + 4
    assert len(session._closing) <= 1
