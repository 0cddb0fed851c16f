"""Market scans: equal ones of many scripts are one upstream, and the gateway allows few at once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from ibmux import topics
from ibmux.config import GatewaySettings
from ibmux.core.leases import Demands
from ibmux.errors import NoStreams
from ibmux.messages import encode
from ibmux.messages.scanner import (
    CancelScannerSubscription,
    ReqScannerData,
    ReqScannerParameters,
    ReqScannerSubscription,
    ScanData,
    ScanLease,
    ScanState,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights, Memory
from ibmux.services.leased import Leased, Shared
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

SCANS = 10
"""Scans that a gateway allows at once (Interactive Brokers' documentation of market scanners)."""
EXPIRY = 300
"""Seconds after which retained rows vanish, so that nobody takes them for present ones when the proxy is gone."""
DAY = 86_400.0
"""Seconds for which the document of parameters is kept."""


class Scan(Shared):
    """One live scan: what it looks for, its rows as they stand, and when they came (seconds UTC)."""

    __slots__ = ("question", "rows", "time", "topic")

    def __init__(self, topic: str, question: ReqScannerData) -> None:
        super().__init__()
        self.topic = topic
        self.question = question
        self.rows: list[ScanData] = []
        self.time = 0.0


class Scanner(Leased[str, Scan]):
    """Scans of one gateway, and who wants them."""

    def __init__(
        self, session: Session, publisher: Publisher, flights: Flights, settings: GatewaySettings, lease_limit: int
    ) -> None:
        super().__init__(settings, lease_limit)
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self._single = 0
        self._daily = Memory(flights, DAY, 1)

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqScannerParameters": self.parameters,
            "reqScannerData": self.scan_once,
            "reqScannerSubscription": self.subscribe,
            "cancelScannerSubscription": self.cancel,
        }

    # -- questions

    async def parameters(self, caller: Caller, _request: ReqScannerParameters) -> str:
        """The document is large and changes rarely: it is fetched once a day."""
        return await self._daily.ask(
            caller,
            ("scannerParameters",),
            lambda deadline: self.session.scanner_parameters(deadline=deadline, script=caller.script),
        )

    async def scan_once(self, caller: Caller, request: ReqScannerData) -> list[ScanData]:
        """One answer; a live scan that is equal has it already."""
        key = name_scan(request)
        known = self.opened.get(key)
        if known is not None and known.ready:
            self.flights.asked += 1
            return known.rows

        async def ask(deadline: float) -> list[ScanData]:
            await self.clear_room()
            self._single += 1
            try:
                return await self.session.scan(request, deadline=deadline, script=caller.script)
            finally:
                self._single -= 1

        return await self.flights.join(caller, ("scan once", key), ask)

    async def subscribe(self, caller: Caller, request: ReqScannerSubscription) -> ScanLease:
        """Take or renew a lease; the scan is opened if nobody has it yet."""
        key = name_scan(request)
        offered = Scan(topics.scan(self.publisher.gateway, key), request)
        scan, ttl = await self.take(caller, key, offered, frozenset(), request.ttl)
        return ScanLease(key, ttl, self.publisher.epoch, scan.time, scan.rows)

    def cancel(self, caller: Caller, request: CancelScannerSubscription) -> bool:
        """Give up a lease; the scan lingers. Returns whether there was a lease."""
        return self.release(caller, request.scan)

    # -- scans

    async def start(
        self, key: str, stream: Scan, demands: Demands, *, again: bool, deadline: float, script: str
    ) -> None:
        """Scan, and publish the first rows."""
        stream.rows = await self.session.open_scan(key, stream.question, deadline=deadline, script=script)
        stream.time = self.publisher.clock()
        if self.opened.get(key) is stream:
            self._publish_rows(stream)

    def keep(self, stream: Scan) -> None:
        """A scan is never opened anew: nothing is demanded of it but what its name says."""

    async def stop(self, key: str, stream: Scan) -> None:
        """Its rows go with it."""
        self.session.close_scan(key)
        self.publisher.clear(stream.topic)

    async def end(self, key: str) -> None:
        """As for every stream; but a scan that is being opened has to be open before it can be ended."""
        if key in self.opened and self.opened[key].ready:
            await super().end(key)

    def room(self) -> int:
        """As many as the gateway allows, less those that are asked for once."""
        return SCANS - self._single

    def full(self) -> NoStreams:
        """No scan is free."""
        return NoStreams(
            f"All {SCANS} scans that the gateway allows are in use.",
            hint="Cancel scans that nobody needs; equal scans of several scripts count once.",
        )

    # -- updates

    def publish(self, key: str, rows: list[ScanData] | None) -> None:
        """All rows of a scan, at each update; None when the gateway ended it: whoever renews the lease reopens it."""
        scan = self.opened.get(key)
        if scan is None:
            return
        if rows is None:
            del self.opened[key]
            self.publisher.clear(scan.topic)
        elif scan.ready:
            scan.rows, scan.time = rows, self.publisher.clock()
            self._publish_rows(scan)

    def announce(self) -> None:
        """Publish the rows of every scan again: a broker may have lost what it retained."""
        for scan in self.opened.values():
            if scan.ready:
                self._publish_rows(scan)

    def _publish_rows(self, scan: Scan) -> None:
        state = ScanState(self.publisher.epoch, scan.time, scan.rows)
        self.publisher.state(scan.topic, state, expiry=EXPIRY)


def name_scan(request: ReqScannerData) -> str:
    """The name of a scan: the same for equal questions, whoever asks."""
    options = sorted((each.tag, each.value) for each in request.scannerSubscriptionOptions)
    filters = sorted((each.tag, each.value) for each in request.scannerSubscriptionFilterOptions)
    return blake2b(encode((request.subscription, options, filters)), digest_size=8).hexdigest()
