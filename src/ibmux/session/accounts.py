"""Accounts: views of positions and values that the gateway keeps current, and profit and loss.

The gateway keeps one account's holdings and values current at a time (reqAccountUpdates); the others' values come on
a subscription of their own, their holdings are fetched when asked for.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ibmux.messages.account import AccountValue, PnL, PnLSingle, PortfolioItem, Position
from ibmux.session import translate
from ibmux.session.asking import Asking
from ibmux.session.calls import LONGEST

_SUMMARY = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,SMA,InitMarginReq,MaintMarginReq,"
    "AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,"
    "FullExcessLiquidity,LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,LookAheadAvailableFunds,"
    "LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,DayTradesRemainingT+1,DayTradesRemainingT+2,"
    "DayTradesRemainingT+3,DayTradesRemainingT+4,Leverage,$LEDGER:ALL"
)
"""Every tag that the gateway documents."""


class Accounts(Asking):
    """The part of a session that deals with accounts."""

    def positions(self, account: str = "") -> list[Position]:
        """Holdings of one account or of all, as of now."""
        return [each for each in self._positions.values() if account in ("", each.account)]

    def account_values(self, account: str = "") -> list[AccountValue]:
        """Values of one account or of all, as of now."""
        return [each for each in self._values.values() if account in ("", each.account)]

    async def portfolio(self, account: str = "", *, deadline: float, script: str = "") -> list[PortfolioItem]:
        """Holdings at market prices, of one account or of all."""
        await self.until_ready(deadline)
        wanted = [account] if account else self.accounts
        for each in wanted:
            if each != self._live_account:
                await self._visit(each, deadline=deadline, script=script)
        return [each for each in self._portfolio.values() if each.account in wanted]

    async def account_summary(self, account: str = "", *, deadline: float, script: str = "") -> list[AccountValue]:
        """The summary tags of one account or of all; one request upstream serves whoever asks meanwhile."""
        await self.until_ready(deadline)
        values: list[AccountValue] = await self._in_turn(
            "accountSummary", lambda: self._summary(script), deadline=deadline
        )
        return [each for each in values if account in ("", each.account)]

    async def pnl(self, account: str, modelCode: str = "", *, deadline: float, script: str = "") -> PnL:
        """Profit and loss of an account, as of now; the first call starts the stream (`hooks.on_pnl`)."""
        await self.until_ready(deadline)
        key = (account, modelCode)
        if key in self._pnl:
            return self._pnl[key]
        first: PnL = await self._in_turn("pnl", lambda: self._start_pnl(key, script), deadline=deadline, variant=key)
        return first

    def end_pnl(self, account: str, modelCode: str = "") -> None:
        """End the stream; nothing if there is none."""
        key = (account, modelCode)
        self._pnl.pop(key, None)
        for request in [number for number, each in self._pnl_requests.items() if each == key]:
            self._drop_pnl(request)

    async def pnl_single(
        self, account: str, modelCode: str, conId: int, *, deadline: float, script: str = ""
    ) -> PnLSingle:
        """Profit and loss of one position, now; NaN where the account does not hold it."""
        request = self.next_request()
        self._singles[request] = (account, modelCode, conId)
        try:
            answer: PnLSingle = await self.ask(
                request,
                f"the profit and loss of contract {conId}",
                lambda link: link.reqPnLSingle(request, account, modelCode, conId),
                deadline=deadline,
                script=script,
                lane="account",
                cancel=lambda link: link.cancelPnLSingle(request),
            )
        finally:
            self._singles.pop(request, None)
        self._post_cancel(lambda link: link.cancelPnLSingle(request))
        return answer

    # -- upstream ---------------------------------------------------------------------------------------------------

    async def _visit(self, account: str, *, deadline: float, script: str = "") -> None:
        """Fetch an account that the gateway does not keep current, then let it go on with the one that it does."""
        home = self._live_account

        async def fetch() -> None:
            try:
                await self._account_updates(account, asyncio.get_running_loop().time() + LONGEST, script)
            finally:
                if home and home != account:
                    self._post_cancel(lambda link: link.reqAccountUpdates(True, home))

        await self._in_turn("accountUpdates", fetch, deadline=deadline, variant=account)

    async def _account_updates(self, account: str, deadline: float, script: str = "") -> None:
        for key in [key for key in self._portfolio if key[0] == account]:
            del self._portfolio[key]
        await self._exchange(
            f"accountUpdates {account}",
            f"for the account {account}",
            lambda link: link.reqAccountUpdates(True, account),
            deadline=deadline,
            script=script,
            lane="account",
        )

    async def _summary(self, script: str) -> list[AccountValue]:
        request = self.next_request()
        try:
            values: list[AccountValue] = await self._exchange(
                request,
                "for the account summary",
                lambda link: link.reqAccountSummary(request, "All", _SUMMARY),
                deadline=asyncio.get_running_loop().time() + LONGEST,
                script=script,
                lane="account",
            )
        finally:
            self._post_cancel(lambda link: link.cancelAccountSummary(request))
        return values

    async def _start_pnl(self, key: tuple[str, str], script: str) -> PnL:
        if key in self._pnl:
            return self._pnl[key]
        request = self.next_request()
        self._pnl_requests[request] = key
        try:
            first: PnL = await self._exchange(
                request,
                f"for the profit and loss of {key[0]}",
                lambda link: link.reqPnL(request, *key),
                deadline=asyncio.get_running_loop().time() + LONGEST,
                script=script,
                lane="account",
            )
        except BaseException:
            self._drop_pnl(request)
            raise
        return first

    def _drop_pnl(self, request: int) -> None:
        if self._pnl_requests.pop(request, None) is not None:
            self._post_cancel(lambda link: link.cancelPnL(request))

    def _lose_accounts(self) -> None:
        """The gateway knows nothing of our streams any more; if the socket still stands, cancel what it may know."""
        for request in list(self._pnl_requests):
            self._drop_pnl(request)
        requests, self._value_requests = self._value_requests, []
        for request in requests:
            self._post_cancel(partial(self._cancel_values, request))

    def _restore_accounts(self) -> None:
        """Subscribe every stream of profit and loss, and of other accounts' values, again."""
        self._keep_values()
        for key in self._pnl:
            self._post_stream(partial(self._subscribe_pnl, key))

    def _subscribe_pnl(self, key: tuple[str, str], link: Any) -> None:
        request = self.next_request()
        self._pnl_requests[request] = key
        link.reqPnL(request, *key)

    def _keep_values(self) -> None:
        """Keep the values of the accounts current that reqAccountUpdates does not cover."""
        for account in self.accounts[1:]:
            self._post_stream(partial(self._subscribe_values, account))

    def _subscribe_values(self, account: str, link: Any) -> None:
        request = self.next_request()
        self._value_requests.append(request)
        link.reqAccountUpdatesMulti(request, account, "", False)

    def _cancel_values(self, request: int, link: Any) -> None:
        link.cancelAccountUpdatesMulti(request)

    # -- in ---------------------------------------------------------------------------------------------------------

    def on_position(self, position: Position) -> None:
        """A holding, from a download or because it changed; 0 means that there is none."""
        key = (position.account, position.contract.conId)
        for view in (self._positions, self._arriving):
            if view is None:
                continue
            if position.position:
                view[key] = position
            else:
                view.pop(key, None)
        self.hooks.on_position(position)

    def _replace_positions(self, arrived: dict[tuple[str, int], Position]) -> None:
        """A whole list came: what is not on it was closed while we did not hear."""
        gone = [held for key, held in self._positions.items() if key not in arrived]
        self._positions = arrived
        for held in gone:
            self.hooks.on_position(Position(held.account, held.contract, 0.0, 0.0))

    def on_account_value(self, value: AccountValue) -> None:
        """One value of an account."""
        self._values[value.account, value.tag, value.currency, value.modelCode] = value
        self.hooks.on_account_value(value)

    def on_portfolio(self, item: PortfolioItem) -> None:
        """A holding at market prices."""
        key = (item.account, item.contract.conId)
        if item.position:
            self._portfolio[key] = item
        else:
            self._portfolio.pop(key, None)
        self.hooks.on_portfolio(item)

    def on_pnl(self, request: int, values: tuple[float, ...]) -> None:
        """Profit and loss of an account."""
        key = self._pnl_requests.get(request)
        if key is not None:
            daily, unrealized, realized = values
            self._pnl[key] = translate.pnl(*key, (daily, unrealized, realized))
            self.calls.end(request, self._pnl[key])
            self.hooks.on_pnl(self._pnl[key])

    def single(self, request: int) -> tuple[str, str, int] | None:
        """What a request for the profit and loss of one position asked about."""
        return self._singles.get(request)
