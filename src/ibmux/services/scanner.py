"""Market scans: equal ones of many scripts are one upstream, and the gateway allows few at once."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from ibmux import topics
from ibmux.config import GatewaySettings
from ibmux.core.leases import LeaseBook, Owner
from ibmux.errors import NoStreams, RequestError
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
from ibmux.services.flights import Flights
from ibmux.services.leased import LONGEST_LEASE, SWEEP_INTERVAL
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

SCANS = 10
"""Scans that a gateway allows at once (Interactive Brokers' documentation of market scanners)."""
EXPIRY = 300
"""Seconds after which retained rows vanish, so that nobody takes them for present ones when the proxy is gone."""
DAY = 86_400.0
"""Seconds for which the document of parameters is kept."""


@dataclass(slots=True)
class Scan:
    """One live scan: its rows as they stand, when they came (seconds UTC), and whether the first ones did."""

    topic: str
    rows: list[ScanData] = field(default_factory=list)
    time: float = 0.0
    ready: bool = False


class Scanner:
    """Scans of one gateway, and who wants them."""

    def __init__(self, session: Session, publisher: Publisher, flights: Flights, settings: GatewaySettings) -> None:
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self.settings = settings
        self.leases: LeaseBook[str] = LeaseBook(settings.linger)
        self.scans: dict[str, Scan] = {}
        self._single = 0
        self._owners: defaultdict[str, set[Owner]] = defaultdict(set)
        self._parameters: tuple[float, str] | None = None

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
        known = self._parameters
        if known is not None and time.monotonic() - known[0] < DAY:
            self.flights.asked += 1
            return known[1]
        document = await self.flights.join(
            caller,
            ("scannerParameters",),
            lambda deadline: self.session.scanner_parameters(deadline=deadline, script=caller.script),
        )
        self._parameters = time.monotonic(), document
        return document

    async def scan_once(self, caller: Caller, request: ReqScannerData) -> list[ScanData]:
        """One answer; a live scan that is equal has it already."""
        key = name_scan(request)
        known = self.scans.get(key)
        if known is not None and known.ready:
            self.flights.asked += 1
            return known.rows

        async def ask(deadline: float) -> list[ScanData]:
            self._make_room()
            self._single += 1
            try:
                return await self.session.scan(request, deadline=deadline, script=caller.script)
            finally:
                self._single -= 1

        return await self.flights.join(caller, ("scan once", key), ask)

    async def subscribe(self, caller: Caller, request: ReqScannerSubscription) -> ScanLease:
        """Take or renew a lease; the scan is opened if nobody has it yet."""
        ttl = self.settings.lease_ttl if request.ttl is None else request.ttl
        if not 0.0 < ttl <= LONGEST_LEASE:
            raise RequestError(f"ttl is {ttl}; it must be above 0 and at most {LONGEST_LEASE:g} seconds.")
        key = name_scan(request)
        before = self.leases.find(caller.owner, key)
        self.leases.take(caller.owner, key, frozenset(), _now() + ttl)
        if caller.client:
            self._owners[caller.client].add(caller.owner)
        try:
            while not (key in self.scans and self.scans[key].ready):
                await self.flights.join(
                    caller, ("scan", key), lambda deadline: self._open(key, request, deadline, caller.script)
                )
        except BaseException:
            self.leases.restore(caller.owner, key, before)
            raise
        scan = self.scans[key]
        return ScanLease(key, ttl, self.publisher.epoch, scan.time, scan.rows)

    def cancel(self, caller: Caller, request: CancelScannerSubscription) -> bool:
        """Give up a lease; the scan lingers. Returns whether there was a lease."""
        return self.leases.release(caller.owner, request.scan, _now())

    # -- scans

    async def _open(self, key: str, question: ReqScannerData, deadline: float, script: str) -> None:
        if key in self.scans:
            return
        self._make_room()
        scan = self.scans[key] = Scan(topics.scan(self.publisher.gateway, key))
        try:
            rows = await self.session.open_scan(key, question, deadline=deadline, script=script)
        except BaseException:
            del self.scans[key]
            raise
        if not scan.ready:  # else its rows came by the way of updates, and these are older
            scan.ready = True
            self.publish(key, rows)

    def _make_room(self) -> None:
        """End a scan that nobody wants if all are in use.

        Raises:
            NoStreams: all of them are wanted.
        """
        while len(self.scans) + self._single >= SCANS:
            idle = self.leases.give_up_lingering()
            if idle is None:
                raise NoStreams(
                    f"All {SCANS} scans that the gateway allows are in use.",
                    hint="Cancel scans that nobody needs; equal scans of several scripts count once.",
                )
            self._close(idle)

    async def sweep(self) -> None:
        """End leases that were not renewed and scans that nobody wants; runs until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.leases.expire(_now())
            wanted = self.leases.wanted(_now())
            for key in [key for key, scan in self.scans.items() if scan.ready and key not in wanted]:
                self._close(key)

    def _close(self, key: str) -> None:
        scan = self.scans.pop(key, None)
        if scan is not None:
            self.session.close_scan(key)
            self.publisher.clear(scan.topic)

    def release_client(self, client: str) -> None:
        """A connection ended: so do the leases of what spoke over it."""
        for owner in self._owners.pop(client, ()):
            self.release_owner(owner)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its leases."""
        self.leases.release_owner(owner, _now())

    # -- updates

    def publish(self, key: str, rows: list[ScanData] | None) -> None:
        """All rows of a scan, at each update; None when the gateway ended it: whoever renews the lease reopens it."""
        scan = self.scans.get(key)
        if scan is None:
            return
        if rows is None:
            del self.scans[key]
            self.publisher.clear(scan.topic)
        elif scan.ready:
            scan.rows, scan.time = rows, self.publisher.clock()
            self._publish_rows(scan)

    def announce(self) -> None:
        """Publish the rows of every scan again: a broker may have lost what it retained."""
        for scan in self.scans.values():
            self._publish_rows(scan)

    def _publish_rows(self, scan: Scan) -> None:
        state = ScanState(self.publisher.epoch, scan.time, scan.rows)
        self.publisher.state(scan.topic, state, expiry=EXPIRY)


def name_scan(request: ReqScannerData) -> str:
    """The name of a scan: the same for equal questions, whoever asks."""
    options = sorted((each.tag, each.value) for each in request.scannerSubscriptionOptions)
    filters = sorted((each.tag, each.value) for each in request.scannerSubscriptionFilterOptions)
    return blake2b(encode((request.subscription, options, filters)), digest_size=8).hexdigest()


def _now() -> float:
    return asyncio.get_running_loop().time()
