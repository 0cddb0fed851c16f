"""The operators' door: over real HTTP, first with plain answers, then in front of a running proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import ibmux
from ibmux import config
from ibmux.daemon import Proxy
from ibmux.doors.http import LINKS, HttpDoor
from ibmux.messages.session import ProxyReport
from ibmux.ops.health import Verdict
from ibmux.sim import Settings, SimulatedGateway

REPORT = ProxyReport("1.2", 5.0, "online", [], [], {})


class Health:
    live_verdict = Verdict(True)
    ready_verdict = Verdict(False, ("gateway paper is waiting: later",))
    asked: str | None = "nothing yet"

    def live(self) -> Verdict:
        return self.live_verdict

    def ready(self, gateway: str | None) -> Verdict:
        self.asked = gateway
        return self.ready_verdict


@pytest.fixture
async def web() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def health() -> Health:
    return Health()


@pytest.fixture
async def door(health: Health) -> AsyncIterator[HttpDoor]:
    door = HttpDoor("127.0.0.1", 0, lambda: REPORT, health, CollectorRegistry())
    await door.start()
    yield door
    await door.close()


async def get(web: ClientSession, door: HttpDoor, path: str, **options: Any) -> tuple[int, str]:
    async with web.get(f"http://127.0.0.1:{door.port}{path}", **options) as answer:
        return answer.status, await answer.text()


class TestDoor:
    async def test_every_link_of_the_first_page_answers(self, web: ClientSession, door: HttpDoor) -> None:
        status, page = await get(web, door, "/")
        assert status == 200
        for path in LINKS:
            assert f'href="{path}"' in page
            assert (await get(web, door, path))[0] in (200, 503)

    async def test_alive_and_dead(self, web: ClientSession, door: HttpDoor, health: Health) -> None:
        assert await get(web, door, "/livez") == (200, '{"ok":true,"reasons":[]}')
        health.live_verdict = Verdict(False, ("late",))
        for path in ("/livez", "/healthz"):
            assert await get(web, door, path) == (503, '{"ok":false,"reasons":["late"]}')

    async def test_readiness_names_reasons_and_can_ask_for_one_gateway(
        self, web: ClientSession, door: HttpDoor, health: Health
    ) -> None:
        status, body = await get(web, door, "/readyz")
        assert (status, json.loads(body)["reasons"]) == (503, ["gateway paper is waiting: later"])
        assert health.asked is None
        await get(web, door, "/readyz?gateway=live")
        assert health.asked == "live"

    async def test_the_report_is_json(self, web: ClientSession, door: HttpDoor) -> None:
        _, body = await get(web, door, "/status.json")
        assert json.loads(body)["version"] == "1.2"

    async def test_nothing_can_be_changed(self, web: ClientSession, door: HttpDoor) -> None:
        for path in ("/", "/status.json", "/metrics"):
            async with web.post(f"http://127.0.0.1:{door.port}{path}") as answer:
                assert answer.status == 405
        assert (await get(web, door, "/admin"))[0] == 404

    async def test_metrics_in_both_formats(self, web: ClientSession, door: HttpDoor) -> None:
        async with web.get(f"http://127.0.0.1:{door.port}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
        openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with web.get(f"http://127.0.0.1:{door.port}/metrics", headers=openmetrics) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.text()).endswith("# EOF\n")

    async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(
        self, door: HttpDoor, health: Health
    ) -> None:
        second = HttpDoor("127.0.0.1", door.port, lambda: REPORT, health, CollectorRegistry())
        with pytest.raises(OSError, match="in use"):
            await second.start()
        assert "closed" in repr(second)
        await second.close()

    async def test_closing_frees_the_port(self, health: Health) -> None:
        first = HttpDoor("127.0.0.1", 0, lambda: REPORT, health, CollectorRegistry())
        await first.start()
        assert "open" in repr(first)
        await first.close()
        again = HttpDoor("127.0.0.1", first.port, lambda: REPORT, health, CollectorRegistry())
        await again.start()
        await again.close()


@asynccontextmanager
async def running(gateway_port: int) -> AsyncIterator[Proxy]:
    tree = {
        "gateways": {"paper": {"port": gateway_port, "pause_floor": 0.1, "settle": 0.1}},
        "mqtt": {"port": 0},
        "http": {"port": 0},
        "default_role": "trade",
    }
    proxy = Proxy(config.build(tree, "the test"))
    task = asyncio.create_task(proxy.run())
    async with asyncio.timeout(30):
        await proxy.started.wait()
    try:
        yield proxy
    finally:
        proxy.stop()
        await task


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> None:
    async with asyncio.timeout(timeout):
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.01)


async def samples(web: ClientSession, proxy: Proxy) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    _, text = await get(web, proxy.http, "/metrics")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"ibmux_{name}", frozenset(labels.items())


async def test_in_front_of_a_running_proxy(web: ClientSession) -> None:
    """Ready, a script works and is counted; the gateway goes, and readiness ends while life goes on."""
    async with SimulatedGateway(Settings(seed=3, linger=0.1)) as gateway, running(gateway.port) as proxy:
        await until(lambda: is_ready(web, proxy, 200))
        async with ibmux.connect("reader", url=f"mqtt://127.0.0.1:{proxy.ports['mqtt']}") as ib:
            held = await ib.positions()
            await ib.reqMktData(ibmux.Stock("AAPL", "SMART", "USD"))
            found = await samples(web, proxy)
            _, body = await get(web, proxy.http, "/status.json")
        assert held
        asked = key("api_requests_total", gateway="paper", script="reader", method="positions", outcome="ok")
        assert found[asked] == 1
        assert found[key("session_state", gateway="paper", state="ready")] == 1
        assert found[key("session_epoch", gateway="paper")] == 1
        assert found[key("market_lines_used", gateway="paper")] == 1
        assert found[key("leases", gateway="paper")] == 1
        assert found[key("scripts_online", script="reader")] == 1
        assert found[key("mqtt_connections")] >= 1
        assert found[key("event_loop_lag_seconds_count")] >= 0
        report = json.loads(body)
        assert report["gateways"][0]["state"] == "ready"
        assert [each["script"] for each in report["scripts"]] == ["reader"]

        await gateway.close()
        await until(lambda: is_ready(web, proxy, 503))
        status, body = await get(web, proxy.http, "/readyz")
        assert (status, json.loads(body)["ok"]) == (503, False)
        assert "gateway paper is" in json.loads(body)["reasons"][0]
        assert (await get(web, proxy.http, "/livez"))[0] == 200
        lost = await samples(web, proxy)
        assert sum(value for (name, _), value in lost.items() if name == "ibmux_session_disconnects_total") == 1


async def is_ready(web: ClientSession, proxy: Proxy, status: int) -> bool:
    return (await get(web, proxy.http, "/readyz"))[0] == status
