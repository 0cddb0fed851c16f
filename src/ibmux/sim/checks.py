"""Why a gateway refuses an order before it takes it: one table of checks, each a plain function.

A check looks at the order, its contract and the price increments; it never looks at the market or the account's money.
"""

from __future__ import annotations

from collections.abc import Callable

from ibmux.sim.contracts import ContractDetails, Refusal
from ibmux.sim.money import exact
from ibmux.sim.orders import LIMITS, STOPS, TOUCHES, OrderSpec

INVALID = "Error validating request.-'bF' : cause - "
TICK = "The price does not conform to the minimum price variation for this contract."
# order type: the word for it in a contract's `orderTypes`
ORDER_TYPES = {
    "MKT": "MKT", "LMT": "LMT", "STP": "STP", "STP LMT": "STPLMT", "MOC": "MOC", "LOC": "LOC", "MOO": "MOO",
    "LOO": "LOO", "MIT": "MIT", "LIT": "LIT", "MIDPRICE": "MIDPX", "TRAIL": "TRAIL", "TRAIL LIMIT": "TRAILLMT",
}  # fmt: skip
SPELLINGS = {"STPLMT": "STP LMT", "TRAILLIMIT": "TRAIL LIMIT", "MIDPX": "MIDPRICE", "STOP": "STP", "LIMIT": "LMT"}
TIFS = frozenset({"DAY", "GTC", "IOC", "GTD", "OPG", "FOK", "DTC", "GTX", "AUC"})
ACTIONS = frozenset({"BUY", "SELL", "SSHORT"})
PRICES = ("lmtPrice", "auxPrice", "trailStopPrice")
Increment = Callable[[float], float]


def refuse(spec: OrderSpec, details: ContractDetails, increment: Increment) -> Refusal | None:
    """The first reason against an order, or None.

    Args:
        spec: the order, its type spelt in the gateway's way (see `spelt`).
        details: its contract.
        increment: gives the tick at a price.
    """
    return (
        _refuse_request(spec)
        or _refuse_contract(spec, details)
        or _refuse_prices(spec)
        or _refuse_ticks(spec, details, increment)
    )


def spelt(orderType: str) -> str:
    """The order type in the gateway's own spelling."""
    upper = orderType.strip().upper()
    return SPELLINGS.get(upper, upper)


def _refuse_request(spec: OrderSpec) -> Refusal | None:
    if spec.whatIf and not spec.transmit:
        text = "Error validating request.-'v' : cause - What-If order should have transmit flag set to TRUE."
        return Refusal(321, text)
    if spec.action not in ACTIONS:
        return Refusal(321, f"{INVALID}Invalid order side '{spec.action}' was entered")
    if spec.orderType not in ORDER_TYPES:
        return Refusal(321, f"{INVALID}Invalid order type was entered")
    if spec.tif not in TIFS:
        return Refusal(321, f"{INVALID}Invalid time in force '{spec.tif}' was entered")
    if spec.totalQuantity <= 0:
        return Refusal(434, "The order size cannot be zero.")
    return _refuse_tif(spec)


def _refuse_tif(spec: OrderSpec) -> Refusal | None:
    if spec.orderType in {"MOC", "LOC"} and spec.tif not in {"DAY", "GTC"}:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if spec.tif == "GTD" and not spec.goodTillDate:
        return Refusal(321, f"{INVALID}Good-Till-Date orders need a date")
    return None


def _refuse_contract(spec: OrderSpec, details: ContractDetails) -> Refusal | None:
    if details.contract.secType == "IND":
        return Refusal(201, "Order rejected - reason:This contract is not available for trading")
    if ORDER_TYPES[spec.orderType] not in details.orderTypes.split(","):
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    if spec.totalQuantity % exact(details.sizeIncrement):
        return Refusal(10243, "Fractional-sized order cannot be placed for this contract.")
    return None


def _refuse_prices(spec: OrderSpec) -> Refusal | None:
    if spec.orderType in LIMITS - {"TRAIL LIMIT"} and not spec.lmtPrice:
        return Refusal(321, f"{INVALID}Missing limit price")
    if spec.orderType in {"STP", "STP LMT"} | TOUCHES and not spec.auxPrice:
        return Refusal(321, f"{INVALID}Missing stop price")
    if spec.orderType in STOPS - {"STP", "STP LMT"} and not (spec.auxPrice or spec.trailingPercent):
        return Refusal(321, f"{INVALID}Missing trailing amount or percentage")
    if any((getattr(spec, name) or 0.0) < 0 for name in PRICES):
        return Refusal(321, f"{INVALID}Negative price")
    return None


def _refuse_ticks(spec: OrderSpec, details: ContractDetails, increment: Increment) -> Refusal | None:
    for name in PRICES:
        price = getattr(spec, name)
        if price and exact(price) % exact(increment(price)):
            return Refusal(110, TICK)
    return None


def increment_of(rule: tuple[tuple[float, float], ...] | None, minTick: float) -> Increment:
    """The tick at a price under a market rule; `minTick` where there is no rule."""
    steps = rule or ((0.0, minTick),)

    def at(price: float) -> float:
        return next(tick for edge, tick in reversed(steps) if price >= edge)

    return at
