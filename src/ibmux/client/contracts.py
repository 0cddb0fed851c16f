"""Contracts as ib_async's IB class names them: details, qualification, search, option parameters."""

from __future__ import annotations

import logging
from typing import TypeVar

from ibmux.client.foreign import to_contract, update
from ibmux.client.session import Session
from ibmux.messages.contracts import Contract, ContractDescription, ContractDetails, OptionChain

log = logging.getLogger("ibmux.client")

C = TypeVar("C")
"""A contract of ibmux, ib_async or ib_insync."""


class Contracts(Session):
    """Questions about contracts."""

    async def reqContractDetails(self, contract: object) -> list[ContractDetails]:
        """Every contract that matches a partly filled one; an unknown one gives an empty list or `UnknownContract`."""
        return list(await self._ask("reqContractDetails", contract=to_contract(contract)))

    async def qualifyContracts(self, *contracts: C) -> list[C | None]:
        """Fill in the given contracts in place, conId and the rest.

        The result has them at their places, with None for the unknown and the ambiguous, as in ib_async.
        """
        wanted = [to_contract(contract) for contract in contracts]
        found: list[Contract | None] = await self._ask("qualifyContracts", contracts=wanted)
        result: list[C | None] = []
        for given, full in zip(contracts, found, strict=True):
            if full is None:
                log.warning("unknown or ambiguous contract: %r", given)
                result.append(None)
                continue
            if getattr(given, "exchange", "") == "SMART":
                full.exchange = "SMART"
            update(given, full)
            result.append(given)
        return result

    async def reqMatchingSymbols(self, pattern: str) -> list[ContractDescription]:
        """Search stocks by the start of their symbol or by words of their name."""
        return list(await self._ask("reqMatchingSymbols", pattern=pattern))

    async def reqSecDefOptParams(
        self, underlyingSymbol: str, futFopExchange: str, underlyingSecType: str, underlyingConId: int
    ) -> list[OptionChain]:
        """Expirations and strikes of all options on an underlying."""
        return list(
            await self._ask(
                "reqSecDefOptParams",
                underlyingSymbol=underlyingSymbol,
                futFopExchange=futFopExchange,
                underlyingSecType=underlyingSecType,
                underlyingConId=underlyingConId,
            )
        )

    reqContractDetailsAsync = reqContractDetails
    qualifyContractsAsync = qualifyContracts
    reqMatchingSymbolsAsync = reqMatchingSymbols
    reqSecDefOptParamsAsync = reqSecDefOptParams
