"""Flat, and certain of it: cancel what works, close what is held, look again. For the role `admin`.

The orders that close are `closing`'s to place; keys and what counts as closed are decided in `plans`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable
from typing import Any

from ibmux.client.closers import LOOK
from ibmux.client.closing import AGAIN, Closing, check_rows
from ibmux.client.plans import (
    NO_POSITIONS,
    ON_CLOSE,
    PRICED,
    TINY,
    Plan,
    Row,
    check_plan,
    make_scope,
    open_units,
    order_in_words,
    place_of,
)
from ibmux.client.tasks import Task
from ibmux.client.trades import Trade
from ibmux.errors import Forbidden, IbmuxError, NotYourOrder, OrderNotFound, RequestError
from ibmux.messages.account import Position
from ibmux.messages.session import ProxyReport

log = logging.getLogger("ibmux.client")

LISTING = 5.0
"""Seconds for the gateway's list of all orders; without it those that the proxy knows have to do."""
RUNS = 3
"""Times that positions are closed if they are still there afterwards, such as after a part was filled."""


class Flattening(Closing):
    """Cancelling everything and closing everything."""

    async def flatten(
        self,
        contracts: Iterable[Any] | str | None = None,
        *,
        account: str = "",
        orderType: str = "MKT",
        dryRun: bool = False,
        timeout: float = 60.0,
    ) -> list[Row]:
        """Cancel every working order, of all scripts, then close every position; returns what was done, row by row.

        Safe to ask for again, and for several at the same time under one script name: the closing orders have keys
        (`flatten:<day>:<account>:<conId>:<attempt>`), and the next attempt begins only when the one before has ended.
        Closing orders of an earlier run that still work are kept if they are of this type. Orders of other clientIds
        can only be cancelled all at once (`reqGlobalCancel`), which is done if everything is meant. Forex positions
        are left alone. Role `admin`.

        Args:
            contracts: which ones: symbols, conIds, contracts or positions; without it all.
            account: of which account; without it of all.
            orderType: MKT, and it waits until they are filled; or MOC, where the acknowledgement is enough.
            dryRun: only say what would be done.
            timeout: seconds for all of it.

        Raises:
            NotClosed: names every position and every order that is left; its `rows` have everything.
            RequestError: arguments that cannot be used, or an account that the login has not.
            Forbidden: the script is no admin.
            IbmuxError: positions or orders could not even be asked for.
        """
        if orderType in PRICED:
            raise RequestError(f"flatten cannot use {orderType}.", hint="MKT or MOC; `closePositions` takes prices.")
        until = "" if orderType in ON_CLOSE else "Filled"
        today = dt.date.today()  # noqa: DTZ011 - the day of whoever runs it
        scope = make_scope(account, contracts)
        plan = check_plan(Plan("flatten", today, scope, orderType, until=until, exclusive=True))
        task = Task(plan, timeout)
        await self._check_account(task)
        if dryRun:
            return await self._foresee(task)
        await self._check_admin(task)
        orders = await self._cancel_orders(task)
        await self._close_all(task)
        orders += await self._still_working(task, orders)
        rows = [*orders, *task.rows.values()]
        check_rows(rows)
        return rows

    async def _check_admin(self, task: Task) -> None:
        report: ProxyReport = await self._ask("status", task.left() + AGAIN)
        role = next((each.role for each in report.scripts if each.script == self.script), "admin")
        if role != "admin":
            raise Forbidden(f"flatten takes the role admin; {self.script} has {role}. Nothing was done.")

    async def _foresee(self, task: Task) -> list[Row]:
        """What would be done."""
        held = await self._chosen(task)
        rows = [_order_row(each, "would be cancelled", ok=True) for each in await self._doomed(task, held)]
        for each, left in await self._due_positions(task):
            order = task.plan.order_for(each, left)
            task.settle(place_of(each), "would be placed", ok=True, order=order)
        for place in task.held.keys() - task.rows.keys():
            task.settle(place, "is being closed already", ok=True)
        return [*rows, *task.rows.values()]

    # -- orders -----------------------------------------------------------------------------------------------------

    async def _cancel_orders(self, task: Task) -> list[Row]:
        """Cancel what works, and wait for every confirmation."""
        doomed = await self._doomed(task, None)
        rows = await asyncio.gather(*(self._cancel(task, each) for each in doomed))
        if task.plan.scope.whole and any(not row.ok for row in rows):
            await self._cancel_globally(task, [row for row in rows if not row.ok])
        return list(rows)

    async def _doomed(self, task: Task, held: list[Position] | None) -> list[Trade]:
        """The orders to cancel: all but the plan's own that still fit the positions."""
        orders = [each for each in await self._all_orders(task) if _is_meant(task.plan, each)]
        held = await self._settled(task) if held is None else held
        kept: set[tuple[str, str]] = set()
        for each in held:
            mine = [order for order in orders if task.plan.closes(order, each)]
            if sum(open_units(order) for order in mine) <= abs(each.position) + TINY:
                kept |= {(order.script, order.key) for order in mine}
        return [order for order in orders if (order.script, order.key) not in kept]

    async def _all_orders(self, task: Task) -> list[Trade]:
        """Every working order: those of all clients, as the gateway lists them now, and those that it has not seen."""
        try:
            shown = self._merge(await self._ask("reqAllOpenOrders", min(LISTING, task.left() + AGAIN)))
        except IbmuxError as error:
            log.warning("the gateway did not list all orders: %s", error)
            shown = []
        known = {(each.script, each.key): each for each in [*shown, *await self.openTrades(all=True)]}
        return [each for each in known.values() if not each.isDone()]

    async def _cancel(self, task: Task, trade: Trade) -> Row:
        """Cancel one order; asked again while that is safe and there is time."""
        while True:
            try:
                patience = min(self.RequestTimeout or self._identity.request_timeout, task.left())
                ended = await self.cancelOrder(trade, timeout=patience)
                return _order_row(trade, f"is {ended.orderStatus.status}", ok=ended.isDone())
            except OrderNotFound:
                return _order_row(trade, "is gone", ok=True)
            except IbmuxError as error:
                again = error.fate == "unknown" or (error.fate == "not_sent" and error.retryable)
                if not again or isinstance(error, NotYourOrder) or task.left() <= AGAIN:
                    return _order_row(trade, f"could not be cancelled: {error.message}", ok=False)
                log.warning("%s: %s; asking again", trade.key, error.message)
            await asyncio.sleep(AGAIN)

    async def _cancel_globally(self, task: Task, rows: list[Row]) -> None:
        """The gateway's own way to cancel what cannot be cancelled one by one; then look until they are gone."""
        try:
            await self.reqGlobalCancel()
        except IbmuxError as error:
            log.warning("the global cancel failed: %s", error)
            return
        while any(not row.ok for row in rows) and not task.over:
            open_now = {(each.order.account, each.key) for each in await self._all_orders(task)}
            for row in rows:
                if not row.ok and (row.account, row.key) not in open_now:
                    row.result, row.ok = "is cancelled with all others (reqGlobalCancel)", True
            if any(not row.ok for row in rows):
                await asyncio.sleep(LOOK)

    async def _still_working(self, task: Task, before: list[Row]) -> list[Row]:
        """Orders that work now though everything was cancelled, but for those that close, of this run or another."""
        closing = {(each.script, each.key) for closers in task.closers.values() for each in closers}
        told = {(row.script, row.key) for row in before if not row.ok}
        orders = [each for each in await self._all_orders(task) if _is_meant(task.plan, each)]
        strange = [each for each in orders if (each.script, each.key) not in closing | told]
        held = await self._settled(task) if strange else []
        return [
            _order_row(each, f"is {each.orderStatus.status}: it was placed meanwhile", ok=False)
            for each in strange
            if not any(task.plan.closes(each, position) for position in held)
        ]

    # -- positions --------------------------------------------------------------------------------------------------

    async def _close_all(self, task: Task) -> None:
        """Close what is held; look whether it is gone, and close what is left while there is time."""
        for run in range(RUNS):
            await self._run_plan(task)
            left = [each for each in await self._gone_or_left(task) if task.rows[place_of(each)].ok]
            if not left:
                return
            for each in left:
                place = place_of(each)
                if run < RUNS - 1 and not task.over:
                    del task.rows[place]
                else:
                    task.settle(place, f"is {task.rows[place].result}, and {each.position:g} is left", ok=False)
        return

    async def _gone_or_left(self, task: Task) -> list[Position]:
        """Positions that are left though nothing closes them any more: looked at again while they may be behind."""
        while True:
            left = [each for each in await self._settled(task) if self._is_left(task, each)]
            missing = [each for each in left if place_of(each) not in task.rows]
            for each in missing:  # opened meanwhile
                task.held[place_of(each)] = each
                task.settle(place_of(each), "is new", ok=True)
            if not left or task.over or not any(task.rows[place_of(each)].ok for each in left) or missing:
                return left
            if not await self._is_fresh_fill(left):
                return left
            await asyncio.sleep(LOOK)

    @staticmethod
    def _is_left(task: Task, held: Position) -> bool:
        if held.contract.secType in NO_POSITIONS:
            return False
        working = sum(open_units(each) for each in task.closers.get(place_of(held), []) if not each.isDone())
        return abs(held.position) > working + TINY


def _is_meant(plan: Plan, trade: Trade) -> bool:
    """Whether an order is one of the plan's accounts and contracts."""
    return plan.scope.holds(trade.order.account, trade.contract)


def _order_row(trade: Trade, result: str, *, ok: bool) -> Row:
    return Row(
        what="order",
        account=trade.order.account,
        contract=trade.contract,
        quantity=open_units(trade),
        action="cancel",
        order=order_in_words(trade.order),
        script=trade.script,
        key=trade.key,
        result=result,
        ok=ok,
    )
