"""The exercise of options. It is acknowledged, published and asked for like an order."""

from __future__ import annotations

from ibmux.messages.contracts import Contract
from ibmux.messages.methods import Request, method
from ibmux.messages.trades import Trade


@method("exerciseOptions", reply=Trade, role="trade")
class ExerciseOptions(Request):
    """Exercise (`exerciseAction` 1) options that an account holds, or let them lapse (2); the reply comes when the
    gateway acknowledged or refused it.

    `override` 1 has the instruction carried out against the system's natural action (an option out of the money, say).
    The same key with the same instruction returns it as it stands, also after a restart of the proxy; without a key the
    proxy makes one. Interactive Brokers does not carry the key: after a crash before its answer was written down only
    the positions tell whether it was done, and it is not sent again.
    """

    contract: Contract
    exerciseAction: int
    exerciseQuantity: int
    account: str
    override: int = 0
    key: str = ""
