"""Why a gateway refuses an order before it takes it: one table of checks, each a plain function.

A check looks at the order, its contract and the price increments; it never looks at the market or the account's money.
"""

from __future__ import annotations

from collections.abc import Callable

from ibmux.sim.accounts.money import exact
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.orders.adjusting import refuse_adjustment
from ibmux.sim.orders.algos import refuse_algo
from ibmux.sim.orders.hedges import refuse_hedge
from ibmux.sim.orders.order import LIMITS, PEGS, SNAPS, STOPS, TOUCHES, OrderSpec
from ibmux.sim.orders.scales import refuse_scale

INVALID = "Error validating request.-'bF' : cause - "
FRACTION = "Fractional-sized order cannot be placed via API. Please use desktop version to place this order."
SMALL = "Order size {} is smaller than the minimum required size of {}."
PERCENTAGE = "Invalid Trailing Percent value. Valid values are greater than 0 and less than 100."
NO_DATE = (
    "The time entered is invalid.\n\nThe correct format is hh:mm:ss\nE.g.: 15:59:00\n\nTime zone associated with the "
    "financial instrument is assumed."
)
TICK = "The price does not conform to the minimum price variation for this contract."
# order type: the word for it in a contract's `orderTypes`
ORDER_TYPES = {
    "MKT": "MKT", "LMT": "LMT", "STP": "STP", "STP LMT": "STPLMT", "MOC": "MOC", "LOC": "LOC", "MOO": "MOO",
    "LOO": "LOO", "MIT": "MIT", "LIT": "LIT", "MIDPRICE": "MIDPX", "TRAIL": "TRAIL", "TRAIL LIMIT": "TRAILLMT",
    "REL": "REL", "PEG MKT": "PEGMKT", "PEG MID": "PEGMID", "SNAP MKT": "SNAPMKT", "SNAP MID": "SNAPMID",
    "SNAP PRIM": "SNAPREL", "MTL": "MTL", "VOL": "VOLAT", "PEG STK": "RELSTK", "PEG BENCH": "PEGBENCH",
    "PEG BEST": "REL2MID",
}  # fmt: skip
SPELLINGS = {
    "STPLMT": "STP LMT", "TRAILLIMIT": "TRAIL LIMIT", "MIDPX": "MIDPRICE", "STOP": "STP", "LIMIT": "LMT",
    "PEGMKT": "PEG MKT", "PEGMID": "PEG MID", "SNAPMKT": "SNAP MKT", "SNAPMID": "SNAP MID", "SNAPREL": "SNAP PRIM",
    "SNAP PRIMARY": "SNAP PRIM", "PEGBENCH": "PEG BENCH", "PEGBEST": "PEG BEST",
    "PEGSTK": "PEG STK", "PEG PRIM": "REL", "PEGPRIM": "REL", "MKTCLS": "MOC", "LMTCLS": "LOC",
}  # fmt: skip
# Types that a gateway knows for a kind of instrument, whether its contract details name them or not.
ALSO = {
    "STK": PEGS | SNAPS | {"MOO", "LOO", "MTL"},
    "OPT": frozenset({"REL", "PEG MID", "PEG MKT", "SNAP MID", "SNAP MKT", "MTL"}),
}
TIFS = frozenset({"DAY", "GTC", "IOC", "GTD", "OPG", "FOK", "DTC", "GTX", "AUC", "Minutes"})
ACTIONS = frozenset({"BUY", "SELL", "SSHORT"})
PRICES = ("lmtPrice", "auxPrice", "trailStopPrice")
FRACTIONS = frozenset({"MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "LIT", "TRAIL LIMIT"})
"""Types that may be placed for a part of a share."""
NUMBERS = (*PRICES, "trailingPercent", "lmtPriceOffset", "percentOffset", "discretionaryAmt", "cashQty")
LARGEST = 1e12
TRAILING = STOPS - {"STP", "STP LMT"}
Increment = Callable[[float], float]


def refuse(spec: OrderSpec, details: ContractDetails, increment: Increment) -> Refusal | None:
    """The first reason against an order, or None.

    Args:
        spec: the order, its type spelt in the gateway's way (see `spelt`).
        details: its contract.
        increment: gives the tick at a price.
    """
    return (
        _refuse_numbers(spec)
        or _refuse_request(spec)
        or _refuse_contract(spec, details)
        or _refuse_prices(spec, details)
        or _refuse_ticks(spec, details, increment)
        or _refuse_attributes(spec)
    )


def spelt(orderType: str) -> str:
    """The order type in the gateway's own spelling."""
    upper = orderType.strip().upper()
    return SPELLINGS.get(upper, upper)


def kinds_of(spec: OrderSpec) -> str:
    """The family of order types between whose members an order may be changed; other changes are error 329."""
    if spec.auction:
        return "auction"
    return spec.orderType if spec.orderType in PEGS | SNAPS else "scale" if spec.scale else ""


def _refuse_numbers(spec: OrderSpec) -> Refusal | None:
    """Numbers that no market knows: what is computed from an order later must not overflow."""
    given: list[object] = [getattr(spec, name) for name in NUMBERS]
    if spec.scale is not None:
        given += [spec.scale.step, spec.scale.profitOffset, spec.scale.filled]
    if spec.adjustment is not None:
        wanted = spec.adjustment
        given += [wanted.triggerPrice, wanted.stopPrice, wanted.limitPrice, wanted.trailing]
    given += [*spec.legPrices, spec.displaySize, spec.minQty]
    if not spec.totalQuantity.is_finite() or any(isinstance(one, int | float) and abs(one) > LARGEST for one in given):
        return Refusal(321, f"{INVALID}A number is out of range")
    if spec.scale is not None and min(spec.scale.filled, spec.scale.position) < 0:
        return Refusal(321, f"{INVALID}A number is out of range")
    return None


def _refuse_request(spec: OrderSpec) -> Refusal | None:
    if spec.whatIf and not spec.transmit:
        text = "Error validating request.-'v' : cause - What-If order should have transmit flag set to TRUE."
        return Refusal(321, text)
    if spec.action not in ACTIONS:
        return Refusal(321, f"{INVALID}Invalid side field was entered")
    if spec.orderType not in ORDER_TYPES:
        return Refusal(321, f"{INVALID}Invalid order type was entered")
    if spec.tif not in TIFS:
        return Refusal(10052, "Invalid time in force")
    return _refuse_size(spec) or _refuse_tif(spec)


def _refuse_size(spec: OrderSpec) -> Refusal | None:
    if spec.totalQuantity < 0:
        return Refusal(321, f"{INVALID}Order size does not conform to market rule.")
    if not (spec.totalQuantity or spec.cashQty or spec.hedgeType):
        return Refusal(434, "The order size cannot be zero.")
    return None


def _refuse_tif(spec: OrderSpec) -> Refusal | None:
    if spec.orderType in {"MOC", "LOC"} and spec.tif not in {"DAY", "GTC"}:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if spec.tif in {"OPG", "AUC"} and spec.orderType not in {"MKT", "LMT", "MOO", "LOO"}:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if spec.tif == "GTD" and not spec.goodTillDate:
        return Refusal(321, f"{INVALID}{NO_DATE}")
    return None


def _refuse_contract(spec: OrderSpec, details: ContractDetails) -> Refusal | None:
    kind = details.contract.secType
    if kind in {"IND", "CONTFUT"}:
        return Refusal(201, "Order rejected - reason:This contract is not available for trading")
    allowed = ORDER_TYPES[spec.orderType] in details.orderTypes.split(",")
    if not allowed and spec.orderType not in ALSO.get(kind, frozenset()):
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    quantity = spec.totalQuantity
    if quantity % exact(details.sizeIncrement):
        return Refusal(10243, FRACTION)
    if quantity % 1 and kind == "STK" and (spec.orderType not in FRACTIONS or spec.auction or spec.allOrNone):
        return Refusal(10318, "This order doesn't support fractional quantity trading")
    if 0 < quantity < exact(details.minSize):
        return Refusal(388, SMALL.format(f"{quantity:f}", f"{details.minSize:g}"))
    return None


def _refuse_prices(spec: OrderSpec, details: ContractDetails) -> Refusal | None:
    combo = details.contract.secType == "BAG"
    by_leg = any(price is not None for price in spec.legPrices)
    limitless = spec.lmtPrice is None if combo else not spec.lmtPrice
    if spec.orderType in LIMITS - {"TRAIL LIMIT"} and limitless and not by_leg:
        return Refusal(463, "You must enter a valid price.")
    refusal = _refuse_trigger(spec)
    if refusal is not None:
        return refusal
    if not combo and any((getattr(spec, name) or 0.0) < 0 for name in PRICES):
        return Refusal(463, "You must enter a valid price.")
    return None


def _refuse_trigger(spec: OrderSpec) -> Refusal | None:
    if spec.orderType in {"STP", "STP LMT"} and not spec.auxPrice:
        return Refusal(321, f"{INVALID}Please enter a stop price")
    if spec.orderType in TOUCHES and not spec.auxPrice:
        return Refusal(321, f"{INVALID}Invalid Trigger Price")
    if spec.orderType == "MIDPRICE" and spec.outsideRth:
        return Refusal(321, f"{INVALID}Midprice orders are not supported outside of regular trading hours.")
    return _refuse_trailing(spec) if spec.orderType in TRAILING else None


def _refuse_trailing(spec: OrderSpec) -> Refusal | None:
    """A trailing stop follows at an amount or at a percentage; a limit is given or follows at an offset."""
    if spec.trailingPercent and spec.auxPrice:
        return Refusal(
            320, "Error reading request:Cannot specify Trailing Amount and Trailing Percent at the same time"
        )
    if not spec.trailingPercent and (spec.auxPrice or 0.0) <= 0:
        return Refusal(321, f"{INVALID}You must enter a Trailing Amount for {spec.orderType}.")
    if spec.trailingPercent and not 0 < spec.trailingPercent < 100:
        return Refusal(321, f"{INVALID}{PERCENTAGE}")
    if spec.orderType == "TRAIL LIMIT" and bool(spec.lmtPrice) is (spec.lmtPriceOffset is not None):
        return Refusal(321, f"{INVALID}You must specify one value: limit price or limit price offset value.")
    return None


def _refuse_ticks(spec: OrderSpec, details: ContractDetails, increment: Increment) -> Refusal | None:
    for name in PRICES:
        price = getattr(spec, name)
        if price and exact(price) % exact(increment(abs(price))):
            return Refusal(110, TICK)
    return None


def _refuse_attributes(spec: OrderSpec) -> Refusal | None:
    """What an order may ask beside type, size and price."""
    if spec.displaySize and spec.discretionaryAmt:
        return Refusal(
            157,
            "An order can be EITHER Iceberg or Discretionary. Please remove either the Discretionary amount or the "
            "Display size.",
        )
    if spec.displaySize < 0 or (spec.displaySize and spec.displaySize >= spec.totalQuantity > 0):
        return Refusal(10020, "Display size should be smaller than order size.")
    if spec.minQty > spec.totalQuantity > 0:
        return Refusal(321, f"{INVALID}The minimum quantity exceeds the order's size")
    return (
        refuse_algo(spec.algoStrategy, spec.algoParams)
        or refuse_scale(spec.scale, spec.orderType)
        or refuse_adjustment(spec.adjustment, spec.orderType)
        or refuse_hedge(spec.hedgeType, spec.hedgeParam, spec.parentId != 0)
    )


def increment_of(rule: tuple[tuple[float, float], ...] | None, minTick: float) -> Increment:
    """The tick at a price under a market rule; `minTick` where there is no rule."""
    steps = rule or ((0.0, minTick),)

    def at(price: float) -> float:
        return next(tick for edge, tick in reversed(steps) if price >= edge)

    return at
