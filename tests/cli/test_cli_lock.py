"""Two proxies for one gateway on one machine, as processes: the second is refused before it can disturb the first."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cli_stage import Command, run_command, until

from ibmux import locks
from ibmux.cli.exits import Exit
from ibmux.places import Endpoint
from ibmux.sim import SimulatedGateway


def environment(port: int) -> dict[str, str]:
    return {
        "IBMUX_GATEWAYS__PAPER__PORT": str(port),
        "IBMUX_GATEWAYS__PAPER__SETTLE": "0",
        "IBMUX_GATEWAYS__PAPER__PAUSE_FLOOR": "0.1",
        "IBMUX_MQTT__PORT": "0",
        "IBMUX_HTTP__PORT": "-1",
        "IBMUX_LOG__FORMAT": "json",
    }


class Serving:
    """`ibmux serve` as a process, and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []

    async def hear(self, event: str) -> dict[str, Any]:
        """The first line of log with this event, be it there already or still to come."""
        assert self.process.stderr is not None
        async with asyncio.timeout(60):
            while not (found := [each for each in self.log if each["event"] == event]):
                line = await self.process.stderr.readline()
                assert line, f"it ended with {await self.process.wait()} before it said {event}: {self.log}"
                self.log.append(json.loads(line))
        return found[0]


@asynccontextmanager
async def serving(port: int, **changes: str) -> AsyncIterator[Serving]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IBMUX_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ibmux.cli",
        "serve",
        stderr=asyncio.subprocess.PIPE,
        env={**clean, **environment(port), **changes},
    )
    try:
        yield Serving(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_second_proxy_is_refused_in_words_and_after_a_kill_it_may_start(
    command: Command, gateway: SimulatedGateway
) -> None:
    place = locks.place(Endpoint("127.0.0.1", gateway.port))
    async with serving(gateway.port) as first:
        await first.hear("session.ready")
        door = (await first.hear("proxy.online"))["ports"]["mqtt"]
        second = await command("serve", **{**environment(gateway.port), "IBMUX_GATEWAYS__PAPER__HOST": "localhost"})
        assert second.code == Exit.FAILED, second
        told = second.err.splitlines()
        assert len(told) == 2, second.err
        assert f"The gateway paper at localhost:{gateway.port} has a session already: ibmux serve" in told[0]
        assert f"(pid {first.process.pid}) since " in told[0]
        assert f"as its gateway paper, its MQTT door is mqtt://127.0.0.1:{door}" in told[0]
        assert "`ibmux status`" in told[1] and f"kill {first.process.pid}" in told[1]
        assert len(gateway.log.of("attempt")) == 1, list(gateway.log)
        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
        await until(lambda: gateway.stats.connections == 0)
        assert place.exists()
        async with serving(gateway.port) as third:
            await third.hear("session.ready")
            third.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(third.process.wait(), 40) == Exit.OK
    assert gateway.log.most_at_once() == 1
    assert not place.exists()


async def test_a_proxy_of_another_machine_is_for_the_gateway_to_refuse(
    gateway: SimulatedGateway, tmp_path: Path
) -> None:
    """Another folder for temporary files stands for another machine."""
    async with serving(gateway.port) as first:
        await first.hear("session.ready")
        async with serving(gateway.port, TMPDIR=str(tmp_path), XDG_STATE_HOME=str(tmp_path)) as second:
            await second.hear("session.standby")
            assert gateway.stats.by_client == {1: 1}


async def test_where_no_lock_can_be_had_serve_says_so(gateway: SimulatedGateway, tmp_path: Path) -> None:
    (tmp_path / "ibmux").write_text("in the way")
    done = await run_command("serve", **{**environment(gateway.port), "TMPDIR": str(tmp_path)})
    assert done.code == Exit.USAGE, done
    assert "the lock of the gateway cannot be opened" in done.err and "Set TMPDIR" in done.err
    assert len(gateway.log.of("attempt")) == 0
