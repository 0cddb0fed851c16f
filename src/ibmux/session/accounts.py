"""Accounts: views of positions and values that the gateway keeps current.

The gateway keeps one account's holdings and values current at a time (reqAccountUpdates); the others' values come on
a subscription of their own, their holdings are fetched when asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ibmux.config import GatewaySettings
from ibmux.messages.account import AccountValue, PortfolioItem, Position
from ibmux.session.calls import bound
from ibmux.session.hooks import Hooks
from ibmux.session.profit import Profit
from ibmux.session.renewal import Refused

Holding = TypeVar("Holding", Position, PortfolioItem)
Model = tuple[str, str]
"""An account (empty: all) and one of its models."""

_SUMMARY = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,SMA,InitMarginReq,MaintMarginReq,"
    "AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,"
    "FullExcessLiquidity,LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,LookAheadAvailableFunds,"
    "LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,DayTradesRemainingT+1,DayTradesRemainingT+2,"
    "DayTradesRemainingT+3,DayTradesRemainingT+4,Leverage,$LEDGER:ALL"
)
"""Every tag that the gateway documents."""


class Accounts(Profit):
    """The part of a session that deals with accounts."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._models: set[Model] = set()
        self._whole_models: set[Model] = set()
        self._model_requests: dict[int, Model] = {}
        self._value_accounts: dict[int, str] = {}
        self._model_values: dict[tuple[str, str, str, str], AccountValue] = {}
        self._arriving_portfolio: dict[tuple[str, int], PortfolioItem] | None = None

    def positions(self, account: str = "") -> list[Position]:
        """Holdings of one account or of all, as of now."""
        return [each for each in self._positions.values() if account in ("", each.account)]

    def account_values(self, account: str = "") -> list[AccountValue]:
        """Values of one account or of all, those of models too, as of now."""
        views = (self._values, self._model_values)
        return [each for view in views for each in view.values() if account in ("", each.account)]

    async def portfolio(self, account: str = "", *, deadline: float, script: str = "") -> list[PortfolioItem]:
        """Holdings at market prices, of one account or of all."""
        await self.until_ready(deadline)
        wanted = [account] if account else self.accounts
        for each in wanted:
            if each != self._live_account:
                await self._visit(each, deadline=deadline, script=script)
        self._check_ready()
        return [each for each in self._portfolio.values() if each.account in wanted]

    async def account_summary(self, account: str = "", *, deadline: float, script: str = "") -> list[AccountValue]:
        """The summary tags of one account or of all; one request upstream serves whoever asks meanwhile."""
        await self.until_ready(deadline)
        values: list[AccountValue] = await self._in_turn(
            "accountSummary", lambda: self._summary(script), deadline=deadline
        )
        return [each for each in values if account in ("", each.account)]

    def known_portfolio(self, account: str) -> list[PortfolioItem]:
        """Holdings of one account as they were last told."""
        return [each for each in self._portfolio.values() if each.account == account]

    async def model_values(
        self, account: str, modelCode: str, *, deadline: float, script: str = ""
    ) -> list[AccountValue]:
        """Values of a model, as of now; the first call has them kept current. Without a model those that always are."""
        await self.until_ready(deadline)
        key = (account, modelCode)
        if modelCode and key not in self._whole_models:
            await self._in_turn("modelValues", lambda: self._follow_model(key, script), deadline=deadline, variant=key)
            self._check_ready()
        return [each for each in self.account_values(account) if each.modelCode == modelCode]

    def end_model(self, account: str, modelCode: str) -> None:
        """Have a model's values kept current no more."""
        self._forget_model((account, modelCode))
        self._models.discard((account, modelCode))
        for request in [number for number, each in self._model_requests.items() if each == (account, modelCode)]:
            self._drop_model(request)

    # -- upstream ---------------------------------------------------------------------------------------------------

    async def _visit(self, account: str, *, deadline: float, script: str = "") -> None:
        """Fetch an account that the gateway does not keep current, then let it go on with the one that it does."""

        async def fetch() -> None:
            self._check_ready()  # a download that began while this waited for its turn has the one subscription now
            home = self._live_account
            try:
                await self._account_updates(account, bound(), script)
            finally:
                if home and home != account and self.state == "ready":
                    self.calls.owe(f"accountUpdates {home}")
                    self._post_stream(lambda link: link.reqAccountUpdates(True, home))

        await self._in_turn("accountUpdates", fetch, deadline=deadline, variant=account)

    def _check_ready(self) -> None:
        """Raises NotReady or Draining if the views are not known to be whole."""
        if self.state != "ready":
            raise self.not_ready()

    async def _account_updates(self, account: str, deadline: float, script: str = "") -> None:
        """Have one account's values and holdings sent; what was known of its holdings stays until all of them came."""
        arriving: dict[tuple[str, int], PortfolioItem] = {}
        self._arriving_portfolio = arriving
        try:
            await self._exchange(
                f"accountUpdates {account}",
                f"for the account {account}",
                lambda link: link.reqAccountUpdates(True, account),
                deadline=deadline,
                script=script,
                lane="account",
            )
        finally:
            self._arriving_portfolio = None
        others = {key: item for key, item in self._portfolio.items() if key[0] != account}
        self._portfolio = others | {key: item for key, item in arriving.items() if key[0] == account}

    async def _summary(self, script: str) -> list[AccountValue]:
        request = self.next_request()
        try:
            values: list[AccountValue] = await self._exchange(
                request,
                "for the account summary",
                lambda link: link.reqAccountSummary(request, "All", _SUMMARY),
                deadline=bound(),
                script=script,
                lane="account",
            )
        finally:
            self._post_cancel(lambda link: link.cancelAccountSummary(request))
        return values

    async def _follow_model(self, key: Model, script: str) -> None:
        if key in self._whole_models:
            return
        self._check_ready()
        for older in [number for number, each in self._model_requests.items() if each == key]:
            self._drop_model(older)  # subscribed again after a loss, without anybody who waits for its end
        request = self.next_request()
        self._model_requests[request] = key
        try:
            await self._exchange(
                request,
                f"for the values of model {key[1]}",
                lambda link: link.reqAccountUpdatesMulti(request, *key, False),
                deadline=bound(),
                script=script,
                lane="account",
            )
        except BaseException:
            self._drop_model(request)
            raise
        self._models.add(key)
        self._whole_models.add(key)

    def _forget_model(self, key: Model) -> None:
        """What is known of a model's values holds no more."""
        self._whole_models.discard(key)
        for known in [known for known in self._model_values if (known[0], known[3]) == key]:
            del self._model_values[known]

    def _drop_model(self, request: int) -> None:
        if self._model_requests.pop(request, None) is not None:
            self._post_cancel(partial(self._cancel_values, request))

    def _lose_accounts(self) -> None:
        """The gateway knows nothing of our streams any more; if the socket still stands, cancel what it may know."""
        self._stop_retries()
        self._lose_profits()
        self._whole_models.clear()
        self._model_values.clear()
        for request in list(self._model_requests):
            self._drop_model(request)
        requests, self._value_requests, self._value_accounts = self._value_requests, [], {}
        for request in requests:
            self._post_cancel(partial(self._cancel_values, request))

    def _restore_accounts(self) -> None:
        """Subscribe every stream of profit and loss, and of the values of other accounts and of models, again."""
        self._keep_values()
        for key in self._models:
            self._post_stream(partial(self._subscribe_model, key))
        self._restore_profits()

    def _subscribe_model(self, key: Model, link: Any) -> None:
        if key in self._models and key not in self._model_requests.values():  # not given up while it waited its turn
            request = self.next_request()
            self._model_requests[request] = key
            link.reqAccountUpdatesMulti(request, *key, False)

    def _keep_values(self) -> None:
        """Keep the values of the accounts current that reqAccountUpdates does not cover."""
        for account in self.accounts[1:]:
            self._post_stream(partial(self._subscribe_values, account))

    def _subscribe_values(self, account: str, link: Any) -> None:
        request = self.next_request()
        self._value_requests.append(request)
        self._value_accounts[request] = account
        link.reqAccountUpdatesMulti(request, account, "", False)

    def _take_refused(self, request: int) -> Refused | None:
        model, account = self._model_requests.pop(request, None), self._value_accounts.pop(request, None)
        if model is not None:
            return ("model", model), partial(self._subscribe_model, model)
        if account is not None:
            self._value_requests.remove(request)
            return ("values", account), partial(self._subscribe_values, account)
        return super()._take_refused(request)

    def _cancel_values(self, request: int, link: Any) -> None:
        link.cancelAccountUpdatesMulti(request)

    # -- in ---------------------------------------------------------------------------------------------------------

    def on_position(self, position: Position) -> None:
        """A holding, from a download or because it changed; 0 means that there is none."""
        for view in (self._positions, self._arriving):
            note_holding(view, position)
        self.hooks.on_position(position)

    def _replace_positions(self, arrived: dict[tuple[str, int], Position]) -> None:
        """A whole list came: what is not on it was closed while we did not hear."""
        gone = [held for key, held in self._positions.items() if key not in arrived]
        self._positions = arrived
        for held in gone:
            self.hooks.on_position(Position(held.account, held.contract, 0.0, 0.0))

    def on_account_value(self, value: AccountValue) -> None:
        """One value of an account."""
        view = self._model_values if value.modelCode else self._values
        view[value.account, value.tag, value.currency, value.modelCode] = value
        self.hooks.on_account_value(value)

    def on_portfolio(self, item: PortfolioItem) -> None:
        """A holding at market prices."""
        for view in (self._portfolio, self._arriving_portfolio):
            note_holding(view, item)
        self.hooks.on_portfolio(item)


def note_holding(view: dict[tuple[str, int], Holding] | None, holding: Holding) -> None:
    """Keep a holding in a view, if there is one; 0 units are none."""
    if view is None:
        return
    key = (holding.account, holding.contract.conId)
    if holding.position:
        view[key] = holding
    else:
        view.pop(key, None)
