"""Accounts: answers from the session's own view, states published as the gateway reports them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ibmux import topics
from ibmux.core.leases import Owner
from ibmux.errors import RequestError
from ibmux.messages.account import (
    AccountState,
    AccountSummary,
    AccountValue,
    AccountValues,
    CancelPnL,
    ManagedAccounts,
    PnL,
    PnLSingle,
    PnLState,
    Portfolio,
    PortfolioItem,
    Position,
    Positions,
    PositionState,
    ReqPnL,
    ReqPnLSingle,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

GATHER = 1.0
"""Seconds over which account values are gathered into one retained state."""


class Account:
    """Positions, portfolio, values, profit and loss."""

    def __init__(self, session: Session, publisher: Publisher, flights: Flights) -> None:
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._streams: dict[tuple[str, str], dict[Owner, str]] = {}

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
            "reqPnL": self.start_pnl,
            "pnl": self.start_pnl,
            "cancelPnL": self.cancel_pnl,
            "reqPnLSingle": self.pnl_single,
            "pnlSingle": self.pnl_single,
        }

    # -- questions

    def managed_accounts(self, _caller: Caller, _request: ManagedAccounts) -> list[str]:
        """The accounts of this login."""
        return list(self.session.accounts)

    def positions(self, _caller: Caller, request: Positions) -> list[Position]:
        """The view that was synchronised before `ready` and is kept since: never "not yet"."""
        self._check_account(request.account)
        return self.session.positions(request.account)

    def account_values(self, _caller: Caller, request: AccountValues) -> list[AccountValue]:
        """Every value the gateway reported."""
        self._check_account(request.account)
        return self.session.account_values(request.account)

    async def portfolio(self, caller: Caller, request: Portfolio) -> list[PortfolioItem]:
        """Market values are asked for: the gateway streams only one account's at a time."""
        self._check_account(request.account)
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
        self._check_account(request.account)
        rows = await self.flights.join(
            caller,
            ("accountSummary",),
            lambda deadline: self.session.account_summary("", deadline=deadline, script=caller.script),
        )
        return [row for row in rows if request.account in ("", row.account)]

    async def start_pnl(self, caller: Caller, request: ReqPnL) -> PnL:
        """One stream upstream, whatever the number of scripts."""
        self._check_account(request.account)
        key = (request.account, request.modelCode)
        had = caller.owner in self._streams.get(key, ())
        self._streams.setdefault(key, {})[caller.owner] = caller.client
        try:
            return await self.flights.join(
                caller, ("pnl", *key), lambda deadline: self.session.pnl(*key, deadline=deadline, script=caller.script)
            )
        except BaseException:
            if not had:
                self._release(key, caller.owner)
            raise

    def cancel_pnl(self, caller: Caller, request: CancelPnL) -> bool:
        """The stream ends when the last script gives it up. Returns whether this one had a claim."""
        return self._release((request.account, request.modelCode), caller.owner)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its claims."""
        for key in list(self._streams):
            self._release(key, owner)

    def release_client(self, client: str) -> None:
        """A connection ended: so do the claims of what spoke over it."""
        for key, owners in list(self._streams.items()):
            for owner in [each for each, over in owners.items() if over == client]:
                self._release(key, owner)

    def _release(self, key: tuple[str, str], owner: Owner) -> bool:
        """End one claim, and with the last one the stream; whether there was one."""
        owners = self._streams.get(key, {})
        held = owners.pop(owner, None) is not None
        if held and not owners:
            del self._streams[key]
            self.session.end_pnl(*key)
        return held

    async def pnl_single(self, caller: Caller, request: ReqPnLSingle) -> PnLSingle:
        """Profit and loss of one position, once."""
        self._check_account(request.account)
        key = (request.account, request.modelCode, request.conId)
        return await self.flights.join(
            caller,
            ("pnlSingle", *key),
            lambda deadline: self.session.pnl_single(*key, deadline=deadline, script=caller.script),
        )

    def _check_account(self, account: str) -> None:
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
        if value.account and value.account not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[value.account] = loop.call_later(GATHER, self._publish_values, value.account)

    def publish_pnl(self, pnl: PnL) -> None:
        """Each update of profit and loss."""
        topic = topics.pnl_state(self.publisher.gateway, pnl.account)
        self.publisher.state(topic, PnLState(self.publisher.epoch, self.publisher.clock(), pnl))

    def _publish_values(self, account: str) -> None:
        del self._timers[account]
        state = AccountState(self.publisher.epoch, self.publisher.clock(), self.session.account_values(account))
        self.publisher.state(topics.account_state(self.publisher.gateway, account), state)

    def close(self) -> None:
        """Forget what was gathered."""
        for timer in self._timers.values():
            timer.cancel()
