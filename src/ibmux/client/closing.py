"""Closing positions so that it is known to have worked: each is acknowledged in time, or an error names it.

What it takes is decided in `plans`; here it is asked, sent and waited for. The base of `flattening`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ibmux.client.closers import Closers
from ibmux.client.moments import Time, seconds_until
from ibmux.client.plans import (
    FRACTION_REFUSED,
    NO_POSITIONS,
    TINY,
    Place,
    Plan,
    Price,
    check_plan,
    failure,
    left_to_close,
    make_scope,
    open_units,
    place_of,
    route,
    whole_units,
)
from ibmux.client.tasks import Task
from ibmux.client.trades import Trade
from ibmux.errors import IbmuxError, KeyConflict, NotClosed, OrderRejected
from ibmux.messages.account import Position
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order

log = logging.getLogger("ibmux.client")

ROUNDS = 5
"""Times that positions and orders are looked at and orders placed, where others act at the same time."""
ATTEMPTS = 50
"""Orders for one position on one day; past it nothing is placed any more."""
AGAIN = 1.0
"""Seconds before an order is asked for again under its key, where the answer was late or the session away."""
LOOKUP = 5.0
"""Seconds for finding out where a contract trades."""


class Attempt(NamedTuple):
    """One order for one position."""

    place: Place
    left: float
    order: Order
    key: str


class Closing(Closers):
    """Closing positions."""

    async def closePositions(
        self,
        contracts: Iterable[Any] | str | None = None,
        *,
        account: str = "",
        orderType: str = "MOC",
        limitPrice: Price = None,
        tif: str = "",
        until: str = "",
        by: Time | None = None,
        timeout: float = 60.0,
        name: str = "close",
    ) -> list[Trade]:
        """Close positions with an order each, or raise: returns the orders, when each is acknowledged.

        What a working order is sure to close already (market orders, orders on close, those of this kind and name) is
        not closed twice. Keys are made of day, account, contract and attempt: started twice, the script places nothing
        twice. Forex positions are left alone. Role `trade`.

        Args:
            contracts: which ones: symbols, conIds, contracts or positions; without it all.
            account: of which account; without it of all.
            orderType: MOC, MKT, LMT, LOC, …
            limitPrice: for LMT and LOC; a number, or a function that is given the position.
            tif: the orders' time in force.
            until: `Filled` to wait for that; without it the acknowledgement is enough.
            by: the time (of today, local) or moment by which it must be so.
            timeout: seconds by which it must be so, without `by`.
            name: the beginning of the keys.

        Raises:
            NotClosed: names each position that is not acknowledged (or filled) in time, with status and reason.
            RequestError: arguments that do not fit each other, or an account that the login has not.
            IbmuxError: the positions could not even be asked for.
        """
        scope = make_scope(account, contracts)
        today = dt.date.today()  # noqa: DTZ011 - the day of whoever runs it
        plan = check_plan(Plan(name, today, scope, orderType, limitPrice, tif, until))
        task = Task(plan, timeout if by is None else seconds_until(by))
        await self._check_account(task)
        await self._run_plan(task)
        check_rows(list(task.rows.values()))
        return [trade for trades in task.closers.values() for trade in trades]

    async def _run_plan(self, task: Task) -> None:
        """Rounds of looking and placing until every position has its order; then wait for what becomes of them."""
        for _ in range(ROUNDS):
            due = await self._due_positions(task)
            if not due:
                break
            routes = await self._routes([held for held, _ in due], task)
            await asyncio.gather(*(self._place_closer(task, held, left, routes) for held, left in due))
        else:
            for held, _ in await self._due_positions(task):
                task.settle(place_of(held), "changes all the time: others trade it too", ok=False)
        await asyncio.gather(*(self._await_closers(task, place) for place in task.held if place not in task.rows))

    # -- looking ----------------------------------------------------------------------------------------------------

    async def _due_positions(self, task: Task) -> list[tuple[Position, float]]:
        """What is left to close, and how much of it. First the orders, then the positions: what is filled between is
        not closed twice, and an order that another run places now has the key that this one would take.
        """
        known = {place_of(each) for each in await self._chosen(task)}
        await asyncio.gather(*(self._find_attempts(task, place) for place in known | task.held.keys()))
        working = [(trade, open_units(trade)) for trade in await self.openTrades(all=True) if not trade.isDone()]
        return [
            (held, left)
            for held in await self._settled(task)
            if place_of(held) in known and (left := self._left(task, held, working)) > TINY
        ]

    def _left(self, task: Task, held: Position, working: Sequence[tuple[Trade, float]]) -> float:
        """Units of a position that need an order."""
        place = place_of(held)
        task.held[place] = held
        if place in task.rows:
            return 0.0
        if held.contract.secType in NO_POSITIONS:
            task.settle(place, "left alone: forex positions are balances, no holdings", ok=True)
            return 0.0
        closing = [(trade, units) for trade, units in working if task.plan.closes(trade, held)]
        task.keep_closers(place, [trade for trade, _ in closing])
        left = left_to_close(held, [units for _, units in closing])
        if left > TINY and task.settle_ended(place):
            return 0.0
        return whole_units(left) if place in task.whole else left

    async def _routes(self, positions: list[Position], task: Task) -> dict[int, Contract]:
        """Each contract with an exchange that takes orders."""
        found = await asyncio.gather(*(self._route(held.contract, task) for held in positions))
        return {contract.conId: contract for contract in found}

    async def _route(self, contract: Contract, task: Task) -> Contract:
        question = Contract(conId=contract.conId)
        try:
            details = await self._ask("reqContractDetails", min(LOOKUP, task.left() + AGAIN), contract=question)
        except IbmuxError as error:
            log.warning("where %s trades is not known: %s", contract.localSymbol or contract.symbol, error)
            details = []
        return route(contract, details)

    # -- placing ----------------------------------------------------------------------------------------------------

    async def _place_closer(self, task: Task, held: Position, left: float, routes: dict[int, Contract]) -> None:
        """Place the order for what is left; whether that was enough is seen in the next round."""
        place = place_of(held)
        number = task.attempts.get(place, 0) + 1
        attempt = Attempt(place, left, task.plan.order_for(held, left), task.plan.key(place, number))
        if number > ATTEMPTS:
            task.settle(place, f"is left: {ATTEMPTS} orders were tried today", ok=False)
        elif task.over:
            task.settle(place, "was not tried: the time was over", ok=False, order=attempt.order)
        else:
            await self._try(task, attempt, routes[held.contract.conId])

    async def _try(self, task: Task, attempt: Attempt, contract: Contract) -> None:
        place, _, order, key = attempt
        try:
            trade = await self._insist(task, attempt, contract)
            if not (trade.isDone() and await self._is_of_before(task, key)):
                task.add_closer(place, trade)
        except KeyConflict as error:
            log.info("%s: another run was quicker: %s", key, error.message)  # the next round sees what it did
        except OrderRejected as error:
            await self._take_refusal(task, attempt, error)
        except IbmuxError as error:
            result = "is unknown" if error.fate == "unknown" else "was not sent"
            task.settle(place, f"{result}: {error.message}", ok=False, order=order, key=key)

    async def _insist(self, task: Task, attempt: Attempt, contract: Contract) -> Trade:
        """Place it, and ask again under the same key where that is safe: not sent, or not answered in time."""
        while True:
            patience = min(self.RequestTimeout or self._identity.request_timeout, task.left())
            try:
                return await self.placeOrder(contract, attempt.order, attempt.key, timeout=patience)
            except IbmuxError as error:
                again = error.fate == "unknown" or (error.fate == "not_sent" and error.retryable)
                if not again or task.left() <= AGAIN:
                    raise
                log.warning("%s: %s; asking again", attempt.key, error.message)
            await asyncio.sleep(AGAIN)

    async def _take_refusal(self, task: Task, attempt: Attempt, error: OrderRejected) -> None:
        """A refused order: if that was in an earlier run, or for its fraction, it is tried anew; else it is left."""
        place, left, order, key = attempt
        if await self._is_of_before(task, key):
            return
        code, text = error.ib or (0, error.message)
        if code in FRACTION_REFUSED and place not in task.whole and left > whole_units(left):
            task.whole.add(place)
            if whole_units(left):
                return
        task.settle(place, f"was refused: {text}", ok=False, order=order, key=key)

    async def _is_of_before(self, task: Task, key: str) -> bool:
        """Whether an order was placed before this run began, so that what was said of it is old."""
        try:
            log_of_it = (await self.orderStatus(key)).log
        except IbmuxError as error:
            log.info("%s cannot be looked at: %s", key, error.message)
            return False
        return bool(log_of_it) and log_of_it[0].time < task.began - dt.timedelta(seconds=AGAIN)


def check_rows(rows: Sequence[Any]) -> None:
    """Raise if something is left.

    Raises:
        NotClosed: names it.
    """
    if not all(row.ok for row in rows):
        error = NotClosed(failure(rows))
        error.rows = rows
        raise error
