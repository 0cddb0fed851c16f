"""Market data upstream: which lines are open, their messages, and opening them again after a loss.

A line belongs to a conId; a second subscription of the same contract would be a second full stream that ib_async could
never cancel, so there is never one.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from ibmux.errors import GatewayTimeout
from ibmux.messages.contracts import Contract
from ibmux.session import codes
from ibmux.session.calls import bound
from ibmux.session.quotes import Quotes
from ibmux.session.ticks import Line
from ibmux.session.translate import to_contract

OPENING = 2.0
"""Seconds that `open_line` waits for the first message; a quiet contract may have none for hours."""
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
"""Seconds until a line or a stream that the gateway gave up (10197, 10182, …) is asked for again."""


def retry_pause(failures: int) -> float:
    """Seconds until the next try, less and less often."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 10))


class Lines(Quotes):
    """The part of a session that deals with market data."""

    async def open_line(
        self, contract: Contract, generic_ticks: str = "", *, deadline: float, script: str = ""
    ) -> None:
        """Subscribe a qualified contract (one with a conId).

        Raises:
            NoLines: code 101.
            NotSubscribed: no permission for this data.
            UnknownContract: code 200.
            NotReady: the session is not ready by the deadline.
        """
        await self.until_ready(deadline)
        if contract.conId in self.lines:
            raise RuntimeError(f"contract {contract.conId} has a line already")
        line = self.lines[contract.conId] = Line(contract, generic_ticks)
        line.first = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.send("market", script, lambda: self._subscribe(line, self._wire()))
            await self._begun(line, deadline)
        except TimeoutError:
            self._forget(line)
            raise GatewayTimeout("The market-data request waited too long for its turn.") from None
        except BaseException:
            self._forget(line)
            raise
        finally:
            line.first = None

    async def close_line(self, con_id: int, *, deadline: float = 0.0, script: str = "") -> None:
        """Give a line up; nothing if there is none."""
        line = self.lines.get(con_id)
        if line is not None:
            self._forget(line)

    async def reopen_line(
        self, contract: Contract, generic_ticks: str = "", *, deadline: float, script: str = ""
    ) -> None:
        """Subscribe again, with other generic ticks: the old subscription is cancelled first."""
        await self.close_line(contract.conId)
        await self.open_line(contract, generic_ticks, deadline=deadline, script=script)

    def keep_line(self, contract: Contract, generic_ticks: str) -> None:
        """Have a line again that could not be reopened: subscribed when its turn comes, or with the next connection."""
        line = self.lines.get(contract.conId)
        if line is None:
            line = self.lines[contract.conId] = Line(contract, generic_ticks)
        self._post("market", partial(self._subscribe, line))

    def quote_fields(self, con_id: int) -> tuple[int, dict[str, Any]]:
        """The market data type, and everything known of the quote, under ib_async's names."""
        line = self.lines.get(con_id)
        if line is None:
            return self.market_data_type, {}
        kind, fields = line.shown()
        return kind, dict(fields)

    async def snapshot(self, contract: Contract, *, deadline: float, script: str = "") -> tuple[int, dict[str, Any]]:
        """One complete quote, without a line; some contracts take the gateway eleven seconds.

        Raises:
            As `open_line`, and GatewayTimeout.
        """
        line = Line(contract, snapshot=True)
        request = self.next_request()
        self._streams[str(request)] = line
        wanted = to_contract(contract)
        try:
            await self.ask(
                request,
                f"a snapshot of {contract.symbol or contract.conId}",
                lambda link: link.reqMktData(request, wanted, "", True, False, []),
                deadline=deadline,
                script=script,
                lane="market",
                cancel=lambda link: link.cancelMktData(request),
            )
        finally:
            self._streams.pop(str(request), None)
        return line.data_type, line.fields

    async def set_market_data_type(self, kind: int, *, deadline: float, script: str = "") -> None:
        """Live, frozen, delayed or both (1 to 4) for lines that are opened from now on; kept across reconnects."""
        await self.until_ready(deadline)
        self.market_data_type = kind
        async with asyncio.timeout_at(deadline):
            await self.gate.send("market", script, lambda: self._wire().reqMarketDataType(kind))

    # -- what the driver asks for -----------------------------------------------------------------------------------

    def _lose_lines(self) -> None:
        """The gateway knows nothing of our lines any more; while the socket stands, cancel what it may know."""
        for line in self.lines.values():
            self._cancel(line)
            self._lose(line)
        self._streams.clear()

    def _restore_lines(self) -> None:
        """Subscribe what was lost, paced, behind orders and account requests."""
        if self.market_data_type != 1 and not self._told_data_type:
            kind = self.market_data_type
            self._post("market", lambda link: link.reqMarketDataType(kind))
            self._told_data_type = True
        for line in self.lines.values():
            if not line.request and not self.competing:
                self._post("market", partial(self._subscribe, line))

    # -- in ---------------------------------------------------------------------------------------------------------

    def _on_line_error(self, request: int, code: int, text: str) -> bool:
        """An error about a line; whether it was one."""
        line = self._streams.get(str(request))
        if line is None or line.snapshot:
            return False
        if not codes.is_remark(code) and line.first is not None and not line.first.done():
            line.first.set_exception(codes.to_error(code, text, line.contract.symbol))
        elif code == codes.COMPETING:
            self._cancel(line)
            self._yield(line, text)
        else:
            self.hooks.on_notice(code, f"{line.contract.symbol} ({line.contract.conId}): {text}")
            if not codes.is_remark(code):
                self._try_line_again(line, text)
        return True

    def _try_line_again(self, line: Line, why: str) -> None:
        """The gateway does not go on with an open line: ask again, and leave the quote as it was, marked."""
        self._cancel(line)
        self._lose(line, why)
        line.again = asyncio.get_running_loop().call_later(retry_pause(line.failures), self._ask_line_again, line)
        line.failures += 1

    def _ask_line_again(self, line: Line) -> None:
        line.again = None
        if self.state == "ready":  # else with all that has no request, when it is
            self._post("market", partial(self._subscribe, line))

    # -- out --------------------------------------------------------------------------------------------------------

    def _subscribe(self, line: Line, link: Any) -> None:
        if self.lines.get(line.contract.conId) is not line or line.request:
            return  # given up, or subscribed again, while it waited its turn
        request = self.next_request()
        link.reqMktData(request, to_contract(line.contract), line.generic_ticks, False, False, [])
        line.request = request
        line.restart()
        line.rhythm.subscribed(time.monotonic())
        self._streams[str(request)] = line

    def _replace(self, line: Line, link: Any) -> None:
        """Subscribe again, then cancel the subscription of before."""
        old, line.request = line.request, 0
        if not old:
            return  # lost while this waited its turn: others see to it
        self._streams.pop(str(old), None)
        self._subscribe(line, link)
        self._post_cancel(lambda link: link.cancelMktData(old))

    async def _begun(self, line: Line, deadline: float) -> None:
        """Until the gateway served the line, or for `OPENING` seconds; its refusal is raised."""
        assert line.first is not None  # noqa: S101 - set by the only caller
        limit = min(deadline, bound(OPENING))
        try:
            async with asyncio.timeout_at(limit):
                await line.first
        except TimeoutError:
            return

    def _forget(self, line: Line) -> None:
        if self.lines.get(line.contract.conId) is line:
            del self.lines[line.contract.conId]
        self._cancel(line)

    def _cancel(self, line: Line) -> None:
        if line.again is not None:
            line.again.cancel()
            line.again = None
        request, line.request = line.request, 0
        self._streams.pop(str(request), None)
        if request:
            self._post_cancel(lambda link: link.cancelMktData(request))
