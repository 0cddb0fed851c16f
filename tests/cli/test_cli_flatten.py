"""`ibmux flatten` as a process: its table, its exit codes, who may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from cli_stage import FAST, Command

import ibmux
from ibmux import config
from ibmux.cli.exits import Exit
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(seed=5, moc_delay=3600.0, **FAST)) as simulated:
        yield simulated


@pytest.fixture
async def url(gateway: SimulatedGateway) -> AsyncIterator[str]:
    tree = {
        "gateways": {"paper": {"port": gateway.port, "kind": "paper", "pause_floor": 0.1, "settle": 0.1}},
        "mqtt": {"port": 0},
        "http": {"port": -1},
        "default_role": "trade",
        "scripts": {"cli": {"role": "admin"}},
    }
    running = Proxy(config.build(tree, "the test"))
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(40):
        await running.started.wait()
        await running.gateways["paper"].session.until_ready(asyncio.get_running_loop().time() + 30)
    yield f"mqtt://127.0.0.1:{running.ports['mqtt']}"
    running.stop()
    await task


def held(gateway: SimulatedGateway) -> set[str]:
    accounts = gateway.world.accounts
    return {
        each.contract.symbol
        for name in accounts.names
        for each in accounts[name].positions()
        if each.position and each.contract.secType != "CASH"
    }


async def test_everything_and_again(command: Command, url: str, gateway: SimulatedGateway) -> None:
    async with ibmux.connect("trader", url=url) as ib:
        order = ibmux.LimitOrder("BUY", 5, 1.5, account="DU1000001")
        await ib.placeOrder(ibmux.Stock("AAPL", "SMART", "USD"), order, key="low")
    before = held(gateway)
    dry = await command("flatten", "--dry-run", "--url", url)
    assert (dry.code, held(gateway)) == (Exit.OK, before)
    assert "would be cancelled" in dry.out
    done = await command("flatten", "--url", url)
    assert done.code == Exit.OK, done
    assert held(gateway) == set()
    rows = [line.split() for line in done.out.splitlines()]
    assert ["DU1000001", "AAPL", "cancel", "BUY", "5", "LMT", "1.5", "is", "Cancelled", "trader", "low"] in rows
    assert any(row[:8] == ["DU1000001", "AAPL", "300", "close", "SELL", "300", "MKT", "is"] for row in rows)
    again = await command("flatten", "--json", "--url", url)
    assert [(row["contract"]["symbol"], row["ok"]) for row in json.loads(again.out)] == [("EUR", True)]


async def test_some_symbols_of_one_account_for_the_close(command: Command, url: str, gateway: SimulatedGateway) -> None:
    arguments = ("flatten", "--symbols", "AAPL", "TSLA", "--account", "DU1000001", "--order-type", "moc", "--url", url)
    done = await command(*arguments)
    assert done.code == Exit.OK, done
    assert "SELL 300 MOC" in done.out
    assert "TSLA" not in done.out
    assert gateway.stats.orders_placed == 1
    again = await command(*arguments)
    assert (again.code, gateway.stats.orders_placed) == (Exit.OK, 1)


async def test_what_is_left_is_named_and_the_exit_code_says_so(
    command: Command, url: str, gateway: SimulatedGateway
) -> None:
    await gateway.faults.reject_next(201, "Order rejected - reason:no")
    done = await command("flatten", "--symbols", "AAPL,MSFT", "--url", url)
    assert done.code == Exit.FAILED
    assert "1 of 2 positions is not closed: DU1000001" in done.err
    assert "reason:no" in done.err
    assert "is Filled" in done.out, "the table shows the rest"
    assert len(held(gateway) & {"AAPL", "MSFT"}) == 1


async def test_a_name_that_may_not(command: Command, url: str, gateway: SimulatedGateway) -> None:
    done = await command("flatten", "--name", "trader", "--url", url)
    assert done.code == Exit.FAILED
    assert "trader has trade. Nothing was done." in done.err
    assert gateway.stats.orders_placed == 0


async def test_wrong_arguments(command: Command, url: str) -> None:
    done = await command("flatten", "--order-type", "LMT", "--url", url)
    assert done.code == Exit.USAGE
    assert "cannot use LMT" in done.err
