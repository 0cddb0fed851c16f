"""The exercise of options upstream: sent under an order's id, and answered as an order is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.session.orders import Orders
from ibmux.session.translate import to_contract


class Exercise(Orders):
    """The part of a session that exercises options. As orders, nothing here is ever sent twice, or sent later."""

    async def exercise_options(
        self,
        contract: Contract,
        question: ExerciseOptions,
        prepare: Callable[[int], Any],
        *,
        deadline: float,
        script: str = "",
    ) -> None:
        """Exercise options, or let them lapse; returns when the message was handed to the socket.

        `prepare` learns the order id, which is taken at the very moment of sending.

        Raises:
            NotReady, OrderNotSent: certainly not sent.
        """
        wanted = to_contract(contract)

        def send(link: Any) -> None:
            number = self.next_order_id()
            prepare(number)
            link.exerciseOptions(
                number,
                wanted,
                question.exerciseAction,
                question.exerciseQuantity,
                question.account,
                question.override,
            )

        await self._hand_over("order", send, deadline, script)
