"""Attempts: one at a time on one socket, none inside a pause; settling; endpoints in order; the steps as they pass."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from ports import free_port
from session_stage import QUICK, Far, Heard, Pauses, Stage, soon, until

from ibmux import sockets
from ibmux.config import GatewaySettings
from ibmux.errors import NotReady
from ibmux.messages.session import GatewayStatus
from ibmux.session import Session, dialling, knocking
from ibmux.session.attempt import DOWNLOAD
from ibmux.sim import SimulatedGateway

OURS = ("DU1000001",)


def settled(gateway: SimulatedGateway, since: float) -> float:
    """Seconds from an instant just before its port opened (monotonic) to the first word that came to a gateway.

    Its own log notes the opening after the system has opened the port: late, where the machine is busy.
    """
    return gateway.log.of("spoke")[0].real - since


def told(heard: Heard, words: str) -> list[GatewayStatus]:
    """What was told with such words in its reason; the session itself may have gone on since."""
    return [status for status, _ in heard.of("on_state") if words in status.reason]


def steps(session: Session) -> list[tuple[bool | None, str]]:
    report = session.status().check
    assert report is not None
    return [(step.ok, step.title.split(" 127.")[0]) for step in report.steps]


async def test_every_step_of_an_attempt_is_kept_with_its_time(session: Session) -> None:
    report = session.status().check
    assert report is not None
    assert steps(session) == [
        (True, "TCP connect"), (True, "API answer"), (True, "startApi as clientId 1"), (True, "nextValidId"),
        (True, "accounts"), (True, "positions, values and orders"),
    ]  # fmt: skip
    assert (report.exit, report.message) == (0, "Ready as client 1: DU1000001, DU1000002.")
    assert 0 < sum(step.seconds for step in report.steps) <= report.seconds
    assert report.steps[DOWNLOAD].text.startswith("11 positions")


async def test_the_facts_of_a_connection_are_told_apart(session: Session, gateway: SimulatedGateway) -> None:
    def facts() -> tuple[bool, bool, bool]:
        status = session.status()
        return status.socket, status.api, status.connected

    assert facts() == (True, True, True)
    gateway.clients[1].error(-1, 1100, "Connectivity lost.")
    await until(lambda: facts() == (True, True, False))
    session.park("")
    assert facts() == (False, False, False)


async def test_a_gateway_that_opens_its_port_is_left_alone_while_it_settles_on_the_one_socket(
    stage: Stage, heard: Heard
) -> None:
    port = free_port()
    session = stage.start(port, settle=0.5)
    await until(lambda: session.state == "waiting")
    assert session.next_attempt is None
    assert session.status().check.exit == 1  # type: ignore[union-attr]
    began = time.monotonic()
    gateway = await stage.gateway(port=port)
    (settling,) = await until(lambda: told(heard, "begun to listen"))
    assert settling.state == "connecting"
    assert "0.5 seconds to settle" in settling.action
    assert settling.next_attempt is not None
    await session.until_ready(soon())
    assert settled(gateway, began) >= 0.5
    assert gateway.stats.connections_ever == 1, "the socket of the knock is that of the attempt"
    assert session.transitions["waiting", "connecting"] == 1


async def test_a_connection_that_breaks_is_made_again_without_settling(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, settle=60.0)
    await gateway.faults.drop()
    await until(lambda: session.epoch == 2)
    assert session.state == "ready"


async def test_a_socket_that_the_gateway_closes_while_it_settles_is_a_failure_and_settles_again(
    stage: Stage,
) -> None:
    port = free_port()
    session = stage.start(port, settle=0.3)
    await until(lambda: session.state == "waiting")
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    await until(lambda: "closes them at once" in session.reason)
    closing.close()
    await closing.wait_closed()
    await until(lambda: "Nothing listens" in session.reason)
    began = time.monotonic()
    gateway = await stage.gateway(port=port)
    await session.until_ready(soon())
    assert settled(gateway, began) >= 0.3


async def test_nothing_is_tried_inside_the_pause_after_a_failure(stage: Stage, far: Far) -> None:
    session = stage.start(far.port, connect_timeout=0.05, pause_floor=2.5, pause_cap=2.5)
    await until(lambda: session.state == "waiting")
    assert "takes connections and says nothing" in session.reason
    assert session.due is not None
    due, seen = session.due, far.connections
    assert due > time.monotonic() + 0.2, "the pause has just begun"
    await until(lambda: far.connections > seen)
    assert time.monotonic() >= due - 0.005


async def test_an_old_socket_that_stays_keeps_the_next_attempt_away(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    monkeypatch.setattr(knocking, "PATIENCE", 0.1)
    monkeypatch.setattr(knocking, "still_there", lambda ends: left)
    session = await stage.ready(gateway)
    left.append("127.0.0.1:5 CLOSE_WAIT")
    await gateway.faults.drop()
    await until(lambda: session.state == "waiting" and "CLOSE_WAIT" in session.reason)
    assert "never opens a second one" in session.reason
    assert gateway.stats.connections_ever == 1
    left.clear()
    await session.until_ready(soon())


async def test_the_kernel_is_asked_for_our_sockets(session: Session, gateway: SimulatedGateway) -> None:
    assert session.link is not None
    ends = [session.link.ends]
    assert knocking.still_there(ends) == [f"{session.link.ends[0]} ESTABLISHED"]
    await gateway.faults.drop()
    await until(lambda: session.epoch == 2)
    assert knocking.still_there(ends) == []


async def test_a_kernel_that_does_not_tell_stops_nobody(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*_: Any, **__: Any) -> list[sockets.OpenSocket]:
        raise sockets.NoTable("no /proc here")

    monkeypatch.setattr(sockets, "ours", hidden)
    assert session.link is not None
    assert knocking.still_there([session.link.ends]) == []


async def test_a_gateway_that_restarts_while_a_pause_lasts_settles_too(
    stage: Stage, gateway: SimulatedGateway, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibmux.session.upkeep.LOOK", 0.1)
    session = await stage.ready(gateway, pause_floor=5.0, pause_cap=5.0, settle=0.3)
    await until(lambda: session._seen)
    await gateway.close()
    await until(lambda: session.state == "waiting" and session._absent)
    assert session.due is not None, "seen while the pause lasted, not by knocking after it"
    began = time.monotonic()
    again = await stage.gateway(port=gateway.port)
    await until(lambda: told(heard, "begun to listen"))
    await session.until_ready(soon())
    assert settled(again, began) >= 0.3
    assert again.stats.connections_ever == 1


async def test_home_with_another_login_does_not_park_a_session_that_a_fallback_serves(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    home = free_port()
    session = stage.start(home, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS, home=0.1, settle=0.1)
    await session.until_ready(soon())
    other = await stage.gateway(port=home, accounts=("DU5555555",))
    await until(lambda: other.stats.connections_ever >= 1 and session.state == "ready" and session.epoch >= 2)
    assert session.status().fallback
    assert session.accounts[0] == OURS[0]


async def test_a_gateway_that_hangs_up_on_the_silent_is_spoken_to_in_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time to settle runs on over several sockets; a forwarder, which closes at once, gets no such credit."""
    monkeypatch.setattr(dialling, "AT_ONCE", 0.05)
    port = free_port()
    session = stage.start(port, settle=0.5, connect_timeout=0.2)
    await until(lambda: session.state == "waiting")
    heard: list[bytes] = []

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(0.1):
                heard.append(await reader.read(100))
        except TimeoutError:
            pass
        writer.close()

    server = await asyncio.start_server(impatient, "127.0.0.1", port)
    await until(lambda: any(heard))
    assert next(filter(None, heard)).startswith(b"API")
    server.close()


# -- endpoints --------------------------------------------------------------------------------------------------------


async def test_the_fallback_serves_while_the_first_endpoint_is_away_and_the_session_comes_home(
    stage: Stage, gateway: SimulatedGateway, heard: Heard
) -> None:
    home = free_port()
    session = stage.start(home, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS, home=0.1, settle=0.1)
    await session.until_ready(soon())
    assert (session.status().endpoint, session.status().fallback) == (f"127.0.0.1:{gateway.port}", True)
    assert heard.of("on_endpoint") == [f"paper fell back to 127.0.0.1:{gateway.port}, from 127.0.0.1:{home}."]
    first = await stage.gateway(port=home)
    await until(lambda: session.epoch == 2 and session.state == "ready")
    assert (session.status().endpoint, session.status().fallback) == (f"127.0.0.1:{home}", False)
    assert "came home to" in heard.of("on_endpoint")[-1]
    await until(lambda: gateway.stats.connections == 0)
    assert first.stats.connections == 1
    assert len(heard.of("on_gap")) == 1


async def test_a_stuck_listener_at_home_does_not_cost_the_fallback(
    stage: Stage, gateway: SimulatedGateway, far: Far
) -> None:
    session = stage.start(
        far.port, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS, home=0.05, settle=0.05, connect_timeout=0.2
    )
    await session.until_ready(soon())
    await until(lambda: far.heard.count(b"API") >= 2)
    await until(lambda: far.connections >= 5)
    assert (session.epoch, session.status().fallback) == (1, True)


async def test_a_fallback_of_another_login_is_never_used(stage: Stage, gateway: SimulatedGateway) -> None:
    other = await stage.gateway(accounts=("DU5555555",))
    session = await stage.ready(gateway, fallback=(f"127.0.0.1:{other.port}",), accounts=OURS)
    await gateway.close()
    await until(lambda: session.state == "waiting" and session.route.ruled_out)
    assert "has no account DU1000001" in session.route.ruled_out[session.route.endpoints[1]]
    seen = other.stats.connections_ever
    again = await stage.gateway(port=gateway.port)
    await session.until_ready(soon())
    assert (other.stats.connections_ever, again.stats.connections) == (seen, 1)
    assert not session.status().fallback


async def test_a_stuck_listener_leads_to_the_fallback(stage: Stage, gateway: SimulatedGateway, far: Far) -> None:
    session = stage.start(far.port, fallback=(f"127.0.0.1:{gateway.port}",), accounts=OURS, connect_timeout=2.0)
    await session.until_ready(soon())
    assert session.status().fallback
    assert far.connections == 1


async def test_the_port_that_a_gateway_moves_to_is_followed(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway)
    before = gateway.port
    await gateway.faults.move_port()
    await until(lambda: session.epoch == 2)
    assert session.status().endpoint == f"127.0.0.1:{gateway.port}" != f"127.0.0.1:{before}"
    assert not session.status().fallback
    await gateway.faults.clear()
    await gateway.faults.drop()
    await until(lambda: session.epoch >= 3 and session.status().endpoint == f"127.0.0.1:{before}")


# -- cuts and what is missing -----------------------------------------------------------------------------------------


async def test_a_cut_that_nobody_ends_is_over_when_interactive_brokers_answers(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    session = await stage.ready(gateway, probe=0.1)
    gateway.clients[1].error(-1, 1100, "Connectivity lost.")
    await until(lambda: session.transitions["ready", "cut"])
    await session.until_ready(soon())
    assert (session.epoch, gateway.stats.connections_ever) == (1, 1)


async def test_a_cut_that_lasts_stays_one(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, probe=0.02)
    sent = session.stats().sent
    await gateway.faults.cut()
    await until(lambda: session.state == "cut" and session.stats().sent > sent + 3)
    assert session.state == "cut"
    with pytest.raises(NotReady, match="1100"):
        await session.until_ready(0.0)
    await gateway.faults.restore()
    await session.until_ready(soon())


async def test_a_farm_that_is_back_hurries_the_look(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, probe=10.0)
    gateway.clients[1].error(-1, 1100, "Connectivity lost.")
    await until(lambda: session.state == "cut")
    gateway.clients[1].error(-1, 2104, "Market data farm connection is OK:usfarm")
    await session.until_ready(soon(8.0))


async def test_a_gateway_that_is_cut_when_we_come_is_not_ready(stage: Stage, gateway: SimulatedGateway) -> None:
    await gateway.faults.cut()
    session = stage.start(gateway.port)
    await until(lambda: session.state == "cut")
    assert session.status().check.exit == 6  # type: ignore[union-attr]
    await gateway.faults.restore()
    await session.until_ready(soon())


async def test_what_was_missing_is_fetched_when_the_gateway_gives_it(
    stage: Stage, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibmux.session.upkeep.ASK_AGAIN", (0.05, 0.05))
    await gateway.faults.read_only()
    session = await stage.ready(gateway)
    assert [each.split(" (")[0] for each in session.status().missing][:2] == ["no open orders", "no completed orders"]
    assert "Read-Only" in session.advice
    assert session.status().check.exit == 5  # type: ignore[union-attr]
    await gateway.faults.clear()
    await until(lambda: not session.status().missing)
    assert (session.reason, session.advice) == ("Ready.", "")


async def test_a_refusal_because_of_read_only_leaves_other_questions_alone(
    session: Session, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.clients[1], "send", lambda data: None)
    rules = asyncio.create_task(session.depth_exchanges(deadline=soon(2.0)))
    await until(session.calls.named)
    text = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."
    session.on_error(-1, 321, text, "")
    await asyncio.sleep(0)
    assert session.calls.named(), "only questions about orders are refused"
    with pytest.raises(Exception, match="in time"):
        await rules


async def test_a_dead_session_is_found_within_the_promised_time(stage: Stage) -> None:
    gateway = await stage.gateway()
    session = await stage.ready(gateway, heartbeat=1.5)
    await gateway.faults.half_open()
    begun = time.monotonic()
    async with Pauses() as pauses:
        await until(lambda: session.stats().disconnects.get("silent") == 1)
    late = 0.4  # what a loaded machine may take; less than the third of the promise that one question more would
    assert time.monotonic() - begun <= 1.5 + late + pauses.seconds


def test_settings_name_every_endpoint() -> None:
    settings = GatewaySettings(**QUICK | {"fallback": ("localhost:7497", "[::1]:4001")})
    assert list(map(str, settings.endpoints)) == ["127.0.0.1:4002", "localhost:7497", "[::1]:4001"]
