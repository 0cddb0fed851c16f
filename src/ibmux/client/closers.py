"""Looking at positions and at the orders that close them, and waiting for these. Places nothing.

A position's report follows that of the fill which changed it: who closes what the positions show at such a moment
closes it twice. The base of `closing`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable

from ibmux.client.endings import NOT_YET, done_so_far, why
from ibmux.client.plans import TAKEN, TINY, Place, is_behind, place_of, whole_units
from ibmux.client.reports import Reports
from ibmux.client.tasks import Task
from ibmux.client.trades import Trade
from ibmux.errors import IbmuxError, OrderNotFound, RequestError
from ibmux.messages.account import Position

SETTLING = 5.0
"""Seconds within which a position shows what was filled."""
FRESH = 1.0
"""Seconds for which somebody's fill may not show in the position yet."""
LOOK = 0.2
"""Seconds between two looks at positions, or at an order of another script."""


class Closers(Reports):
    """Positions and what closes them."""

    async def _check_account(self, task: Task) -> None:
        """A mistyped account holds nothing, which would look like success."""
        account = task.plan.scope.account
        if not account:
            return
        accounts: list[str] = await self._ask("managedAccounts", task.left() + 1.0)
        if account not in accounts:
            raise RequestError(f"{account} is no account of this login.", hint=f"There is: {', '.join(accounts)}.")

    async def _chosen(self, task: Task) -> list[Position]:
        """The positions that the plan means."""
        held: list[Position] = await self._ask("positions", task.left() + 1.0)
        return [each for each in held if each.position and task.plan.scope.holds(each.account, each.contract)]

    async def _settled(self, task: Task) -> list[Position]:
        """The positions, when they show what the orders known so far have filled; not for long if they never do."""
        end = asyncio.get_running_loop().time() + SETTLING
        while True:
            chosen = await self._chosen(task)
            behind = [
                each
                for each in chosen
                if place_of(each) not in task.whole and is_behind(each, task.last.get(place_of(each)))
            ]
            settled = not behind and not await self._is_fresh_fill(chosen)
            if settled or asyncio.get_running_loop().time() >= end:
                return chosen
            await asyncio.sleep(LOOK)

    async def _is_fresh_fill(self, chosen: list[Position]) -> bool:
        """Whether one of these was traded a moment ago, by anybody."""
        if not chosen:
            return False
        places, now = {place_of(each) for each in chosen}, dt.datetime.now(dt.UTC)
        return any(
            abs((now - fill.time).total_seconds()) < FRESH
            for fill in await self.fills(all=True)
            if (fill.execution.acctNumber, fill.contract.conId) in places
        )

    async def _find_attempts(self, task: Task, place: Place) -> None:
        """Learn of this script's orders for a place on this day, of this run and of those before it."""
        while True:
            number = task.attempts.get(place, 0)
            try:
                task.last[place] = await self.orderStatus(task.plan.key(place, number + 1))
            except OrderNotFound:
                return
            task.attempts[place] = number + 1

    # -- waiting ----------------------------------------------------------------------------------------------------

    async def _await_closers(self, task: Task, place: Place) -> None:
        """Wait until every order that closes a place has come as far as the plan wants; the row says what became."""
        closers, held = task.closers.get(place, []), task.held[place]
        outcomes = await asyncio.gather(*(self._reach(trade, task) for trade in closers))
        results = [(trade, *outcome) for trade, outcome in zip(closers, outcomes, strict=True)]
        results.sort(key=lambda each: each[2])  # what went wrong comes first
        order, key, result, ok = None, "", "is closed", True
        if results:
            order, key, (result, ok) = results[0][0].order, results[0][0].key, results[0][1:]
        part = abs(held.position) - whole_units(abs(held.position))
        if place in task.whole and part > TINY:
            result, ok = f"{result}; the fraction of {part:g} cannot be closed through the API", False
        task.settle(place, result, ok=ok, order=order, key=key)

    async def _reach(self, trade: Trade, task: Task) -> tuple[str, bool]:
        """Wait for one order; what became of it, and whether that is what was wanted."""
        wanted = (task.plan.until,) if task.plan.until else TAKEN
        try:
            trade = await self.waitFor(trade, *wanted, timeout=task.left())
        except IbmuxError as error:
            return self._in_words(trade, wanted) if trade.followed else error.message, False
        if trade.isDone() and trade.orderStatus.status not in ("Filled", *wanted):
            return self._in_words(trade, wanted), False
        if not trade.isDone() and not task.plan.suffices(trade.order):
            asked = task.plan.orderType
            return (
                f"is {trade.orderStatus.status}, of an earlier run; {asked} was asked for now: cancel it first",
                False,
            )
        return f"is {trade.orderStatus.status}", True

    @staticmethod
    def _in_words(trade: Trade, wanted: Iterable[str]) -> str:
        """What became of an order that did not come as far as it should."""
        status, done = trade.orderStatus.status, done_so_far(trade)
        part = f", {done:g} of {trade.order.totalQuantity:g} filled" if done else ""
        if trade.isDone():
            reason = why(trade)
            return f"ended {status}{part}" + (f": {reason}" if reason else "")
        if status in NOT_YET:
            return f"is {status or 'unknown'}{part}: the gateway has not acknowledged it"
        return f"is {status}{part}, not {' or '.join(wanted)} in time"
