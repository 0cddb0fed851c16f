"""Crypto currencies, spot metals, mutual funds and providers of news that the simulated gateway lists, as data."""

from __future__ import annotations

from typing import NamedTuple


class Coin(NamedTuple):
    """A crypto currency against the dollar; `least` is the smallest order."""

    symbol: str
    exchange: str
    conId: int
    price: float
    volatility: float
    tick: float
    rule: int
    least: float
    name: str


COINS = (
    Coin("BTC", "PAXOS", 479624278, 94000.0, 0.55, 0.25, 67, 0.00000001, "Bitcoin cryptocurrency"),
    Coin("ETH", "PAXOS", 495759171, 3100.0, 0.7, 0.01, 26, 0.00000001, "Ethereum cryptocurrency"),
    Coin("LTC", "PAXOS", 0, 92.0, 0.75, 0.01, 26, 0.00000001, "Litecoin cryptocurrency"),
    Coin("BCH", "PAXOS", 0, 520.0, 0.75, 0.01, 26, 0.00000001, "Bitcoin Cash cryptocurrency"),
    Coin("SOL", "PAXOS", 0, 140.0, 0.85, 0.01, 26, 0.00000001, "Solana cryptocurrency"),
    Coin("BTC", "ZEROHASH", 0, 94000.0, 0.55, 0.01, 26, 0.00000001, "Bitcoin cryptocurrency"),
    Coin("ETH", "ZEROHASH", 0, 3100.0, 0.7, 0.01, 26, 0.00000001, "Ethereum cryptocurrency"),
    Coin("SOL", "ZEROHASH", 0, 140.0, 0.85, 0.01, 26, 0.00000001, "Solana cryptocurrency"),
    Coin("XRP", "ZEROHASH", 0, 2.2, 0.9, 0.0001, 2721, 0.000001, "Ripple cryptocurrency"),
    Coin("ADA", "ZEROHASH", 0, 0.47, 0.9, 0.0001, 2721, 0.000001, "Cardano cryptocurrency"),
    Coin("DOGE", "ZEROHASH", 0, 0.16, 1.0, 0.00001, 3202, 0.0001, "Dogecoin cryptocurrency"),
)


class Metal(NamedTuple):
    """A spot metal."""

    symbol: str
    conId: int
    price: float
    volatility: float
    tick: float
    rule: int
    name: str


METALS = (
    Metal("XAUUSD", 69067924, 4080.0, 0.18, 0.01, 26, "London Gold"),
    Metal("XAGUSD", 77124483, 50.0, 0.32, 0.0005, 141, "London Silver"),
    Metal("XPTUSD", 0, 1540.0, 0.28, 0.01, 26, "London Platinum"),
    Metal("XPDUSD", 0, 1400.0, 0.38, 0.01, 26, "London Palladium"),
)

MUTUAL_FUNDS = """\
VINIX 548 0.16 VANGUARD INSTITUTIONAL INDEX FUND
VFIAX 620 0.16 VANGUARD 500 INDEX FUND ADMIRAL
FXAIX 233 0.16 FIDELITY 500 INDEX FUND
SWPPX 104 0.16 SCHWAB S&P 500 INDEX FUND
VTSAX 159 0.16 VANGUARD TOTAL STOCK MARKET INDEX ADMIRAL
VBTLX 9.8 0.05 VANGUARD TOTAL BOND MARKET INDEX ADMIRAL
PIMIX 10.9 0.06 PIMCO INCOME FUND INSTITUTIONAL
AGTHX 86 0.18 GROWTH FUND OF AMERICA A
"""

NEWS = """\
BRFG Briefing.com General Market Columns
BRFUPDN Briefing.com Analyst Actions
BZ Benzinga Pro
DJ-N Dow Jones Global Equity Trader
DJ-RTA Dow Jones Real-Time News Asia Pacific
DJ-RTE Dow Jones Real-Time News Europe
DJ-RTG Dow Jones Real-Time News Global
DJ-RTPRO Dow Jones Real-Time News Pro
DJNL Dow Jones Newsletters
FLY Fly on the Wall
"""
"""Broadtapes: the provider's code is exchange and first half of the symbol, as `BRFG:BRFG_ALL`."""
