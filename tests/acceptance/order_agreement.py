"""What must hold of orders between a gateway, the proxy and its scripts whenever nothing is under way."""

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
