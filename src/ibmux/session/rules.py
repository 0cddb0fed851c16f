"""Questions about markets and options: price steps, exchanges with depth, letters of exchanges, computed prices."""

from __future__ import annotations

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.depth import DepthMktDataDescription
from ibmux.messages.rules import OptionComputation, PriceIncrement, SmartComponent
from ibmux.session.asking import Asking
from ibmux.session.translate import to_contract, to_tags


class Rules(Asking):
    """The part of a session that asks how markets work."""

    async def market_rule(self, rule: int, *, deadline: float, script: str = "") -> list[PriceIncrement]:
        """The price steps of a rule."""
        await self.until_ready(deadline)
        steps: list[PriceIncrement] = await self._share(
            f"marketRule {rule}",
            lambda link: link.reqMarketRule(rule),
            deadline,
            script,
            what=f"for market rule {rule}",
            lane="bulk",
        )
        return steps

    async def depth_exchanges(self, *, deadline: float, script: str = "") -> list[DepthMktDataDescription]:
        """The exchanges that offer market depth."""
        await self.until_ready(deadline)
        found: list[DepthMktDataDescription] = await self._share(
            "mktDepthExchanges",
            lambda link: link.reqMktDepthExchanges(),
            deadline,
            script,
            what="for the exchanges with market depth",
            lane="bulk",
        )
        return found

    async def smart_components(self, exchange: str, *, deadline: float, script: str = "") -> list[SmartComponent]:
        """The exchanges behind the letters of a quote."""
        request = self.next_request()
        found: list[SmartComponent] = await self.ask(
            request,
            f"for the components of {exchange}",
            lambda link: link.reqSmartComponents(request, exchange),
            deadline=deadline,
            script=script,
        )
        return found

    async def implied_volatility(
        self, contract: Contract, price: float, under: float, options: list[TagValue], *, deadline: float, script: str
    ) -> OptionComputation:
        """The volatility at which an option would have this price."""
        return await self._compute(contract, price, under, options, (54, 56), deadline=deadline, script=script)

    async def option_price(
        self, contract: Contract, volatility: float, under: float, options: list[TagValue], *, deadline: float,
        script: str,
    ) -> OptionComputation:  # fmt: skip
        """An option's price at this volatility."""
        return await self._compute(contract, volatility, under, options, (55, 57), deadline=deadline, script=script)

    async def _compute(
        self,
        contract: Contract,
        value: float,
        under: float,
        options: list[TagValue],
        messages: tuple[int, int],
        *,
        deadline: float,
        script: str,
    ) -> OptionComputation:
        """Ask the option model; ib_async would put a count before the options, which is not in the protocol."""
        request = self.next_request()
        wanted, tags = to_contract(contract), to_tags(options)
        asking, ending = messages
        try:
            result: OptionComputation = await self.ask(
                request,
                f"the computation for {contract.localSymbol or contract.symbol}",
                lambda link: link.send(asking, 3, request, wanted, value, under, tags),
                deadline=deadline,
                script=script,
            )
        finally:
            self._post_cancel(lambda link: link.send(ending, 1, request))
        return result
