"""What a bond yields at a price: the rate at which its coupons and its principal are worth that price.

Pure functions; two coupons a year, prices and coupons in percent of the principal, yields in percent per year.
"""

from __future__ import annotations

import math
from datetime import date

LOW, HIGH = -20.0, 200.0
STEPS = 60
YEAR = 365.25


def years_until(maturity: str, today: date) -> float:
    """The years from `today` to a day written as yyyymmdd; at least one day."""
    last = date(int(maturity[:4]), int(maturity[4:6]), int(maturity[6:8]))
    return max(1, (last - today).days) / YEAR


def worth(rate: float, coupon: float, years: float) -> float:
    """The price, without accrued interest, at which a bond yields `rate`."""
    periods = max(1, round(2 * years + 0.5))
    first = 2 * years - (periods - 1)
    discount = 1 / (1 + rate / 200)
    payments = math.fsum(coupon / 2 * math.pow(discount, first + number) for number in range(periods))
    return payments + 100 * math.pow(discount, 2 * years) - coupon / 2 * (1 - first)


def yield_of(price: float, coupon: float, years: float) -> float:
    """The yield to maturity of a bond bought at `price`."""
    low, high = LOW, HIGH
    for _ in range(STEPS):
        middle = (low + high) / 2
        if worth(middle, coupon, years) > price:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 4)
