"""`ibmux sim` and `ibmux fault` as processes: what is typed, piped and sent is done; what happens is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from ibmux.cli.exits import Exit
from ibmux.sim.faults.scenario import shipped
from ibmux.tws.framing import join_fields
from ibmux.tws.handshake import Greeting, encode_greeting

Command = Callable[..., Awaitable[Any]]


class Sim:
    """A running `ibmux sim`: its lines so far, and its standard input."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self.lines: list[str] = []
        self._reader = process.stdout

    async def line(self, *wanted: str) -> str:
        """The next line that has one of these texts in it."""
        async with asyncio.timeout(40):
            while True:
                text = (await self._reader.readline()).decode()
                assert text, f"it ended: {self.lines}"
                self.lines.append(text.rstrip("\n"))
                if any(each in text for each in wanted):
                    return self.lines[-1]

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def join(self, port: int, client_id: int) -> asyncio.StreamWriter:
        """Connect a client."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encode_greeting(Greeting(157, 176)))
        await reader.read(100)
        writer.write(join_fields(["71", "2", str(client_id), ""]))
        return writer


@asynccontextmanager
async def run_sim(*arguments: str, stdin: int | None = asyncio.subprocess.PIPE) -> AsyncIterator[Sim]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ibmux.cli", "sim", "--port", "0", *arguments,
        stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Sim(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()


def port_of(line: str) -> int:
    return int(line.split(":")[1])


async def test_what_is_typed_is_done_and_told() -> None:
    async with run_sim() as sim:
        port = port_of(await sim.line("Simulated gateway on"))
        writer = await sim.join(port, 7)
        await sim.line("client 7 started (connection 1)")
        sim.type("cut 30")
        assert await sim.line("ok ") == "ok no Interactive Brokers, for 30 s"
        sim.type("cutt")
        assert await sim.line("error ") == "error there is no fault 'cutt': did you mean cut?"
        sim.type("status")
        assert await sim.line("fault cut") == "fault cut: no Interactive Brokers"
        sim.type("heal")
        await sim.line("ok lifted: cut")
        writer.close()
        assert (await sim.line("left"))[10:].startswith("client 7 left")
    assert sim.process.returncode == 0


async def test_piped_faults_are_done_and_the_gateway_stays() -> None:
    async with run_sim() as sim:
        assert sim.process.stdin is not None
        sim.type("# a comment\n\nfreeze\nthaw")
        sim.process.stdin.close()
        await sim.line("ok the gateway stands still")
        await sim.line("ok the gateway goes on")
        writer = await sim.join(port_of(sim.lines[0]), 1)
        await sim.line("client 1 started")
        writer.close()


async def test_at_a_terminal_answers_are_for_people() -> None:
    keyboard, terminal = os.openpty()
    try:
        async with run_sim("moc-close", "--speed", "1", stdin=terminal) as sim:
            assert (
                await sim.line("Scenario") == "Scenario moc-close: The last minutes before a close, with a cut in them"
            )
            await sim.line("Type `help`")
            os.write(keyboard, b"compete 30\nhelp thaw\ncutt\n")
            assert (await sim.line("for 30 s"))[:3] != "ok "
            assert await sim.line("thaw") == "thaw"
            await sim.line("End `freeze`")
            assert await sim.line("cutt") == "error there is no fault 'cutt': did you mean cut?"
            assert "ok" not in sim.lines
    finally:
        os.close(keyboard)
        os.close(terminal)


@pytest.mark.parametrize("stdin", [asyncio.subprocess.DEVNULL])
async def test_without_standard_input_it_serves(stdin: int) -> None:
    async with run_sim(stdin=stdin) as sim:
        writer = await sim.join(port_of(await sim.line("Simulated gateway on")), 1)
        await sim.line("client 1 started")
        writer.close()
        await sim.line("client 1 left")


async def test_faults_from_another_terminal(command: Command) -> None:
    async with run_sim("--control", "0") as sim:
        port = (await sim.line("Control port")).split()[2].rstrip(":")
        done = await command("fault", "--port", port, "cut", "60", "told=lost")
        assert (done.code, done.out.strip()) == (0, "no Interactive Brokers, for 60 s")
        assert (await sim.line("fault cut"))[10:] == "fault cut: no Interactive Brokers, for 60 s"
        done = await command("fault", "--port", port, "say", "2104", "two words")
        assert (done.code, done.out.strip()) == (0, "2104 two words")
        done = await command("fault", "--port", port, "refus")
        assert done.code == Exit.FAILED
        assert "did you mean refuse" in done.err
        done = await command("fault", "--port", port)
        assert done.code == 0
        assert "half_open" in done.out


async def test_a_fault_without_a_gateway(command: Command) -> None:
    done = await command("fault", "--port", str(free_port()), "heal")
    assert done.code == Exit.UNREACHABLE
    assert "ibmux sim --control" in done.err


async def test_a_scenario_is_played_and_told(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    path = tmp_path / "own.toml"
    path.write_text(
        'title = "Mine"\nstart = "20260106 10:00:00 US/Eastern"\nspeed = 60\nlength = 30\n'
        '[[at]]\ntime = "10:00:10"\ndo = "cut 5"\n'
    )
    async with run_sim("--scenario", str(path), "--log", str(log), "--seed", "4") as sim:
        assert await sim.line("Scenario") == "Scenario own: Mine"
        assert await sim.line("fault cut") == "10:00:10  fault cut: no Interactive Brokers, for 5 s"
        assert await sim.line("lifted") == "10:00:15  lifted cut"
        assert await sim.line("is over") == "10:00:30  scenario: own is over"
    kinds = [json.loads(line)["kind"] for line in log.read_text().splitlines()]
    assert kinds == ["listening", "step", "fault", "lifted", "step", "deaf"]


async def test_shipped_scenarios_are_listed(command: Command) -> None:
    done = await command("sim", "--scenarios")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(shipped())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "quiet-dya"], "quiet-day"),
        (["--scenario", "/nowhere/x.toml"], "/nowhere/x.toml cannot be read"),
        (["--start", "noon"], "write it as 20260105 09:25:00 US/Eastern"),
        (["--speed", "-3"], "speed is -3"),
    ],
)
async def test_what_is_wrong_is_one_sentence(command: Command, arguments: list[str], words: str) -> None:
    done = await command("sim", *arguments)
    assert done.code == Exit.USAGE
    assert words in done.err
    assert "Traceback" not in done.err


async def test_a_log_that_cannot_be_written(command: Command) -> None:
    done = await command("sim", "--port", "0", "--log", "/nowhere/log.jsonl")
    assert done.code == Exit.FAILED
    assert "Cannot write /nowhere/log.jsonl" in done.err
