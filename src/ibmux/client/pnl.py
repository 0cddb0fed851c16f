"""Profit and loss as live objects, under ib_async's names: of accounts, of their models, of single positions."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.session import Session, settle
from ibmux.messages import decode
from ibmux.messages.account import PnL, PnLSingle, PnLSingleState, PnLState
from ibmux.mqtt.bus import Unsubscribe
from ibmux.mqtt.message import Message

Key = tuple[str, str, int]
"""Account, model and conId; 0 for the account as a whole."""


class ProfitAndLoss(Session):
    """Streams of profit and loss.

    Events: `pnlEvent(PnL)` and `pnlSingleEvent(PnLSingle)` at each change of one that was asked for.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.pnlEvent = Event("pnlEvent", self._owner)
        self.pnlSingleEvent = Event("pnlSingleEvent", self._owner)
        self._profits: dict[Key, Any] = {}
        self._profit_streams: dict[Key, Unsubscribe] = {}
        self._recoveries.append(self._renew_profits)

    async def reqPnL(self, account: str, modelCode: str = "") -> PnL:
        """Start the stream of an account's (or a model's) profit and loss; the object changes in place."""
        known: PnL = await self._follow((account, modelCode, 0))
        return known

    async def pnl(self, account: str = "", modelCode: str = "") -> list[PnL]:
        """The live profit and loss objects; naming an account starts its stream."""
        if account and (account, modelCode, 0) not in self._profits:
            await self.reqPnL(account, modelCode)
        return [known for key, known in self._profits.items() if not key[2] and _fits(key, account, modelCode)]

    async def cancelPnL(self, account: str, modelCode: str = "") -> bool:
        """End the stream of an account's profit and loss; False where there was none."""
        if not await self._leave((account, modelCode, 0)):
            return False
        return bool(await self._ask("cancelPnL", account=account, modelCode=modelCode))

    async def reqPnLSingle(self, account: str, modelCode: str, conId: int) -> PnLSingle:
        """Start the stream of one position's profit and loss; the object changes in place. NaN where the account does
        not hold the contract.
        """
        known: PnLSingle = await self._follow((account, modelCode, conId))
        return known

    async def pnlSingle(self, account: str = "", modelCode: str = "", conId: int = 0) -> list[PnLSingle]:
        """The live objects of single positions; naming account and contract starts the stream."""
        if account and conId and (account, modelCode, conId) not in self._profits:
            await self.reqPnLSingle(account, modelCode, conId)
        return [
            known
            for key, known in self._profits.items()
            if key[2] and conId in (0, key[2]) and _fits(key, account, modelCode)
        ]

    async def cancelPnLSingle(self, account: str, modelCode: str, conId: int) -> bool:
        """End the stream of one position's profit and loss; False where there was none."""
        if not await self._leave((account, modelCode, conId)):
            return False
        return bool(await self._ask("cancelPnLSingle", account=account, modelCode=modelCode, conId=conId))

    async def _follow(self, key: Key) -> Any:
        first = await self._first(key)
        known = self._profits.setdefault(key, first)
        _overwrite(known, first)
        if key not in self._profit_streams:
            take = self._safely(partial(self._on_profit, key))
            self._profit_streams[key] = await self._link.subscribe(topics.pnl_state(self.gateway, *key), take)
        return known

    async def _first(self, key: Key) -> Any:
        account, model, con_id = key
        if con_id:
            return await self._ask("reqPnLSingle", account=account, modelCode=model, conId=con_id)
        return await self._ask("reqPnL", account=account, modelCode=model)

    async def _leave(self, key: Key) -> bool:
        unsubscribe = self._profit_streams.pop(key, None)
        self._profits.pop(key, None)
        if unsubscribe is not None:
            await settle(unsubscribe())
        return unsubscribe is not None

    def _on_profit(self, key: Key, message: Message) -> None:
        if not message.payload or (known := self._profits.get(key)) is None:
            return
        kind: Any = PnLSingleState if key[2] else PnLState
        _overwrite(known, decode(message.payload, kind).pnl)
        (self.pnlSingleEvent if key[2] else self.pnlEvent).emit(known)
        self._touch()

    async def _renew_profits(self, _lost: float) -> None:
        """The proxy forgot this client's claims with its connection: make them again."""
        await asyncio.gather(*(self._renew_profit(key) for key in list(self._profit_streams)))

    async def _renew_profit(self, key: Key) -> None:
        fresh = await self._first(key)
        if (known := self._profits.get(key)) is not None:  # not cancelled meanwhile
            _overwrite(known, fresh)


def _fits(key: Key, account: str, model: str) -> bool:
    return account in ("", key[0]) and model in ("", key[1])


def _overwrite(known: Any, fresh: Any) -> None:
    for name in fresh.__struct_fields__:
        setattr(known, name, getattr(fresh, name))
