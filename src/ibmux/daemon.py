"""The proxy as a whole: every part built once, started in order, drained in the opposite one. The wiring in code."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

import ibmux
from ibmux import locks, places, survey, topics
from ibmux.config import Config
from ibmux.doors.carrier import build_carrier
from ibmux.doors.http import HttpDoor
from ibmux.doors.mqtt import MqttDoor
from ibmux.errors import AlreadyRunning, ConfigError, IbmuxError, JournalFailed
from ibmux.journal import Journal, keep
from ibmux.messages import METHODS, SCHEMA, encode
from ibmux.messages.session import ProxyInfo, ProxyReport, ProxyStatus
from ibmux.mqtt.listeners import TAKEN
from ibmux.ops import logs
from ibmux.ops.collector import LiveCollector
from ibmux.ops.health import Checks
from ibmux.ops.metrics import Metrics
from ibmux.ops.taps import tap
from ibmux.places import Endpoint
from ibmux.services.gateway import Gateway

log = logging.getLogger(__name__)

_PATIENCE = (0.1, 0.2)
"""Seconds between tries for the locks: a proxy that just ends, or whoever looks at them, may hold them a moment."""
FIRST_ATTEMPTS = 15.0
"""Seconds for the first attempts at the gateways; after that the doors open whatever is still under way."""
_TENDING = 3600.0
"""Seconds between two words that the locks' files are in use; what clears old files away waits for days."""


class Proxy:
    """One proxy: its doors, its gateways, its operations."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.clock = clock
        self.started_at = clock()
        self.state: Literal["online", "draining", "offline"] = "offline"
        self.started = asyncio.Event()
        self._troubled = False
        self._stopping = asyncio.Event()
        registry = CollectorRegistry()
        self.metrics = Metrics(registry, config.scripts)
        collector = LiveCollector(lambda: survey.reading(self))
        registry.register(collector)
        self.carrier = build_carrier(config, self._client_gone, lambda _: self.announce())
        self.bus = self.carrier.bus
        path, written = Path(places.journal(config.journal.path)), self.metrics.journal_written
        self.journal = Journal(path, clock=clock, on_trouble=self._tell_trouble, on_written=written)
        self.gateways = {
            name: Gateway(settings, config, self.journal, self.bus.publish, self.report, clock=clock)
            for name, settings in config.gateways.items()
        }
        logs.count_lines(self.metrics.logged)
        for name, gateway in self.gateways.items():
            tap(gateway.session.hooks, self.metrics, name)
        self.door = MqttDoor(self.bus, self.gateways, config, self.metrics.request_done)
        required = {name: settings.required for name, settings in config.gateways.items()}
        checks = Checks(self.report, self.metrics.lag, mqtt_up=lambda: self.carrier.up, required=required)
        self.http = HttpDoor(
            config.http.host, config.http.port, self.report, checks, registry, refresh=collector.refresh
        )

    def __repr__(self) -> str:
        return f"<Proxy {self.state} {self.ports} {list(self.gateways)}>"

    @property
    def ports(self) -> dict[str, int]:
        """Bound ports by door: `mqtt`, `tls`, `ws`, `http`."""
        return {**self.carrier.ports, "http": self.http.port} if self.config.http.port >= 0 else self.carrier.ports

    @property
    def door_url(self) -> str:
        """Where scripts reach this proxy, without a password."""
        url = urlsplit(self.config.mqtt.url)
        if url.scheme:
            return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
        if "mqtt" in self.ports:
            return f"mqtt://{Endpoint(self.config.mqtt.host, self.ports['mqtt'])}"
        return f"unix://{self.config.mqtt.socket}" if self.config.mqtt.socket.startswith("/") else ""

    def report(self) -> ProxyReport:
        """Everything that `ibmux status` shows."""
        return survey.report(self)

    def stop(self) -> None:
        """Begin to drain; `run` returns when it is done."""
        self._stopping.set()

    async def run(self) -> None:
        """Take the gateways' locks, try each gateway once, open the doors, keep the sessions until `stop` is called,
        then drain.

        Raises:
            AlreadyRunning: another proxy of this machine has the session of one of the gateways, or writes the journal.
            JournalFailed: the journal cannot be used.
            ConfigError: a port or a socket cannot be had.
            Unreachable: the broker of `[mqtt] url` does not answer.
        """
        with await self._lock() as held:
            await self._serve(held)

    async def _lock(self) -> locks.Locks:
        endpoints = {name: settings.endpoints for name, settings in self.config.gateways.items()}
        for pause in _PATIENCE:
            try:
                return locks.take(endpoints)
            except AlreadyRunning:
                await asyncio.sleep(pause)
        return locks.take(endpoints)

    async def _serve(self, held: locks.Locks) -> None:
        failure: IbmuxError | None = None
        try:
            await self._open_operations()
            await self._open_journal()
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._keep(name, gateway.run), name=name)
                    for name, gateway in self.gateways.items()
                ]
                running.append(tasks.create_task(self.metrics.watch_loop(), name="loop lag"))
                running.append(tasks.create_task(self._tend(held), name="locks"))
                running.append(tasks.create_task(self._keep_journal(), name="retention"))
                try:
                    await self._serve_scripts(held)
                except IbmuxError as error:
                    failure = error
                for task in running:
                    task.cancel()
        finally:
            await self._close()
        if failure is not None:
            raise failure

    async def _serve_scripts(self, held: locks.Locks) -> None:
        await self._await_attempts()
        if not self._stopping.is_set():
            await self._open_doors()
            held.tell_door(self.door_url)
            self.started.set()
            await self._stopping.wait()
            await self._drain()
        for gateway in self.gateways.values():
            await gateway.session.drain()

    async def _await_attempts(self) -> None:
        """Until the first attempt at each gateway is over, well or not: scripts shall not meet a proxy that knows
        nothing yet.
        """
        tries = [gateway.session.concluded.wait() for gateway in self.gateways.values()]
        waiting = [asyncio.ensure_future(each) for each in (asyncio.gather(*tries), self._stopping.wait())]
        await asyncio.wait(waiting, timeout=FIRST_ATTEMPTS, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for name, gateway in self.gateways.items():
            if (check := gateway.session.status().check) is not None:
                steps = {step.title: round(step.seconds, 4) for step in check.steps}
                log.info("gateway.checked", extra={"gateway": name, "exit": check.exit, "steps": steps})

    def _tell_trouble(self, trouble: JournalFailed | None) -> None:
        if trouble is not None:
            log.error("journal.trouble", extra={"reason": trouble.message, "advice": trouble.advice})
        elif self._troubled:
            log.warning("journal.writes_again")
        self._troubled = trouble is not None

    async def _open_journal(self) -> None:
        await self.journal.open()
        for gateway in self.gateways.values():
            await gateway.load()

    async def _keep_journal(self) -> None:
        settings = self.config.journal
        await keep(
            self.journal,
            settings.retention,
            archive=settings.archive,
            keep_archives=settings.keep_archives,
            clock=self.clock,
        )

    async def _open_operations(self) -> None:
        if self.config.http.port >= 0:
            try:
                await self.http.start()
            except OSError as error:
                where, why = f"{self.config.http.host}:{self.config.http.port}", os.strerror(error.errno or 0)
                raise ConfigError(f"http.port: cannot listen on {where}: {why}.", hint=TAKEN) from None

    async def _open_doors(self) -> None:
        await self.bus.start()
        await self.door.start()
        self.state = "online"
        self.announce()
        log.info("proxy.online", extra={"ports": self.ports, "gateways": list(self.gateways)})

    async def _tend(self, held: locks.Locks) -> None:
        while True:
            held.refresh()
            await asyncio.sleep(_TENDING)

    async def _keep(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A fault in one gateway's part must not end the others: it is logged, and its part begins anew."""
        while True:
            try:
                await run()
            except Exception:
                log.exception("gateway.fault", extra={"gateway": name})
                await asyncio.sleep(self.config.gateways[name].pause_floor)

    async def _drain(self) -> None:
        """No new requests; those in flight end; nothing is cancelled at the exchange."""
        self.state = "draining"
        self._publish_status()
        log.info("proxy.draining", extra={"in_flight": self.door.in_flight})
        await self.door.drain(self.config.drain_timeout)

    async def _close(self) -> None:
        for gateway in self.gateways.values():
            gateway.close()
        was_online, self.state = self.state != "offline", "offline"
        if was_online:
            self._publish_status()
        await self._close_journal()
        await self.bus.close()
        await self.http.close()
        if was_online:
            log.info("proxy.offline")

    async def _close_journal(self) -> None:
        """What the last messages changed is written down, and then published: the bus is still open."""
        try:
            await self.journal.close()
        except JournalFailed as error:
            log.error("journal.unclosed", extra={"reason": error.message})

    def announce(self) -> None:
        """Publish the retained states of the proxy: at the start, and at each reconnect to a broker."""
        if self.state == "offline":
            return
        self._publish_status()
        limits = self.config.limits
        info = ProxyInfo(
            version=ibmux.__version__,
            schema=SCHEMA,
            gateways=list(self.gateways),
            methods=list(METHODS),
            limits={"requests_in_flight": limits.requests_in_flight, "request_size": limits.request_size},
        )
        self.bus.publish(topics.PROXY_INFO, encode(info), qos=1, retain=True)
        for gateway in self.gateways.values():
            gateway.announce()

    def _publish_status(self) -> None:
        status = ProxyStatus(self.state, self.clock(), ibmux.__version__)
        self.bus.publish(topics.PROXY_STATUS, encode(status), qos=1, retain=True)

    def _client_gone(self, client: str, _username: str) -> None:
        self.door.release_client(client)
