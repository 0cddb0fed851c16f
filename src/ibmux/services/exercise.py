"""The exercise of options: checked, sent once, reported when the gateway has spoken, kept in the book as an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.config import LimitSettings
from ibmux.core.entry import Entry
from ibmux.errors import IbmuxError, OrderNotSent, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.orders import Order
from ibmux.messages.trades import Trade
from ibmux.services.caller import Caller, Handler
from ibmux.services.contracts import Contracts
from ibmux.services.orderfeed import OrderFeed, utc_now
from ibmux.services.sending import make_key, sending

if TYPE_CHECKING:
    from ibmux.session import Session

ACTIONS = {1: "EXERCISE", 2: "LAPSE"}
EXERCISABLE = frozenset({"OPT", "FOP", "WAR", "IOPT"})


class Exercise:
    """Exercises of one gateway."""

    def __init__(self, session: Session, feed: OrderFeed, contracts: Contracts, limits: LimitSettings) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.contracts = contracts
        self.limits = limits

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"exerciseOptions": self.exercise}

    async def exercise(self, caller: Caller, request: ExerciseOptions) -> Trade:
        """Send one instruction and wait for the gateway's word on it."""
        self._check(request)
        key = request.key or make_key(self.book, caller)
        contract = await self._resolve(caller, request)
        order = to_order(request)
        order.clientId = self.session.client_id
        entry = self.book.same(caller.script, key, contract, order)
        if entry is None:
            check_limits(contract, request, self.limits)
            entry = self.book.place(caller.script, key, contract, order, utc_now())
            entry.exercise = True
            await self._send(caller, entry, contract, request)
        await self.feed.answered(caller, entry)
        return await self.feed.verdict(caller, entry)

    def _check(self, request: ExerciseOptions) -> None:
        """Refuse what cannot be meant.

        Raises:
            RequestError: nothing is sent.
        """
        if request.exerciseAction not in ACTIONS:
            raise _invalid(f"exerciseAction is {request.exerciseAction}; it must be 1 (exercise) or 2 (let lapse).")
        if request.override not in (0, 1):
            raise _invalid(f"override is {request.override}; it must be 0 or 1.")
        if request.exerciseQuantity <= 0:
            raise _invalid(f"exerciseQuantity is {request.exerciseQuantity}; it must be above 0.")
        if not request.account:
            raise _invalid("account is empty; an exercise needs the account that holds the options.")
        if request.account not in self.session.accounts:
            raise _invalid(f"This login has no account {request.account!r}; it has {self.session.accounts}.")

    async def _resolve(self, caller: Caller, request: ExerciseOptions) -> Contract:
        try:
            contract = await self.contracts.resolve(caller, request.contract)
        except IbmuxError as error:
            raise error.worded(error.message, "not_sent") from error
        if contract.secType not in EXERCISABLE:
            raise _invalid(f"{contract.localSymbol or contract.symbol} is a {contract.secType}, not an option.")
        return contract

    async def _send(self, caller: Caller, entry: Entry, contract: Contract, request: ExerciseOptions) -> None:
        """Send when it is its turn."""
        with sending(self.feed, entry):
            await self.session.exercise_options(
                contract,
                request,
                lambda order_id: self.book.assign(entry, order_id, 0),
                deadline=caller.deadline,
                script=caller.script,
            )


def to_order(request: ExerciseOptions) -> Order:
    """The instruction as the book keeps it, until the gateway shows its own form of it."""
    kind = "OPTION OVERRIDE" if request.override else "OPTION"
    return Order(
        action=ACTIONS[request.exerciseAction],
        totalQuantity=float(request.exerciseQuantity),
        orderType=kind,
        account=request.account,
    )


def check_limits(contract: Contract, request: ExerciseOptions, limits: LimitSettings) -> None:
    """Refuse what is beyond the limits of an order (0 means no limit); its value is that of what changes hands.

    Raises:
        OrderNotSent: it is larger than this proxy allows.
        RequestError: the contract's multiplier is no number.
    """
    quantity = request.exerciseQuantity
    if limits.order_quantity and quantity > limits.order_quantity:
        raise OrderNotSent(f"{quantity} is above the limit of {limits.order_quantity:g} per order.")
    try:
        multiplier = float(contract.multiplier) if contract.multiplier else 1.0
    except ValueError:
        raise _invalid(f"contract.multiplier is {contract.multiplier!r}; it must be a number.") from None
    value = quantity * contract.strike * multiplier
    if limits.order_value and value > limits.order_value:
        raise OrderNotSent(f"The exercise moves {value:,.2f}, above the limit of {limits.order_value:,.2f} per order.")


def _invalid(message: str) -> RequestError:
    return RequestError(message, outcome="not_sent")
