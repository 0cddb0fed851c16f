"""A session from its start to its end: states, reasons, gaps, and what every way of losing the gateway leads to."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from ports import free_port
from session_stage import Far, Heard, Stage, soon, until

from ibmux.errors import Busy, Draining, NotReady
from ibmux.messages.contracts import Contract
from ibmux.session import Session
from ibmux.session.link import Link
from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.client import Client


async def test_it_becomes_ready_with_everything_downloaded(
    session: Session, gateway: SimulatedGateway, heard: Heard
) -> None:
    assert heard.states() == ["connecting", "syncing", "ready"]
    assert session.accounts == ["DU1000001", "DU1000002"]
    for name in session.accounts:
        account = gateway.world.accounts[name]
        held = {each.contract.conId: float(each.position) for each in account.positions() if each.position}
        assert {each.contract.conId: each.position for each in session.positions(name)} == held
        assert len(session.account_values(name)) >= len(account.values())
        portfolio = await session.portfolio(name, deadline=soon())
        assert {each.contract.conId for each in portfolio} == set(held)
    status = session.status()
    assert (status.state, status.reason, status.epoch, status.kind) == ("ready", "Ready.", 1, "paper")
    assert (status.serverVersion, status.accounts) == (176, session.accounts)
    assert session.stats().connects == {"connected": 1}
    assert session.illegal == 0


async def test_farms_are_facts_of_their_own(session: Session, gateway: SimulatedGateway) -> None:
    await until(lambda: session.farms.get("secdefil"))
    gateway.clients[1].error(-1, 2103, "Market data farm connection is broken:usfarm")
    await until(lambda: session.status().farms["usfarm"] is False)
    assert session.state == "ready"
    gateway.clients[1].error(-1, 2119, "Market data farm is connecting:usfarm")
    gateway.clients[1].error(-1, 2104, "Market data farm connection is OK:usfarm")
    await until(lambda: session.status().farms["usfarm"])


async def test_326_waits_in_standby_with_the_same_id_and_goes_on_when_it_is_free(
    stage: Stage, gateway: SimulatedGateway, heard: Heard
) -> None:
    first = await stage.ready(gateway)
    second = stage.start(gateway.port)
    await until(lambda: second.state == "standby")
    assert "clientId 1" in second.reason
    assert "always as client 1" in second.action
    assert "326" in second.reason
    assert second.next_attempt is not None
    with pytest.raises(NotReady) as refused:
        await second.until_ready(0.0)
    assert refused.value.retry_after is not None
    await first.drain()
    await second.until_ready(soon())
    assert gateway.stats.by_client == {1: 2}
    assert second.stats().connects["in_use"] >= 1


async def test_a_gateway_that_comes_late_is_found(stage: Stage, heard: Heard) -> None:
    port = free_port()
    session = stage.start(port)
    await until(lambda: session.state == "waiting")
    assert f"Nothing listens at 127.0.0.1:{port} (Connection refused)" in session.reason
    assert "Knocks" in session.action
    await stage.gateway(port=port)
    await session.until_ready(soon())
    assert session.epoch == 1
    assert not heard.of("on_gap")


async def test_a_restart_of_the_gateway_leads_to_a_new_epoch_with_the_lines_open_again(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    await session.pnl("DU1000001", deadline=soon())
    await gateway.close()
    await until(lambda: session.state == "waiting")
    with pytest.raises(NotReady, match="paper is waiting"):
        await session.contract_details(apple, deadline=0.0)
    heard.calls.clear()
    again = await stage.gateway(port=gateway.port)
    await session.until_ready(soon())
    assert session.epoch == 2
    await until(lambda: again.stats.lines == {1: 1})
    await until(lambda: heard.of("on_ticks") and heard.of("on_pnl"))
    ((start, end, reason),) = heard.of("on_gap")
    assert start < end
    assert reason
    assert again.stats.connections_ever == 1
    assert session.stats().disconnects == {"lost": 1}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "live"}, "promises a live login"),
        ({"accounts": ("DU1000001", "DU7777777")}, "has no account DU7777777"),
    ],
)
async def test_the_wrong_login_is_left_alone_until_a_person_says_so(
    stage: Stage, gateway: SimulatedGateway, settings: dict[str, Any], words: str
) -> None:
    session = stage.start(gateway.port, **settings)
    await until(lambda: session.state == "parked")
    assert words in session.reason
    await until(lambda: gateway.stats.connections == 0)
    with pytest.raises(NotReady) as refused:
        await session.until_ready(soon(60))
    assert refused.value.retry_after is None
    session.resume()
    await until(lambda: gateway.stats.connections_ever == 2 and session.state == "parked")


async def test_the_promised_login_is_taken(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, kind="paper", accounts=("DU1000002",))
    assert session.status().kind == "paper"


async def test_parking_by_hand_closes_the_socket_and_resume_opens_it(
    session: Session, gateway: SimulatedGateway
) -> None:
    session.park("Trading is over for today.")
    assert (session.state, session.reason) == ("parked", "Trading is over for today.")
    await until(lambda: gateway.stats.connections == 0)
    session.resume()
    await session.until_ready(soon())
    assert session.epoch == 2


async def test_1100_cuts_and_1102_reconciles_with_the_lines_kept(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    client = gateway.clients[1]
    lines = dict(client.lines)
    client.error(-1, 1100, "Connectivity between IBKR and Trader Workstation has been lost.")
    await until(lambda: session.state == "cut")
    assert "1100" in session.reason
    with pytest.raises(NotReady, match="1100"):
        await session.send_cancel(5, deadline=0.0)
    heard.calls.clear()
    client.error(-1, 1102, "Connectivity has been restored - data maintained.")
    await session.until_ready(soon())
    assert heard.states() == ["syncing", "ready"]
    assert (session.epoch, gateway.stats.connections_ever, client.lines) == (1, 1, lines)
    assert len(heard.of("on_gap")) == 1


async def test_1101_subscribes_every_line_and_pnl_again_exactly_once(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    await session.open_line(apple, deadline=soon())
    await session.pnl("DU1000001", deadline=soon())
    client = gateway.clients[1]
    before = set(client.lines)
    client.error(-1, 1100, "Connectivity lost.")
    client.error(-1, 1101, "Connectivity has been restored - data lost.")
    await until(lambda: session.state == "ready" and client.lines and not before & set(client.lines))
    await until(lambda: len(client.pnls) == 1 and len(client.value_watches) == 1)
    assert (len(client.lines), session.epoch) == (1, 1)


async def test_a_cut_during_the_first_download_is_overcome(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Client] = []
    reply = Client.reply

    def cut(self: Client, name: str, **values: Any) -> None:
        if name == "positionEnd" and not held:
            held.append(self)
            self.error(-1, 1100, "Connectivity lost.")
        else:
            reply(self, name, **values)

    monkeypatch.setattr(Client, "reply", cut)
    session = stage.start(gateway.port)
    await until(lambda: session.state == "cut")
    held[0].error(-1, 1102, "Connectivity restored.")
    await session.until_ready(soon())
    assert (session.epoch, gateway.stats.connections_ever) == (1, 1)
    assert len(session.positions()) > 0


@pytest.mark.parametrize(
    ("missing", "words"), [("execDetailsEnd", "executions"), ("completedOrdersEnd", "completed orders")]
)
async def test_what_a_gateway_may_leave_out_is_named(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    reply = Client.reply
    monkeypatch.setattr(
        Client, "reply", lambda self, name, **values: None if name == missing else reply(self, name, **values)
    )
    monkeypatch.setattr("ibmux.session.snapshot.OPTIONAL", 0.05)
    session = await stage.ready(gateway)
    assert words in session.reason


@pytest.mark.parametrize("missing", ["positionEnd", "openOrderEnd", "accountDownloadEnd"])
async def test_without_the_end_of_what_it_must_know_it_is_never_ready(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    reply = Client.reply
    monkeypatch.setattr(
        Client, "reply", lambda self, name, **values: None if name == missing else reply(self, name, **values)
    )
    session = stage.start(gateway.port, request_timeout=0.2)
    await until(lambda: session.stats().disconnects.get("failed", 0) >= 2)
    assert "The first download failed" in session.reason or session.state != "waiting"
    assert session.epoch == 0
    monkeypatch.undo()
    await session.until_ready(soon())
    assert gateway.stats.connections == 1


async def test_a_read_only_api_is_named_not_waited_for(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."
    reply = Client.reply

    def refuse(self: Client, name: str, **values: Any) -> None:
        if name in ("openOrderEnd", "completedOrdersEnd"):
            self.error(-1, 321, text)
        else:
            reply(self, name, **values)

    monkeypatch.setattr(Client, "reply", refuse)
    session = await stage.ready(gateway)
    assert "Read-Only" in session.reason


async def test_silence_after_the_connection_is_bounded_and_named(stage: Stage, far: Far) -> None:
    session = stage.start(far.port, connect_timeout=0.1)
    await until(lambda: session.state == "waiting")
    assert "the API listener is stuck" in session.reason
    assert "Restart the gateway" in session.advice
    await until(lambda: far.connections >= 3)
    assert far.open <= 1


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "none of a gateway's"),
        (struct.pack(">I", 8) + b"200\0now\0", "version 200"),
        (struct.pack(">I", 4) + b"\0\0\0\0", "version 0"),
    ],
)
async def test_what_is_no_gateway_is_left_with_a_reason(stage: Stage, far: Far, greeting: bytes, words: str) -> None:
    far.greeting = greeting
    session = stage.start(far.port)
    await until(lambda: session.state == "waiting" and words in session.reason)
    await until(lambda: far.connections >= 3)
    assert far.open <= 1


async def test_a_gateway_that_falls_silent_is_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await stage.gateway(account_interval=60.0)
    session = await stage.ready(gateway, heartbeat=0.4)
    link = session.link
    assert link is not None
    sent = link.sent
    await until(lambda: link.sent > sent + 2)
    assert session.link is link, "an answered heartbeat keeps the connection"
    monkeypatch.setattr(gateway.clients[1], "send", lambda data: None)
    await until(lambda: session.stats().disconnects.get("silent") == 1)
    await session.until_ready(soon())
    assert session.epoch == 2


async def test_draining_answers_what_waits_and_ends_run(
    stage: Stage, gateway: SimulatedGateway, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.clients[1], "send", lambda data: None)
    question = asyncio.create_task(session.matching_symbols("AAP", deadline=soon(30)))
    await until(lambda: session.stats().pending == 1)
    await session.drain()
    with pytest.raises(Draining):
        await question
    await asyncio.wait_for(stage.tasks[session], 20)
    assert session.state == "stopped"
    await until(lambda: gateway.stats.connections == 0)


async def test_cancelling_run_closes_the_socket(stage: Stage, gateway: SimulatedGateway, session: Session) -> None:
    task = stage.tasks[session]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert session.state == "stopped"
    await until(lambda: gateway.stats.connections == 0)


async def test_draining_works_in_every_state_before_ready(stage: Stage, far: Far) -> None:
    never = stage.start(free_port(), pause_floor=60.0)
    await until(lambda: never.state == "waiting")
    hanging = stage.start(far.port, connect_timeout=60.0)
    await until(lambda: far.open == 1)
    for session in (never, hanging):
        await asyncio.wait_for(session.drain(), 20)
        assert session.state == "stopped"
        await asyncio.wait_for(stage.tasks[session], 20)
    await until(lambda: far.open == 0)


async def test_an_event_that_cannot_happen_changes_nothing_and_is_counted(session: Session, heard: Heard) -> None:
    heard.calls.clear()
    session.feed("due")
    session.feed("connected")
    assert (session.state, session.illegal, heard.calls) == ("ready", 2, [])


async def test_positions_that_were_closed_during_a_gap_are_told_as_flat(
    stage: Stage, gateway: SimulatedGateway, session: Session, heard: Heard
) -> None:
    gone = session.positions()[0]
    ghost = Contract(secType="STK", conId=424242, symbol="GHOST")
    session._positions[gone.account, ghost.conId] = type(gone)(gone.account, ghost, 7.0, 1.0)
    heard.calls.clear()
    gateway.clients[1].error(-1, 1102, "Connectivity restored.")
    await until(lambda: session.state == "ready" and heard.of("on_gap"))
    flat = [each for each in heard.of("on_position") if each.contract.conId == ghost.conId]
    assert [each.position for each in flat] == [0.0]
    assert ghost.conId not in {each.contract.conId for each in session.positions()}


async def test_a_peer_that_does_not_read_cannot_keep_its_socket() -> None:
    release = asyncio.Event()

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(struct.pack(">I", 8) + b"176\0now\0")
        await release.wait()
        writer.close()

    server = await asyncio.start_server(never_read, "127.0.0.1", 0)
    link = Link(object(), {}, lambda: None, lambda reason: None)
    port = server.sockets[0].getsockname()[1]
    await link.reach("127.0.0.1", port)
    opening = asyncio.create_task(link.introduce(1))
    await until(link.serverVersion)
    link.wire.write(b"x" * 50_000_000)
    await link.end(patience=0.05)
    assert not link.wire.present
    with pytest.raises(ConnectionError):
        link.send(61, 1)
    await asyncio.gather(opening, return_exceptions=True)
    release.set()
    server.close()


async def test_a_queue_that_is_full_is_told(session: Session, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise Busy("5000 messages wait")

    monkeypatch.setattr(session.gate, "post", full)
    session._post_cancel(lambda link: None)
    assert [text for code, text in heard.of("on_notice") if code == 0] == ["paper: 5000 messages wait"]
