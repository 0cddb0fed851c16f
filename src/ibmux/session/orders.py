"""Orders upstream: ids, and the messages that place, change and cancel. What becomes of an order is kept elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ibmux.core.pacing import Lane
from ibmux.errors import GatewayTimeout, IbmuxError, OrderNotSent
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import CommissionReport, OrderState
from ibmux.session.asking import Asking, Send
from ibmux.session.base import REQUESTS_FROM
from ibmux.session.sheet import message
from ibmux.session.translate import to_contract
from ibmux.session.translate_orders import to_order

log = logging.getLogger(__name__)

_REPORTS = 20_000


class Orders(Asking):
    """The part of a session that sends orders. Nothing here is ever sent twice, or sent later."""

    def next_order_id(self) -> int:
        """An order id above the gateway's own count and every id of ours that was seen."""
        number = self._next_order
        self._next_order += 1
        return number

    def raise_order_ids(self, highest: int) -> None:
        """Never give out an id up to `highest`: gateways have been seen to roll their count back."""
        if highest < REQUESTS_FROM:
            self._next_order = max(self._next_order, highest + 1)

    async def place_order(
        self,
        contract: Contract,
        prepare: Callable[[int], Order],
        *,
        deadline: float,
        script: str = "",
    ) -> None:
        """Place a new order; returns when the message was handed to the socket.

        The id is taken at the very moment of sending, and `prepare` makes the order from it: orders wait for their
        turn, and the gateway refuses an id below one that it has seen (103).

        Raises:
            NotReady, OrderNotSent: certainly not sent.
            RequestError: a value that the wire cannot carry; not sent.
        """

        def send(link: Any) -> None:
            number = self.next_order_id()
            link.post(message(link.serverVersion(), number, contract, prepare(number)))

        await self._hand_over("order", send, deadline, script)

    async def send_order(
        self,
        order_id: int,
        contract: Contract,
        order: Order,
        *,
        check: Callable[[], None] = lambda: None,
        deadline: float,
        script: str = "",
    ) -> None:
        """Change the order that has this id; returns when the message was handed to the socket.

        `check` is called at the very moment of sending; what it raises keeps the change back.

        Raises:
            NotReady, OrderNotSent: certainly not sent.
            RequestError: a value that the wire cannot carry; not sent.
        """
        wanted, instruction = to_contract(contract), to_order(order)
        instruction.orderId = order_id

        def send(link: Any) -> None:
            check()
            link.placeOrder(order_id, wanted, instruction)

        await self._hand_over("order", send, deadline, script)

    async def send_cancel(self, order_id: int, manual_time: str = "", *, deadline: float, script: str = "") -> None:
        """Ask the gateway to cancel an order; passes everything else that waits.

        Raises:
            NotReady, OrderNotSent: certainly not sent.
        """
        await self._hand_over("cancel", lambda link: link.cancelOrder(order_id, manual_time), deadline, script)

    def post_cancel(self, order_id: int) -> None:
        """Ask to cancel an order without waiting for the turn; nothing is sent if the connection breaks before it."""
        self._post("cancel", lambda link: link.cancelOrder(order_id, ""))

    async def global_cancel(self, *, deadline: float, script: str = "") -> None:
        """Cancel every open order of the login, whoever placed it.

        Raises:
            NotReady, OrderNotSent: certainly not sent.
        """
        await self._hand_over("cancel", lambda link: link.reqGlobalCancel(), deadline, script)

    async def what_if(self, contract: Contract, order: Order, *, deadline: float, script: str = "") -> OrderState:
        """Margin and commission of an order, without placing it; takes an order id.

        Raises:
            OrderRejected: the gateway would refuse it.
            RequestError: a value that the wire cannot carry.
        """
        wanted, instruction = to_contract(contract), to_order(order)
        instruction.whatIf, instruction.transmit = True, True
        await self.until_ready(deadline)
        number = 0
        answer: asyncio.Future[Any] | None = None

        def fire() -> None:
            nonlocal number, answer
            number = instruction.orderId = self.next_order_id()
            answer = self.calls.begin(number, "what the order would mean").future
            self._wire().placeOrder(number, wanted, instruction)

        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.send("account", script, fire)
                state: OrderState = await answer  # type: ignore[misc]
        except TimeoutError:
            raise GatewayTimeout("The gateway did not answer what the order would mean in time.") from None
        finally:
            self.calls.drop(number)
        return state

    async def _hand_over(self, lane: Lane, send: Send, deadline: float, script: str) -> None:
        """Send one order message, or know for certain that it was not sent."""
        sent = False

        def fire() -> None:
            nonlocal sent
            if self.state != "ready":
                raise self.not_ready()
            send(self._wire())
            sent = True

        try:
            if not self.gate.send_now(lane, fire):
                async with asyncio.timeout_at(deadline):
                    await self.gate.send(lane, script, fire)
        except TimeoutError:
            if not sent:
                raise OrderNotSent("The order's deadline passed while it waited for its turn.") from None
        except IbmuxError:
            raise
        except Exception as error:
            if not sent:
                raise OrderNotSent(f"The order could not be sent: {error}") from error
            raise

    def on_next_id(self, number: int) -> None:
        """The gateway's count."""
        if number >= REQUESTS_FROM:
            log.error(
                "%s: the gateway's next order id is %d; ibmux numbers orders below %d, so that it will refuse every "
                "order (103). Reset the API order id sequence in the gateway's API settings, or use another client_id.",
                self.name, number, REQUESTS_FROM,
            )  # fmt: skip
        self.raise_order_ids(number - 1)

    def on_commission(self, report: CommissionReport) -> None:
        """What an execution cost; kept for lists of executions, the oldest forgotten past the bound."""
        self._reports[report.execId] = report
        if len(self._reports) > _REPORTS:
            del self._reports[next(iter(self._reports))]
        self.hooks.on_commission(report)
