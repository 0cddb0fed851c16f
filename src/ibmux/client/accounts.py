"""Accounts as ib_async's IB class names them: holdings, values, profit and loss."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.session import Session
from ibmux.messages import decode
from ibmux.messages.account import AccountValue, PnL, PnLSingle, PnLState, PortfolioItem, Position
from ibmux.mqtt.bus import Unsubscribe
from ibmux.mqtt.message import Message


class Accounts(Session):
    """Questions about accounts. Event: `pnlEvent(PnL)` at each change of a profit and loss that was asked for."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.pnlEvent = Event("pnlEvent", self._owner)
        self._pnl: dict[tuple[str, str], PnL] = {}
        self._pnl_streams: dict[tuple[str, str], Unsubscribe] = {}
        self._recoveries.append(self._renew_pnl)

    async def managedAccounts(self) -> list[str]:
        """The accounts of this login."""
        return list(await self._ask("managedAccounts"))

    async def accountValues(self, account: str = "") -> list[AccountValue]:
        """Every value that the gateway reports, of one account or of all."""
        return list(await self._ask("accountValues", account=account))

    async def accountSummary(self, account: str = "") -> list[AccountValue]:
        """The summary tags, of one account or of all."""
        return list(await self._ask("accountSummary", account=account))

    async def portfolio(self, account: str = "") -> list[PortfolioItem]:
        """Holdings at market prices, of one account or of all."""
        return list(await self._ask("portfolio", account=account))

    async def positions(self, account: str = "") -> list[Position]:
        """Holdings, of one account or of all."""
        return list(await self._ask("positions", account=account))

    async def reqPositions(self) -> list[Position]:
        """All holdings."""
        return await self.positions()

    async def reqPnL(self, account: str, modelCode: str = "") -> PnL:
        """Start the stream of an account's profit and loss; the object changes in place."""
        key = (account, modelCode)
        first: PnL = await self._ask("reqPnL", account=account, modelCode=modelCode)
        known = self._pnl.setdefault(key, first)
        _overwrite(known, first)
        if key not in self._pnl_streams:
            take = self._safely(partial(self._on_pnl, key))
            self._pnl_streams[key] = await self._link.subscribe(topics.pnl_state(self.gateway, account), take)
        return known

    async def pnl(self, account: str = "", modelCode: str = "") -> list[PnL]:
        """The live profit and loss objects; naming an account starts its stream."""
        if account and (account, modelCode) not in self._pnl:
            await self.reqPnL(account, modelCode)
        return [item for (name, model), item in self._pnl.items() if account in ("", name) and modelCode in ("", model)]

    async def cancelPnL(self, account: str, modelCode: str = "") -> bool:
        """End the stream of an account's profit and loss; False where there was none."""
        key = (account, modelCode)
        unsubscribe = self._pnl_streams.pop(key, None)
        self._pnl.pop(key, None)
        if unsubscribe is None:
            return False
        await settle(unsubscribe())
        return bool(await self._ask("cancelPnL", account=account, modelCode=modelCode))

    async def reqPnLSingle(self, account: str, modelCode: str, conId: int) -> PnLSingle:
        """Profit and loss of one position, now."""
        result: PnLSingle = await self._ask("reqPnLSingle", account=account, modelCode=modelCode, conId=conId)
        return result

    async def pnlSingle(self, account: str = "", modelCode: str = "", conId: int = 0) -> list[PnLSingle]:
        """Profit and loss of one position, now, as a list as in ib_async."""
        return [await self.reqPnLSingle(account, modelCode, conId)]

    accountSummaryAsync = accountSummary
    reqPositionsAsync = reqPositions

    def _on_pnl(self, key: tuple[str, str], message: Message) -> None:
        if not message.payload or (known := self._pnl.get(key)) is None:
            return
        fresh: PnL = decode(message.payload, PnLState).pnl
        if fresh.modelCode == key[1]:
            _overwrite(known, fresh)
            self.pnlEvent.emit(known)
            self._touch()

    async def _renew_pnl(self, _lost: float) -> None:
        """The proxy forgot this client's claims with its connection: make them again."""
        await asyncio.gather(*(self.reqPnL(*key) for key in list(self._pnl_streams)))


def _overwrite(known: PnL, fresh: PnL) -> None:
    for name in fresh.__struct_fields__:
        setattr(known, name, getattr(fresh, name))


async def settle(result: Any) -> None:
    """Wait for what an unsubscribe function returned, if there is anything to wait for."""
    if result is not None:
        await result
