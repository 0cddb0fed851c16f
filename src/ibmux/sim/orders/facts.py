"""What the conditions of one order are measured by: live quotes, its account and the day's executions."""

from __future__ import annotations

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.orders.order import BookOrder
from ibmux.sim.orders.teller import Teller
from ibmux.sim.prices.market import Market
from ibmux.sim.prices.quote import Quote

BY_LAST = frozenset({"STK", "FUT", "IND", "CFD", "CRYPTO", "CONTFUT"})
ANYWHERE = frozenset({"", "*", "SMART"})


def watched_price(quote: Quote, method: int, rising: bool) -> float:
    """The price that a trigger method looks at.

    Methods (IBKR): 0 by the kind of instrument, 1 and 4 bid or ask, 2 and 3 last, 7 last or bid/ask, 8 midpoint.
    """
    if method == 8:
        return quote.mid
    if method in {2, 3, 7} or (method == 0 and quote.details.contract.secType in BY_LAST):
        return quote.last
    return quote.bid if rising else quote.ask


class OrderFacts:
    """The facts about one order (see `conditions.Facts`)."""

    def __init__(self, order: BookOrder, market: Market, accounts: Accounts, teller: Teller) -> None:
        self._order, self._market, self._accounts, self._teller = order, market, accounts, teller

    def _quote(self, conId: int) -> Quote | None:
        try:
            return self._market.quote(conId)
        except KeyError:  # the contract has expired since
            return None

    def price(self, conId: int, triggerMethod: int, isMore: bool) -> float | None:
        """The watched price of a contract."""
        quote = self._quote(conId)
        price = watched_price(quote, triggerMethod, isMore) if quote else 0.0
        return price if price > 0 else None

    def volume(self, conId: int) -> float | None:
        """The day's volume."""
        quote = self._quote(conId)
        return quote.volume if quote else None

    def change(self, conId: int) -> float | None:
        """The change since yesterday's close in percent."""
        quote = self._quote(conId)
        return (quote.last / quote.close - 1) * 100 if quote and quote.close else None

    def cushion(self) -> float:
        """Excess liquidity in percent of net liquidation."""
        sums = self._accounts[self._order.payer].figures()
        return float(sums.excess / sums.netLiquidation * 100) if sums.netLiquidation > 0 else 0.0

    def executed(self, secType: str, exchange: str, symbol: str) -> bool:
        """Whether such a contract traded in the login since the order was accepted."""
        return any(
            (done.contract.secType, done.contract.symbol) == (secType, symbol)
            and (exchange in ANYWHERE or exchange == done.exchange)
            for done in self._teller.since(self._order.accepted)
        )
