"""Claims on shared streams: leases are renewed while the script wants the stream, and taken again after a loss.

Knows no stream's meaning: what a claim asks, and what it does with what comes, is its own.
"""

from __future__ import annotations

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from typing import Any, TypeVar

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.session import Session, settle
from ibmux.errors import IbmuxError
from ibmux.mqtt.bus import Unsubscribe
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

RETRY = 2.0
"""Seconds until a lease that could not be renewed is asked for again."""
TOLD_BY = {"quote": "tick"}
"""Streams whose claims listen to another topic of the contract."""
SHARE = 0.45
"""The part of a lease's time after which it is renewed."""


class Claim(ABC):
    """A claim on one stream.

    Attributes:
        topic: where the stream is heard; empty until the first lease tells.
        renew_at: when to renew the lease, in the loop's clock.
    """

    topic = ""
    renew_at = math.inf

    @property
    @abstractmethod
    def label(self) -> str:
        """What is streamed, in words."""

    @abstractmethod
    async def lease(self) -> None:
        """Take or renew the lease, and take what the answer says of the stream."""

    @abstractmethod
    def distrust(self) -> None:
        """Count nothing that is known as certain any more: the next answer is taken whole."""

    @abstractmethod
    def receive(self, message: Message) -> None:
        """Take one message of the stream."""

    def lasts(self, ttl: float) -> None:
        """The lease was taken for `ttl` seconds."""
        self.renew_at = asyncio.get_running_loop().time() + ttl * SHARE


C = TypeVar("C", bound=Claim)


class Claims(Session):
    """The part of a client that keeps claims."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._claims: dict[str, Claim] = {}
        self._unsubscribe: dict[str, Unsubscribe] = {}
        self._refreshing: set[Claim] = set()
        self._renewer: asyncio.Task[None] | None = None
        self._leased = asyncio.Event()
        self._recoveries.append(self._renew_claims)

    async def _open_claim(self, claim: C) -> C:
        """Subscribe before the last answer that counts, so that nothing falls between answer and stream.

        Returns the claim that holds: an older one of the same stream goes first.
        """
        if not claim.topic:
            await claim.lease()
            claim.distrust()
        present: Any = self._claims.setdefault(claim.topic, claim)
        if present is not claim:
            known: C = present
            return known
        try:
            handler = self._safely(claim.receive)
            self._unsubscribe[claim.topic] = await self._link.subscribe(claim.topic, handler, qos=0)
            await claim.lease()
        except BaseException:
            self._forget(claim)
            raise
        if self._renewer is None:
            self._renewer = self._owner.spawn(self._keep_leases(), "renewal of leases")
        self._leased.set()
        return claim

    async def _close_claim(self, claim: Claim) -> None:
        unsubscribe = self._unsubscribe.get(claim.topic)
        self._forget(claim)
        if unsubscribe is not None:
            await settle(unsubscribe())

    def _forget(self, claim: Claim) -> None:
        if self._claims.get(claim.topic) is claim:
            del self._claims[claim.topic]
            self._unsubscribe.pop(claim.topic, None)

    async def _refresh(self, claim: Claim) -> None:
        """Take the lease again; what fails is tried again soon by the renewing task."""
        if claim in self._refreshing:
            return
        self._refreshing.add(claim)
        try:
            await claim.lease()
        except IbmuxError as error:
            log.warning("market data of %s: %s", claim.label, error)
            claim.renew_at = asyncio.get_running_loop().time() + max(RETRY, error.retry_after or 0.0)
        finally:
            self._refreshing.discard(claim)

    async def _keep_leases(self) -> None:
        """Renew every lease before half of its time is over."""
        loop = asyncio.get_running_loop()
        while True:
            self._leased.clear()
            due = [claim for claim in self._claims.values() if claim.renew_at <= loop.time()]
            await asyncio.gather(*(self._refresh(claim) for claim in due))
            next_due = min((claim.renew_at for claim in self._claims.values()), default=math.inf)
            pause = None if next_due == math.inf else max(0.05, next_due - loop.time())
            try:
                async with asyncio.timeout(pause):
                    await self._leased.wait()
            except TimeoutError:
                continue

    async def _renew_claims(self, _lost: float) -> None:
        """The proxy forgot this client's leases with its connection: take them again, with fresh answers."""
        for claim in self._claims.values():
            claim.distrust()
        await asyncio.gather(*(self._refresh(claim) for claim in list(self._claims.values())))

    def _on_disconnect(self, reason: str) -> None:
        # Holes that the loss makes are told once, as one gap, not once for each stream.
        for claim in self._claims.values():
            claim.distrust()
        super()._on_disconnect(reason)

    def _concerns(self, streams: list[str]) -> bool:
        names = (name.split("/", 1) for name in streams)
        heard = (topics.market(self.gateway, int(conId), TOLD_BY.get(name, name)) for conId, name in names)
        return not streams or any(topic in self._claims for topic in heard)

    def _on_hole(self, claim: Claim, start: float, end: float) -> None:
        """Something of a stream was missed from `start` to `end` (seconds UTC): a fresh answer is asked for."""
        self._owner.spawn(self._refresh(claim), f"fresh answer about {claim.label}")
        self._on_missing(claim, start, end)

    def _on_missing(self, claim: Claim, start: float, end: float) -> None:
        """The script is told of a hole."""
        if end > start:
            self._gap(start, end, f"{claim.label} are missing")
