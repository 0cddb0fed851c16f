"""Funds, indices, futures, currencies and the underlyings of option chains that the simulated gateway lists, as data.

Numbers are levels around which the simulation wanders, contract sizes and ticks of the real products, and the rates at
which the simulated accounts value other currencies in US dollars (constant, so that money adds up to the cent).
"""

from __future__ import annotations

from typing import NamedTuple

FUNDS = """\
SPY 756733 668 SPDR S&P 500 ETF TRUST
QQQ 320227571 605 INVESCO QQQ TRUST SERIES 1
IWM 9579970 240 ISHARES RUSSELL 2000 ETF
DIA - 468 SPDR DJIA TRUST
VTI - 328 VANGUARD TOTAL STOCK MKT ETF
VOO - 614 VANGUARD S&P 500 ETF
IVV - 671 ISHARES CORE S&P 500 ETF
EEM - 54 ISHARES MSCI EMERGING MARKET
EFA - 94 ISHARES MSCI EAFE ETF
GLD 51529211 375 SPDR GOLD SHARES
SLV - 46 ISHARES SILVER TRUST
TLT 15547841 90 ISHARES 20+ YEAR TREASURY BD
IEF - 97 ISHARES 7-10 YEAR TREASURY B
HYG - 80 ISHARES IBOXX HIGH YLD CORP
LQD - 111 ISHARES IBOXX INVESTMENT GRA
XLF - 52 FINANCIAL SELECT SECTOR SPDR
XLK - 275 TECHNOLOGY SELECT SECT SPDR
XLE - 89 ENERGY SELECT SECTOR SPDR
XLV - 152 HEALTH CARE SELECT SECTOR
USO - 70 UNITED STATES OIL FUND LP
TQQQ - 102 PROSHARES ULTRAPRO QQQ
ARKK - 74 ARK INNOVATION ETF
SMH - 335 VANECK SEMICONDUCTOR ETF
"""

RATES = {
    "USD": 1.0,
    "EUR": 1.16,
    "GBP": 1.31,
    "CHF": 1.24,
    "JPY": 0.0064,
    "CAD": 0.71,
    "AUD": 0.65,
    "MXN": 0.054,
    "NZD": 0.56,
}


class Index(NamedTuple):
    """A calculated index: it has a last price, but neither bid nor ask."""

    symbol: str
    conId: int
    exchange: str
    price: float
    volatility: float
    name: str


INDICES = (
    Index("SPX", 416904, "CBOE", 6700.0, 0.16, "S&P 500 Stock Index"),
    Index("NDX", 416843, "NASDAQ", 24900.0, 0.20, "NASDAQ 100 Stock Index"),
    Index("RUT", 416888, "RUSSELL", 2400.0, 0.22, "Russell 2000 Stock Index"),
    Index("VIX", 13455763, "CBOE", 18.5, 0.9, "CBOE Volatility Index"),
    Index("DJX", 0, "CBOE", 468.0, 0.15, "Dow Jones Industrial Average 1/100"),
    Index("INDU", 0, "CME", 46800.0, 0.15, "Dow Jones Industrial Average"),
    Index("OEX", 0, "CBOE", 3350.0, 0.17, "S&P 100 Stock Index"),
    Index("COMP", 0, "NASDAQ", 22900.0, 0.20, "NASDAQ Composite Index"),
)


class Future(NamedTuple):
    """A futures product; `months`: letters of its delivery months; `margin`: initial margin of one contract, in USD."""

    symbol: str
    exchange: str
    multiplier: int
    tick: float
    price: float
    volatility: float
    months: str
    margin: float
    rule: int
    name: str


QUARTERLY = "HMUZ"
MONTHLY = "FGHJKMNQUVXZ"
FUTURES = (
    Future("ES", "CME", 50, 0.25, 6720.0, 0.16, QUARTERLY, 23000.0, 67, "E-mini S&P 500"),
    Future("MES", "CME", 5, 0.25, 6720.0, 0.16, QUARTERLY, 2300.0, 67, "Micro E-Mini S&P 500 Stock Price Index"),
    Future("NQ", "CME", 20, 0.25, 25000.0, 0.20, QUARTERLY, 33000.0, 67, "E-mini NASDAQ 100"),
    Future("MNQ", "CME", 2, 0.25, 25000.0, 0.20, QUARTERLY, 3300.0, 67, "Micro E-Mini Nasdaq-100 Index"),
    Future("RTY", "CME", 50, 0.1, 2410.0, 0.22, QUARTERLY, 9000.0, 123, "E-Mini Russell 2000 Index"),
    Future("YM", "CBOT", 5, 1.0, 46900.0, 0.15, QUARTERLY, 15000.0, 98, "Mini Sized Dow Jones Industrial Average $5"),
    Future("ZB", "CBOT", 1000, 0.03125, 117.0, 0.10, QUARTERLY, 4200.0, 95, "30 Year US Treasury Bond"),
    Future("ZN", "CBOT", 1000, 0.015625, 112.5, 0.06, QUARTERLY, 2100.0, 96, "10 Year US Treasury Note"),
    Future("CL", "NYMEX", 1000, 0.01, 60.0, 0.32, MONTHLY, 6500.0, 32, "Light Sweet Crude Oil"),
    Future("NG", "NYMEX", 10000, 0.001, 4.4, 0.55, MONTHLY, 5200.0, 45, "Henry Hub Natural Gas"),
    Future("GC", "COMEX", 100, 0.1, 4080.0, 0.18, "GJMQVZ", 21000.0, 123, "Gold"),
    Future("SI", "COMEX", 5000, 0.005, 50.0, 0.32, "HKNUZ", 19000.0, 61, "Silver"),
    Future("6E", "CME", 125000, 0.00005, 1.165, 0.07, QUARTERLY, 2900.0, 58, "European Monetary Union Euro"),
)
EXPIRIES = 4


class Currency(NamedTuple):
    """A foreign exchange pair on IDEALPRO."""

    pair: str
    conId: int
    price: float
    tick: float
    rule: int


CURRENCIES = (
    Currency("EUR.USD", 12087792, 1.16, 0.00005, 239),
    Currency("GBP.USD", 12087797, 1.31, 0.00005, 239),
    Currency("USD.JPY", 15016059, 156.0, 0.005, 59),
    Currency("AUD.USD", 14433401, 0.65, 0.00005, 239),
    Currency("USD.CHF", 12087820, 0.81, 0.00005, 239),
    Currency("USD.CAD", 15016062, 1.41, 0.00005, 239),
    Currency("NZD.USD", 0, 0.56, 0.00005, 239),
    Currency("EUR.GBP", 0, 0.885, 0.00005, 239),
    Currency("EUR.JPY", 0, 181.0, 0.005, 59),
    Currency("EUR.CHF", 0, 0.935, 0.00005, 239),
    Currency("GBP.JPY", 0, 204.0, 0.005, 59),
)


class Chain(NamedTuple):
    """An underlying's options: `step` is the distance of strikes, `width` how many lie on either side of the price."""

    symbol: str
    tradingClass: str
    step: float
    width: int
    weeklies: int
    monthlies: int
    volatility: float
    daily: bool = False


CHAINS = (
    Chain("AAPL", "AAPL", 2.5, 24, 6, 8, 0.27),
    Chain("MSFT", "MSFT", 5.0, 20, 6, 8, 0.24),
    Chain("SPY", "SPY", 1.0, 50, 6, 10, 0.16, daily=True),
    Chain("QQQ", "QQQ", 1.0, 50, 6, 10, 0.20, daily=True),
    Chain("TSLA", "TSLA", 5.0, 30, 6, 8, 0.52),
    Chain("NVDA", "NVDA", 2.5, 26, 6, 8, 0.42),
    Chain("AMZN", "AMZN", 2.5, 22, 6, 8, 0.30),
    Chain("META", "META", 5.0, 26, 6, 8, 0.32),
    Chain("IWM", "IWM", 1.0, 36, 6, 8, 0.22, daily=True),
    Chain("SPX", "SPX", 25.0, 30, 0, 10, 0.16),
    Chain("SPX", "SPXW", 5.0, 60, 8, 4, 0.16, daily=True),
)

# (from this price on, the increment), by market rule (IB's reqMarketRule)
MARKET_RULES: dict[int, tuple[tuple[float, float], ...]] = {
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
    109: ((0.0, 0.05), (3.0, 0.1)),
    110: ((0.0, 0.01), (3.0, 0.05)),
    123: ((0.0, 0.1),),
    239: ((0.0, 0.00005),),
    240: ((0.0, 0.001), (1.0, 0.01)),
}
