"""Market scanners as ib_async's IB class names them: one answer, or a list that lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.events import Event, Owner
from ibmux.client.foreign import adapt, to_tags
from ibmux.client.session import Session, settle
from ibmux.errors import IbmuxError
from ibmux.messages import decode
from ibmux.messages.contracts import TagValue
from ibmux.messages.scanner import ScanData, ScanLease, ScannerSubscription, ScanState
from ibmux.mqtt.bus import Unsubscribe
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

RETRY = 2.0
"""Seconds until a lease that could not be renewed is asked for again."""


class ScanDataList(list[ScanData]):
    """The rows of a scan, best first; a live one changes in place.

    Events: `updateEvent(list)` after each update.

    Attributes:
        reqId: a number of this client, unlike those of its other lists.
        subscription, scannerSubscriptionOptions, scannerSubscriptionFilterOptions: what was asked for.
    """

    def __init__(
        self, reqId: int, subscription: Any, options: Sequence[Any], filters: Sequence[Any], owner: Owner | None = None
    ) -> None:
        super().__init__()
        self.reqId = reqId
        self.subscription = subscription
        self.scannerSubscriptionOptions = list(options)
        self.scannerSubscriptionFilterOptions = list(filters)
        self.updateEvent = Event("updateEvent", owner)


class Question(msgspec.Struct):
    """What to scan for, as it goes to the proxy."""

    subscription: ScannerSubscription
    scannerSubscriptionOptions: list[TagValue]
    scannerSubscriptionFilterOptions: list[TagValue]

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the request."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Scan:
    """One lease of this client, the lists that show its rows, and how fresh these are."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.lists: list[ScanDataList] = []
        self.unsubscribe: Unsubscribe | None = None
        self.renewer: asyncio.Task[None] | None = None
        self.rows: list[ScanData] = []
        self.as_of = (0, 0.0)
        self.ttl = 0.0


class Scanner(Session):
    """Scans of markets. Event: `scannerDataEvent(ScanDataList)` at each update of a live scan."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.scannerDataEvent = Event("scannerDataEvent", self._owner)
        self._scans: dict[str, Scan] = {}
        self._scan_count = 0
        self._recoveries.append(self._renew_scans)

    async def reqScannerParameters(self) -> str:
        """The XML document of all instruments, locations, scan codes and filters: one or two megabytes."""
        return str(await self._ask("reqScannerParameters"))

    async def reqScannerData(
        self,
        subscription: Any,
        scannerSubscriptionOptions: Sequence[Any] = (),
        scannerSubscriptionFilterOptions: Sequence[Any] = (),
    ) -> ScanDataList:
        """Scan once: `await ib.reqScannerData(ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR",
        scanCode="TOP_PERC_GAIN"), [], [TagValue("priceAbove", "5")])`.

        Raises:
            GatewayError: the gateway refused.
            NoStreams: all scans that the gateway allows are in use.
        """
        given = (subscription, scannerSubscriptionOptions, scannerSubscriptionFilterOptions)
        found = self._new_list(*given)
        found += await self._ask("reqScannerData", **_read(*given).arguments())
        return found

    async def reqScannerSubscription(
        self,
        subscription: Any,
        scannerSubscriptionOptions: Sequence[Any] = (),
        scannerSubscriptionFilterOptions: Sequence[Any] = (),
    ) -> ScanDataList:
        """Scan again and again, about every 30 seconds; the list holds the present rows and changes in place.

        Arguments and errors are those of `reqScannerData`.
        """
        given = (subscription, scannerSubscriptionOptions, scannerSubscriptionFilterOptions)
        shown, question = self._new_list(*given), _read(*given)
        lease: ScanLease = await self._ask("reqScannerSubscription", **question.arguments())
        scan = self._scans.get(lease.scan)
        if scan is None:
            scan = self._scans[lease.scan] = Scan(question)
        scan.lists.append(shown)
        shown[:] = lease.rows
        scan.rows, scan.as_of, scan.ttl = lease.rows, (lease.epoch, lease.time), lease.ttl
        if scan.renewer is None:
            scan.renewer = self._owner.spawn(self._keep(lease.scan, scan), f"renewal of scan {lease.scan}")
            topic = topics.scan(self.gateway, lease.scan)
            scan.unsubscribe = await self._link.subscribe(topic, self._safely(lambda each: self._on_scan(scan, each)))
        return shown

    async def cancelScannerSubscription(self, dataList: ScanDataList) -> bool:
        """End a live scan; its rows stay as they are. False where the list is not live."""
        for name, scan in list(self._scans.items()):
            if any(each is dataList for each in scan.lists):
                scan.lists = [each for each in scan.lists if each is not dataList]
                return bool(scan.lists) or await self._end(name, scan)
        log.warning("cancelScannerSubscription: no live scan has request id %s", getattr(dataList, "reqId", None))
        return False

    reqScannerParametersAsync = reqScannerParameters
    reqScannerDataAsync = reqScannerData

    def _new_list(self, subscription: Any, options: Sequence[Any], filters: Sequence[Any]) -> ScanDataList:
        self._scan_count += 1
        return ScanDataList(self._scan_count, subscription, options, filters, self._owner)

    # -- leases -----------------------------------------------------------------------------------------------------

    async def _end(self, name: str, scan: Scan) -> bool:
        del self._scans[name]
        if scan.renewer is not None:
            scan.renewer.cancel()
        if scan.unsubscribe is not None:
            await settle(scan.unsubscribe())
        return bool(await self._ask("cancelScannerSubscription", scan=name))

    async def _keep(self, name: str, scan: Scan) -> None:
        """Renew the lease before half of its time is over, until the scan is cancelled."""
        pause = scan.ttl * 0.45
        while True:
            await asyncio.sleep(pause)
            pause = await self._renew(name, scan)

    async def _renew(self, name: str, scan: Scan) -> float:
        """Take the lease again; seconds until the next time."""
        try:
            lease: ScanLease = await self._ask("reqScannerSubscription", **scan.question.arguments())
        except IbmuxError as error:
            log.warning("scan %s: %s", scan.question.subscription.scanCode, error)
            return max(RETRY, error.retry_after or 0.0)
        self._show(scan, (lease.epoch, lease.time), lease.rows)
        return lease.ttl * 0.45

    async def _renew_scans(self, _lost: float) -> None:
        """The proxy forgot this client's leases with its connection: take them again."""
        await asyncio.gather(*(self._renew(name, scan) for name, scan in list(self._scans.items())))

    # -- what comes -------------------------------------------------------------------------------------------------

    def _on_scan(self, scan: Scan, message: Message) -> None:
        if message.payload:
            state: ScanState = decode(message.payload, ScanState)
            self._show(scan, (state.epoch, state.time), state.rows)

    def _show(self, scan: Scan, as_of: tuple[int, float], rows: list[ScanData]) -> None:
        """Lay rows over every list; those that are shown already are no update."""
        if as_of == scan.as_of:
            return
        scan.as_of, scan.rows = as_of, rows
        for shown in scan.lists:
            shown[:] = rows
            self.scannerDataEvent.emit(shown)
            shown.updateEvent.emit(shown)
        self._touch()


def _read(subscription: Any, options: Sequence[Any], filters: Sequence[Any]) -> Question:
    return Question(adapt(subscription, ScannerSubscription), to_tags(options), to_tags(filters))
