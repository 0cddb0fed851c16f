"""Market scans upstream: one answer, or live ones that are subscribed again after a loss.

Message 165 speaks of a scan's result ("50 out of 435 items retrieved", "no items retrieved"): here it is no error.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import ib_async as ib

from ibmux.config import GatewaySettings
from ibmux.errors import GatewayError
from ibmux.messages.scanner import ReqScannerData, ScanData, ScannerSubscription
from ibmux.session import codes
from ibmux.session.hooks import Hooks
from ibmux.session.notices import Notices
from ibmux.session.translate import to_tags

_RESULT = 165
_NOTHING_FOUND = "no items retrieved"
_HINT = "The text is the gateway's own; `reqScannerParameters` lists the instruments, locations, codes and filters."


class Scan:
    """One live scan: what it looks for, its request upstream (0 without one), whether that was asked for again and has
    brought nothing yet.
    """

    __slots__ = ("again", "key", "question", "request")

    def __init__(self, key: str, question: ReqScannerData) -> None:
        self.key = key
        self.question = question
        self.request = 0
        self.again = False


class Scanner(Notices):
    """The part of a session that scans markets."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._scans: dict[str, Scan] = {}
        self._scan_requests: dict[int, Scan | None] = {}
        self._scan_rows: dict[int, list[ScanData]] = {}

    async def scanner_parameters(self, *, deadline: float, script: str = "") -> str:
        """The XML document of everything that can be scanned for; a megabyte or two."""
        await self.until_ready(deadline)
        document: str = await self._share(
            "scannerParameters", lambda link: link.reqScannerParameters(), deadline, script
        )
        return document

    async def scan(self, question: ReqScannerData, *, deadline: float, script: str = "") -> list[ScanData]:
        """Scan once.

        Raises:
            GatewayError: the gateway refused.
        """
        request = self.next_request()
        try:
            return await self._ask_scan(request, None, question, deadline, script)
        finally:
            self._forget_scan(request)
            self._post_cancel(lambda link: link.cancelScannerSubscription(request))

    async def open_scan(
        self, key: str, question: ReqScannerData, *, deadline: float, script: str = ""
    ) -> list[ScanData]:
        """Scan until `close_scan`; returns the first rows, `hooks.on_scan` gets those that follow.

        Raises:
            GatewayError: the gateway refused.
        """
        if key in self._scans:
            raise RuntimeError(f"scan {key} is open already")
        scan = self._scans[key] = Scan(key, question)
        request = scan.request = self.next_request()
        try:
            return await self._ask_scan(request, scan, question, deadline, script)
        except BaseException:
            self.close_scan(key)
            raise

    def close_scan(self, key: str) -> None:
        """End a live scan; nothing if there is none."""
        scan = self._scans.pop(key, None)
        if scan is not None:
            self._cancel_scan(scan)

    async def _ask_scan(
        self, request: int, scan: Scan | None, question: ReqScannerData, deadline: float, script: str
    ) -> list[ScanData]:
        self._scan_requests[request] = scan
        rows: list[ScanData] = await self.ask(
            request,
            f"the scan {question.subscription.scanCode}",
            partial(_send, request, question),
            deadline=deadline,
            script=script,
            lane="market",
        )
        return rows

    # -- what the driver asks for -----------------------------------------------------------------------------------

    def _lose_scans(self) -> None:
        """The gateway knows nothing of our scans any more; while the socket stands, cancel what it may know."""
        for scan in self._scans.values():
            self._cancel_scan(scan)

    def _restore_scans(self) -> None:
        """Subscribe what was lost."""
        for scan in self._scans.values():
            if not scan.request:
                self._post("market", partial(self._subscribe_scan, scan))

    def _subscribe_scan(self, scan: Scan, link: Any) -> None:
        if self._scans.get(scan.key) is scan and not scan.request:
            scan.request, scan.again = self.next_request(), True
            self._scan_requests[scan.request] = scan
            _send(scan.request, scan.question, link)

    def _cancel_scan(self, scan: Scan) -> None:
        request, scan.request = scan.request, 0
        if request:
            self._forget_scan(request)
            self._post_cancel(lambda link: link.cancelScannerSubscription(request))

    def _forget_scan(self, request: int) -> None:
        self._scan_requests.pop(request, None)
        self._scan_rows.pop(request, None)

    # -- in ---------------------------------------------------------------------------------------------------------

    def on_scan_row(self, request: int, row: ScanData) -> None:
        """One row of an update that is still coming."""
        if request in self._scan_requests:
            self._scan_rows.setdefault(request, []).append(row)

    def on_scan_end(self, request: int) -> None:
        """An update is whole: it is the answer, or news of a live scan."""
        rows = self._scan_rows.pop(request, [])
        scan = self._scan_requests.get(request)
        if self.calls.get(request) is not None:
            self.calls.end(request, rows)
        if scan is not None:
            scan.again = False
            self.hooks.on_scan(scan.key, rows)

    def on_error(self, request: int, code: int, text: str, advanced: str) -> None:
        """An error about a scan ends it; what it says of the result is none. Other errors are others' business."""
        if request not in self._scan_requests:
            super().on_error(request, code, text, advanced)
        elif code == _RESULT:
            if _NOTHING_FOUND in text:
                self.on_scan_end(request)
        elif not codes.is_remark(code):
            self._refuse_scan(request, code, text)

    def _refuse_scan(self, request: int, code: int, text: str) -> None:
        scan = self._scan_requests[request]
        self._forget_scan(request)
        if self.calls.get(request) is not None:
            self.calls.fail(request, GatewayError(text, hint=_HINT, ib=(code, text)))
        elif scan is not None and scan.again:
            scan.request = 0
            self._try_stream_again(("scan", scan.key), partial(self._subscribe_scan, scan), code, text)
        elif scan is not None and self._scans.pop(scan.key, None) is not None:
            self.hooks.on_scan(scan.key, None)
            self.hooks.on_notice(code, f"the scan {scan.question.subscription.scanCode}: {text}")


def _send(request: int, question: ReqScannerData, link: Any) -> None:
    """Subscribe one scan."""
    link.reqScannerSubscription(
        request,
        to_subscription(question.subscription),
        to_tags(question.scannerSubscriptionOptions),
        to_tags(question.scannerSubscriptionFilterOptions),
    )


def to_subscription(source: ScannerSubscription) -> ib.ScannerSubscription:
    """What to scan for, as ib_async has it; nil becomes IB's mark for "not set"."""
    given = {name: value for name in source.__struct_fields__ if (value := getattr(source, name)) is not None}
    return ib.ScannerSubscription(**given)
