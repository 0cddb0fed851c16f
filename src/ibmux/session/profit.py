"""Profit and loss upstream: the streams of accounts, of their models, and of single positions.

A stream is known by account, model and conId; conId 0 means the whole account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.messages.account import PnL, PnLSingle
from ibmux.session import translate
from ibmux.session.calls import bound
from ibmux.session.hooks import Hooks
from ibmux.session.renewal import Refused, Renewal

Key = tuple[str, str, int]


class Profit(Renewal):
    """The part of a session that follows profit and loss."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._profits: dict[Key, PnL | PnLSingle] = {}
        self._profit_requests: dict[int, Key] = {}

    async def pnl(self, account: str, modelCode: str = "", *, deadline: float, script: str = "") -> PnL:
        """Profit and loss of an account, as of now; the first call starts the stream (`hooks.on_pnl`)."""
        value: PnL = await self._follow((account, modelCode, 0), deadline, script)
        return value

    async def pnl_single(
        self, account: str, modelCode: str, conId: int, *, deadline: float, script: str = ""
    ) -> PnLSingle:
        """Profit and loss of one position, as of now, NaN where the account does not hold it; the first call starts
        the stream (`hooks.on_pnl_single`).
        """
        value: PnLSingle = await self._follow((account, modelCode, conId), deadline, script)
        return value

    def end_pnl(self, account: str, modelCode: str = "", conId: int = 0) -> None:
        """End the stream; nothing if there is none."""
        key = (account, modelCode, conId)
        self._profits.pop(key, None)
        for request in [number for number, each in self._profit_requests.items() if each == key]:
            self._drop_profit(request)

    # -- upstream ---------------------------------------------------------------------------------------------------

    async def _follow(self, key: Key, deadline: float, script: str) -> Any:
        await self.until_ready(deadline)
        if key in self._profits:
            return self._profits[key]
        return await self._in_turn(
            f"pnl {key}", lambda: self._start_profit(key, script), deadline=deadline, variant=key
        )

    async def _start_profit(self, key: Key, script: str) -> Any:
        if key in self._profits:
            return self._profits[key]
        request = self.next_request()
        self._profit_requests[request] = key
        try:
            return await self._exchange(
                request,
                f"for the profit and loss of {key[0]}",
                lambda link: _send(link, request, key),
                deadline=bound(),
                script=script,
                lane="account",
            )
        except BaseException:
            self._drop_profit(request)
            raise

    def _drop_profit(self, request: int) -> None:
        key = self._profit_requests.pop(request, None)
        if key is None:
            return
        if key[2]:
            self._post_cancel(lambda link: link.cancelPnLSingle(request))
        else:
            self._post_cancel(lambda link: link.cancelPnL(request))

    def _lose_profits(self) -> None:
        """The gateway knows nothing of our streams any more; if the socket still stands, cancel what it may know."""
        for request in list(self._profit_requests):
            self._drop_profit(request)

    def _restore_profits(self) -> None:
        """Subscribe every stream again."""
        for key in self._profits:
            self._post_stream(partial(self._subscribe_profit, key))

    def _subscribe_profit(self, key: Key, link: Any) -> None:
        if key in self._profits and key not in self._profit_requests.values():  # not given up while it waited its turn
            request = self.next_request()
            self._profit_requests[request] = key
            _send(link, request, key)

    def _take_refused(self, request: int) -> Refused | None:
        key = self._profit_requests.pop(request, None)
        if key is None:
            return super()._take_refused(request)
        return ("pnl", key), partial(self._subscribe_profit, key)

    # -- in ---------------------------------------------------------------------------------------------------------

    def on_pnl(self, request: int, values: tuple[float, ...]) -> None:
        """Profit and loss of an account."""
        key = self._profit_requests.get(request)
        if key is not None:
            daily, unrealized, realized = values
            fresh = translate.pnl(key[0], key[1], (daily, unrealized, realized))
            self._profits[key] = fresh
            self.calls.end(request, fresh)
            self.hooks.on_pnl(fresh)

    def on_pnl_single(self, request: int, values: tuple[float, ...]) -> None:
        """Profit and loss of a position."""
        key = self._profit_requests.get(request)
        if key is not None:
            fresh = translate.pnl_single(*key, values)
            self._profits[key] = fresh
            self.calls.end(request, fresh)
            self.hooks.on_pnl_single(fresh)


def _send(link: Any, request: int, key: Key) -> None:
    """Subscribe one stream."""
    account, model, con_id = key
    if con_id:
        link.reqPnLSingle(request, account, model, con_id)
    else:
        link.reqPnL(request, account, model)
