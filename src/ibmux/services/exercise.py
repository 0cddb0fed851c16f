"""The exercise of options: checked, sent once, reported when the gateway has spoken, kept in the book as an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.core.entry import Entry
from ibmux.errors import IbmuxError, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.orders import Order
from ibmux.messages.trades import Trade
from ibmux.services.caller import Caller, Handler
from ibmux.services.contracts import Contracts
from ibmux.services.orderfeed import OrderFeed
from ibmux.services.sending import Desk, Draft, make_key

if TYPE_CHECKING:
    from ibmux.session import Session

ACTIONS = {1: "EXERCISE", 2: "LAPSE"}
EXERCISABLE = frozenset({"OPT", "FOP", "WAR", "IOPT"})


class Exercise:
    """Exercises of one gateway."""

    def __init__(self, session: Session, feed: OrderFeed, desk: Desk, contracts: Contracts) -> None:
        self.session = session
        self.feed = feed
        self.desk = desk
        self.book = feed.book
        self.contracts = contracts

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
        draft = Draft(key, contract, order, exercise=request, made=not request.key)
        [(entry, new)] = await self.desk.enter(caller, [draft])
        if new:
            await self._send(caller, entry, draft, request)
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

    async def _send(self, caller: Caller, entry: Entry, draft: Draft, request: ExerciseOptions) -> None:
        """Send when it is its turn."""
        await self.desk.send(
            entry,
            self.session.exercise_options(
                draft.contract,
                request,
                lambda order_id: self.desk.number(caller, entry, draft, order_id),
                deadline=caller.deadline,
                script=caller.script,
            ),
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


def _invalid(message: str) -> RequestError:
    return RequestError(message, outcome="not_sent")
