"""What may happen to orders between a gateway, a proxy and its scripts, and what must hold when all is quiet."""

from __future__ import annotations

import itertools
from collections import defaultdict

from money_scene import Scene

from ibmux.core import reference
from ibmux.sim.orders.order import BookOrder

ENDS = frozenset({"Filled", "Cancelled", "ApiCancelled"})
"""Statuses after which nothing follows; an order that is `Inactive` may come to life."""
CERTAIN = frozenset({"order.not_sent", "gateway.not_ready"})
"""Answers that say that nothing was sent."""
ENDINGS = CERTAIN | {
    "ok", "order.rejected", "order.unknown", "order.key_conflict", "order.not_found", "request.invalid", "gateway.busy",
    "order.not_yours",
}  # fmt: skip
ABOUT_ORDERS = "openOrder orderStatus execDetails commissionReport error"
LOSSES = (
    "cut told=lost", "cut bare=yes told=lost", f"lose 30% {ABOUT_ORDERS}", "lose 100% openOrder",
    "lose 100% orderStatus", "hush 40%",
)  # fmt: skip
"""Faults after which only a new connection tells what is."""
CUTS = (LOSSES[0], "cut", "cut told=through", "cut bare=yes", "cut bare=yes told=lost")
BREAKS = ("drop", "drop", "restart 0.2", "restart 0.2 roll=3", "half_open", "freeze 0.1")
MESSAGES = (
    *LOSSES[2:], f"duplicate 50% {ABOUT_ORDERS}", f"reorder 50% {ABOUT_ORDERS}", "delay 0.05 0.05 orderStatus",
    "delay 0.05 0.05 openOrder", "delay 0.05 0.05 execDetails", "delay 0.05 0.05 error",
)  # fmt: skip
ORDERS = (
    "roll_ids 4", "hold_next", "hold_next 0.2", "reject_next 201", "reject_next 110", "delay_next 0.2",
    "fork_on_modify", "fork_on_modify 0.3",
)  # fmt: skip
LIFTED = ("heal", "release", "restore", "restore yes")
WARNINGS = {
    399: "Order Message:\nBUY 10 AAPL NASDAQ.NMS\nWarning: your order will not be placed at the exchange until 09:30",
    404: "Shares for this order are not immediately available for short sale.",
    2109: "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored.",
    10349: "Order TIF was set to DAY based on order preset.",
}
"""Messages about orders that end none."""
TERMS = ("action", "orderType", "lmtPrice", "auxPrice")


def known(scene: Scene) -> list[BookOrder]:
    """Every order that the gateway knows under our clientId."""
    found = {id(each): each for each in scene.simulator.book._book._orders.values()}
    found |= {id(each.order): each.order for each in scene.simulator.book.completed()}
    found |= {id(each): each for each in scene.orders}
    return [each for each in found.values() if each.permId and each.clientId == 1]


def differences(scene: Scene) -> list[str]:
    """Where the proxy's view of an order is not the gateway's."""
    wrong = []
    for order in known(scene):
        entry = scene.book.find("", perm_id=order.permId)
        if entry is None:
            wrong.append(f"{order.permId} is not known")
            continue
        status, terms = entry.trade.orderStatus, entry.trade.order
        there = (order.status, float(order.filled), float(order.remaining), round(order.avgFillPrice, 6))
        here = (status.status, status.filled, status.remaining, round(status.avgFillPrice, 6))
        if here != there:
            wrong.append(f"{entry.key}: {here} here, {there} at the gateway")
        asked = [float(order.total), *(getattr(order.spec, name) or None for name in TERMS)]
        shown = [terms.totalQuantity, *(getattr(terms, name) or None for name in TERMS)]
        if shown != asked:
            wrong.append(f"{entry.key}: {shown} here, {asked} at the gateway")
        if entry.trade.filled() != float(order.filled):
            wrong.append(f"{entry.key}: fills of {entry.trade.filled()} here, {order.filled} at the gateway")
    return wrong


def check(scene: Scene, told: dict[str, set[str]]) -> None:
    """What scripts were told of their orders was true; `told`: the codes of the answers about each key."""
    check_events(scene)
    check_keys(scene, told)


def check_events(scene: Scene) -> None:
    """What scripts were told of each order is a life that an order can have."""
    lives: defaultdict[tuple[str, str, int], list[tuple[str, float]]] = defaultdict(list)
    for script, kind, told in scene.heard:
        if kind == "order":
            status = told["trade"]["orderStatus"]
            number = told["trade"]["order"].get("orderId", 0)
            lives[script, told["key"], number].append((status["status"], status.get("filled", 0.0)))
    for (script, key, number), life in lives.items():
        for (before, less), (after, more) in itertools.pairwise(life):
            where = f"{script} was told of {key} ({number}): {life}"
            assert before not in ENDS or after == before, where
            assert more >= less, where


def check_keys(scene: Scene, told: dict[str, set[str]]) -> None:
    """No key became two orders, no success of nothing, nothing was sent that was said not to be."""
    sent: defaultdict[str, int] = defaultdict(int)
    for order in scene.simulator.book._book._orders.values():
        sent[reference.read(order.spec.orderRef).key] += 1
    assert not [key for key, count in sent.items() if count > 1], "a key became two orders"
    assert not [key for key, codes in told.items() if "ok" in codes and not sent[key]], "a success of nothing"
    assert not [key for key, codes in told.items() if codes <= CERTAIN and sent[key]], "sent, said not to be"
