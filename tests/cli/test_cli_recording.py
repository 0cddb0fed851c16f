"""`ibmux sim --record` and `--replay` as processes, between a real client and a simulated gateway."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ib_async
import pytest
from cli_stage import run_command

from ibmux.sim import Settings, SimulatedGateway


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[int, list[str]]]:
    """`ibmux sim` with these arguments: its port, and the lines that it prints, all of them after the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ibmux.cli", "sim", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(60):
            while (found := re.search(r"127\.0\.0\.1:(\d+)", "".join(lines))) is None:
                lines.append((await process.stdout.readline()).decode())
                assert lines[-1], "the command ended before it said where it listens"
        yield int(found[1]), lines
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            lines += (await process.stdout.read()).decode().splitlines()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def accounts_at(port: int) -> list[str]:
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=3, timeout=20)
    try:
        return ib.managedAccounts()
    finally:
        ib.disconnect()


async def test_a_day_is_recorded_and_played(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl.gz"
    async with SimulatedGateway(Settings(accounts=("U7654321",), linger=0.0)) as gateway:
        where = f"127.0.0.1:{gateway.port}"
        async with running("--record", str(path), "--gateway", where) as (port, said):
            assert await accounts_at(port) == ["U7654321"]
    assert re.search(r"[\d,]+ messages, 1 connection\.", "\n".join(said))
    async with running("--replay", str(path)) as (port, said):
        assert await accounts_at(port) == ["U0000001"]
    assert "1 recorded connection (clientId 3" in "\n".join(said)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--record", "{path}", "--gateway", "4001"), 2, "Write host and port"),
        (("--record", "{here}", "--gateway", "127.0.0.1:4001"), 2, "exists already"),
        (("--record", "{path}"), 2, "--gateway 127.0.0.1:4001"),
        (("--mask", "Smith"), 2, "--gateway and --mask belong to --record"),
        (("--record", "{path}", "--gateway", "127.0.0.1:4001", "--replay", "{here}"), 2, "exclude each other"),
        (("quiet-day", "--replay", "{here}"), 2, "exclude each other"),
        (("--replay", "{here}", "--speed", "0"), 2, "--speed 2"),
        (("--replay", "{path}"), 1, "Cannot read"),
        (("--replay", "{here}"), 1, "is no recording"),
    ],
)
async def test_what_cannot_be_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    here = tmp_path / "notes"
    here.write_text("hello\n")
    given = [one.format(path=tmp_path / "none", here=here) for one in arguments]
    done = await run_command("sim", *given)
    assert (done.code, text in done.err) == (code, True), done.err
