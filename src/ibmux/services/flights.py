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


class Memory:
    """Answers that are reckoned on for `age` seconds; past `most` of them the oldest is forgotten."""

    def __init__(self, flights: Flights, age: float, most: int) -> None:
        self.flights = flights
        self.age = age
        self.most = most
        self._known: dict[Hashable, tuple[float, Any]] = {}

    async def ask(self, caller: Caller, question: Hashable, ask: Callable[[float], Awaitable[T]]) -> T:
        """The answer that is known, or else that of `Flights.join`, with its errors; an error is not remembered."""
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(question, (now, None))
        if until > now:
            self.flights.asked += 1
            answer: T = known
            return answer
        answer = await self.flights.join(caller, question, ask)
        self._known.pop(question, None)
        if len(self._known) >= self.most:
            del self._known[next(iter(self._known))]
        self._known[question] = (now + self.age, answer)
        return answer
