"""Answers of the proxy as tables for people. Pure: a message goes in, something to print comes out."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen
from ibmux.messages.account import Position
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.session import GatewayStatus, JournalInfo, ProxyReport, ScriptInfo, SharingInfo
from ibmux.messages.trades import Trade

ORDER_COLOURS = {"Filled": "green", "Submitted": "cyan", "PreSubmitted": "cyan", "Cancelled": "dim", "Inactive": "red"}
ROOMY = 130
"""Columns of a terminal from which the table of orders shows everything."""
NARROW = 100
"""Columns of a terminal below which the table of gateways leaves out what is seldom asked for."""


def contract_name(contract: Contract) -> str:
    """A contract as a person names it: `AAPL`, `EUR.USD`, `ESZ5`, `AAPL 20251219 190 C`."""
    if contract.secType == "OPT":
        strike = screen.quantity(contract.strike)
        return f"{contract.symbol} {contract.lastTradeDateOrContractMonth} {strike} {contract.right}"
    if contract.secType == "STK":
        return contract.symbol
    return contract.localSymbol or f"{contract.symbol} {contract.secType}".strip()


def order_name(order: Order) -> str:
    """An order as a person names it: `BUY 100 LMT 187.20`."""
    prices = [screen.price(each) for each in (order.lmtPrice, order.auxPrice) if each]
    return " ".join([order.action, screen.quantity(order.totalQuantity), order.orderType, *prices])


def status(report: ProxyReport, width: int = ROOMY) -> RenderableType:
    """The whole report: the proxy, its gateways, what is shared, the scripts."""
    head = Text.assemble(
        ("ibmux ", "bold"), f"{report.version}  ", screen.state(report.state), f"  for {screen.since(report.started)}"
    )
    told = [told for each in report.gateways if (told := situation(each)) is not None]
    if report.journal is not None and report.journal.trouble:
        told.append(_trouble(report.journal))
    below = (gateways(report.gateways, width), *told, sharing(report.sharing), scripts(report.scripts))
    return Group(head, *(part for each in below for part in ("", each)))


def _trouble(journal: JournalInfo) -> RenderableType:
    """Why no order is taken."""
    waiting = f" Not on disk yet: {screen.count(journal.waiting, 'record')}." if journal.waiting else ""
    return Text.assemble(
        ("journal  ", "bold"), (journal.trouble, "bold red"), f" New orders are refused, cancels pass.{waiting}"
    )


def gateways(statuses: Iterable[GatewayStatus], width: int = ROOMY) -> Table:
    """One row per session; without epoch and kind where the terminal is narrow."""
    roomy = width >= NARROW
    more = ("epoch>", "kind") if roomy else ()
    made = screen.table("gateway", "state", "for", "endpoint", *more, "gaps>", "accounts~", "farms~")
    cells = []
    for each in statuses:
        down = [name for name, up in each.farms.items() if not up]
        farms = Text(f"{', '.join(down)} down", "red") if down else Text(f"{len(each.farms)} up" if each.farms else "")
        age = screen.since(each.since)
        accounts = ", ".join(each.accounts)
        place = Text(f"{each.endpoint}\n(fallback)", "yellow") if each.fallback else each.endpoint
        state = screen.state(each.state)
        rest = (str(each.epoch), each.kind) if roomy else ()
        cells.append((each.gateway, state, age, place, *rest, str(each.gaps), accounts, farms))
    return screen.rows(made, cells)


def situation(status: GatewayStatus) -> RenderableType | None:
    """What is the case, what ibmux does, when it tries next, what a person could do; nothing if all is well."""
    if status.state == "ready" and not (status.missing or status.competing or status.halted):
        return None
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(status.gateway, status.reason)
    if status.halted:
        made.add_row("orders", Text(status.halted, "red"))
        made.add_row("", "No new orders; cancels pass. `ibmux resume` ends it.")
    if status.action:
        made.add_row("ibmux", status.action)
    if status.next_attempt is not None:
        made.add_row("next", screen.until(status.next_attempt))
    if status.advice:
        made.add_row("you", status.advice)
    return made


def sharing(shared: dict[str, SharingInfo]) -> Table:
    """What the scripts asked for, and what went upstream instead."""
    made = screen.table("shared", "leases>", "lines>", "of>", "requests>", "upstream>", "ticks in>", "out>", "folded>")
    cells = []
    for name, each in shared.items():
        counts = (each.leases, each.lines, each.lines_limit, each.requests, each.upstream)
        ticks = (each.ticks_in, each.ticks_out, each.conflated)
        cells.append((name, *(f"{count:,}" for count in (*counts, *ticks))))
    return screen.rows(made, cells)


def scripts(infos: Iterable[ScriptInfo]) -> Table:
    """One row per running copy of a script."""
    made = screen.table("script", "instance", "role", "for", "over", "requests>", "leases>", "orders>")
    cells = []
    for each in sorted(infos, key=lambda info: (info.script, info.since)):
        counts = (f"{each.requests:,}", str(each.leases), str(each.orders))
        cells.append((each.script, each.instance, each.role, screen.since(each.since), each.transport, *counts))
    return screen.rows(made, cells)


def positions(held: Iterable[Position]) -> Table:
    """One row per holding."""
    made = screen.table("account", "contract", "type", "position>", "average cost>", "currency")
    cells = []
    for each in held:
        size = Text(screen.quantity(each.position), "red" if each.position < 0 else "")
        cost = screen.price(each.avgCost)
        contract = each.contract
        cells.append((each.account, contract_name(contract), contract.secType, size, cost, contract.currency))
    return screen.rows(made, cells)


def orders(trades: Iterable[Trade], width: int = ROOMY) -> Table:
    """One row per order; without price, account and permId where the terminal is narrow."""
    roomy = width >= ROOMY
    more = ("order", "status", "filled>", "price>", "account", "permId>") if roomy else ("order~", "status", "filled>")
    made = screen.table("script", "key~", "contract", *more)
    cells = []
    for each in trades:
        status = each.orderStatus
        colour = ORDER_COLOURS.get(status.status, "")
        done = f"{screen.quantity(status.filled)}/{screen.quantity(each.order.totalQuantity)}"
        what = (contract_name(each.contract), order_name(each.order), Text(status.status, colour))
        paid = screen.price(status.avgFillPrice) if status.filled else ""
        rest = (paid, each.order.account, str(each.order.permId or status.permId or "")) if roomy else ()
        cells.append((each.script, each.key, *what, done, *rest))
    return screen.rows(made, cells)
