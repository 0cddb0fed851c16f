"""What the limits of orders must know of a contract: which one it is, and its last price. Asks where nobody knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ibmux.core.limits import reference_price
from ibmux.errors import IbmuxError, LimitExceeded
from ibmux.messages.contracts import Contract, name_of
from ibmux.services.caller import Caller

if TYPE_CHECKING:
    from ibmux.services.contracts import Contracts
    from ibmux.services.market import Market

PATIENCE = 3.0
"""Seconds to wait for the price of a contract that nobody streams."""
GLANCE = 0.02
"""Seconds between two looks whether a price has come."""
_HINT = (
    "Nothing was sent. See that `reqMktData` streams the contract (its data must be subscribed, or delayed data "
    "allowed: market_data_type = 3), then try again."
)


class Prices:
    """Contracts in full, and the prices of their last quotes."""

    def __init__(self, contracts: Contracts, market: Market) -> None:
        self.contracts = contracts
        self.market = market

    async def resolve(self, caller: Caller, contract: Contract) -> Contract:
        """The one contract that is meant, in full.

        Raises:
            IbmuxError: there is none, or several; whoever wanted it for an order has not sent that.
        """
        try:
            return await self.contracts.resolve(caller, contract)
        except IbmuxError as error:
            raise error.worded(error.message, "not_sent") from error

    async def last(self, caller: Caller, contract: Contract, *, fresh: bool) -> float:
        """The price of a resolved contract's last quote; with `fresh` not of one that may be old.

        Raises:
            LimitExceeded: there is none within moments.
        """
        now = asyncio.get_running_loop().time
        deadline = min(caller.deadline, now() + PATIENCE)
        try:
            while True:
                quote = await self.market.latest(contract, deadline)
                price = reference_price(quote.fields)
                if price and not (fresh and quote.stale):
                    return price
                if now() >= deadline:
                    raise _missing(contract, "the quote may be old." if price else "no price comes.")
                await asyncio.sleep(GLANCE)
        except LimitExceeded:
            raise
        except IbmuxError as error:
            raise _missing(contract, error.message) from error


def _missing(contract: Contract, why: str) -> LimitExceeded:
    return LimitExceeded(
        f"A limit of proxy.toml asks for the last quote of {name_of(contract)}, and there is none: {why}", hint=_HINT
    )
