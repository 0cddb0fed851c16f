"""The operators' door: metrics, health and state over HTTP. It reads; nothing can be changed through it.

Knows how to answer, not what the answers are: those come from the callables that it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ibmux.messages.session import ProxyReport
from ibmux.ops.health import Verdict

LINKS = {
    "/metrics": "metrics for Prometheus",
    "/livez": "does the process work (200 or 503)",
    "/readyz": "can scripts work; ?gateway=NAME asks for one (200 or 503)",
    "/healthz": "the same as /livez",
    "/status.json": "everything that `ibmux status` shows",
}


class Health(Protocol):
    """Answers the two questions of `ops.health`."""

    def live(self) -> Verdict:
        """Whether the process works."""

    def ready(self, gateway: str | None) -> Verdict:
        """Whether scripts can work, on all required gateways or on the one that is named."""


class HttpDoor:
    """A small HTTP server; `port` is the bound port once it has started.

    `refresh` is called in the loop just before the metrics are written out in another thread.
    """

    def __init__(
        self,
        host: str,
        port: int,
        report: Callable[[], ProxyReport],
        health: Health,
        registry: CollectorRegistry,
        *,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self.host = host
        self.port = port
        self._report = report
        self._health = health
        self._registry = registry
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"<HttpDoor {self.host}:{self.port} {'open' if self._runner else 'closed'}>"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port cannot be had.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._live),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
                web.get("/status.json", self._status),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening and end what is open."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _index(self, request: web.Request) -> web.Response:
        items = "".join(f'<li><a href="{path}">{path}</a> {text}</li>' for path, text in LINKS.items())
        return web.Response(
            text=f"<!doctype html><title>ibmux</title><h1>ibmux</h1><ul>{items}</ul>", content_type="text/html"
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        self._refresh()
        # Thousands of lines take milliseconds to write: not on the loop that carries ticks.
        body = await asyncio.to_thread(encode, self._registry)
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _live(self, request: web.Request) -> web.Response:
        return _answer(self._health.live())

    async def _ready(self, request: web.Request) -> web.Response:
        return _answer(self._health.ready(request.query.get("gateway")))

    async def _status(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._report()), content_type="application/json")


def _answer(verdict: Verdict) -> web.Response:
    body = msgspec.json.encode(verdict.to_wire())
    return web.Response(status=200 if verdict.ok else 503, body=body, content_type="application/json")
