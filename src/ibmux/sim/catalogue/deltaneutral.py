"""What a gateway confirms of a delta-neutral request: the hedge of an option by its underlying, with delta and price.

A client that asks for market data of an option with a `deltaNeutralContract` gets message deltaNeutralValidation: its
own delta and price, or the present ones where it named none (IB documentation of delta-neutral requests for quotes).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.theory.options import Computation

MODEL = 13
NO_HEDGE = Refusal(321, "Error validating request.-'bN' : cause - Invalid delta neutral contract")


class _Quoted(Protocol):
    @property
    def mid(self) -> float: ...


class Greeks(Protocol):
    """A market that knows options' sensitivities and everybody's middle price."""

    def computations(self, conId: int) -> Iterable[tuple[int, Computation]]:
        """Sensitivities of an option by tick type."""

    def quote(self, conId: int) -> _Quoted:
        """The live prices of a contract."""


class Hedge(NamedTuple):
    """The fields of deltaNeutralValidation."""

    conId: int
    delta: float
    price: float


def validate(market: Greeks, option: ContractDetails, conId: int, delta: float, price: float) -> Hedge | Refusal:
    """The hedge that a gateway confirms for `option`, or why it refuses.

    Args:
        market: knows the present delta of the option and the price of its underlying.
        option: what market data are asked for.
        conId: the contract that the client would hedge with.
        delta: of the option, as the client sees it; 0 for the present one.
        price: of the hedge; 0 for the present one.
    """
    if option.contract.secType not in {"OPT", "FOP"} or conId != option.underConId:
        return NO_HEDGE
    model = next((found for kind, found in market.computations(option.contract.conId) if kind == MODEL), None)
    present = round(model.delta, 4) if model is not None else 0.0
    return Hedge(conId, delta or present, price or round(market.quote(conId).mid, 4))
