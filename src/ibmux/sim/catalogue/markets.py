"""Funds, indices, futures and currencies that the simulated gateway lists, as data. Option chains: `catalogue_chains`.

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
    "HKD": 0.128,
}


class Index(NamedTuple):
    """A calculated index: it has a last price, but neither bid nor ask."""

    symbol: str
    conId: int
    exchange: str
    price: float
    volatility: float
    name: str
    currency: str = "USD"
    venue: str = "US.IND"


INDICES = (
    Index("SPX", 416904, "CBOE", 6700.0, 0.16, "S&P 500 Stock Index"),
    Index("NDX", 416843, "NASDAQ", 24900.0, 0.20, "NASDAQ 100 Stock Index"),
    Index("RUT", 416888, "RUSSELL", 2400.0, 0.22, "Russell 2000 Stock Index"),
    Index("VIX", 13455763, "CBOE", 18.5, 0.9, "CBOE Volatility Index"),
    Index("DJX", 0, "CBOE", 468.0, 0.15, "Dow Jones Industrial Average 1/100"),
    Index("INDU", 0, "CME", 46800.0, 0.15, "Dow Jones Industrial Average"),
    Index("OEX", 0, "CBOE", 3350.0, 0.17, "S&P 100 Stock Index"),
    Index("COMP", 0, "NASDAQ", 22900.0, 0.20, "NASDAQ Composite Index"),
    Index("XSP", 0, "CBOE", 670.0, 0.16, "S&P 500 Mini Index"),
    Index("ESTX50", 4356500, "EUREX", 5600.0, 0.17, "Dow Jones Euro STOXX 50", "EUR", "EU"),
    Index("DAX", 825711, "EUREX", 23800.0, 0.18, "DAX 40 Index", "EUR", "EU"),
    Index("CAC40", 0, "MONEP", 8100.0, 0.17, "CAC 40 Index", "EUR", "EURONEXT"),
    Index("Z", 0, "ICEEU", 9700.0, 0.14, "FTSE 100 Index", "GBP", "UK"),
    Index("SMI", 0, "EUREX", 12600.0, 0.14, "Swiss Market Index", "CHF", "SWISS"),
    Index("N225", 0, "OSE.JPN", 49500.0, 0.22, "Nikkei 225", "JPY", "TSEJ"),
    Index("HSI", 0, "HKFE", 26000.0, 0.25, "Hang Seng Index", "HKD", "SEHK"),
)


class Future(NamedTuple):
    """A futures product; prices are those of its spot.

    Attributes:
        months: letters of its delivery months.
        margin: initial margin of one contract, in USD.
        rule: its market rule.
        expiry: the rule of its last day (see `expirations`).
        time: local time on the last day at which trading ends.
        root: what local symbols begin with, where that is not the symbol.
        carry: growth per year of the price with the time to the expiry.
        venue: whose hours it keeps.
    """

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
    expiry: str = "third friday"
    time: str = "08:30:00"
    root: str = ""
    carry: float = 0.01
    currency: str = "USD"
    venue: str = "CME"


QUARTERLY = "HMUZ"
MONTHLY = "FGHJKMNQUVXZ"
FUTURES = (
    Future("ES", "CME", 50, 0.25, 6700.0, 0.16, QUARTERLY, 23000.0, 67, "E-mini S&P 500"),
    Future("MES", "CME", 5, 0.25, 6700.0, 0.16, QUARTERLY, 2300.0, 67, "Micro E-Mini S&P 500 Stock Price Index"),
    Future("NQ", "CME", 20, 0.25, 24900.0, 0.20, QUARTERLY, 33000.0, 67, "E-mini NASDAQ 100"),
    Future("MNQ", "CME", 2, 0.25, 24900.0, 0.20, QUARTERLY, 3300.0, 67, "Micro E-Mini Nasdaq-100 Index"),
    Future("RTY", "CME", 50, 0.1, 2400.0, 0.22, QUARTERLY, 9000.0, 123, "E-Mini Russell 2000 Index"),
    Future("M2K", "CME", 5, 0.1, 2400.0, 0.22, QUARTERLY, 900.0, 123, "Micro E-Mini Russell 2000 Index"),
    Future("YM", "CBOT", 5, 1.0, 46800.0, 0.15, QUARTERLY, 15000.0, 98, "Mini Sized Dow Jones Industrial Average $5"),
    Future("ZB", "CBOT", 1000, 0.03125, 117.0, 0.10, QUARTERLY, 4200.0, 95, "30 Year US Treasury Bond", "treasury",
           "12:01:00", carry=-0.005),
    Future("ZN", "CBOT", 1000, 0.015625, 112.5, 0.06, QUARTERLY, 2100.0, 96, "10 Year US Treasury Note", "treasury",
           "12:01:00", carry=-0.005),
    Future("CL", "NYMEX", 1000, 0.01, 60.0, 0.32, MONTHLY, 6500.0, 32, "Light Sweet Crude Oil", "crude oil",
           "14:30:00", venue="NYMEX", carry=0.01),
    Future("MCL", "NYMEX", 100, 0.01, 60.0, 0.32, MONTHLY, 650.0, 32, "Micro WTI Crude Oil", "crude oil",
           "14:30:00", venue="NYMEX", carry=0.01),
    Future("NG", "NYMEX", 10000, 0.001, 4.4, 0.55, MONTHLY, 5200.0, 45, "Henry Hub Natural Gas", "natural gas",
           "14:30:00", venue="NYMEX", carry=0.02),
    Future("GC", "COMEX", 100, 0.1, 4080.0, 0.18, "GJMQVZ", 21000.0, 123, "Gold", "metal", "13:30:00", venue="NYMEX"),
    Future("MGC", "COMEX", 10, 0.1, 4080.0, 0.18, "GJMQVZ", 2100.0, 123, "E-Micro Gold", "metal", "13:30:00",
           venue="NYMEX"),
    Future("SI", "COMEX", 5000, 0.005, 50.0, 0.32, "HKNUZ", 19000.0, 61, "Silver", "metal", "13:25:00", venue="NYMEX"),
    Future("EUR", "CME", 125000, 0.00005, 1.16, 0.08, QUARTERLY, 2900.0, 58, "European Monetary Union Euro", "currency",
           "09:16:00", "6E", 0.018),
    Future("GBP", "CME", 62500, 0.0001, 1.31, 0.08, QUARTERLY, 2200.0, 2721, "British pound", "currency", "09:16:00",
           "6B", 0.0),
    Future("VIX", "CFE", 1000, 0.05, 18.5, 0.9, MONTHLY, 9000.0, 134, "CBOE Volatility Index", "volatility",
           "08:00:00", "VX", 0.08),
    Future("ESTX50", "EUREX", 10, 1.0, 5600.0, 0.17, QUARTERLY, 4500.0, 98, "Dow Jones Euro STOXX 50", "eurex",
           "12:00:00", "FESX", 0.02, "EUR", "EUREX"),
)  # fmt: skip
EXPIRIES = {QUARTERLY: 4, MONTHLY: 12, "GJMQVZ": 6, "HKNUZ": 5}
"""How many expiries are listed, by delivery months."""


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
    Currency("USD.MXN", 0, 18.4, 0.0001, 2721),
    Currency("USD.HKD", 0, 7.78, 0.0001, 2721),
    Currency("EUR.CAD", 0, 1.63, 0.00005, 239),
    Currency("EUR.AUD", 0, 1.79, 0.00005, 239),
    Currency("AUD.JPY", 0, 101.0, 0.005, 59),
    Currency("CHF.JPY", 0, 193.0, 0.005, 59),
)
