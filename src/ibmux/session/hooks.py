"""What a session tells the rest of the proxy: plain functions, called in the loop, in the gateway's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ibmux.messages.account import AccountValue, PnL, PnLSingle, PortfolioItem, Position
from ibmux.messages.contracts import Contract
from ibmux.messages.news import NewsBulletin, NewsTick
from ibmux.messages.orders import Order
from ibmux.messages.scanner import ScanData
from ibmux.messages.session import GatewayStatus, State
from ibmux.messages.trades import CommissionReport, Fill, OrderState, OrderStatus, Trade


def ignore(*_: Any) -> None:
    """The default of every hook."""


@dataclass(slots=True)
class Hooks:
    """One function for each kind of news; none may block or raise.

    Attributes:
        on_state: after each change of the status; the second argument is the state before it.
        on_endpoint: the session serves from another endpoint than before, in words.
        on_gap: something was missed from start to end (seconds UTC), and why: without more, everything, as the session
            was not `ready`; else by the streams that are named, as `<conId>/<name>`.
        on_stale: the quote of a contract may be old from now on, until its next ticks.
        on_ticks: per network read and contract, every tick `(tickType, price, size)` in order, and what changed that is
            no numeric tick, under ib_async's names.
        on_look: the gateway is about to show all of its orders, finished ones, and executions.
        on_looked: it has shown them, but for the parts that are named.
        on_order: each openOrder message.
        on_order_status: each orderStatus message.
        on_order_error: each error about an order: order id, code, text, the advanced reject's JSON.
        on_completed: each finished order of the first download.
        on_execution: each execution, also those that were downloaded; the same one may come again.
        on_commission: each commission report; the same one may come again.
        on_position: each position; 0 when flat.
        on_account_value: each value of an account.
        on_portfolio: each holding at market prices.
        on_pnl: each update of a subscribed profit and loss.
        on_pnl_single: each update of a subscribed profit and loss of one position.
        on_scan: all rows of a scan at each update, by the scan's key; None when the gateway ended it.
        on_headline: each headline of a line.
        on_bulletin: each bulletin that was not heard before.
        on_notice: a message of Interactive Brokers that belongs to no request.
    """

    on_state: Callable[[GatewayStatus, State], None] = ignore
    on_endpoint: Callable[[str], None] = ignore
    on_gap: Callable[..., None] = ignore
    on_stale: Callable[[int], None] = ignore
    on_ticks: Callable[[int, list[tuple[int, float, float]], dict[str, Any]], None] = ignore
    on_look: Callable[[], None] = ignore
    on_looked: Callable[[list[str]], None] = ignore
    on_order: Callable[[Contract, Order, OrderState], None] = ignore
    on_order_status: Callable[[OrderStatus], None] = ignore
    on_order_error: Callable[[int, int, str, str], None] = ignore
    on_completed: Callable[[Trade], None] = ignore
    on_execution: Callable[[Fill], None] = ignore
    on_commission: Callable[[CommissionReport], None] = ignore
    on_position: Callable[[Position], None] = ignore
    on_account_value: Callable[[AccountValue], None] = ignore
    on_portfolio: Callable[[PortfolioItem], None] = ignore
    on_pnl: Callable[[PnL], None] = ignore
    on_pnl_single: Callable[[PnLSingle], None] = ignore
    on_scan: Callable[[str, list[ScanData] | None], None] = ignore
    on_headline: Callable[[NewsTick], None] = ignore
    on_bulletin: Callable[[NewsBulletin], None] = ignore
    on_notice: Callable[[int, str], None] = ignore
