"""How markets work, and what options would cost: short answers, of which those that hold for a day are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.messages import encode
from ibmux.messages.rules import (
    CalculateImpliedVolatility,
    CalculateOptionPrice,
    OptionComputation,
    PriceIncrement,
    ReqMarketRule,
    ReqSmartComponents,
    SmartComponent,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.contracts import Contracts
from ibmux.services.flights import Memory

if TYPE_CHECKING:
    from ibmux.session import Session

AGE = 3600.0
"""Seconds for which an answer is reckoned on; these change from day to day at the most."""
MOST = 1_000


class Rules:
    """Answers about markets and the option model."""

    def __init__(self, session: Session, contracts: Contracts) -> None:
        self.session = session
        self.contracts = contracts
        self.flights = contracts.flights
        self._known = Memory(contracts.flights, AGE, MOST)

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqMarketRule": self.market_rule,
            "reqSmartComponents": self.smart_components,
            "calculateImpliedVolatility": self.implied_volatility,
            "calculateOptionPrice": self.option_price,
        }

    async def market_rule(self, caller: Caller, request: ReqMarketRule) -> list[PriceIncrement]:
        """The price steps of a rule."""
        rule = request.marketRuleId
        return await self._known.ask(
            caller,
            ("rule", rule),
            lambda deadline: self.session.market_rule(rule, deadline=deadline, script=caller.script),
        )

    async def smart_components(self, caller: Caller, request: ReqSmartComponents) -> list[SmartComponent]:
        """The exchanges behind the letters of a quote."""
        exchange = request.bboExchange
        return await self._known.ask(
            caller,
            ("components", exchange),
            lambda deadline: self.session.smart_components(exchange, deadline=deadline, script=caller.script),
        )

    async def implied_volatility(self, caller: Caller, request: CalculateImpliedVolatility) -> OptionComputation:
        """The volatility at which an option would have this price."""
        contract = await self.contracts.resolve(caller, request.contract)
        values = (contract, request.optionPrice, request.underPrice, request.implVolOptions)
        return await self.flights.join(
            caller,
            ("volatility", encode(request)),
            lambda deadline: self.session.implied_volatility(*values, deadline=deadline, script=caller.script),
        )

    async def option_price(self, caller: Caller, request: CalculateOptionPrice) -> OptionComputation:
        """An option's price at this volatility."""
        contract = await self.contracts.resolve(caller, request.contract)
        values = (contract, request.volatility, request.underPrice, request.optPrcOptions)
        return await self.flights.join(
            caller,
            ("price", encode(request)),
            lambda deadline: self.session.option_price(*values, deadline=deadline, script=caller.script),
        )
