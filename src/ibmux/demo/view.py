"""Draws the scene while the demo runs: in place on a terminal, line by line elsewhere. Changes nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen, tables
from ibmux.demo.judge import scripts
from ibmux.demo.scene import VIEWER, Scene
from ibmux.messages.market import Quote
from ibmux.messages.session import ScriptInfo

REFRESH = 0.25
"""Seconds between two pictures."""
TITLE = Text.assemble(("ibmux", "bold"), " one session, every script")
TALL = 36
"""Lines from which everything gets a frame."""
WIDE = 146
"""Columns from which quotes and orders stand side by side."""
COLOURS = {"monitor": "cyan", "scanner": "magenta", "trader": "yellow", "reporter": "blue"}


class View(Protocol):
    """Shows the scene until it is cancelled."""

    async def run(self, scene: Scene) -> None:
        """Draw until cancelled."""


class PlainView:
    """Prints what happens, one line each."""

    async def run(self, scene: Scene) -> None:
        """Print news as they come; what is left at the end, too."""
        try:
            while True:
                self._print(scene)
                await asyncio.sleep(REFRESH)
        finally:
            self._print(scene)

    def _print(self, scene: Scene) -> None:
        while scene.news:
            line = scene.news.popleft()
            screen.out.print(f"{time.time() - scene.began:6.1f}  {line}", markup=False, soft_wrap=True)


class LiveView:
    """A picture of the whole scene on the terminal's other screen."""

    async def run(self, scene: Scene) -> None:
        """Redraw until cancelled."""
        with Live(draw(scene), console=screen.out, screen=True, auto_refresh=False) as live:
            while True:
                live.update(draw(scene), refresh=True)
                await asyncio.sleep(REFRESH)


def draw(scene: Scene) -> RenderableType:
    """The whole picture: panels where there is room, bare tables on a small terminal (80 by 24 shows all)."""
    tall = screen.out.height >= TALL
    return (
        _panels(scene) if tall else Group(_state(scene), _scripts(scene), _quotes(scene), _orders(scene), shared(scene))
    )


def _panels(scene: Scene) -> Layout:
    whole, middle = Layout(), Layout(name="middle")
    quotes, orders = _panel("quotes", _quotes(scene)), _panel("orders", _orders(scene))
    if screen.out.width >= WIDE:
        middle.split_row(Layout(quotes, size=64), Layout(orders))
    else:
        middle.split_column(Layout(quotes, ratio=1), Layout(orders, ratio=1))
    whole.split_column(
        Layout(_panel(TITLE, _state(scene)), size=3),
        Layout(_panel("scripts", _scripts(scene)), size=8),
        middle,
        Layout(_panel("shared", shared(scene)), size=4),
        Layout(Text(" Ctrl-C ends the demo", "dim"), size=1),
    )
    return whole


def _panel(title: str | Text, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", padding=(0, 1))


def _state(scene: Scene) -> Text:
    """The session in one line."""
    status = scene.status
    state = screen.state(status.state) if status else Text("starting", "yellow")
    line = Text.assemble(("session ", "dim"), state, no_wrap=True, overflow="ellipsis")
    if status and status.accounts:
        farms = f"{sum(status.farms.values())} of {len(status.farms)} up"
        facts = (("epoch", str(status.epoch)), ("accounts", ", ".join(status.accounts)), ("farms", farms))
        for label, value in facts:
            line.append(f"   {label} ", "dim").append(value)
    return line.append(f"   {time.time() - scene.began:.0f} s", "dim")


def _scripts(scene: Scene) -> Table:
    made = screen.table("script", "pid>", "state", "requests>", "streams>", "says~")
    infos: dict[str, ScriptInfo] = {}
    if scene.report:
        infos = {each.script: each for each in scene.report.scripts if each.script != VIEWER}
    cells = []
    for name, part in scene.parts.items():
        if name in ("gateway", "proxy"):
            continue
        info = infos.get(name)
        counts = (f"{info.requests:,}", str(info.leases)) if info else ("", "")
        state = Text(
            part.state, "green" if part.state == "running" else "bold red" if part.state == "failed" else "dim"
        )
        says = Text(part.says, no_wrap=True, overflow="ellipsis")
        cells.append((Text(name, COLOURS.get(name, "")), str(part.pid), state, *counts, says))
    return screen.rows(made, cells)


def _quotes(scene: Scene) -> Table:
    made = screen.table("contract", "bid>", "ask>", "last>", "change>", "updates>")
    return screen.rows(made, (_quote(scene, quote) for quote in scene.quotes.values()))


def _quote(scene: Scene, quote: Quote) -> tuple[str | Text, ...]:
    contract = scene.contracts.get(quote.conId)
    name = tables.contract_name(contract) if contract else str(quote.conId)
    bid, ask, last, close = (quote.fields.get(field) for field in ("bid", "ask", "last", "close"))
    if last is None and bid and ask:
        last = (bid + ask) / 2
    change: str | Text = ""
    if last and close:
        percent = (last / close - 1) * 100
        change = Text(f"{percent:+.2f} %", "green" if percent >= 0 else "red")
    prices = (screen.price(bid), screen.price(ask), screen.price(last))
    return (Text(name, "bold"), *prices, change, f"{scene.updates[quote.conId]:,}")


def _orders(scene: Scene) -> Table:
    made = screen.table("script", "contract", "order", "status", "filled>", "price>")
    cells = []
    for trade in scene.trades.values():
        status = trade.orderStatus
        done = f"{screen.quantity(status.filled)}/{screen.quantity(trade.order.totalQuantity)}"
        shown = Text(status.status, tables.ORDER_COLOURS.get(status.status, ""))
        paid = screen.price(status.avgFillPrice) if status.filled else ""
        script = Text(trade.script, COLOURS.get(trade.script, ""))
        cells.append((script, tables.contract_name(trade.contract), tables.order_name(trade.order), shown, done, paid))
    return screen.rows(made, cells)


def shared(scene: Scene) -> RenderableType:
    """What the scripts share, in two lines."""
    info = scene.sharing
    names = scripts(scene)
    asked = sum(each.requests for each in scene.report.scripts if each.script in names) if scene.report else 0
    return Group(
        Text.assemble(
            ("1", "bold green"),
            f" upstream connection for {len(names)} scripts    ",
            (str(info.lines), "bold green"),
            f" market-data lines for {info.leases} streams",
        ),
        Text.assemble(
            (f"{asked:,}", "bold"),
            " requests of scripts    ",
            (f"{info.ticks_in:,}", "bold"),
            " ticks in    ",
            (f"{info.ticks_out:,}", "bold"),
            " messages out",
        ),
    )
