"""What clients hear of accounts without asking again: values and portfolio after fills, profit and loss every second.

Owns two timers; what the figures are is the accounts' business.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ibmux.tws.layout import Values

from .client import Client, PnlWatch, ValueWatch
from .wire import portfolio_values

if TYPE_CHECKING:
    from .accounts import AccountValue
    from .server import SimulatedGateway

REFRESH = 180.0
"""Seconds after which account values are sent even without a fill (IBKR: every three minutes)."""


class Reports:
    """The pushes of all clients."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._versions: dict[str, int] = {}
        self._refreshed = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def start(self) -> None:
        """Begin to watch the accounts."""
        self._refreshed = self._gateway.clock.now()
        self._timers = [self._later_accounts(), self._later_pnl()]

    def stop(self) -> None:
        """Stop watching."""
        for timer in self._timers:
            timer.cancel()

    def _later_accounts(self) -> asyncio.TimerHandle:
        return self._gateway.loop.call_later(
            self._gateway.clock.real(self._gateway.settings.account_interval), self._on_accounts
        )

    def _later_pnl(self) -> asyncio.TimerHandle:
        return self._gateway.loop.call_later(
            self._gateway.clock.real(self._gateway.settings.pnl_interval), self._on_pnl
        )

    def _on_accounts(self) -> None:
        self._timers[0] = self._later_accounts()
        changed = self._changed()
        if not changed:
            return
        for client in list(self._gateway.clients.values()):
            _push(client, changed)

    def _changed(self) -> set[str]:
        """Return the accounts whose figures are to be sent now."""
        accounts = self._gateway.world.accounts
        versions = {name: accounts[name].version for name in accounts.names}
        changed = {name for name in versions if versions[name] != self._versions.get(name, 0)}
        self._versions = versions
        if self._gateway.clock.now() - self._refreshed > REFRESH:
            self._refreshed = self._gateway.clock.now()
            return set(versions)
        return changed

    def _on_pnl(self) -> None:
        self._timers[1] = self._later_pnl()
        for client in list(self._gateway.clients.values()):
            for request_id, watch in client.pnls.items():
                send_pnl(client, request_id, watch)


def _push(client: Client, changed: set[str]) -> None:
    """Send a client what it subscribed to of the accounts that changed."""
    if client.account_watch is not None and not changed.isdisjoint(client.account_watch.accounts):
        send_account_updates(client, client.account_watch)
    for request_id, watch in client.summaries.items():
        if not changed.isdisjoint(watch.accounts):
            send_summary(client, request_id, watch)
    for request_id, watch in client.value_watches.items():
        if not changed.isdisjoint(watch.accounts):
            send_values_multi(client, request_id, watch)


def _news(watch: ValueWatch, values: list[AccountValue]) -> list[AccountValue]:
    """Return the values that differ from what was sent last, and note them as sent."""
    fresh = []
    for value in values:
        key = (value.account, value.tag, value.currency)
        if watch.sent.get(key) != value.value:
            watch.sent[key] = value.value
            fresh.append(value)
    return fresh


def send_account_updates(client: Client, watch: ValueWatch) -> None:
    """Send changed account values, then the portfolio and the time."""
    account = client.gateway.world.accounts[watch.accounts[0]]
    for value in _news(watch, account.values()):
        client.reply(
            "updateAccountValue", tag=value.tag, value=value.value, currency=value.currency, account=value.account
        )
    at = time.strftime("%H:%M", time.localtime(client.gateway.clock.now()))
    for item in account.portfolio():
        client.reply("updatePortfolio", **portfolio_values(item))
        client.reply("updateAccountTime", timestamp=at)
    client.reply("updateAccountTime", timestamp=at)


def send_summary(client: Client, request_id: int, watch: ValueWatch) -> None:
    """Send the changed rows of an account summary."""
    for value in _news(watch, client.gateway.world.accounts.summary(watch.tags)):
        client.reply(
            "accountSummary",
            reqId=request_id,
            account=value.account,
            tag=value.tag,
            value=value.value,
            currency=value.currency,
        )


def send_values_multi(client: Client, request_id: int, watch: ValueWatch) -> None:
    """Send the changed account values of a reqAccountUpdatesMulti."""
    for name in watch.accounts:
        for value in _news(watch, client.gateway.world.accounts[name].values()):
            client.reply(
                "accountUpdateMulti",
                reqId=request_id,
                account=value.account,
                modelCode=watch.model,
                tag=value.tag,
                value=value.value,
                currency=value.currency,
            )


def send_pnl(client: Client, request_id: int, watch: PnlWatch) -> None:
    """Send profit and loss of an account or a position if it changed; without a position, the unset value."""
    values = _position_pnl(client, watch) if watch.conId else _account_pnl(client, watch)
    if values != watch.sent:
        watch.sent = values
        client.reply("pnlSingle" if watch.conId else "pnl", reqId=request_id, **values)


def _account_pnl(client: Client, watch: PnlWatch) -> Values:
    figures = client.gateway.world.accounts[watch.account].pnl()
    return {
        "dailyPnL": figures.daily,
        "unrealizedPnL": figures.unrealized,
        "realizedPnL": figures.realized,
    }


def _position_pnl(client: Client, watch: PnlWatch) -> Values:
    figures = client.gateway.world.accounts[watch.account].pnl_single(watch.conId)
    if figures is None:
        return {"position": 0}
    return {
        "position": figures.position,
        "dailyPnL": figures.daily,
        "unrealizedPnL": figures.unrealized,
        "realizedPnL": figures.realized,
        "value": figures.value,
    }
