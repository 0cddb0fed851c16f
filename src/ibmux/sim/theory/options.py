"""Option mathematics: Black-Scholes prices and sensitivities, implied volatility, and the smile of the simulation.

Pure functions; times in years, rates and volatilities as fractions per year.
"""

from __future__ import annotations

from math import erf, exp, log, pi, sqrt
from typing import NamedTuple

RATE = 0.04
LEAST_TIME = 1.0 / (365 * 24 * 12)  # five minutes: an option keeps a price until its last moment
SQRT2 = sqrt(2.0)
FIRST_GUESS, MOST_STEPS, CLOSE_ENOUGH, CLOSEST = 0.3, 60, 1e-12, 1e-12
"""Implied volatility: where the search begins, how long it lasts, and how near to price or volatility it ends."""
SQRT2PI = sqrt(2.0 * pi)


class Computation(NamedTuple):
    """Message tickOptionComputation: vega per volatility point and theta per day, as Interactive Brokers gives them."""

    impliedVol: float
    delta: float
    optPrice: float
    pvDividend: float
    gamma: float
    vega: float
    theta: float
    undPrice: float


def normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1.0 + erf(x / SQRT2))


def price(spot: float, strike: float, years: float, volatility: float, right: str) -> float:
    """The Black-Scholes price of a European option."""
    years = max(years, LEAST_TIME)
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (RATE + 0.5 * volatility * volatility) * years) / spread
    discounted = strike * exp(-RATE * years)
    call = spot * normal(d1) - discounted * normal(d1 - spread)
    return max(0.0, call if right == "C" else call - spot + discounted)


def compute(spot: float, strike: float, years: float, volatility: float, right: str) -> Computation:
    """Price and sensitivities of an option."""
    years = max(years, LEAST_TIME)
    root = sqrt(years)
    d1 = (log(spot / strike) + (RATE + 0.5 * volatility * volatility) * years) / (volatility * root)
    d2 = d1 - volatility * root
    density = exp(-0.5 * d1 * d1) / SQRT2PI
    sign = 1.0 if right == "C" else -1.0
    discounted = strike * exp(-RATE * years)
    return Computation(
        impliedVol=volatility,
        delta=sign * normal(sign * d1),
        optPrice=sign * (spot * normal(sign * d1) - discounted * normal(sign * d2)),
        pvDividend=0.0,
        gamma=density / (spot * volatility * root),
        vega=spot * density * root / 100.0,
        theta=(-spot * density * volatility / (2 * root) - sign * RATE * discounted * normal(sign * d2)) / 365.0,
        undPrice=spot,
    )


def smile(volatility: float, spot: float, strike: float, years: float) -> float:
    """The volatility of a strike: dearer below the money, and the more so the shorter the option."""
    distance = log(strike / spot) / sqrt(max(years, 1.0 / 52))
    return max(0.05, volatility * (1.0 - 0.25 * distance + 0.3 * distance * distance))


def implied_volatility(target: float, spot: float, strike: float, years: float, right: str) -> float | None:
    """The volatility at which an option costs `target`; None where no volatility between 0.1 % and 500 % does."""
    low, high = 0.001, 5.0
    if not price(spot, strike, years, low, right) <= target <= price(spot, strike, years, high, right):
        return None
    guess = FIRST_GUESS
    for _ in range(MOST_STEPS):
        short = target - price(spot, strike, years, guess, right)
        if abs(short) <= CLOSE_ENOUGH * target or high - low < CLOSEST:
            break
        low, high = (guess, high) if short > 0 else (low, guess)
        slope = _slope(spot, strike, years, guess)
        # Newton's step where it stays between what is known to be too low and too high, else the middle of these.
        guess = guess + short / slope if slope > 0 else low
        if not low < guess < high:
            guess = (low + high) / 2
    return guess


def _slope(spot: float, strike: float, years: float, volatility: float) -> float:
    """How much the price changes with the volatility, per 1."""
    root = sqrt(max(years, LEAST_TIME))
    d1 = (log(spot / strike) + (RATE + 0.5 * volatility * volatility) * root * root) / (volatility * root)
    return spot * exp(-0.5 * d1 * d1) / SQRT2PI * root
