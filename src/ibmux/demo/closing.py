"""The last word of the demo: what was shared, what was traded, what failed. Pure but for the printing."""

from __future__ import annotations

from collections import defaultdict

from rich.text import Text

from ibmux.cli import screen
from ibmux.demo.judge import scripts
from ibmux.demo.scene import Scene

ANSWERED_HERE = frozenset(
    {
        "accountValues",
        "executions",
        "fills",
        "managedAccounts",
        "openTrades",
        "orderStatus",
        "positions",
        "reqPositions",
        "status",
        "trades",
    }
)
"""Methods that the proxy answers from its own record, which the session keeps up to date: nothing goes upstream."""


def show_closing(scene: Scene, failures: list[str], lasted: float) -> None:
    """Print it."""
    screen.out.print()
    screen.out.rule("what was shared" if scene.was_ready else "the demo", align="left", style="dim")
    if scene.was_ready:
        for label, value in facts(scene):
            screen.out.print(Text.assemble((f"{label:<24}", "dim"), value), soft_wrap=True)
    for part in scene.parts.values():
        if part.state == "failed":
            screen.out.print(f"{part.name} failed; its last words:", style="bold red", markup=False)
            screen.out.print(part.last_words or "(none)", markup=False, soft_wrap=True)
    worked = Text("Everything worked", "bold green") if not failures else Text("Something failed", "bold red")
    screen.out.print(worked + Text(f" ({lasted:.0f} s with a ready session).", "not bold default"))


def facts(scene: Scene) -> list[tuple[str, str]]:
    """Each fact with its label."""
    info, witness, names = scene.sharing, scene.witness, scripts(scene)
    asked = {key: count for key, count in scene.asked.items() if key[0] in names}
    total = sum(asked.values())
    saved = sum(count for (_, method), count in asked.items() if method in ANSWERED_HERE)
    share = f" ({saved / total:.0%})" if total else ""
    seen = f"{witness.connections}, as the gateway counted" if witness else "not known"
    rows = [
        ("scripts", f"{len(names)}: {', '.join(names)}"),
        ("upstream connections", seen),
        ("market-data lines", f"{info.lines} for {info.leases} streams: {max(0, info.leases - info.lines)} saved"),
        ("requests", f"{total:,} asked, {saved:,} of them answered without the gateway{share}"),
        ("ticks", f"{info.ticks_in:,} in, {info.ticks_out:,} messages out, {info.conflated:,} folded"),
    ]
    return rows + [(f"orders of {script}", text) for script, text in traded(scene).items()]


def traded(scene: Scene) -> dict[str, str]:
    """Orders and fills by script, in words."""
    orders: dict[str, list[str]] = defaultdict(list)
    for (script, _), trade in scene.trades.items():
        orders[script].append(trade.orderStatus.status)
    words = {}
    for script, states in orders.items():
        fills = [fill for fill in scene.fills.values() if fill.script == script]
        units = sum(fill.execution.shares for fill in fills)
        counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        words[script] = f"{len(states)} ({counted}), {len(fills)} fills of {units:g} units"
    return words
