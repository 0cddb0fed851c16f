"""The first download: what has to be known before the session is `ready`, each part with its own end and bound.

An empty list must never mean "not yet". What a gateway may leave out (the end of the executions, seen on a live one;
order lists where the API is read-only) is named, not ignored.
"""

from __future__ import annotations

from ibmux.errors import GatewayError, GatewayTimeout, NotReady
from ibmux.messages.account import Position
from ibmux.session.accounts import Accounts
from ibmux.session.calls import bound
from ibmux.session.questions import Questions

OPTIONAL = 10.0
"""Seconds for a part that a gateway may leave out."""
OPTIONAL_PARTS = ("open orders", "completed orders", "end of the executions")
"""What may be missing: the lists of orders where the API is read-only, the end of the executions at some gateways."""


class Snapshot(Questions, Accounts):
    """The part of a session that downloads what a new connection has to know."""

    async def _download(self) -> None:
        """Fetch everything, one after the other; what the gateway left out is in `missing`.

        Raises:
            GatewayTimeout: a part that must not be missing did not end.
            NotReady: the connection broke.
        """
        if self.binds_manual_orders:
            self._post_stream(lambda link: link.reqAutoOpenOrders(True))  # binds orders that are placed by hand
        await self._download_positions()
        await self._download_accounts()
        self.missing = dict.fromkeys(OPTIONAL_PARTS, "")
        self.hooks.on_look()
        await self._complete()

    async def _complete(self) -> None:
        """Fetch the parts that are missing; those that the gateway leaves out again stay in `missing`, in words.

        Raises:
            NotReady: the connection broke.
        """
        fetches = (self._ask_for_open_orders, self._ask_for_completed_orders, self._ask_for_executions)
        missing = self.missing  # a later download has its own
        for part, fetch in zip(OPTIONAL_PARTS, fetches, strict=True):
            if part in missing:
                try:
                    await fetch()
                except NotReady:
                    raise
                except GatewayError as error:
                    if part == "open orders" and isinstance(error, GatewayTimeout):
                        raise
                    missing[part] = f"no {part} ({error.message})"
                else:
                    missing.pop(part, None)

    async def _download_positions(self) -> None:
        arriving: dict[tuple[str, int], Position] = {}
        self._arriving = arriving
        try:
            await self._exchange(
                "positions",
                "for the positions",
                lambda link: link.reqPositions(),
                deadline=bound(self.settings.request_timeout),
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
            await self._account_updates(account, bound(self.settings.request_timeout))
            self._live_account = account

    async def _ask_for_open_orders(self) -> None:
        await self._ask_open_orders(bound(self.settings.request_timeout))

    async def _ask_for_completed_orders(self) -> None:
        self.completed = await self._ask_completed_orders(False, bound(OPTIONAL))
        for trade in self.completed:
            self.hooks.on_completed(trade)

    async def _ask_for_executions(self) -> None:
        await self._executions(None, deadline=bound(OPTIONAL))
