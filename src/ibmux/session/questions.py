"""Questions with one answer each: contracts, executions, lists of orders, the clock."""

from __future__ import annotations

import asyncio
from typing import Any

from ibmux.messages.contracts import Contract, ContractDescription, ContractDetails, OptionChain
from ibmux.messages.trades import DONE, CommissionReport, Fill, Trade
from ibmux.messages.trading import ExecutionFilter
from ibmux.session.history import History
from ibmux.session.rules import Rules
from ibmux.session.translate import named, to_contract
from ibmux.session.translate_orders import to_filter

_CLOCK_FRESH = 5.0
"""Seconds for which the gateway's clock is reckoned on; asked too often, gateways do not answer."""


class Questions(History, Rules):
    """The part of a session that asks and waits."""

    _clock_read: tuple[float, float] | None = None

    async def contract_details(self, contract: Contract, *, deadline: float, script: str = "") -> list[ContractDetails]:
        """Every contract that matches.

        Raises:
            UnknownContract: none does.
        """
        wanted = to_contract(contract)
        request = self.next_request()
        found: list[ContractDetails] = await self.ask(
            request,
            f"the contract details of {named(contract)}",
            lambda link: link.reqContractDetails(request, wanted),
            deadline=deadline,
            script=script,
        )
        return found

    async def matching_symbols(self, pattern: str, *, deadline: float, script: str = "") -> list[ContractDescription]:
        """Stocks whose symbol or name begins like this."""
        request = self.next_request()
        found: list[ContractDescription] = await self.ask(
            request,
            f"the search for {pattern!r}",
            lambda link: link.reqMatchingSymbols(request, pattern),
            deadline=deadline,
            script=script,
        )
        return found

    async def option_parameters(
        self,
        underlyingSymbol: str,
        futFopExchange: str,
        underlyingSecType: str,
        underlyingConId: int,
        *,
        deadline: float,
        script: str = "",
    ) -> list[OptionChain]:
        """Expirations and strikes of all options on an underlying."""
        request = self.next_request()
        chains: list[OptionChain] = await self.ask(
            request,
            f"the options on {underlyingSymbol}",
            lambda link: link.reqSecDefOptParams(
                request, underlyingSymbol, futFopExchange, underlyingSecType, underlyingConId
            ),
            deadline=deadline,
            script=script,
        )
        return chains

    async def current_time(self, *, deadline: float, script: str = "") -> float:
        """The gateway's clock, seconds UTC; read at most every five seconds, reckoned on between."""
        now = asyncio.get_running_loop().time()
        if self._clock_read is None or now - self._clock_read[0] > _CLOCK_FRESH or self.state != "ready":
            await self.until_ready(deadline)
            seconds = await self._share("currentTime", _ask_time, deadline, script)
            self._clock_read = asyncio.get_running_loop().time(), float(seconds)
        read_at, seconds = self._clock_read
        return seconds + asyncio.get_running_loop().time() - read_at

    async def executions(
        self, execFilter: ExecutionFilter | None = None, *, deadline: float, script: str = ""
    ) -> list[Fill]:
        """Executions since midnight, with the commissions that are known."""
        await self.until_ready(deadline)
        return await self._executions(execFilter, deadline=deadline, script=script)

    async def open_orders(self, *, deadline: float, script: str = "") -> list[Trade]:
        """Open orders of our clientId (of clientId 0: also those placed by hand)."""
        await self.until_ready(deadline)
        return await self._ask_open_orders(deadline, script)

    async def all_open_orders(self, *, deadline: float, script: str = "") -> list[Trade]:
        """Open orders of all clients, and of TWS itself."""
        await self.until_ready(deadline)
        return still_open(await self._share("openOrders", _ask_all_open, deadline, script, "all"))

    async def completed_orders(self, api_only: bool = False, *, deadline: float, script: str = "") -> list[Trade]:
        """Finished orders of the day."""
        await self.until_ready(deadline)
        return await self._ask_completed_orders(api_only, deadline, script)

    # -- without waiting for `ready`: the first download asks too ----------------------------------------------------

    async def _ask_open_orders(self, deadline: float, script: str = "") -> list[Trade]:
        return still_open(await self._share("openOrders", _ask_open, deadline, script, "own"))

    async def _ask_completed_orders(self, api_only: bool, deadline: float, script: str = "") -> list[Trade]:
        trades: list[Trade] = await self._share(
            "completedOrders", lambda link: link.reqCompletedOrders(api_only), deadline, script, api_only
        )
        return trades

    async def _executions(self, execFilter: ExecutionFilter | None, *, deadline: float, script: str = "") -> list[Fill]:
        request = self.next_request()
        wanted = to_filter(execFilter)
        fills: list[Fill] = await self._exchange(
            request,
            "for the executions",
            lambda link: link.reqExecutions(request, wanted),
            deadline=deadline,
            script=script,
            lane="account",
        )
        for fill in fills:
            fill.commissionReport = self._reports.get(fill.execution.execId, CommissionReport())
        return fills


def still_open(trades: list[Trade]) -> list[Trade]:
    """Of a list of open orders, those that did not finish while it came; one entry for each order, the latest."""
    latest = {
        (trade.order.permId, 0, 0) if trade.order.permId else (0, trade.order.clientId, trade.order.orderId): trade
        for trade in trades
    }
    return [trade for trade in latest.values() if trade.orderStatus.status not in DONE]


def _ask_time(link: Any) -> None:
    link.reqCurrentTime()


def _ask_open(link: Any) -> None:
    link.reqOpenOrders()


def _ask_all_open(link: Any) -> None:
    link.reqAllOpenOrders()
