"""Every execution that the gateway told of, with its commission, each taken once. Pure.

Fills come from execDetails and commissionReport alone, never from an orderStatus, and either may come first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ibmux.core import reference
from ibmux.core.entry import Change
from ibmux.core.orderindex import OrderIndex
from ibmux.messages.trades import CommissionReport, Fill, Trade, correction, is_of_order, put_fill

KEPT = 500_000
"""Fills that are remembered; past it the oldest is forgotten."""
_PENDING_COMMISSIONS = 1000
_ORPHANS = 1000
"""Orders whose executions came before they did, and may be followed by them."""


@dataclass(slots=True)
class Executions:
    """All fills of one session by execId; which order one belongs to, the index says."""

    fills: dict[str, Fill] = field(default_factory=dict)
    _commissions: dict[str, CommissionReport] = field(default_factory=dict)
    _orphans: dict[int, list[Fill]] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)
    """Of each execution that was corrected, the number of the newest version."""

    def saw_execution(self, fill: Fill, index: OrderIndex) -> list[Change]:
        """An execDetails message; a repeated one changes nothing."""
        execution = fill.execution
        if execution.execId in self.fills:
            return []
        mark = reference.read(execution.orderRef)
        entry = index.match(execution.permId, execution.clientId, execution.orderId, mark)
        execution.orderRef = mark.text
        fill.script, fill.key = (entry.script, entry.key) if entry else index.owner_of(execution, mark)
        self.fills[execution.execId] = fill
        if len(self.fills) > KEPT:
            del self.fills[next(iter(self.fills))]
        if entry is not None:
            self._put(entry.trade, fill)
            entry.acknowledged = True
            count(entry.trade)
        elif execution.permId:
            self._keep_orphan(fill)
        changes = [Change(entry, "fill", fill)]
        report = self._commissions.pop(execution.execId, None)
        return changes + self.saw_commission(report, index) if report else changes

    def saw_commission(self, report: CommissionReport, index: OrderIndex) -> list[Change]:
        """A commissionReport message; one that comes before its execution waits for it."""
        fill = self.fills.get(report.execId)
        if fill is None:
            self._commissions[report.execId] = report
            if len(self._commissions) > _PENDING_COMMISSIONS:
                del self._commissions[next(iter(self._commissions))]
            return []
        if fill.commissionReport == report:
            return []
        fill.commissionReport = report
        return [Change(index.of_perm(fill.execution.permId), "commission", fill)]

    def restore(self, fills: Iterable[Fill]) -> list[Fill]:
        """Take in fills of before, which are no news; each as it is known from now on."""
        known = [self.fills.setdefault(fill.execution.execId, fill) for fill in fills]
        for fill in known:
            self._note_version(fill)
        return [fill for fill in known if not self.is_corrected(fill)]

    def claim(self, trade: Trade) -> None:
        """The fills of an order that came before it did are the order's."""
        if orphans := self._orphans.pop(trade.order.permId, None):
            for fill in orphans:
                self._put(trade, fill)
            count(trade)

    def is_corrected(self, fill: Fill) -> bool:
        """Whether a newer version of an execution has taken its place."""
        base, number = correction(fill.execution.execId)
        return number < self._newest.get(base, 0)

    def _put(self, trade: Trade, fill: Fill) -> None:
        """Enter it with its order; most executions are never corrected, and need no search."""
        if self._note_version(fill):
            put_fill(trade.fills, fill)
        else:
            trade.fills.append(fill)

    def _note_version(self, fill: Fill) -> bool:
        """Whether this execution has several versions."""
        base, number = correction(fill.execution.execId)
        if number > 1:
            self._newest[base] = max(number, self._newest.get(base, 0))
        return base in self._newest

    def forget(self, fills: Iterable[Fill]) -> None:
        """Those of an order that is forgotten."""
        for fill in fills:
            self.fills.pop(fill.execution.execId, None)

    def _keep_orphan(self, fill: Fill) -> None:
        self._orphans.setdefault(fill.execution.permId, []).append(fill)
        if len(self._orphans) > _ORPHANS:
            del self._orphans[next(iter(self._orphans))]


def count(trade: Trade) -> None:
    """What executions say of their order: an orderStatus may be lost, and Interactive Brokers promises none."""
    status = trade.orderStatus
    counted = [fill.execution for fill in trade.fills if is_of_order(trade.contract.secType, fill)]
    last = max(counted, key=lambda each: each.cumQty, default=None)
    if last is not None and last.cumQty >= status.filled:
        status.filled, status.avgFillPrice, status.lastFillPrice = last.cumQty, last.avgPrice, last.price
        status.remaining = max(0.0, trade.order.totalQuantity - last.cumQty)
