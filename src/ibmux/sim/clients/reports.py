"""What clients hear without asking again: account values and portfolio after fills, profit and loss every second, and
news bulletins.

Owns two timers; what the figures are is the accounts' business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ibmux.sim.clients.client import Client, ModelWatch, PnlWatch, ValueWatch
from ibmux.sim.clients.wire import contract_values, portfolio_values
from ibmux.tws.layout import Values

if TYPE_CHECKING:
    from ibmux.sim.accounts.accounts import Account, AccountValue
    from ibmux.sim.companies.bulletins import Bulletin
    from ibmux.sim.server import SimulatedGateway

SHORTEST = 0.02
"""Real seconds between two looks at the accounts, however fast the clock runs."""
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
        self._gateway.world.bulletins.listen(self._on_bulletin)
        self._timers = [self._later_accounts(), self._later_pnl()]

    def stop(self) -> None:
        """Stop watching."""
        for timer in self._timers:
            timer.cancel()

    def _later_accounts(self) -> asyncio.TimerHandle:
        return self._later(self._gateway.settings.account_interval, self._on_accounts)

    def _later_pnl(self) -> asyncio.TimerHandle:
        return self._later(self._gateway.settings.pnl_interval, self._on_pnl)

    def _later(self, interval: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return self._gateway.loop.call_later(max(SHORTEST, self._gateway.clock.real(interval)), act)

    def _on_accounts(self) -> None:
        self._timers[0] = self._later_accounts()
        changed = set() if self._gateway.conduct.cut else self._changed()
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
        if self._gateway.conduct.cut:
            return
        self._gateway.world.bulletins.advance(self._gateway.clock.now())
        for client in list(self._gateway.clients.values()):
            for request_id, watch in client.pnls.items():
                send_pnl(client, request_id, watch)

    def _on_bulletin(self, bulletin: Bulletin) -> None:
        for client in list(self._gateway.clients.values()):
            if client.bulletins:
                send_bulletin(client, bulletin)


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
    for request_id, model in client.model_watches.items():
        if not changed.isdisjoint(model.accounts):
            send_model(client, request_id, model)


def view(client: Client, name: str, model: str) -> Account:
    """An account, or what a model holds of it."""
    world = client.gateway.world
    return world.models.view(world.accounts[name], model) if model else world.accounts[name]


def send_bulletin(client: Client, bulletin: Bulletin) -> None:
    """Send one news bulletin."""
    client.reply(
        "updateNewsBulletin",
        msgId=bulletin.msgId,
        msgType=bulletin.kind,
        newsMessage=bulletin.text,
        originExch=bulletin.exchange,
    )


def send_model(client: Client, request_id: int, watch: ModelWatch) -> None:
    """Send the positions of a model that are new or have changed."""
    for name in watch.accounts:
        for row in view(client, name, watch.model).positions():
            values = contract_values(row.contract) | {"position": row.position, "avgCost": row.avgCost}
            if watch.sent.get((name, row.contract.conId)) != values:
                watch.sent[name, row.contract.conId] = values
                client.reply("positionMulti", reqId=request_id, account=name, modelCode=watch.model, **values)


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
    at = time.strftime("%H:%M", time.localtime(client.gateway.clock.now()))
    for name in watch.accounts:
        account = client.gateway.world.accounts[name]
        for value in _news(watch, account.values()):
            client.reply("updateAccountValue", **value._asdict())
        for item in account.portfolio():
            client.reply("updatePortfolio", **portfolio_values(item))
            client.reply("updateAccountTime", timestamp=at)
    client.reply("updateAccountTime", timestamp=at)


def send_summary(client: Client, request_id: int, watch: ValueWatch) -> None:
    """Send the changed rows of an account summary."""
    rows = client.gateway.world.accounts.summary(watch.tags)
    for value in _news(watch, [row for row in rows if row.account == "All" or row.account in watch.accounts]):
        client.reply("accountSummary", reqId=request_id, **value._asdict())


def send_values_multi(client: Client, request_id: int, watch: ValueWatch) -> None:
    """Send the changed account values of a reqAccountUpdatesMulti."""
    for name in watch.accounts:
        values = view(client, name, watch.model).values()
        for value in _news(watch, [row for row in values if not watch.tags or row.tag in watch.tags]):
            client.reply("accountUpdateMulti", reqId=request_id, modelCode=watch.model, **value._asdict())


def send_pnl(client: Client, request_id: int, watch: PnlWatch) -> None:
    """Send profit and loss of accounts or of a position if it changed; without a position, the unset value."""
    names = client.gateway.world.advisor.members(watch.account) or ()
    seen = [view(client, name, watch.model) for name in names]
    values = _position_pnl(seen, watch.conId) if watch.conId else _account_pnl(seen)
    if values != watch.sent:
        watch.sent = values
        client.reply("pnlSingle" if watch.conId else "pnl", reqId=request_id, **values)


def _account_pnl(seen: list[Account]) -> Values:
    figures = [account.pnl() for account in seen]
    return {
        "dailyPnL": sum(each.daily for each in figures),
        "unrealizedPnL": sum(each.unrealized for each in figures),
        "realizedPnL": sum(each.realized for each in figures),
    }


def _position_pnl(seen: list[Account], conId: int) -> Values:
    figures = [found for account in seen if (found := account.pnl_single(conId)) is not None]
    if not figures:
        return {"position": 0}
    return {
        "position": sum(each.position for each in figures),
        "dailyPnL": sum(each.daily for each in figures),
        "unrealizedPnL": sum(each.unrealized for each in figures),
        "realizedPnL": sum(each.realized for each in figures),
        "value": sum(each.value for each in figures),
    }
