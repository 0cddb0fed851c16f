"""Equal questions in flight are one question upstream: whoever asks first leads, the others wait for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from ibmux.errors import Expired, GatewayTimeout
from ibmux.services.caller import Caller

T = TypeVar("T")


class Flights:
    """Questions that are on their way, by what they ask.

    The leader asks within its own request, so that an answer passes through as few turns of the loop as possible. If it
    leaves early (its own deadline, its connection), one of those who waited asks again: a question changes nothing.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Future[Any]] = {}
        self.asked = 0
        self.sent = 0

    async def join(self, caller: Caller, question: Hashable, ask: Callable[[float], Awaitable[T]]) -> T:
        """Wait for the answer to `question`, asking it only if nobody has; `ask` gets the deadline.

        Raises:
            Expired: this caller's deadline passed first.
        """
        self.asked += 1
        while (flight := self._flights.get(question)) is not None:
            done, _ = await asyncio.wait((flight,), timeout=caller.time_left())
            if not done:
                raise Expired("The gateway had not answered when the deadline passed.")
            if not flight.cancelled():
                answer: T = flight.result()
                return answer
        return await self._lead(caller, question, ask)

    async def _lead(self, caller: Caller, question: Hashable, ask: Callable[[float], Awaitable[T]]) -> T:
        """Ask, and tell those who joined; a leader that ran out of time leaves the question to them."""
        self.sent += 1
        flight = self._flights[question] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask(caller.deadline)
        except (asyncio.CancelledError, GatewayTimeout, Expired):
            flight.cancel()
            raise
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # nobody may have joined: then it is the leader's alone
            raise
        else:
            flight.set_result(answer)
            return answer
        finally:
            del self._flights[question]
