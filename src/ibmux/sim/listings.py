"""From the catalogue's lines to contract details: shares, funds, indices, futures and currencies of one seed and date.

Options are in `chains`. Nothing here answers questions: the universe does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from zlib import crc32

from ibmux.sim import catalogue_markets as markets
from ibmux.sim import catalogue_shares as shares
from ibmux.sim.contracts import Contract, ContractDetails, Pairs
from ibmux.sim.hours import Calendar, is_trading_day

SHARE_ORDERS = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AVGCOST,BASKET,COND,DAY,FOK,GAT,GTC,GTD,GTT,HID,IOC,LIT,LMT,LOC,LOO,MIDPX,MIT,MKT,"
    "MOC,MOO,NGCOMB,OCA,OPG,OUTRTH,REL,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
FUTURE_ORDERS = "ACTIVETIM,AD,ALERT,COND,DAY,GAT,GTC,GTD,GTT,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
OPTION_ORDERS = "ACTIVETIM,ADJUST,ALERT,COND,DAY,FOK,GAT,GTC,GTD,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF"
CASH_ORDERS = "ACTIVETIM,AD,ALERT,CASHQTY,COND,DAY,GAT,GTC,GTD,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF"
SHARE_EXCHANGES = (
    "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,FOXRIVER,PEARL,MEMX"
)
ABROAD = {  # exchange: venue, time zone, tick
    "IBIS": ("EU", "MET", 0.01),
    "AEB": ("EU", "MET", 0.01),
    "SBF": ("EU", "MET", 0.01),
    "EBS": ("EU", "MET", 0.01),
    "LSE": ("UK", "GB-Eire", 0.001),
    "TSE": ("CA", "US/Eastern", 0.01),
    "ASX": ("AU", "Australia/NSW", 0.01),
    "TSEJ": ("ASIA", "Japan", 1.0),
    "MEXI": ("MX", "America/Mexico_City", 0.01),
}
# Instruments that follow an index move with it; all of a row have the index's volatility.
FOLLOWERS = {"SPY": "SPX", "VOO": "SPX", "IVV": "SPX", "VTI": "SPX", "ES": "SPX", "MES": "SPX", "OEX": "SPX"}
FOLLOWERS |= {"QQQ": "NDX", "NQ": "NDX", "MNQ": "NDX", "COMP": "NDX", "IWM": "RUT", "RTY": "RUT"}
FOLLOWERS |= {"DIA": "DJX", "YM": "DJX", "INDU": "DJX"}
INDEX_VOLATILITY = {index.symbol: index.volatility for index in markets.INDICES}
MONTH_LETTERS = {letter: month for month, letter in enumerate("FGHJKMNQUVXZ", start=1)}
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Registry:
    """Gives every instrument a conId and a volatility that depend on the seed and its name alone."""

    def __init__(self, seed: int, calendar: Calendar) -> None:
        self.seed = seed
        self.calendar = calendar
        self._taken: set[int] = set()

    def number(self, key: str, known: int = 0) -> int:
        """The conId of the instrument called `key`: the real one where `known`, else one made up, never given twice."""
        draw = Random(f"{self.seed}:{key}")
        found = known or draw.randrange(20_000_000, 500_000_000)
        while found in self._taken:
            found = draw.randrange(20_000_000, 500_000_000)
        self._taken.add(found)
        return found

    def volatility(self, symbol: str) -> float:
        """The volatility per year of a share or fund."""
        leader = FOLLOWERS.get(symbol)
        return INDEX_VOLATILITY[leader] if leader else round(Random(f"v:{symbol}").uniform(0.16, 0.5), 3)


def salt(symbol: str) -> int:
    """What tells the symbol's price path from others."""
    return crc32(FOLLOWERS.get(symbol, symbol).encode())


def isin(country: str, conId: int) -> Pairs:
    """A well-formed ISIN made from the conId (ISO 6166: the last digit is a Luhn check over the letters as numbers)."""
    body = f"{country}{conId:09d}"
    digits = "".join(str(int(letter, 36)) for letter in body)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (("ISIN", f"{body}{-total % 10}"),)


def all_listings(registry: Registry, today: date) -> Iterator[ContractDetails]:
    """Every contract but options, in a fixed order."""
    yield from _home_shares(registry, shares.NASDAQ, "NASDAQ")
    yield from _home_shares(registry, shares.NYSE, "NYSE")
    yield from _funds(registry)
    yield from _indices(registry)
    yield from _shares_abroad(registry)
    yield from _currencies(registry)
    for product in markets.FUTURES:
        yield from _futures(registry, product, today)


def _home_shares(registry: Registry, lines: str, primary: str) -> Iterator[ContractDetails]:
    for line in lines.splitlines():
        symbol, known, price, rest = line.split(" ", 3)
        name, industry, category = rest.split("|")
        details = _share(registry, symbol, known, float(price), name, primary=primary)
        details.industry, details.category, details.subcategory = industry, category, category
        details.stockType = "ADR" if "ADR" in name.split() else "COMMON"
        yield details


def _funds(registry: Registry) -> Iterator[ContractDetails]:
    for line in markets.FUNDS.splitlines():
        symbol, known, price, name = line.split(" ", 3)
        primary = "NASDAQ" if symbol in {"QQQ", "TQQQ", "SMH", "TLT", "IEF"} else "ARCA"
        details = _share(registry, symbol, known, float(price), name, primary=primary)
        details.stockType, details.dailyVolume = "ETF", details.dailyVolume * 4
        yield details


def _share(registry: Registry, symbol: str, known: str, price: float, name: str, *, primary: str) -> ContractDetails:
    trading_class = "NMS" if primary == "NASDAQ" else symbol
    conId = registry.number(f"STK:{symbol}:{primary}", 0 if known == "-" else int(known))
    contract = Contract(
        conId, symbol, "STK", exchange="SMART", primaryExchange=primary, localSymbol=symbol, tradingClass=trading_class
    )
    return ContractDetails(
        contract, registry.calendar, "US", 0.01, name, SHARE_ORDERS, SHARE_EXCHANGES, "US/Eastern", price,
        registry.volatility(symbol), marketName=trading_class, secIdList=isin("US", conId), minSize=0.0001,
        sizeIncrement=0.0001, suggestedSizeIncrement=100.0, salt=salt(symbol),
        marketRuleIds=",".join(["26"] * (SHARE_EXCHANGES.count(",") + 1)), dailyVolume=5e9 / price / 4,
    )  # fmt: skip


def _shares_abroad(registry: Registry) -> Iterator[ContractDetails]:
    for line in shares.ABROAD.splitlines():
        symbol, exchange, currency, price, rest = line.split(" ", 4)
        name, industry, category = rest.split("|")
        venue, zone, tick = ABROAD[exchange]
        conId = registry.number(f"STK:{symbol}:{exchange}")
        smart = exchange in {"IBIS", "AEB", "SBF", "LSE", "EBS", "TSE"}
        contract = Contract(
            conId, symbol, "STK", exchange="SMART" if smart else exchange, primaryExchange=exchange,
            currency=currency, localSymbol=symbol, tradingClass=symbol,
        )  # fmt: skip
        rule = {0.01: "26", 0.001: "240", 1.0: "98"}[tick]
        yield ContractDetails(
            contract, registry.calendar, venue, tick, name, SHARE_ORDERS, f"SMART,{exchange}" if smart else exchange,
            zone, float(price), registry.volatility(symbol), marketName=symbol, industry=industry, category=category,
            subcategory=category, stockType="COMMON", secIdList=isin(exchange[:2], conId), salt=salt(symbol),
            currencyRate=markets.RATES[currency], marketRuleIds=f"{rule},{rule}" if smart else rule,
        )  # fmt: skip


def _indices(registry: Registry) -> Iterator[ContractDetails]:
    for index in markets.INDICES:
        conId = registry.number(f"IND:{index.symbol}", index.conId)
        contract = Contract(conId, index.symbol, "IND", exchange=index.exchange, localSymbol=index.symbol)
        yield ContractDetails(
            contract, registry.calendar, "US.IND", 0.01, index.name, "ALERT", index.exchange, "US/Central",
            index.price, index.volatility, marketName=index.symbol, industry="Indices", category="Broad Range",
            subcategory="*", dailyVolume=0.0, marketRuleIds="26", salt=salt(index.symbol),
        )  # fmt: skip


def _currencies(registry: Registry) -> Iterator[ContractDetails]:
    for pair in markets.CURRENCIES:
        symbol, currency = pair.pair.split(".")
        conId = registry.number(f"CASH:{pair.pair}", pair.conId)
        contract = Contract(
            conId, symbol, "CASH", exchange="IDEALPRO", currency=currency, localSymbol=pair.pair, tradingClass=pair.pair
        )
        yield ContractDetails(
            contract, registry.calendar, "FX", pair.tick, f"{symbol}.{currency}", CASH_ORDERS, "IDEALPRO", "US/Eastern",
            pair.price, 0.08, marketName=pair.pair, marketRuleIds=str(pair.rule), aggGroup=4, minSize=1.0,
            dailyVolume=0.0, currencyRate=markets.RATES[currency], salt=salt(pair.pair),
        )  # fmt: skip


def _futures(registry: Registry, product: markets.Future, today: date) -> Iterator[ContractDetails]:
    venue = "NYMEX" if product.exchange in {"NYMEX", "COMEX"} else "CME"
    zone = "US/Eastern" if venue == "NYMEX" else "US/Central"
    volatility = INDEX_VOLATILITY.get(FOLLOWERS.get(product.symbol, ""), product.volatility)
    for place, (letter, expiry) in enumerate(_expiries(product, today)):
        local = f"{product.symbol}{letter}{expiry.year % 10}"
        day = f"{expiry:%Y%m%d}"
        contract = Contract(
            registry.number(f"FUT:{local}:{expiry.year}"), product.symbol, "FUT", day,
            multiplier=str(product.multiplier), exchange=product.exchange, localSymbol=local,
            tradingClass=product.symbol,
        )  # fmt: skip
        yield ContractDetails(
            contract, registry.calendar, venue, product.tick, product.name, FUTURE_ORDERS, product.exchange, zone,
            product.price * (1 + 0.008 * place), volatility, marketName=product.symbol, salt=salt(product.symbol),
            contractMonth=_delivery(letter, expiry), realExpirationDate=day, lastTradeTime="08:30:00",
            underSymbol=product.symbol, underSecType="IND", marketRuleIds=str(product.rule), aggGroup=2147483647,
            dailyVolume=1_200_000.0 / 8**place, futureMargin=product.margin,
        )  # fmt: skip


def _expiries(product: markets.Future, today: date) -> Iterator[tuple[str, date]]:
    """The next expiries: the delivery month's third Friday, or for goods about four weeks before it."""
    found = 0
    for year in (today.year, today.year + 1, today.year + 2):
        for letter in product.months:
            day = _last_day(product, year, MONTH_LETTERS[letter])
            if day >= today and found < markets.EXPIRIES:
                found += 1
                yield letter, day


def _last_day(product: markets.Future, year: int, month: int) -> date:
    if product.exchange in {"NYMEX", "COMEX"}:
        day = date(year, month, 20) - timedelta(days=28)
    else:
        first = date(year, month, 1)
        day = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    while not is_trading_day("CME", day):
        day -= timedelta(days=1)
    return day


def _delivery(letter: str, expiry: date) -> str:
    """The contract month `yyyymm` of a delivery month's letter for a contract that expires on `expiry`."""
    month = MONTH_LETTERS[letter]
    return f"{expiry.year + (1 if month < expiry.month else 0)}{month:02d}"
