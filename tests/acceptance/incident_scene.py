"""Lives of a proxy before one gateway, with one journal, and what the scripts of each were told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ib_async
from money_scene import APPLE, FAR, QUICK, Scene
from stage import raw_script, running_proxy, settings, until, url_of

from ibmux.core import reference
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.order import BookOrder

PLAIN = 9
"""The clientId of ib_async alone."""
SHARES = ib_async.Stock("AAPL", "SMART", "USD", conId=APPLE["conId"])


def gateway(**changes: Any) -> SimulatedGateway:
    """A gateway whose orders at far prices rest, and whose others fill at once."""
    return SimulatedGateway(Settings(**{**QUICK, "active_orders": 1000, **changes}))


@asynccontextmanager
async def life(
    simulator: SimulatedGateway, folder: Path, *names: str, ready: bool = True, port: int = 0, **tables: Any
) -> AsyncIterator[Scene]:
    """A proxy from its start to its end, scripts of these names and `boss`; the journal is in this folder.

    `port`: where it finds the gateway, if not at the gateway's own port.
    """
    tree = {"scripts": {"boss": {"role": "admin"}}, "journal": {"path": str(folder / "journal.db")}, **tables}
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(running_proxy(settings(port or simulator.port, **tree), ready=ready))
        scripts = {each: await stack.enter_async_context(raw_script(url_of(proxy), each)) for each in (*names, "boss")}
        scene = Scene(simulator, proxy, scripts)
        await scene.listen()
        yield scene


@asynccontextmanager
async def ib_async_alone(simulator: SimulatedGateway) -> AsyncIterator[ib_async.IB]:
    """ib_async on a connection of its own."""
    ib = ib_async.IB()
    ib.client.MaxRequests = 0
    await ib.connectAsync(simulator.host, simulator.port, clientId=PLAIN, timeout=20)
    try:
        yield ib
    finally:
        ib.disconnect()


def orders_of(simulator: SimulatedGateway, client: int = 1) -> list[BookOrder]:
    """Every order that the gateway ever took from a client."""
    desk = simulator.book
    found = {id(each): each for each in desk._book._orders.values()}
    found |= {id(each.order): each.order for each in desk.completed()}
    found |= {id(each): each for each in desk._book.open()}
    return [each for each in found.values() if each.clientId == client]


def keys_of(simulator: SimulatedGateway) -> list[str]:
    """The key of every order that the gateway ever took from ibmux, with repetitions, in order."""
    return sorted(reference.read(each.spec.orderRef).key for each in orders_of(simulator))


def order_of(simulator: SimulatedGateway, key: str) -> BookOrder:
    """The one order of a key."""
    [found] = [each for each in orders_of(simulator) if reference.read(each.spec.orderRef).key == key]
    return found


def fill(simulator: SimulatedGateway, order: BookOrder, quantity: float) -> None:
    """Fill so much of an order."""
    now = simulator.clock.now()
    simulator.publish(simulator.book._floor.fill(order, Decimal(str(quantity)), FAR, now))


def told(scene: Scene, script: str, key: str, kind: str = "order") -> list[dict[str, Any]]:
    """What a script was told of one order."""
    return [each for name, what, each in scene.heard if (name, what, each["key"]) == (script, kind, key)]


def statuses(scene: Scene, script: str, key: str) -> list[str]:
    """The states of an order that a script was told, without repetitions."""
    found: list[str] = []
    for each in told(scene, script, key):
        status = each["trade"]["orderStatus"]["status"]
        found += [status] if found[-1:] != [status] else []
    return found


async def is_told(scene: Scene, script: str, key: str, status: str) -> None:
    """Until a script was told that an order has this status now."""
    await until(lambda: statuses(scene, script, key)[-1:] == [status], f"{script} is told that {key} is {status}")


async def is_executed(scene: Scene, script: str, key: str) -> None:
    """Until a script was told of an execution of an order."""
    await until(lambda: executed(scene, script, key), f"{script} is told of an execution of {key}")


def executed(scene: Scene, script: str, key: str) -> list[tuple[str, float]]:
    """The executions of an order that a script was told: their ids and sizes."""
    fills = [each["fill"]["execution"] for each in told(scene, script, key, "fill") if each["event"] == "fill"]
    return [(each["execId"], each["shares"]) for each in fills]


async def replayed(scene: Scene, script: str, since: int = 0) -> list[dict[str, Any]]:
    """Everything that the journal tells a script again."""
    page = (await scene.ask(script, "replay", since=since)).payload
    assert not page.get("more")
    return list(page.get("events", []))


async def again(scene: Scene) -> None:
    """Until the proxy has connected anew."""
    session = scene.proxy.gateways["paper"].session
    epoch = session.epoch
    await until(lambda: session.epoch > epoch and session.state == "ready", "connected anew", 20)


async def lost(scene: Scene) -> None:
    """Until the proxy knows that the gateway is gone."""
    session = scene.proxy.gateways["paper"].session
    await until(lambda: session.state != "ready", "the loss is noticed", 20)


def an_order(price: float = FAR, **changes: Any) -> dict[str, Any]:
    """The arguments of an order that rests."""
    order = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": price, **changes}
    return {"contract": APPLE, "order": order}


def requests(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many different look-ups: contracts and history."""
    for number in range(count // 2):
        yield "reqContractDetails", {"contract": {**APPLE, "conId": 0, "symbol": f"A{number:03}"}}
        when = f"202601{number % 28 + 1:02} 1{number // 28}:00:00 US/Eastern"
        bars = {"endDateTime": when, "durationStr": "60 S", "barSizeSetting": "1 min", "whatToShow": "TRADES"}
        yield "reqHistoricalData", {"contract": APPLE, "useRTH": False, **bars}
