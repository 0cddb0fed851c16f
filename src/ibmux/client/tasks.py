"""One run of a plan to close positions: its deadline, what is known of each position, and what has become of it.

Asks nothing and places nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from ibmux.client.endings import done_so_far, ib_of, why
from ibmux.client.plans import WITHDRAWN, Place, Plan, Row, order_in_words
from ibmux.client.trades import Trade
from ibmux.messages.account import Position


class Task:
    """What is known in the course of a run.

    Attributes:
        held: the positions that are or were meant.
        rows: what became of each place that is through.
        last: the latest order of each place by this plan's keys, of this run or one before it.
        attempts: the number of that order.
        closers: the orders that close each place.
        placed: the keys of this run's own orders.
        whole: places of which no fraction can be closed.
    """

    def __init__(self, plan: Plan, seconds: float) -> None:
        self.plan = plan
        self.began = dt.datetime.now(dt.UTC)
        self.deadline = asyncio.get_running_loop().time() + seconds
        self.held: dict[Place, Position] = {}
        self.rows: dict[Place, Row] = {}
        self.last: dict[Place, Trade] = {}
        self.attempts: dict[Place, int] = {}
        self.closers: dict[Place, list[Trade]] = {}
        self.placed: set[str] = set()
        self.whole: set[Place] = set()

    def left(self) -> float:
        """Seconds left, at least a moment: what is asked too late has an answer too."""
        return max(0.05, self.deadline - asyncio.get_running_loop().time())

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return asyncio.get_running_loop().time() >= self.deadline

    def add_closer(self, place: Place, trade: Trade) -> None:
        """An order was placed."""
        self.placed.add(trade.key)
        self.keep_closers(place, [trade])

    def keep_closers(self, place: Place, working: list[Trade]) -> None:
        """These orders close the place, beside those known before that have not ended in vain."""
        known = [each for each in self.closers.get(place, []) if not each.isDone() or done_so_far(each)]
        names = {(each.script, each.key) for each in known}
        self.closers[place] = known + [each for each in working if (each.script, each.key) not in names]

    def settle_ended(self, place: Place) -> bool:
        """Whether this run's own order has ended without a fill, for the gateway's own reason: not tried again."""
        last = self.last.get(place)
        if last is None or last.key not in self.placed or not last.isDone() or done_so_far(last):
            return False
        code = (ib_of(last) or (0, ""))[0]
        if last.orderStatus.status != "Inactive" and code in WITHDRAWN:
            return (
                False  # somebody cancelled it, maybe another run of the same: the position is to be closed all the same
            )
        self.settle(place, f"ended {last.orderStatus.status}: {why(last)}", ok=False, order=last.order, key=last.key)
        return True

    def settle(self, place: Place, result: str, *, ok: bool, order: Any = None, key: str = "") -> None:
        """A place is through."""
        held = self.held[place]
        self.rows[place] = Row(
            what="position",
            account=held.account,
            contract=held.contract,
            quantity=held.position,
            action="close",
            order=order_in_words(order) if order is not None else "",
            key=key,
            result=result,
            ok=ok,
        )
