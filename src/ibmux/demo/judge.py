"""Did the demo work? Every promise that it makes, checked against what was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ibmux.demo.scene import Scene
from ibmux.messages.trades import Trade

ENOUGH = 15.0
"""Seconds of a ready session that the scripts need for everything they do once."""
QUOTES = 4
"""Contracts of the watch list that must have been quoted."""
UNHEARD = frozenset({"", "PendingSubmit", "ApiPending"})
"""Order states before the gateway's first word."""


def judge(scene: Scene, lasted: float) -> list[str]:
    """What failed, in sentences; empty if everything worked. `lasted` in seconds since the session was ready."""
    if not scene.was_ready:
        reason = f": {scene.status.state}, {scene.status.reason}" if scene.status else ""
        return ["The session never became ready" + reason + ".", *_parts(scene)]
    failures = [*_parts(scene), *_upstream(scene)]
    if lasted >= ENOUGH:
        failures += [*_quotes(scene), *_orders(scene), *_silent(scene)]
    return failures


def _parts(scene: Scene) -> Iterable[str]:
    return (f"{part.name} failed." for part in scene.parts.values() if part.state == "failed")


def _silent(scene: Scene) -> Iterable[str]:
    return (f"{name} never said a word." for name in scripts(scene) if not scene.parts[name].lines)


def scripts(scene: Scene) -> list[str]:
    """The parts that are scripts."""
    return [name for name in scene.parts if name not in ("gateway", "proxy")]


def _upstream(scene: Scene) -> Iterable[str]:
    if scene.witness is None:
        yield "The gateway did not report what it saw."
    elif scene.witness.connections != 1:
        yield f"The gateway saw {scene.witness.connections} connections instead of one."


def _quotes(scene: Scene) -> Iterable[str]:
    quoted = [con_id for con_id, count in scene.updates.items() if count > 1]
    if len(quoted) < QUOTES:
        yield f"Only {len(quoted)} contracts were quoted."


def _orders(scene: Scene) -> Iterable[str]:
    trades = list(scene.trades.values())
    if len(trades) < 4:
        yield f"Only {len(trades)} of 4 orders were placed."
    for trade in trades:
        if trade.orderStatus.status in UNHEARD:
            yield f"An order was not acknowledged: {trade.key}."
    if not any(_filled(trade) for trade in trades if trade.order.orderType == "MOC"):
        yield "The order at the close was not filled."
    if not any(_filled(trade) for trade in trades if trade.order.orderType == "LMT" and trade.order.action == "BUY"):
        yield "The entry of the bracket was not filled."
    for trade in trades:
        executed = sum(fill.execution.shares for fill in scene.fills.values() if _belongs(fill.key, trade))
        if _filled(trade) and executed != trade.order.totalQuantity:
            yield f"{trade.key}: {executed:g} of {trade.order.totalQuantity:g} units were reported as fills."


def _filled(trade: Trade) -> bool:
    return trade.orderStatus.status == "Filled"


def _belongs(key: str, trade: Trade) -> bool:
    return key == trade.key
