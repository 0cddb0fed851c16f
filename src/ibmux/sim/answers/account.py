"""Answers about accounts: positions, values, portfolio, summary, profit and loss."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ibmux.sim.accounts.accounts import Position
from ibmux.sim.accounts.statement import LEDGER_AND_NLV
from ibmux.sim.answers.kind import Handler, has_room, invalid
from ibmux.sim.clients.client import Client, ModelWatch, PnlWatch, ValueWatch
from ibmux.sim.clients.reports import send_account_updates, send_model, send_pnl, send_summary, send_values_multi, view
from ibmux.sim.clients.wire import contract_values
from ibmux.tws.layout import Values

MAX_SUMMARIES = 2
"""Account summaries that a client may have at once (IBKR)."""
ENDED_AGAIN = 0.5
"""Seconds between the two ends of an account summary."""


def _refuse_account(client: Client, request_id: int, account: str) -> None:
    invalid(client, request_id, f"Invalid account code '{account}'.")


def _members(client: Client, request_id: int, account: str, model: str = "") -> tuple[str, ...]:
    """The accounts that a name stands for; if it stands for none, or there is no such model, the client is told."""
    names = client.gateway.world.advisor.members(account)
    if names is None:
        _refuse_account(client, request_id, account)
        return ()
    if model and model not in client.gateway.world.models:
        invalid(client, request_id, f"Invalid model code '{model}'.")
        return ()
    return names


def _all_positions(client: Client, names: Iterable[str]) -> list[Position]:
    accounts = client.gateway.world.accounts
    return [position for name in names for position in accounts[name].positions()]


def _position_values(position: Position) -> Values:
    return contract_values(position.contract) | {
        "account": position.account,
        "position": position.position,
        "avgCost": position.avgCost,
    }


def positions(client: Client, ask: Values) -> None:
    """Answer reqPositions: those of all accounts, the end, and changes from now on."""
    for position in _all_positions(client, client.gateway.world.accounts.names):
        client.reply("position", **_position_values(position))
    client.reply("positionEnd")
    client.positions = True


def cancel_positions(client: Client, ask: Values) -> None:
    """Answer cancelPositions."""
    client.positions = False


def positions_multi(client: Client, ask: Values) -> None:
    """Answer reqPositionsMulti: those of one account, of a group or of all, or the part of them that a model holds."""
    request_id, account, model = ask["reqId"], ask["account"], ask["modelCode"]
    names = _members(client, request_id, account, model)
    if not names or not has_room(client, request_id, {*client.position_watches, *client.model_watches}):
        return
    if model:
        watch = client.model_watches[request_id] = ModelWatch(names, model)
        send_model(client, request_id, watch)
    else:
        for position in _all_positions(client, names):
            client.reply("positionMulti", reqId=request_id, **_position_values(position))
        client.position_watches[request_id] = account if len(names) == 1 else ""
    client.reply("positionMultiEnd", reqId=request_id)


def cancel_positions_multi(client: Client, ask: Values) -> None:
    """Answer cancelPositionsMulti."""
    client.position_watches.pop(ask["reqId"], None)
    client.model_watches.pop(ask["reqId"], None)


def account_updates(client: Client, ask: Values) -> None:
    """Answer reqAccountUpdates: one account at a time; a second subscription takes the place of the first."""
    account = ask["account"] or client.gateway.world.accounts.names[0]
    names = _members(client, -1, account)
    if not names:
        return
    if not ask["subscribe"]:
        client.account_watch = None
        return
    client.account_watch = ValueWatch(names)
    send_account_updates(client, client.account_watch)
    client.reply("accountDownloadEnd", account=account)


def account_updates_multi(client: Client, ask: Values) -> None:
    """Answer reqAccountUpdatesMulti: all values of accounts or of a model, or the ledger and net liquidation alone."""
    request_id, model = ask["reqId"], ask["modelCode"]
    names = _members(client, request_id, ask["account"], model)
    if not names or not has_room(client, request_id, client.value_watches):
        return
    tags = LEDGER_AND_NLV if ask["ledgerAndNLV"] else ()
    watch = client.value_watches[request_id] = ValueWatch(names, tags, model)
    send_values_multi(client, request_id, watch)
    client.reply("accountUpdateMultiEnd", reqId=request_id)


def cancel_account_updates_multi(client: Client, ask: Values) -> None:
    """Answer cancelAccountUpdatesMulti."""
    client.value_watches.pop(ask["reqId"], None)


def account_summary(client: Client, ask: Values) -> None:
    """Answer reqAccountSummary for All or a group of an advisor: rows, end, and changes from now on; two at most.

    The end is told once more within the first second, as gateways were seen to do.
    """
    request_id = ask["reqId"]
    if request_id not in client.summaries and len(client.summaries) >= MAX_SUMMARIES:
        client.error(
            request_id,
            322,
            "Error processing request.-'bN' : cause - Maximum number of account summary requests exceeded; "
            "desubscribe to previous request first",
        )
        return
    group = ask["group"]
    names = (
        client.gateway.world.advisor.members(group)
        if group == "All"
        else client.gateway.world.advisor.groups().get(group)
    )
    if names is None:
        invalid(client, request_id, f"Group name is invalid: {group}")
        return
    tags = tuple(tag.strip() for tag in ask["tags"].split(",") if tag.strip())
    watch = client.summaries[request_id] = ValueWatch(names, tags)
    send_summary(client, request_id, watch)
    end = partial(client.reply, "accountSummaryEnd", reqId=request_id)
    end()
    client.after(request_id, ENDED_AGAIN, end)


def cancel_account_summary(client: Client, ask: Values) -> None:
    """Answer cancelAccountSummary."""
    if client.summaries.pop(ask["reqId"], None) is not None:
        client.stop_timer(ask["reqId"])


def _watch_pnl(client: Client, ask: Values) -> None:
    request_id, account, model = ask["reqId"], ask["account"], ask["modelCode"]
    if not account:
        _refuse_account(client, request_id, account)
        return
    names = _members(client, request_id, account, model)
    if not names or not has_room(client, request_id, client.pnls):
        return
    watch = client.pnls[request_id] = PnlWatch(account, ask.get("conId", 0), model=model)
    held = (view(client, name, model).pnl_single(watch.conId) for name in names)
    if watch.conId and all(found is None for found in held):
        client.error(request_id, 2150, "Invalid position trade derived value")
    send_pnl(client, request_id, watch)


def pnl(client: Client, ask: Values) -> None:
    """Answer reqPnL: at once, then about every second if it changed."""
    _watch_pnl(client, ask)


def pnl_single(client: Client, ask: Values) -> None:
    """Answer reqPnLSingle; without a position, warning 2150 and unset values."""
    if not ask["conId"]:
        invalid(client, ask["reqId"], "Invalid contract id")
    else:
        _watch_pnl(client, ask)


def cancel_pnl(client: Client, ask: Values) -> None:
    """Answer cancelPnL and cancelPnLSingle."""
    if client.pnls.pop(ask["reqId"], None) is None:
        client.error(ask["reqId"], 300, f"Can't find EId with tickerId:{ask['reqId']}")


HANDLERS: dict[str, Handler] = {
    "reqPositions": positions,
    "cancelPositions": cancel_positions,
    "reqPositionsMulti": positions_multi,
    "cancelPositionsMulti": cancel_positions_multi,
    "reqAccountUpdates": account_updates,
    "reqAccountUpdatesMulti": account_updates_multi,
    "cancelAccountUpdatesMulti": cancel_account_updates_multi,
    "reqAccountSummary": account_summary,
    "cancelAccountSummary": cancel_account_summary,
    "reqPnL": pnl,
    "reqPnLSingle": pnl_single,
    "cancelPnL": cancel_pnl,
    "cancelPnLSingle": cancel_pnl,
}
