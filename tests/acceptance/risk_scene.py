"""A gateway and a proxy whose limits a test sets, and what tests of limits and halts ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgpack
from money_scene import APPLE, FIRST, QUICK, Scene
from stage import Reply, raw_script, running_proxy, settings, url_of

from ibmux import topics
from ibmux.sim import Settings, SimulatedGateway

ONE = {"accounts": (FIRST,)}
HELD = 300
"""Shares of Apple with which the first account begins."""


@asynccontextmanager
async def simulated(**changes: Any) -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(**{**QUICK, **changes})) as simulator:
        yield simulator


@asynccontextmanager
async def scene_at(
    simulator: SimulatedGateway, *names: str, gateway: dict[str, Any] | None = None, **tables: Any
) -> AsyncIterator[Scene]:
    """A proxy before this gateway, with settings of its own; scripts of these names, and `boss`, who is an admin."""
    plan = settings(simulator.port, **{"scripts": {"boss": {"role": "admin"}}, **tables})
    plan["gateways"]["paper"] |= gateway or {}
    plan["scripts"].setdefault("boss", {"role": "admin"})
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(running_proxy(plan))
        scripts = {name: await stack.enter_async_context(raw_script(url_of(proxy), name)) for name in (*names, "boss")}
        scene = Scene(simulator, proxy, scripts)
        await scene.listen()
        yield scene


async def events(scene: Scene) -> list[dict[str, Any]]:
    """What the session says of itself from now on."""
    heard: list[dict[str, Any]] = []
    link = scene.scripts["boss"].link
    await link.subscribe(topics.session_event("paper"), lambda told: heard.append(msgpack.unpackb(told.payload)))
    return heard


def is_halted(answer: Reply) -> bool:
    return (answer.code, answer.payload.get("outcome")) == ("order.halted", "not_sent")


async def status_of(scene: Scene) -> dict[str, Any]:
    answer = (await scene.ask("ann", "status")).payload
    return dict(answer["gateways"][0])


async def holds(scene: Scene, quantity: float) -> None:
    """Wait until the proxy knows of this position in Apple."""
    session = scene.proxy.gateways["paper"].session
    await scene.until(
        lambda: (
            sum(each.position for each in session.positions(FIRST) if each.contract.conId == APPLE["conId"]) == quantity
        ),
        f"{quantity:g} are held",
    )


async def sell(scene: Scene, who: str, key: str, quantity: float, **order: Any) -> Reply:
    plain = {"action": "SELL", "totalQuantity": quantity, "orderType": "MKT", "account": FIRST}
    return await scene.place(who, key, **{**plain, **order})


async def followed(scene: Scene) -> Any:
    """The breaker, once it knows the day's profit."""
    halting = scene.proxy.gateways["paper"].halting
    await scene.until(lambda: halting.losses.complete, "the loss is known")
    return halting
