"""The exercise of options as ib_async's IB class names it; it is followed like an order."""

from __future__ import annotations

from ibmux.client.foreign import to_contract
from ibmux.client.reports import Reports
from ibmux.client.trades import Trade


class Exercise(Reports):
    """Exercising options."""

    async def exerciseOptions(  # noqa: PLR0917 - ib_async's own order
        self,
        contract: object,
        exerciseAction: int,
        exerciseQuantity: int,
        account: str,
        override: int = 0,
        key: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Trade:
        """Exercise (1) options that an account holds, or let them lapse (2); returns when the gateway acknowledged it:
        `await ib.exerciseOptions(position.contract, 1, 2, position.account)`.

        `override` 1 carries it out against the system's natural action. The same key with the same instruction gives
        the same trade, while the proxy runs; without one the client makes it. `timeout` in seconds.

        Raises:
            OrderRejected: the gateway refused.
            OrderNotSent, NotReady, Forbidden, Unreachable: nothing left the proxy.
            OrderUnknown: no acknowledgement in time; ask `orderStatus(key)`.
        """
        name = key or self._book.make_key(self._book.next_id())
        reply = await self._ask(
            "exerciseOptions",
            timeout,
            _key=name,
            contract=to_contract(contract),
            exerciseAction=exerciseAction,
            exerciseQuantity=int(exerciseQuantity),
            account=account,
            override=int(override),
            key=name,
        )
        return self._book.merge(reply)
