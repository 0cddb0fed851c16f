"""The verbs that ask a proxy, as processes, in front of a running one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_stage import Command, run_command, until
from ports import free_port

import ibmux
from ibmux.cli.exits import Exit
from ibmux.daemon import Proxy
from ibmux.messages import METHODS
from ibmux.sim import SimulatedGateway


class TestTables:
    async def test_status(self, command: Command, url: str) -> None:
        done = await command("status", "--url", url)
        assert done.code == Exit.OK, done
        for word in ("ibmux", "online", "paper", "ready", "DU1000001, DU1000002", "4 up", "cli"):
            assert word in done.out
        assert done.err == ""

    async def test_scripts_shows_who_is_connected(self, command: Command, url: str) -> None:
        async with ibmux.connect("watcher", url=url) as ib:
            await ib.reqMktData(ibmux.Stock("AAPL", "SMART", "USD"))
            done = await command("scripts", "--url", url)
        (line,) = [line for line in done.out.splitlines() if line.startswith("watcher")]
        assert line.split()[2] == "trade"
        assert " 1 " in line, "one lease"

    async def test_positions_of_all_and_of_one_account(self, command: Command, url: str) -> None:
        everything = await command("positions", "--url", url)
        one = await command("positions", "DU1000002", "--url", url)
        assert "DU1000001" in everything.out
        assert "EUR.USD" in everything.out
        assert "DU1000001" not in one.out
        assert "-80" in one.out, "a short position"

    async def test_orders_open_and_finished(self, command: Command, url: str) -> None:
        async with ibmux.connect("trader", url=url) as ib:
            stock = ibmux.Stock("AAPL", "SMART", "USD")
            account = (await ib.managedAccounts())[0]
            resting = await ib.placeOrder(stock, ibmux.LimitOrder("BUY", 5, 1.5, account=account), key="low")
            filled = await ib.placeOrder(stock, ibmux.MarketOrder("BUY", 7, account=account), key="now")
            await filled.done(timeout=20)
            still_open = await command("orders", "--url", url)
            everything = await command("orders", "--finished", "--url", url)
            mine = await command("orders", "--finished", "--mine", "--url", url)
            await ib.cancelOrder(resting)
        assert "BUY 5 LMT 1.50" in still_open.out
        assert "BUY 7 MKT" not in still_open.out
        assert "7/7" in everything.out
        assert "none" in mine.out, "the command has placed nothing itself"

    async def test_watch_prints_the_table_at_its_end(self, command: Command, url: str) -> None:
        done = await command("watch", "AAPL", "EURUSD", "ES", "SPX", "--seconds", "3", "--url", url)
        assert done.code == Exit.OK, done
        rows = [line.split() for line in done.out.splitlines()[2:]]
        assert [row[0] for row in rows][:2] == ["AAPL", "EUR.USD"]
        assert rows[2][0].startswith("ES")
        assert rows[3][0] == "SPX"
        assert float(rows[0][2].replace(",", "")) < float(rows[0][3].replace(",", "")), "bid below ask"

    async def test_method_list(self, command: Command) -> None:
        done = await command("call", "--list")
        assert done.code == Exit.OK
        for name in METHODS:
            assert f"{name} " in done.out
        assert "[account]" in done.out, "optional arguments stand in brackets"


class TestJson:
    async def test_every_asking_verb_writes_json(self, command: Command, url: str) -> None:
        verbs = ("status", "scripts", "positions", "orders")
        answers = await asyncio.gather(*(command(verb, "--json", "--url", url) for verb in verbs))
        status, scripts, positions, orders = (json.loads(done.out) for done in answers)
        assert status["gateways"][0]["state"] == "ready"
        assert {each["script"] for each in scripts} == {"cli"}
        assert {each["account"] for each in positions} == {"DU1000001", "DU1000002"}
        assert orders == []

    async def test_watch_writes_one_line_per_change(self, command: Command, url: str) -> None:
        done = await command("watch", "AAPL", "--json", "--seconds", "3", "--url", url)
        lines = [json.loads(line) for line in done.out.splitlines()]
        assert lines
        assert {line["symbol"] for line in lines} == {"AAPL"}
        assert all(line["bid"] < line["ask"] for line in lines)

    async def test_call_builds_nested_arguments(self, command: Command, url: str) -> None:
        done = await command(
            "call",
            "reqContractDetails",
            "contract.symbol=AAPL",
            "contract.secType=STK",
            "contract.exchange=SMART",
            "contract.currency=USD",
            "--json",
            "--url",
            url,
        )
        (details,) = json.loads(done.out)
        assert details["contract"]["conId"] == 265598


class TestErrors:
    async def test_nobody_answers(self, command: Command) -> None:
        done = await command("status", "--url", "mqtt://127.0.0.1:1", "--timeout", "10")
        assert done.code == Exit.UNREACHABLE
        assert done.err.startswith("ibmux: ")
        assert "ibmux serve" in done.err
        assert "Traceback" not in done.err

    async def test_the_environment_names_proxy_and_script(self, command: Command, url: str) -> None:
        done = await command("scripts", "--json", IBMUX_URL=url, IBMUX_NAME="by-environment")
        assert [each["script"] for each in json.loads(done.out)] == ["by-environment"]

    async def test_a_wrong_token_is_refused(self, command: Command, url: str) -> None:
        wrong = await command("status", "--name", "guarded", "--token", "guess", "--url", url)
        right = await command("status", "--name", "guarded", "--token", "sesame", "--url", url)
        assert (wrong.code, right.code) == (Exit.REFUSED, Exit.OK), (wrong, right)

    @pytest.mark.parametrize(
        ("arguments", "words", "code"),
        [
            (("call", "nonsense"), "nonsense", Exit.USAGE),
            (("call", "positions", "account=DU9"), "DU9", Exit.USAGE),
            (("call", "positions", "bogus=1"), "bogus", Exit.USAGE),
            (("call", "positions", "account"), "key=value", Exit.USAGE),
            (("call", "reqGlobalCancel"), "takes `admin`", Exit.FAILED),
            (("positions", "--gateway", "nowhere"), "nowhere", Exit.USAGE),
            (("positions", "--name", "a b"), "a b", Exit.USAGE),
            (("watch", "NOSUCHTHING"), "NOSUCHTHING", Exit.FAILED),
            (("watch", "BOX:AAPL"), "BOX", Exit.USAGE),
            (("watch",), "Nothing to watch", Exit.USAGE),
        ],
    )
    async def test_errors_are_one_sentence_and_a_hint(
        self, command: Command, url: str, arguments: tuple[str, ...], words: str, code: Exit
    ) -> None:
        done = await command(*arguments, "--url", url)
        assert done.code == code, done
        first, hint = done.err.splitlines()
        assert first.startswith("ibmux: ")
        assert words in first
        assert hint.startswith("       ")
        assert done.out == ""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("bogus",),
            ("status", "--bogus"),
            ("status", "--url", "foo"),
            ("status", "--url", "mqtt://h:x"),
            ("sim", "--version", "12"),
            ("sim", "--rate", "x"),
            ("sim", "--port", "99999"),
        ],
    )
    async def test_wrong_arguments(self, command: Command, arguments: tuple[str, ...]) -> None:
        done = await command(*arguments)
        assert done.code == Exit.USAGE, done
        assert done.err.startswith("ibmux: ")
        assert "Traceback" not in done.err

    async def test_a_session_that_is_not_ready_is_code_4(
        self, command: Command, url: str, gateway: SimulatedGateway, proxy: Proxy
    ) -> None:
        await gateway.close()
        async with asyncio.timeout(30), ibmux.connect("test", url=url) as ib:
            while ib.status().state == "ready":
                await ib.waitOnUpdate()
        status = await command("status", "--url", url)
        assert status.code == Exit.NOT_READY
        assert "paper" in status.out
        assert (await command("healthcheck", "--http", f"http://127.0.0.1:{proxy.ports['http']}")).code == Exit.OK
        ready = await command("healthcheck", "--ready", "--http", f"http://127.0.0.1:{proxy.ports['http']}")
        assert ready.code == Exit.NOT_READY
        assert "gateway paper is" in ready.err


class TestHealthcheck:
    async def test_it_finds_the_door_by_the_settings(self, command: Command, proxy: Proxy) -> None:
        port = str(proxy.ports["http"])
        alive = await command("healthcheck", IBMUX_HTTP__PORT=port, IBMUX_HTTP__HOST="0.0.0.0")
        ready = await command("healthcheck", "--ready", "--gateway", "paper", IBMUX_HTTP__PORT=port)
        assert (alive.code, alive.out.strip()) == (Exit.OK, "alive"), alive
        assert (ready.code, ready.out.strip()) == (Exit.OK, "ready"), ready

    async def test_nothing_answers(self, command: Command) -> None:
        done = await command("healthcheck", "--http", "http://127.0.0.1:1")
        assert done.code == Exit.UNREACHABLE
        assert "Traceback" not in done.err


class TestLongRunning:
    """Verbs that run until they are stopped."""

    async def test_serve_takes_everything_from_the_environment_and_drains_at_sigterm(
        self, command: Command, gateway: SimulatedGateway
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ibmux.cli",
            "serve",
            stderr=asyncio.subprocess.PIPE,
            env={
                "IBMUX_GATEWAYS__PAPER__PORT": str(gateway.port),
                "IBMUX_GATEWAYS__PAPER__CLIENT_ID": "17",
                "IBMUX_MQTT__PORT": "0",
                "IBMUX_HTTP__PORT": "0",
                "PYTHONPATH": ":".join(sys.path),
                "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
            },
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(60):
                events: list[dict[str, Any]] = []
                while not events or events[-1]["event"] != "proxy.online":
                    events.append(json.loads(await process.stderr.readline()))
                assert 17 in gateway.stats.by_client, "the gateway is tried before the doors open"
                while "session.ready" not in [each["event"] for each in events]:
                    events.append(json.loads(await process.stderr.readline()))
                process.send_signal(signal.SIGTERM)
                events += [json.loads(line) async for line in process.stderr]
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        names = [each["event"] for each in events]
        assert (names[0], names[-1]) == ("session.connecting", "proxy.offline")
        assert {"gateway.checked", "proxy.draining", "session.ready", "session.stopped"} <= set(names)
        assert set(events[names.index("proxy.online")]["ports"]) >= {"mqtt", "http"}
        assert next(each for each in events if each["event"] == "session.connecting")["gateway"] == "paper"

    async def test_a_second_signal_ends_serve_at_once(self) -> None:
        """A request waits for a gateway that is not there; the first signal waits for it, the second does not."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ibmux.cli",
            "serve",
            stderr=asyncio.subprocess.PIPE,
            env={
                "IBMUX_GATEWAYS__PAPER__PORT": str(free_port()),  # others look who has the lock of 1
                "IBMUX_MQTT__PORT": "0",
                "IBMUX_HTTP__PORT": "0",
                "IBMUX_DRAIN_TIMEOUT": "60",
                "PYTHONPATH": ":".join(sys.path),
                "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
            },
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(60):
                while (line := json.loads(await process.stderr.readline()))["event"] != "proxy.online":
                    continue
                port = line["ports"]["mqtt"]
                async with ibmux.connect("waiting", url=f"mqtt://127.0.0.1:{port}") as ib:
                    asking = asyncio.create_task(ib.positions())
                    await until(lambda: ib._requests and len(ib._requests))
                    await ib.call("status")
                    process.send_signal(signal.SIGTERM)
                    while (line := json.loads(await process.stderr.readline()))["event"] != "proxy.draining":
                        continue
                    assert line["in_flight"] == 1
                    process.send_signal(signal.SIGTERM)
                    assert await process.wait() == Exit.INTERRUPTED
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def test_serve_says_that_its_port_is_taken(self, command: Command, proxy: Proxy, tmp_path: Path) -> None:
        for door in ("http", "mqtt"):
            ports = {"IBMUX_HTTP__PORT": "0", "IBMUX_MQTT__PORT": "0", "IBMUX_MQTT__SOCKET": ""}
            # A gateway of this test's own: 4002, the default, may be locked by a proxy that somebody runs here.
            ports["IBMUX_GATEWAYS__PAPER__PORT"] = str(proxy.ports["mqtt"])
            ports["IBMUX_JOURNAL__PATH"] = str(tmp_path / "journal.db")
            done = await command("serve", **{**ports, f"IBMUX_{door.upper()}__PORT": str(proxy.ports[door])})
            assert done.code == Exit.USAGE, done
            assert "cannot listen on" in done.err
            assert "ddress already in use" in done.err
            assert "Traceback" not in done.err
            assert "proxy.offline" not in done.err

    async def test_serve_says_what_is_wrong_with_the_settings(self, command: Command) -> None:
        done = await command("serve", IBMUX_MQTT__PORT="many")
        assert done.code == Exit.USAGE
        assert "mqtt.port" in done.err
        missing = await command("serve", "--config", "/nowhere/proxy.toml")
        assert missing.code == Exit.USAGE
        assert "no such file" in missing.err

    async def test_sim_serves_until_it_is_interrupted(self, command: Command) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ibmux.cli", "sim", "--port", "0", "--seed", "3", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                said = (await process.stdout.readline()).decode()
                port = said.split(":")[1]
                done = await command("check", "--port", port)
                process.send_signal(signal.SIGINT)
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert done.code == 0, (said, done)
        assert code == 0

    async def test_sim_says_that_its_port_is_taken(self, gateway: SimulatedGateway) -> None:
        done = await run_command("sim", "--port", str(gateway.port))
        assert done.code == Exit.FAILED
        assert f"Cannot listen on 127.0.0.1:{gateway.port}" in done.err
