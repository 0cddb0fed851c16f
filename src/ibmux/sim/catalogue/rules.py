"""Market rules: the price increments of contracts by price, and whether a price keeps them.

A contract names one rule for each of its exchanges (`marketRuleIds` beside `validExchanges`). The numbers of rules are
the gateway's where known. Nothing here knows contracts beyond those two fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from ibmux.sim.catalogue.contracts import ContractDetails

Steps = tuple[tuple[float, float], ...]
TOLERANCE = 1e-6  # of an increment: prices come as binary fractions

# (from this price on, the increment), by market rule (IB's reqMarketRule)
MARKET_RULES: dict[int, Steps] = {
    26: ((0.0, 0.01),),
    32: ((0.0, 0.01),),
    45: ((0.0, 0.001),),
    58: ((0.0, 0.00005),),
    59: ((0.0, 0.005),),
    61: ((0.0, 0.005),),
    67: ((0.0, 0.25),),
    95: ((0.0, 0.03125),),
    96: ((0.0, 0.015625),),
    98: ((0.0, 1.0),),
    99: ((0.0, 0.5),),
    109: ((0.0, 0.05), (3.0, 0.1)),
    110: ((0.0, 0.01), (3.0, 0.05)),
    123: ((0.0, 0.1),),
    134: ((0.0, 0.05),),
    141: ((0.0, 0.0005),),
    157: ((0.0, 0.05), (10.0, 0.25)),
    239: ((0.0, 0.00005),),
    240: ((0.0, 0.001), (1.0, 0.01)),
    557: (
        (0.0, 0.001), (0.25, 0.005), (0.5, 0.01), (10.0, 0.02), (20.0, 0.05), (100.0, 0.1), (200.0, 0.2), (500.0, 0.5),
    ),
    635: ((0.0, 0.001),),
    2720: ((0.0, 0.0001), (1.0, 0.01)),
    2721: ((0.0, 0.0001),),
    3202: ((0.0, 0.00001),),
}  # fmt: skip


def rule_id(details: ContractDetails, exchange: str = "") -> int:
    """The market rule of a contract on one of its exchanges; of its first where the exchange is not among them."""
    names, numbers = details.validExchanges.split(","), details.marketRuleIds.split(",")
    wanted = exchange or details.contract.exchange
    place = names.index(wanted) if wanted in names else 0
    return int(numbers[min(place, len(numbers) - 1)] or 0)


def increments(details: ContractDetails, exchange: str = "") -> Steps:
    """The price increments of a contract on an exchange as (from price, increment), lowest price first."""
    return MARKET_RULES.get(rule_id(details, exchange), ((0.0, details.minTick),))


def increment(steps: Sequence[tuple[float, float]], price: float) -> float:
    """The increment that holds at a price; negative prices (of combinations) mirror positive ones."""
    return next((tick for edge, tick in reversed(steps) if abs(price) >= edge), steps[0][1])


def conforms(steps: Sequence[tuple[float, float]], price: float) -> bool:
    """Whether a price is a whole number of increments (else an order is refused with error 110)."""
    ticks = price / increment(steps, price)
    return abs(ticks - round(ticks)) < TOLERANCE


def nearest(steps: Sequence[tuple[float, float]], price: float) -> float:
    """The legal price next to a price."""
    tick = increment(steps, price)
    return round(round(price / tick) * tick, 8)
