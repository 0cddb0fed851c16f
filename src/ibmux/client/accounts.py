"""Accounts as ib_async's IB class names them: holdings, values, and their changes."""

from __future__ import annotations

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.pnl import ProfitAndLoss
from ibmux.messages import decode
from ibmux.messages.account import AccountState, AccountValue, PortfolioItem, Position, PositionState
from ibmux.mqtt.message import Message


class Accounts(ProfitAndLoss):
    """Questions about accounts: each is answered from what the proxy keeps current.

    Events: `accountValueEvent(AccountValue)` and `updatePortfolioEvent(PortfolioItem)` at each change after
    `reqAccountUpdates` or `reqAccountUpdatesMulti`, `positionEvent(Position)` after `reqPositions`,
    `accountSummaryEvent(AccountValue)` for what differs from the summary before.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.accountValueEvent = Event("accountValueEvent", self._owner)
        self.updatePortfolioEvent = Event("updatePortfolioEvent", self._owner)
        self.positionEvent = Event("positionEvent", self._owner)
        self.accountSummaryEvent = Event("accountSummaryEvent", self._owner)
        self._followed: set[str] = set()
        self._hears_positions = False
        self._values: dict[tuple[str, ...], AccountValue] = {}
        self._items: dict[tuple[str, int], PortfolioItem] = {}
        self._held: dict[tuple[str, int], Position] = {}
        self._summary: dict[tuple[str, ...], AccountValue] = {}
        self._models: set[tuple[str, str]] = set()
        self._recoveries.append(self._renew_models)

    async def managedAccounts(self) -> list[str]:
        """The accounts of this login."""
        return list(await self._ask("managedAccounts"))

    async def accountValues(self, account: str = "") -> list[AccountValue]:
        """Every value that the gateway reports, of one account or of all."""
        return list(await self._ask("accountValues", account=account))

    async def accountSummary(self, account: str = "") -> list[AccountValue]:
        """The summary tags, of one account or of all."""
        return list(await self._ask("accountSummary", account=account))

    async def portfolio(self, account: str = "") -> list[PortfolioItem]:
        """Holdings at market prices, of one account or of all."""
        return list(await self._ask("portfolio", account=account))

    async def positions(self, account: str = "") -> list[Position]:
        """Holdings, of one account or of all."""
        return list(await self._ask("positions", account=account))

    async def reqPositions(self) -> list[Position]:
        """All holdings; from now on `positionEvent` tells of each change."""
        if not self._hears_positions:
            self._hears_positions = True
            everything = topics.position_state(self.gateway, "+", "+")  # type: ignore[arg-type] # a filter
            await self._link.subscribe(everything, self._safely(self._on_position))
        return await self.positions()

    async def reqAccountUpdates(self, account: str = "") -> None:
        """Have `accountValueEvent` and `updatePortfolioEvent` told of each change in an account (empty: the first).

        Not needed for `accountValues` and `portfolio`: the proxy keeps them current in any case.
        """
        state: AccountState = await self._ask("reqAccountUpdates", account=account)
        self._take_state(state)
        names = {each.account for each in state.values} | {each.account for each in state.portfolio}
        for name in names or {account}:
            await self._follow_account(name)

    async def reqAccountUpdatesMulti(self, account: str = "", modelCode: str = "") -> list[AccountValue]:
        """The values of an account (empty: of all), or of one of its models, which the proxy keeps current from now
        on; `accountValueEvent` tells of each change.
        """
        values: list[AccountValue] = await self._ask("reqAccountUpdatesMulti", account=account, modelCode=modelCode)
        for name in {each.account for each in values}:
            await self._follow_account(name)
        self._models.add((account, modelCode))
        return values

    async def reqAccountSummary(self) -> list[AccountValue]:
        """The summary of all accounts, asked anew each time; `accountSummaryEvent` tells what differs."""
        values = await self.accountSummary()
        for value in values:
            key = (value.account, value.tag, value.currency)
            if self._summary.get(key) != value:
                self._summary[key] = value
                self.accountSummaryEvent.emit(value)
        return values

    accountSummaryAsync = accountSummary
    reqPositionsAsync = reqPositions
    reqAccountUpdatesAsync = reqAccountUpdates
    reqAccountUpdatesMultiAsync = reqAccountUpdatesMulti
    reqAccountSummaryAsync = reqAccountSummary

    # -- what comes -------------------------------------------------------------------------------------------------

    async def _follow_account(self, account: str) -> None:
        if account and account not in self._followed:
            self._followed.add(account)
            await self._link.subscribe(topics.account_state(self.gateway, account), self._safely(self._on_account))

    def _on_account(self, message: Message) -> None:
        if message.payload:
            self._take_state(decode(message.payload, AccountState))

    def _take_state(self, state: AccountState) -> None:
        """Tell what differs from what was known."""
        for value in state.values:
            key = (value.account, value.tag, value.currency, value.modelCode)
            if self._values.get(key) != value:
                self._values[key] = value
                self.accountValueEvent.emit(value)
        for item in state.portfolio:
            place = (item.account, item.contract.conId)
            if self._items.get(place) != item:
                self._items[place] = item
                self.updatePortfolioEvent.emit(item)
        self._touch()

    def _on_position(self, message: Message) -> None:
        account, con_id = message.topic.rsplit("/", 2)[1:]
        key = (account, int(con_id))
        if message.payload:
            position: Position = decode(message.payload, PositionState).position
        else:  # cleared: flat
            before = self._held.get(key)
            if before is None:
                return
            position = Position(account, before.contract, 0.0, 0.0)
        if self._held.get(key) != position:
            self._held[key] = position
            self.positionEvent.emit(position)
            self._touch()

    async def _renew_models(self, _lost: float) -> None:
        """The proxy forgot this client's claims with its connection: make them again."""
        for account, model in self._models:
            if model:
                await self._ask("reqAccountUpdatesMulti", account=account, modelCode=model)
