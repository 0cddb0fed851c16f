"""Profit and loss of accounts, models and single positions: one stream upstream, whatever the number of scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibmux import topics
from ibmux.core.claims import Claims
from ibmux.core.leases import Owner
from ibmux.errors import Busy, RequestError
from ibmux.messages.account import (
    CancelPnL,
    CancelPnLSingle,
    PnL,
    PnLSingle,
    PnLSingleState,
    PnLState,
    ReqPnL,
    ReqPnLSingle,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.services.account import Account
    from ibmux.session import Session

Key = tuple[str, str, int]
"""Account, model and conId; 0 for the account as a whole."""


class Profit:
    """Streams of profit and loss, and who follows them."""

    def __init__(
        self, session: Session, publisher: Publisher, flights: Flights, account: Account, claim_limit: int
    ) -> None:
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self.account = account
        self.claim_limit = claim_limit
        self.claims: Claims[Key] = Claims()

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqPnL": self.start,
            "pnl": self.start,
            "cancelPnL": self.cancel,
            "reqPnLSingle": self.start_single,
            "pnlSingle": self.start_single,
            "cancelPnLSingle": self.cancel_single,
        }

    # -- questions

    async def start(self, caller: Caller, request: ReqPnL) -> PnL:
        """Profit and loss of an account, or of one of its models."""
        value: PnL = await self._follow(caller, (request.account, request.modelCode, 0))
        return value

    async def start_single(self, caller: Caller, request: ReqPnLSingle) -> PnLSingle:
        """Profit and loss of one position."""
        if request.conId <= 0:
            raise RequestError(f"conId is {request.conId}; a position is that of a contract.")
        value: PnLSingle = await self._follow(caller, (request.account, request.modelCode, request.conId))
        return value

    def cancel(self, caller: Caller, request: CancelPnL) -> bool:
        """The stream ends when the last script gives it up. Returns whether this one had a claim."""
        return self._release((request.account, request.modelCode, 0), caller.owner)

    def cancel_single(self, caller: Caller, request: CancelPnLSingle) -> bool:
        """As `cancel`, for one position."""
        return self._release((request.account, request.modelCode, request.conId), caller.owner)

    # -- streams

    async def _follow(self, caller: Caller, key: Key) -> Any:
        """Claim the stream, start it if nobody has; what fails leaves no claim that was not there before."""
        self.account.check_account(key[0])
        is_new = self.claims.take(key, caller.owner, caller.client)
        try:
            if is_new and self.claims.owned_by(caller.owner) > self.claim_limit:
                raise Busy(
                    f"{caller.script} follows {self.claim_limit} profits already.",
                    hint="Cancel streams that you do not need.",
                )
            value = await self.flights.join(caller, ("pnl", *key), lambda deadline: self._ask(key, deadline, caller))
        except BaseException:
            if is_new:
                self._release(key, caller.owner)
            raise
        if key not in self.claims:  # whoever asked left meanwhile
            self._end(key)
        return value

    async def _ask(self, key: Key, deadline: float, caller: Caller) -> PnL | PnLSingle:
        account, model, con_id = key
        if con_id:
            return await self.session.pnl_single(account, model, con_id, deadline=deadline, script=caller.script)
        return await self.session.pnl(account, model, deadline=deadline, script=caller.script)

    def _release(self, key: Key, owner: Owner) -> bool:
        """End one claim, and with the last one the stream; whether there was one."""
        held = self.claims.release(key, owner)
        if held and key not in self.claims:
            self._end(key)
        return held

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its claims."""
        for key in self.claims.release_owner(owner):
            self._end(key)

    def release_client(self, client: str) -> None:
        """A connection ended: so do the claims that were made over it."""
        for key in self.claims.release_client(client):
            self._end(key)

    def _end(self, key: Key) -> None:
        self.session.end_pnl(*key)
        if key[1] or key[2]:  # an account's own stays, as the last that is known
            self.publisher.clear(topics.pnl_state(self.publisher.gateway, *key))

    # -- updates

    def publish(self, pnl: PnL) -> None:
        """Each update of an account's profit and loss."""
        topic = topics.pnl_state(self.publisher.gateway, pnl.account, pnl.modelCode, 0)
        self.publisher.state(topic, PnLState(self.publisher.epoch, self.publisher.clock(), pnl))

    def publish_single(self, pnl: PnLSingle) -> None:
        """Each update of a position's profit and loss, while somebody follows it."""
        if (pnl.account, pnl.modelCode, pnl.conId) in self.claims:
            topic = topics.pnl_state(self.publisher.gateway, pnl.account, pnl.modelCode, pnl.conId)
            self.publisher.state(topic, PnLSingleState(self.publisher.epoch, self.publisher.clock(), pnl))
