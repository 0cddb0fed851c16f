"""The first download: what has to be known before the session is `ready`, each part with its own end and bound.

An empty list must never mean "not yet". What a gateway may leave out (the end of the executions, seen on a live one;
order lists where the API is read-only) is named, not ignored.
"""

from __future__ import annotations

import asyncio

from ibmux.errors import GatewayError, GatewayTimeout, NotReady
from ibmux.messages.account import Position
from ibmux.session.accounts import Accounts
from ibmux.session.questions import Questions

OPTIONAL = 10.0
"""Seconds for a part that a gateway may leave out."""


class Snapshot(Questions, Accounts):
    """The part of a session that downloads what a new connection has to know."""

    async def _download(self) -> list[str]:
        """Fetch everything, one after the other; what the gateway left out, in words.

        Raises:
            GatewayTimeout: a part that must not be missing did not end.
            NotReady: the connection broke.
        """
        if self.binds_manual_orders:
            self._post_stream(lambda link: link.reqAutoOpenOrders(True))  # binds orders that are placed by hand
        await self._download_positions()
        await self._download_accounts()
        missing: list[str] = []
        missing += await self._download_open_orders()
        missing += await self._download_completed_orders()
        missing += await self._download_executions()
        return missing

    async def _download_positions(self) -> None:
        arriving: dict[tuple[str, int], Position] = {}
        self._arriving = arriving
        try:
            await self._exchange(
                "positions",
                "for the positions",
                lambda link: link.reqPositions(),
                deadline=self._bound(self.settings.request_timeout),
                lane="account",
            )
        finally:
            self._arriving = None
        self._replace_positions(arriving)

    async def _download_accounts(self) -> None:
        """Each account in turn; the first one comes last and stays current."""
        self._values.clear()
        self._portfolio.clear()
        for account in reversed(self.accounts):
            if account == self._live_account:
                # Asked for what it already sends, a gateway need not send it again.
                self._post_stream(lambda link: link.reqAccountUpdates(False, self._live_account))
            await self._account_updates(account, self._bound(self.settings.request_timeout))
            self._live_account = account

    async def _download_open_orders(self) -> list[str]:
        try:
            await self._ask_open_orders(self._bound(self.settings.request_timeout))
        except (GatewayTimeout, NotReady):
            raise
        except GatewayError as error:
            return [f"no open orders ({error.message})"]
        return []

    async def _download_completed_orders(self) -> list[str]:
        try:
            self.completed = await self._ask_completed_orders(False, self._bound(OPTIONAL))
        except NotReady:
            raise
        except GatewayError as error:
            return [f"no completed orders ({error.message})"]
        for trade in self.completed:
            self.hooks.on_completed(trade)
        return []

    async def _download_executions(self) -> list[str]:
        try:
            await self._executions(None, deadline=self._bound(OPTIONAL))
        except NotReady:
            raise
        except GatewayError as error:
            return [f"no end of the executions ({error.message})"]
        return []

    def _bound(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds
