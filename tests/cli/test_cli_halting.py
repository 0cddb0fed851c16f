"""`ibmux halt` and `ibmux resume`, and how the other verbs show a halt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from cli_stage import Command

from ibmux import config
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway


@pytest.fixture
async def url(gateway: SimulatedGateway) -> AsyncIterator[str]:
    """Where a proxy of two gateways listens at which `cli` is an admin."""
    other = SimulatedGateway(Settings())
    await other.start()
    tree = {
        "gateways": {
            "paper": {"port": gateway.port, "pause_floor": 0.1, "settle": 0.1},
            "second": {"port": other.port, "pause_floor": 0.1, "settle": 0.1},
        },
        "mqtt": {"port": 0},
        "http": {"port": -1},
        "scripts": {"cli": {"role": "admin"}},
    }
    running = Proxy(config.build(tree, "the test"))
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(40):
        await running.started.wait()
        for each in running.gateways.values():
            await each.session.until_ready(asyncio.get_running_loop().time() + 30)
    yield f"mqtt://127.0.0.1:{running.ports['mqtt']}"
    running.stop()
    await task
    await other.close()


async def test_a_halt_is_shown_until_it_is_ended(command: Command, url: str) -> None:
    halted = await command("halt", "the market is mad", "--url", url)
    assert halted.code == 0
    told = "Halted by cli: the market is mad"
    assert halted.out.splitlines() == [f"paper: {told}", f"second: {told}"], "every gateway, if none is named"
    alone = await command("resume", "--url", url, "--gateway", "second")
    assert alone.out.strip() == "second: orders pass."
    shown = await command("status", "--url", url)
    assert "Halted by cli: the market is mad" in shown.out
    assert shown.code == 0, "the session is ready all the same"
    resumed = await command("resume", "--url", url)
    assert (resumed.code, resumed.out.strip()) == (0, "paper: orders pass.")
    assert "Halted" not in (await command("status", "--url", url)).out
    again = await command("resume", "--url", url)
    assert again.code == 2
    assert "paper is not halted." in again.err


async def test_json_and_roles(command: Command, url: str) -> None:
    refused = await command("halt", "--url", url, "--name", "nobody")
    assert 'role = "admin" in [scripts.nobody]' in refused.err
    assert refused.code != 0
    assert "admin" in refused.err
    halted = await command("halt", "--url", url, "--json", "--gateway", "paper")
    assert json.loads(halted.out)["halted"] == "Halted by cli."
