"""`ibmux check`: each exit code, against the simulator and against peers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from cli_stage import Command, Talk, bad_peer

import ibmux
from ibmux.cli.checking import judge_held
from ibmux.config import GatewaySettings
from ibmux.core.verdicts import CheckExit, Promise, kind_of, unsuitable
from ibmux.daemon import Proxy
from ibmux.messages.session import CheckReport, CheckStep, GatewayStatus, State
from ibmux.session.examination import examine as examine_once
from ibmux.sim import SimulatedGateway
from ibmux.tws.framing import Framer, split_fields
from ibmux.tws.handshake import encode_answer
from ibmux.tws.replies import encode_reply

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
VERSION = 176


HASTY = {"connect_timeout": 2.0, "request_timeout": 3.0}
"""For what nothing is heard of: it takes as long as this. A download counts as slow after half of its time."""
PATIENT = {"connect_timeout": 15.0, "request_timeout": 30.0}


def bounds(code: CheckExit) -> dict[str, float]:
    """How long to wait where this is what should come of it."""
    return HASTY if code in (CheckExit.NO_ANSWER, CheckExit.SLOW) else PATIENT


async def examine(port: int, code: CheckExit = CheckExit.READY, **promised: Any) -> CheckReport:
    return await examine_once(GatewaySettings(name="paper", port=port, client_id=1, **bounds(code), **promised))


async def silent(reader: Reader, writer: Writer) -> None:
    await reader.read()


async def hang_up(reader: Reader, writer: Writer) -> None:
    return


async def web_server(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    await writer.drain()


ENDS: dict[str, Callable[[list[str]], tuple[str, dict[str, Any]]]] = {
    "61": lambda _: ("positionEnd", {}),
    "5": lambda _: ("openOrderEnd", {}),
    "6": lambda texts: ("accountDownloadEnd", {"account": texts[3]}),
    "99": lambda _: ("completedOrdersEnd", {}),
    "7": lambda texts: ("execDetailsEnd", {"reqId": int(texts[2])}),
}
"""What ends each download."""


def greeting(*replies: tuple[str, dict[str, Any]], then: Talk = silent, downloads: bool = False) -> Talk:
    """A gateway that greets, gives these replies to startApi, and if `downloads` ends both downloads."""

    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readexactly(4)
        framer, greeted = Framer(), False
        while data := await reader.read(4096):
            for payload in framer.feed(data):
                if not greeted:
                    greeted = True
                    writer.write(encode_answer(VERSION, "20261121 08:00:00 UTC"))
                    continue
                match split_fields(payload)[0]:
                    case "71":
                        writer.write(b"".join(encode_reply(name, values, VERSION) for name, values in replies))
                        if then is not silent:
                            await writer.drain()
                            return await then(reader, writer)
                    case number if downloads and number in ENDS:
                        name, values = ENDS[number](split_fields(payload))
                        writer.write(encode_reply(name, values, VERSION))
        return None

    return talk


ACCOUNTS = ("managedAccounts", {"accountsList": "DU1,DU2"})
NEXT_ID = ("nextValidId", {"orderId": 7})


def error(code: int, text: str) -> tuple[str, dict[str, Any]]:
    return "error", {"id": -1, "errorCode": code, "errorString": text}


READ_ONLY = error(321, "Error validating request.-'bO' : cause - The API interface is currently in Read-Only mode.")


class TestVerdicts:
    async def test_ready(self, gateway: SimulatedGateway) -> None:
        result = await examine(gateway.port, kind="paper", accounts=("DU1000001",))
        assert result.exit == CheckExit.READY
        assert [step.ok for step in result.steps] == [True] * 6
        assert "11 positions" in result.steps[-1].text
        assert gateway.stats.connections_ever == 1, "one attempt"
        assert 0 < sum(step.seconds for step in result.steps) <= result.seconds

    async def test_nothing_listens(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            result = await examine(probe.getsockname()[1])
        assert result.exit == CheckExit.NOTHING_LISTENS
        assert "refused" in result.message
        assert len(result.steps) == 1

    @pytest.mark.parametrize(
        ("talk", "code", "step", "words"),
        [
            (silent, CheckExit.NO_ANSWER, 2, "the API listener is stuck"),
            (hang_up, CheckExit.NO_ANSWER, 2, "closes them at once"),
            (web_server, CheckExit.NO_ANSWER, 2, "not as TWS"),
            (greeting(), CheckExit.NO_ANSWER, 3, "an answer to startApi does not come"),
            (greeting(ACCOUNTS), CheckExit.NO_ANSWER, 4, "nextValidId does not come"),
            (greeting(NEXT_ID), CheckExit.NO_ANSWER, 5, "managedAccounts does not come"),
            (greeting(error(326, "in use"), then=hang_up), CheckExit.CLIENT_ID_IN_USE, 3, "clientId 1 is in use"),
            (greeting(then=hang_up), CheckExit.API_REFUSED, 3, "then closed the connection"),
            (greeting(ACCOUNTS, NEXT_ID, READ_ONLY), CheckExit.SLOW, 6, "for the positions"),
            (greeting(ACCOUNTS, NEXT_ID), CheckExit.SLOW, 6, "The first download failed"),
            (
                greeting(ACCOUNTS, NEXT_ID, error(1100, "Connectivity lost"), downloads=True),
                CheckExit.SLOW,
                6,
                "no connection to Interactive Brokers",
            ),
            (
                greeting(ACCOUNTS, NEXT_ID, error(1100, "lost"), error(1102, "restored"), downloads=True),
                CheckExit.READY,
                6,
                "Ready",
            ),
            (greeting(error(2104, "farm is OK"), NEXT_ID, ACCOUNTS, downloads=True), CheckExit.READY, 6, "DU1, DU2"),
        ],
    )
    async def test_what_a_peer_does_is_judged(self, talk: Talk, code: CheckExit, step: int, words: str) -> None:
        async with bad_peer(talk) as port:
            result = await examine(port, code)
        assert (result.exit, len(result.steps)) == (code, step)
        assert words in result.message
        assert bool(result.hint) == (code != CheckExit.READY)
        assert result.steps[-1].ok == (code == CheckExit.READY)

    async def test_the_second_connection_of_a_client_id_is_told_so(self, gateway: SimulatedGateway) -> None:
        first, second = await asyncio.gather(examine(gateway.port), examine(gateway.port))
        assert {first.exit, second.exit} == {CheckExit.READY, CheckExit.CLIENT_ID_IN_USE}

    @pytest.mark.parametrize(
        ("fault", "code", "words"),
        [
            ("wrong_account", CheckExit.WRONG_ACCOUNT, "has no account DU1000001; it has U7654321"),
            ("partial_sync", CheckExit.SLOW, "for the positions"),
            ("partial_sync openOrderEnd", CheckExit.SLOW, "openOrders"),
            ("slow_sync 2", CheckExit.SLOW, "the first download took"),
            ("cut", CheckExit.SLOW, "no connection to Interactive Brokers"),
            ("read_only", CheckExit.API_REFUSED, "Read-Only mode"),
            ("full", CheckExit.API_REFUSED, "closed the connection: "),
            ("strict 1 1", CheckExit.API_REFUSED, "Max rate of messages per second"),
            ("occupy 1", CheckExit.CLIENT_ID_IN_USE, "is in use at"),
            ("silent", CheckExit.NO_ANSWER, "takes connections and says nothing"),
            ("silent_api", CheckExit.NO_ANSWER, "an answer to startApi does not come"),
            ("slam 0.01", CheckExit.API_REFUSED, "then closed the connection."),
            ("reset", CheckExit.NO_ANSWER, "closes them at once"),
            ("freeze", CheckExit.NO_ANSWER, "says nothing"),
            ("refuse", CheckExit.NOTHING_LISTENS, "Nothing listens"),
        ],
    )
    async def test_faults_of_the_gateway_are_told_apart(
        self, gateway: SimulatedGateway, fault: str, code: CheckExit, words: str
    ) -> None:
        port = gateway.port
        await gateway.faults.apply(fault)
        result = await examine(port, code, accounts=("DU1000001",))
        assert result.exit == code, result
        assert words in f"{result.message} {result.steps[-1].text}", result
        await gateway.faults.heal()

    async def test_steps_are_shown_as_they_begin_and_end(self, gateway: SimulatedGateway) -> None:
        seen: list[tuple[int, bool | None]] = []

        def show(number: int, step: CheckStep) -> None:
            seen.append((number, step.ok))

        await examine_once(GatewaySettings(port=gateway.port), show)
        assert seen == [(number, ok) for number in range(6) for ok in (None, True)]


class TestJudgement:
    @pytest.mark.parametrize(
        ("accounts", "kind"), [(["DU123"], "paper"), (["DF1", "DI2"], "paper"), (["U123"], "live"), (["F55"], "live"),
                               (["DU1", "U2"], "live"), ([], "")]
    )  # fmt: skip
    def test_the_first_letter_tells_paper_from_live(self, accounts: list[str], kind: str) -> None:
        assert kind_of(accounts) == kind

    def test_accounts_that_were_promised_must_be_there(self) -> None:
        verdict = unsuitable("here:1", Promise("", ("DU1", "DU9")), ["DU1", "DU2"])
        assert verdict is not None
        assert verdict.exit == CheckExit.WRONG_ACCOUNT
        assert "has no account DU9; it has DU1, DU2" in verdict.reason

    def test_live_where_paper_was_promised_is_found(self) -> None:
        verdict = unsuitable("here:1", Promise("paper"), ["DU1", "U2"])
        assert verdict is not None
        assert "promises a paper login" in verdict.reason
        assert "are live: DU1, U2" in verdict.reason
        assert unsuitable("here:1", Promise("paper"), ["DU1"]) is None


class TestCommand:
    """The whole command, as a process."""

    async def test_it_shows_six_timed_steps(self, command: Command, gateway: SimulatedGateway) -> None:
        done = await command("check", "--port", str(gateway.port), "--kind", "paper")
        assert done.code == 0, done
        assert re.findall(r"^\[(\d)/6\] .* ok +[\d.]+ ms", done.out, re.MULTILINE) == list("123456")
        assert "Ready as client 1: DU1000001, DU1000002." in done.out

    async def test_nothing_listens(self, command: Command) -> None:
        done = await command("check", "--port", "1")
        assert done.code == 1
        assert "[1/6] TCP connect 127.0.0.1:1" in done.out
        assert "Connection refused" in done.out

    @pytest.mark.parametrize("option", [("--port", "99999"), ("--port", "0"), ("--client-id", "-1"), ("--kind", "x")])
    async def test_wrong_arguments(self, command: Command, option: tuple[str, str]) -> None:
        done = await command("check", *option)
        assert done.code == CheckExit.USAGE, done
        assert option[0] in done.err
        assert "Traceback" not in done.err

    async def test_an_unknown_host(self, command: Command) -> None:
        done = await command("check", "--host", "nowhere.invalid")
        assert done.code == CheckExit.NOTHING_LISTENS, done
        assert "Unknown error" not in done.out

    async def test_a_proxy_that_finds_no_gateway_is_asked_and_says_so(
        self, command: Command, url: str, gateway: SimulatedGateway
    ) -> None:
        await gateway.close()
        async with asyncio.timeout(40), ibmux.connect("test", url=url) as ib:
            while not ib.status().reason.startswith("Nothing listens"):
                await ib.waitOnUpdate(0.2)
        done = await command("check", "--url", url)
        assert done.code == CheckExit.NOTHING_LISTENS, done
        assert "Nothing listens" in done.out

    async def test_a_silent_listener(self, command: Command) -> None:
        async with bad_peer(silent) as port:
            done = await command("check", "--port", str(port), "--timeout", "0.3")
        assert done.code == 2
        assert "second factor" in done.out

    async def test_a_client_id_in_use(self, command: Command, gateway: SimulatedGateway, proxy: Proxy) -> None:
        done = await command("check", "--port", str(gateway.port), "--client-id", "1", "--json")
        assert done.code == 3
        told = json.loads(done.out)
        assert (told["exit"], len(told["steps"])) == (3, 3)
        assert proxy.gateways["paper"].session.state == "ready", "the proxy's session is untouched"

    async def test_the_wrong_kind(self, command: Command, gateway: SimulatedGateway) -> None:
        done = await command("check", "--port", str(gateway.port), "--kind", "live")
        assert done.code == 4

    async def test_a_proxy_that_holds_the_session_is_asked_instead(
        self, command: Command, gateway: SimulatedGateway, proxy: Proxy, url: str
    ) -> None:
        done = await command("check", "--gateway", "paper", "--url", url)
        assert done.code == 0, done
        assert "The proxy holds this session: ready" in done.out
        assert gateway.stats.connections_ever == 1

    async def test_without_a_proxy_the_settings_say_where_to_ask(
        self, command: Command, gateway: SimulatedGateway, tmp_path: Any
    ) -> None:
        settings = tmp_path / "proxy.toml"
        settings.write_text(f'[gateways.mine]\nport = {gateway.port}\nclient_id = 9\naccounts = ["DU77"]\n')
        done = await command("check", "--config", str(settings), "--url", "mqtt://127.0.0.1:1")
        assert done.code == 4, done
        assert "startApi as clientId 9" in done.out
        assert "has no account DU77" in done.out

    @pytest.mark.parametrize(
        "arguments", [("--port", "x"), ("--bogus",), ("--gateway", "nobody"), ("--config", "/none")]
    )
    async def test_wrong_arguments_are_64_here(self, command: Command, arguments: tuple[str, ...]) -> None:
        done = await command("check", *arguments)
        assert done.code == 64, done
        assert done.err.startswith("ibmux: ")
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("state", "missing", "checked", "code"),
    [
        ("ready", [], 0, 0),
        ("ready", [], 6, 0),  # it was slow, or something was missing: that is over
        ("ready", ["no completed orders"], 6, 6),
        ("ready", ["no open orders (read-only)"], 5, 5),
        ("cut", [], 0, 6),
        ("waiting", [], 0, 2),  # it stood once: what its first attempt found is long over
        ("waiting", [], 1, 1),
        ("connecting", [], -1, 2),
        ("standby", [], 3, 3),
        ("parked", [], 0, 4),
    ],
)
def test_what_a_held_session_means(state: State, missing: list[str], checked: int, code: int) -> None:
    status = GatewayStatus("paper", state, "", 0.0, 1, missing=missing, check=CheckReport(checked, ""))
    assert judge_held(status) == code


def test_every_code_is_documented_in_the_help() -> None:
    from ibmux.cli.checking import check

    text = " ".join((check.__doc__ or "").split())
    told = {int(code) for code in re.findall(r"\b(\d+) (?=[a-z])", text.split("Exit codes:")[1].split("Args:")[0])}
    assert told == {int(code) for code in CheckExit}
