"""Accounts: answers from the session's own view, states published as the gateway reports them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ibmux import topics
from ibmux.core.claims import Claims
from ibmux.core.leases import Owner
from ibmux.errors import RequestError
from ibmux.messages.account import (
    AccountState,
    AccountSummary,
    AccountValue,
    AccountValues,
    ManagedAccounts,
    Portfolio,
    PortfolioItem,
    Position,
    Positions,
    PositionState,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

GATHER = 1.0
"""Seconds over which account values are gathered into one retained state."""


class Account:
    """Positions, portfolio, values."""

    def __init__(self, session: Session, publisher: Publisher, flights: Flights) -> None:
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.models: Claims[tuple[str, str]] = Claims()

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "managedAccounts": self.managed_accounts,
            "positions": self.positions,
            "reqPositions": self.positions,
            "portfolio": self.portfolio,
            "accountValues": self.account_values,
            "accountSummary": self.account_summary,
            "reqAccountSummary": self.account_summary,
            "reqAccountUpdates": self.updates,
            "reqAccountUpdatesMulti": self.model_values,
        }

    # -- questions

    def managed_accounts(self, _caller: Caller, _request: ManagedAccounts) -> list[str]:
        """The accounts of this login."""
        return list(self.session.accounts)

    def positions(self, _caller: Caller, request: Positions) -> list[Position]:
        """The view that was synchronised before `ready` and is kept since: never "not yet"."""
        self.check_account(request.account)
        return self.session.positions(request.account)

    def account_values(self, _caller: Caller, request: AccountValues) -> list[AccountValue]:
        """Every value the gateway reported."""
        self.check_account(request.account)
        return self.session.account_values(request.account)

    async def portfolio(self, caller: Caller, request: Portfolio) -> list[PortfolioItem]:
        """Market values are asked for: the gateway streams only one account's at a time."""
        self.check_account(request.account)
        items: list[PortfolioItem] = []
        for account in [request.account] if request.account else self.session.accounts:
            items += await self.flights.join(
                caller,
                ("portfolio", account),
                lambda deadline, account=account: self.session.portfolio(  # type: ignore[misc]
                    account, deadline=deadline, script=caller.script
                ),
            )
        return items

    async def account_summary(self, caller: Caller, request: AccountSummary) -> list[AccountValue]:
        """The summary is one question for all accounts; the wanted one is picked from the answer."""
        self.check_account(request.account)
        rows = await self.flights.join(
            caller,
            ("accountSummary",),
            lambda deadline: self.session.account_summary("", deadline=deadline, script=caller.script),
        )
        return [row for row in rows if request.account in ("", row.account)]

    async def updates(self, caller: Caller, request: ReqAccountUpdates) -> AccountState:
        """All that is known of one account, its market values fetched now if the gateway does not stream them."""
        account = request.account or self.session.accounts[0]
        await self.portfolio(caller, Portfolio(account))
        return self._state(account)

    async def model_values(self, caller: Caller, request: ReqAccountUpdatesMulti) -> list[AccountValue]:
        """Values of an account or a model; those of a model are kept current while a script claims them."""
        self.check_account(request.account)
        key = (request.account, request.modelCode)
        is_new = bool(request.modelCode) and self.models.take(key, caller.owner, caller.client)
        try:
            values = await self.flights.join(
                caller,
                ("modelValues", *key),
                lambda deadline: self.session.model_values(*key, deadline=deadline, script=caller.script),
            )
        except BaseException:
            if is_new:
                self.models.release(key, caller.owner)
            raise
        finally:
            if key not in self.models:  # nobody's, or whoever asked left meanwhile
                self.session.end_model(*key)
        return values

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its claims."""
        for key in self.models.release_owner(owner):
            self.session.end_model(*key)

    def release_client(self, client: str) -> None:
        """A connection ended: so do the claims of what spoke over it."""
        for key in self.models.release_client(client):
            self.session.end_model(*key)

    def check_account(self, account: str) -> None:
        """Refuse an account that this login does not have; empty stands for all.

        Raises:
            RequestError: there is no such account.
        """
        if account and account not in self.session.accounts:
            raise RequestError(
                f"This login has no account {account!r}.", hint=f"It has {', '.join(self.session.accounts)}."
            )

    # -- updates

    def publish_position(self, position: Position) -> None:
        """Retained while there is something to hold; cleared when flat."""
        topic = topics.position_state(self.publisher.gateway, position.account, position.contract.conId)
        if position.position:
            self.publisher.state(topic, PositionState(self.publisher.epoch, self.publisher.clock(), position))
        else:
            self.publisher.clear(topic)

    def announce(self) -> None:
        """Publish every position again: a broker may have lost what it retained."""
        for position in self.session.positions():
            self.publish_position(position)

    def note_value(self, value: AccountValue) -> None:
        """Values come by the dozen: they are gathered for a second before they are published."""
        self._note(value.account)

    def note_holding(self, item: PortfolioItem) -> None:
        """Holdings at market prices are gathered like values."""
        self._note(item.account)

    def _note(self, account: str) -> None:
        """Publish an account soon; never while the session synchronises, when it is known in part."""
        if account and account not in self._timers:
            self._timers[account] = asyncio.get_running_loop().call_later(GATHER, self._publish_account, account)

    def _publish_account(self, account: str) -> None:
        del self._timers[account]
        if self.session.state != "ready":
            self._note(account)
            return
        self.publisher.state(topics.account_state(self.publisher.gateway, account), self._state(account))

    def _state(self, account: str) -> AccountState:
        return AccountState(
            self.publisher.epoch,
            self.publisher.clock(),
            self.session.account_values(account),
            self.session.known_portfolio(account),
        )

    def close(self) -> None:
        """Forget what was gathered."""
        for timer in self._timers.values():
            timer.cancel()
