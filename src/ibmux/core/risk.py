"""Who may trade what: live accounts, changes that add risk, orders that only close a position. Pure.

Knows no session and no journal; positions and orders are handed in.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ibmux.core.entry import Entry
from ibmux.core.verdicts import is_live
from ibmux.messages.account import Position
from ibmux.messages.contracts import Contract, may_be_same
from ibmux.messages.orders import Order

TINY = 1e-9
"""What sums of quantities may be off."""
SETTLED = 5.0
"""Seconds after which a fill is in the position, whatever the gateway told of it."""
_TERMS = (
    "action", "orderType", "lmtPrice", "auxPrice", "trailStopPrice", "trailingPercent", "lmtPriceOffset", "cashQty",
    "tif", "goodAfterTime", "goodTillDate", "outsideRth", "conditions", "hedgeType", "scaleAutoReset",
)  # fmt: skip
"""What else a change could alter so that more, or sooner, or at another price is traded."""
_RARER = (
    "percentOffset", "volatility", "discretionaryAmt", "startingPrice", "triggerPrice", "adjustedStopPrice",
    "adjustedStopLimitPrice", "adjustedTrailingAmount", "deltaNeutralAuxPrice", "algoStrategy", "algoParams",
    "orderComboLegs", "scaleInitLevelSize", "scalePriceIncrement", "scaleProfitOffset", "faGroup", "faPercentage",
)  # fmt: skip
"""The same of special orders; where it says nothing, gateways and scripts write that in several ways."""


class Ask(NamedTuple):
    """An order that a script wants sent.

    Attributes:
        key: the script's key of it.
        known: of a change, the order as it stands.
        owner: of a change, the script whose order it is; empty: the caller's.
        exercise: whether it is the exercise of an option, in the form of an order.
    """

    key: str
    contract: Contract
    order: Order
    known: Order | None = None
    owner: str = ""
    exercise: bool = False

    @property
    def adds(self) -> bool:
        """Whether it may add risk: every new order may, and a change that does more than lower the quantity."""
        return self.known is None or adds_risk(self.known, self.order)


class Closing(NamedTuple):
    """An order that only reduces a position."""

    account: str
    contract: Contract
    sells: bool
    quantity: float


def accounts_of(order: Order, login: Sequence[str]) -> list[str]:
    """The accounts that an order may trade for: the one that it names, else each of the login."""
    spread = order.faGroup or order.faProfile
    if order.account and not spread and (order.account in login or not login):
        return [order.account]
    return [*login, *([order.account] if order.account and order.account not in login else [])]


def unnamed(order: Order, login: Sequence[str], named: Sequence[str]) -> list[str]:
    """Live accounts of an order that the settings do not name."""
    return [each for each in accounts_of(order, login) if each not in named and is_live(each)]


def adds_risk(known: Order, wanted: Order) -> bool:
    """Whether a change does anything but lower the quantity."""
    if wanted.totalQuantity > known.totalQuantity or (wanted.transmit and not known.transmit):
        return True
    if any(getattr(known, name) != getattr(wanted, name) for name in _TERMS):
        return True
    return any((getattr(known, name) or None) != (getattr(wanted, name) or None) for name in _RARER)


def is_plain(order: Order) -> bool:
    """Whether an order trades its own quantity and no more, for its own account: nothing that comes with it, begins
    anew, or is shared out.
    """
    more = order.cashQty or order.hedgeType or order.scaleInitLevelSize or order.deltaNeutralOrderType
    return not (more or order.faGroup or order.faProfile)


def closing(ask: Ask, login: Sequence[str]) -> Closing | None:
    """What an order would close, if it can be told: one account, one plain order of a known contract."""
    accounts = [ask.order.account] if ask.order.account in login else list(login) if not ask.order.account else []
    if len(accounts) != 1 or ask.exercise or not is_plain(ask.order) or ask.contract.conId <= 0:
        return None
    return Closing(accounts[0], ask.contract, ask.order.action != "BUY", ask.order.totalQuantity)


def room(wanted: Closing, held: float, others: Iterable[Closing]) -> float:
    """How much may still be closed in this direction: what is held, less what the others close already."""
    there = max(0.0, held if wanted.sells else -held)
    taken = sum(
        each.quantity
        for each in others
        if each.account == wanted.account and each.sells == wanted.sells and may_be_same(each.contract, wanted.contract)
    )
    return there - taken


def working(entry: Entry, login: Sequence[str]) -> Closing:
    """What an order that is not finished may still trade."""
    trade = entry.trade
    account = trade.order.account or (login[0] if len(login) == 1 else "")
    left = trade.order.totalQuantity - trade.orderStatus.filled
    return Closing(account, trade.contract, trade.order.action != "BUY", max(0.0, left))


@dataclass(slots=True)
class Holdings:
    """Fills that the positions may not show yet: executions and positions are told apart, in no order."""

    fresh: defaultdict[tuple[str, int], deque[tuple[float, float]]] = field(default_factory=lambda: defaultdict(deque))
    last: dict[tuple[str, int], float] = field(default_factory=dict)

    def filled(self, account: str, con_id: int, shares: float, now: float) -> None:
        """An execution of so many shares (below 0: sold) at this time (seconds)."""
        self.fresh[account, con_id].append((now, shares))

    def told(self, position: Position) -> None:
        """A position came: it contains the first fills that lead to it, or all of them if none do."""
        key = (position.account, position.contract.conId)
        fills, reached = list(self.fresh.pop(key, ())), self.last.get(key, 0.0)
        self.last[key] = position.position
        for count in range(len(fills) + 1):
            if abs(reached - position.position) < TINY:
                self.fresh[key].extend(fills[count:])
                return
            reached += fills[count][1] if count < len(fills) else 0.0

    def begin(self, positions: Iterable[Position]) -> None:
        """All positions were downloaded anew."""
        self.fresh.clear()
        self.last = {(each.account, each.contract.conId): each.position for each in positions}

    def certain(self, account: str, con_id: int, position: float, now: float) -> float:
        """What is held for sure, between the position as told and what the fresh fills make of it; 0 if that is not
        even certain of the side.
        """
        reached = position
        low = high = position
        for moment, shares in self.fresh.get((account, con_id), ()):
            if moment > now - SETTLED:
                reached += shares
                low, high = min(low, reached), max(high, reached)
        return max(0.0, low) if position > 0 else min(0.0, high)
