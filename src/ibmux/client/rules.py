"""How markets work and what options would cost, as ib_async's IB class names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.session import Session
from ibmux.messages.rules import OptionComputation, PriceIncrement, SmartComponent


class Rules(Session):
    """Questions about markets and the option model."""

    async def reqMarketRule(self, marketRuleId: int) -> list[PriceIncrement]:
        """The price steps of a rule; `marketRuleIds` in contract details names the rules."""
        return list(await self._ask("reqMarketRule", marketRuleId=marketRuleId))

    async def reqSmartComponents(self, bboExchange: str) -> list[SmartComponent]:
        """The exchanges behind the letters of a quote; `bboExchange` is an attribute of its ticker."""
        return list(await self._ask("reqSmartComponents", bboExchange=bboExchange))

    async def calculateImpliedVolatility(
        self, contract: object, optionPrice: float, underPrice: float, implVolOptions: Sequence[Any] = ()
    ) -> OptionComputation:
        """The volatility at which the option would have this price."""
        result: OptionComputation = await self._ask(
            "calculateImpliedVolatility",
            contract=to_contract(contract),
            optionPrice=optionPrice,
            underPrice=underPrice,
            implVolOptions=to_tags(implVolOptions),
        )
        return result

    async def calculateOptionPrice(
        self, contract: object, volatility: float, underPrice: float, optPrcOptions: Sequence[Any] = ()
    ) -> OptionComputation:
        """The option's price at this volatility."""
        result: OptionComputation = await self._ask(
            "calculateOptionPrice",
            contract=to_contract(contract),
            volatility=volatility,
            underPrice=underPrice,
            optPrcOptions=to_tags(optPrcOptions),
        )
        return result

    reqMarketRuleAsync = reqMarketRule
    reqSmartComponentsAsync = reqSmartComponents
    calculateImpliedVolatilityAsync = calculateImpliedVolatility
    calculateOptionPriceAsync = calculateOptionPrice
