"""Model portfolios: which part of an account's positions belongs to a model, and what that part is worth.

Every contract belongs to one model or to none, a share of it at that; both follow from its number. It changes no books:
a model's account is a view, made anew whenever it is asked for.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from zlib import crc32

from ibmux.sim.accounts.accounts import Account
from ibmux.sim.accounts.ledger import Holding, Ledger
from ibmux.sim.accounts.money import ZERO, cents
from ibmux.sim.prices.market import Market

SHARES = (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))


class Models:
    """The model portfolios of the login.

    Args:
        codes: their codes.
        market: marks positions.
    """

    def __init__(self, codes: tuple[str, ...], market: Market) -> None:
        self.codes = codes
        self._market = market

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def of(self, conId: int) -> tuple[str, Decimal]:
        """The model that holds a part of the positions in a contract, and which part; an empty code if none does."""
        place, share = divmod(crc32(b"%d" % conId), len(SHARES))
        code = (*self.codes, "")[place % (len(self.codes) + 1)]
        return code, SHARES[share] if code else ZERO

    def view(self, account: Account, code: str) -> Account:
        """The account as the model sees it: whole units of positions with their part of cost and profit, no cash."""
        seen = Account(account.name, ZERO, self._market)
        seen.ledger = Ledger(ZERO)
        for conId, held in account.ledger.holdings.items():
            owner, share = self.of(conId)
            part = _part(held, share)
            if owner == code and (part.position or not held.position):
                seen.ledger.holdings[conId] = part
        return seen


def _part(held: Holding, share: Decimal) -> Holding:
    position = (held.position * share).to_integral_value(ROUND_DOWN)
    real = position / held.position if held.position else share
    amounts = (cents(amount * real) for amount in (held.cost, held.realized, held.flow, held.start))
    return Holding(held.details, position, *amounts)
