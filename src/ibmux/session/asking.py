"""The way to ask the gateway: wait for `ready`, pass the gate, wait for the answer, at most until the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from ibmux.core.pacing import Lane
from ibmux.errors import Busy, GatewayTimeout
from ibmux.messages.session import State
from ibmux.session.base import Base
from ibmux.session.calls import bound

Send = Callable[[Any], None]
T = TypeVar("T")

_ANSWERS: frozenset[State] = frozenset({"syncing", "ready"})
"""States in which the gateway answers."""


class Asking(Base):
    """The part of a session that the other parts ask with."""

    async def ask(
        self,
        key: int | str,
        what: str,
        send: Send,
        *,
        deadline: float,
        script: str = "",
        lane: Lane = "bulk",
        cancel: Send | None = None,
    ) -> Any:
        """Wait for `ready`, send one request, wait for its whole answer.

        Args:
            key: the request's id, or the name of one that has none.
            what: what is asked, in words that follow "did not answer".
            send: hands the request to the link.
            deadline: the loop's time.
            script: whose turn it is in the lane.
            lane: how urgent it is.
            cancel: what ends the request upstream, sent if it did not end by an answer.

        Raises:
            NotReady: not ready in time, or the connection broke.
            GatewayTimeout: no answer by the deadline.
            GatewayError: the gateway's refusal, by its code.
        """
        if self.state != "ready":
            await self.until_ready(deadline)
        return await self._exchange(key, what, send, deadline=deadline, script=script, lane=lane, cancel=cancel)

    async def _exchange(
        self,
        key: int | str,
        what: str,
        send: Send,
        *,
        deadline: float,
        script: str = "",
        lane: Lane = "bulk",
        cancel: Send | None = None,
    ) -> Any:
        call = self.calls.begin(key, what)
        sent = False

        def fire() -> None:
            nonlocal sent
            send(self._wire())
            sent = True
            call.sent = asyncio.get_running_loop().time()

        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.send(lane, script, fire)
                result = await call.future
        except BaseException as error:
            if cancel is not None and sent and isinstance(error, TimeoutError | asyncio.CancelledError):
                self._post_cancel(cancel)
            if isinstance(error, TimeoutError):
                call.answered = True  # it is not waited for any longer: as good as answered
                raise GatewayTimeout(f"The gateway did not answer {what} in time.") from None
            raise
        finally:
            self.calls.drop(key)
        return result

    async def _in_turn(
        self, kind: str, ask: Callable[[], Awaitable[T]], *, deadline: float, variant: Hashable = None
    ) -> T:
        """One question of a kind at a time; see `calls.Turns`."""
        try:
            return await self.turns.ask(kind, ask, deadline=deadline, variant=variant)
        except TimeoutError:
            raise GatewayTimeout(f"The gateway did not answer in time ({kind}).") from None

    async def _share(
        self,
        name: str,
        send: Send,
        deadline: float,
        script: str = "",
        variant: Hashable = None,
        *,
        what: str = "",
        lane: Lane = "account",
    ) -> Any:
        """Ask something that has no id: one at a time, and shared; `what` is asked in words, else by its name."""
        longest = bound()

        async def put() -> Any:
            if self.state not in _ANSWERS:  # it waited for its turn, and the gateway was cut off meanwhile
                raise self.not_ready()
            return await self._exchange(name, what or f"({name})", send, deadline=longest, script=script, lane=lane)

        return await self._in_turn(name, put, deadline=deadline, variant=variant)

    def _post_cancel(self, cancel: Send) -> None:
        """End something upstream."""
        self._post("market", cancel)

    def _post_stream(self, send: Send) -> None:
        """Start something upstream that has no single answer."""
        self._post("account", send)

    def _post(self, lane: Lane, send: Send) -> None:
        """Send when it is its turn, if this connection still stands then; it is told if the queue is full. Without a
        connection there is nothing to end, and what is started later starts with the next one.
        """
        link = self.link
        if link is None:
            return

        def fire() -> None:
            if link is not None and link is self.link and link.alive:
                send(link)

        try:
            self.gate.post(lane, fire)
        except Busy as error:
            self.hooks.on_notice(0, f"{self.name}: {error.message}")

    def _wire(self) -> Any:
        """The link, to send on.

        Raises:
            NotReady: there is no connection; nothing was sent.
        """
        if self.link is None or not self.link.alive:
            raise self.not_ready()
        return self.link
