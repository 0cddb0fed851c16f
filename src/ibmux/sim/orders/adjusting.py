"""Adjustable stops: a stop that becomes another kind of stop once the market has moved in its favour. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ibmux.sim.catalogue.contracts import Refusal

STOP_TYPES = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
PERCENT = 100
"""`adjustableTrailingUnit` of a trailing amount in percent; 0 is an amount of money."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What the order becomes when the market reaches `triggerPrice`; prices are None where they are unset."""

    orderType: str
    triggerPrice: float | None
    stopPrice: float | None = None
    limitPrice: float | None = None
    trailing: float | None = None
    unit: int = 0

    def changes(self) -> dict[str, object]:
        """The fields of the order that change with the adjustment."""
        trails = self.orderType.startswith("TRAIL")
        percent = trails and self.unit == PERCENT
        changed: dict[str, object] = {
            "orderType": self.orderType,
            "auxPrice": None if percent else self.trailing if trails else self.stopPrice,
            "trailingPercent": self.trailing if percent else None,
            "trailStopPrice": self.stopPrice if trails else None,
            "adjustment": None,
        }
        if self.limitPrice is not None:
            changed["lmtPrice"] = self.limitPrice
        return changed


def refuse_adjustment(wanted: Adjustment | None, orderType: str) -> Refusal | None:
    """Why a stop cannot be adjusted like this, or None."""
    if wanted is None:
        return None
    if wanted.orderType not in STOP_TYPES or orderType not in STOP_TYPES:
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    if not wanted.triggerPrice or wanted.triggerPrice < 0:
        return Refusal(361, "Invalid trigger price.")
    needed = wanted.trailing if wanted.orderType.startswith("TRAIL") else wanted.stopPrice
    if not needed:
        return Refusal(362, "Invalid adjusted stop price.")
    if wanted.orderType == "STP LMT" and wanted.limitPrice is None:
        return Refusal(363, "Invalid adjusted stop limit price.")
    return None


def is_reached(wanted: Adjustment, sign: int, price: float) -> bool:
    """Whether the market has reached the trigger: from below for a stop that sells (`sign` -1), else from above."""
    return wanted.triggerPrice is not None and (price - wanted.triggerPrice) * sign <= 0 < price
