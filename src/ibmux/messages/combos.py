"""What tells one combination (secType BAG) from another: Interactive Brokers gives all of them one conId.

ibmux gives each a number of its own, below 0, which is the same in every run and is never sent to the gateway.
"""

from __future__ import annotations

from typing import Any

from ibmux.errors import RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.wire import encode

COMBO = "BAG"
"""The security type of combinations."""
_BYTES = 6
"""Of a number: what JavaScript and others can still count exactly."""


def traits(contract: Contract) -> tuple[Any, ...]:
    """What makes a combination what it is: its legs in whatever order, its currency and exchange; not its symbol."""
    legs = sorted((leg.conId, leg.action.upper(), leg.ratio, leg.exchange) for leg in contract.comboLegs)
    hedge = contract.deltaNeutralContract
    return (
        COMBO,
        contract.currency,
        contract.exchange,
        *legs,
        *((hedge.conId, hedge.delta, hedge.price) if hedge is not None else ()),
    )


def number_of(contract: Contract) -> int:
    """The number of a combination in topics and leases, below 0.

    Raises:
        RequestError: a leg is not named by its conId, or there is none.
    """
    if not contract.comboLegs or not all(leg.conId > 0 for leg in contract.comboLegs):
        raise RequestError(
            f"The combination {contract.symbol!r} is known by its legs alone, and not each has a conId.",
            hint="Give `comboLegs`, each with the conId of a qualified contract, action, ratio and exchange.",
        )
    from hashlib import blake2b  # noqa: PLC0415 - few scripts have combinations

    digest = blake2b(encode(traits(contract)), digest_size=_BYTES).digest()
    return -1 - int.from_bytes(digest, "big")
