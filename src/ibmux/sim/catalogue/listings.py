"""From the catalogue's lines to contract details: shares, funds, indices, currencies, coins and metals of one seed.

Futures are in `futures`, options in `chains`, what is asked for seldom in `shelves`. Nothing here answers questions:
the universe does.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from zlib import crc32

from ibmux.sim.calendar.hours import TIMETABLES, Calendar
from ibmux.sim.catalogue import coins, markets, shares
from ibmux.sim.catalogue.contracts import Contract, ContractDetails
from ibmux.sim.catalogue.identifiers import isin

SHARE_ORDERS = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AVGCOST,BASKET,COND,DAY,FOK,GAT,GTC,GTD,GTT,HID,IOC,LIT,LMT,LOC,LOO,MIDPX,MIT,MKT,"
    "MOC,MOO,NGCOMB,OCA,OPG,OUTRTH,REL,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
FUTURE_ORDERS = "ACTIVETIM,AD,ALERT,COND,DAY,GAT,GTC,GTD,GTT,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
OPTION_ORDERS = "ACTIVETIM,ADJUST,ALERT,COND,DAY,FOK,GAT,GTC,GTD,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF"
CASH_ORDERS = "ACTIVETIM,AD,ALERT,CASHQTY,COND,DAY,GAT,GTC,GTD,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF"
COIN_ORDERS = "CASHQTY,COND,DAY,GTC,GTD,IOC,LMT,MKT,MINUTES,WHATIF"
SHARE_EXCHANGES = (
    "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,FOXRIVER,PEARL,MEMX"
)
ABROAD = {  # exchange: venue, tick, market rule
    "IBIS": ("EU", 0.01, 26),
    "AEB": ("EURONEXT", 0.01, 26),
    "SBF": ("EURONEXT", 0.01, 26),
    "EBS": ("SWISS", 0.01, 26),
    "LSE": ("UK", 0.001, 240),
    "TSE": ("CA", 0.01, 26),
    "ASX": ("AU", 0.01, 26),
    "TSEJ": ("TSEJ", 1.0, 98),
    "SEHK": ("SEHK", 0.001, 557),
    "MEXI": ("MX", 0.01, 26),
}
LOTS = {"TSEJ": 100.0, "SEHK": 100.0}
COUNTRIES = {
    "IBIS": "DE", "AEB": "NL", "SBF": "FR", "EBS": "CH", "LSE": "GB", "TSE": "CA", "ASX": "AU", "TSEJ": "JP",
    "SEHK": "HK", "MEXI": "MX",
}  # fmt: skip
# Instruments that follow another move with it; all of a row have the leader's volatility.
FOLLOWERS = dict.fromkeys(("SPY", "VOO", "IVV", "VTI", "ES", "MES", "OEX", "XSP"), "SPX")
FOLLOWERS |= dict.fromkeys(("QQQ", "NQ", "MNQ", "COMP"), "NDX")
FOLLOWERS |= dict.fromkeys(("IWM", "RTY", "M2K"), "RUT")
FOLLOWERS |= dict.fromkeys(("DIA", "YM", "INDU"), "DJX")
FOLLOWERS |= {"MGC": "GC", "XAUUSD": "GC", "XAGUSD": "SI", "MCL": "CL", "EUR": "EUR.USD", "GBP": "GBP.USD"}
INDEX_VOLATILITY = {index.symbol: index.volatility for index in markets.INDICES}
LEADER_VOLATILITY = INDEX_VOLATILITY | {"GC": 0.18, "SI": 0.32, "CL": 0.32, "EUR.USD": 0.08, "GBP.USD": 0.08}


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
        known = LEADER_VOLATILITY.get(leader(symbol)) if symbol in FOLLOWERS else None
        return known or round(Random(f"v:{symbol}").uniform(0.16, 0.5), 3)


def leader(symbol: str) -> str:
    """The symbol whose price path this one follows: often its own."""
    return FOLLOWERS.get(symbol, symbol)


def salt(symbol: str) -> int:
    """What tells the symbol's price path from others."""
    return crc32(leader(symbol).encode())


def all_listings(registry: Registry) -> Iterator[ContractDetails]:
    """Every contract that is listed whatever the date and asked for often, in a fixed order."""
    yield from _home_shares(registry, shares.NASDAQ, "NASDAQ")
    yield from _home_shares(registry, shares.NYSE, "NYSE")
    yield from _funds(registry)
    yield from _indices(registry)
    yield from _shares_abroad(registry)
    yield from _currencies(registry)
    yield from _coins(registry)
    yield from _metals(registry)


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
        venue, tick, rule = ABROAD[exchange]
        conId = registry.number(f"STK:{symbol}:{exchange}")
        smart = exchange in {"IBIS", "AEB", "SBF", "LSE", "EBS", "TSE"}
        contract = Contract(
            conId, symbol, "STK", exchange="SMART" if smart else exchange, primaryExchange=exchange,
            currency=currency, localSymbol=f"{symbol}.T" if exchange == "TSEJ" else symbol, tradingClass=symbol,
        )  # fmt: skip
        lot = LOTS.get(exchange, 1.0)
        yield ContractDetails(
            contract, registry.calendar, venue, tick, name, SHARE_ORDERS, f"SMART,{exchange}" if smart else exchange,
            TIMETABLES[venue].zone, float(price), registry.volatility(symbol), marketName=symbol, industry=industry,
            category=category, subcategory=category, stockType="COMMON", secIdList=isin(COUNTRIES[exchange], conId),
            salt=salt(symbol), currencyRate=markets.RATES[currency],
            marketRuleIds=f"{rule},{rule}" if smart else str(rule), minSize=lot, sizeIncrement=lot,
            suggestedSizeIncrement=max(lot, 100.0),
        )  # fmt: skip


def _indices(registry: Registry) -> Iterator[ContractDetails]:
    for index in markets.INDICES:
        conId = registry.number(f"IND:{index.symbol}", index.conId)
        contract = Contract(
            conId, index.symbol, "IND", exchange=index.exchange, currency=index.currency, localSymbol=index.symbol
        )
        yield ContractDetails(
            contract, registry.calendar, index.venue, 0.01, index.name, "ALERT", index.exchange,
            TIMETABLES[index.venue].zone, index.price, index.volatility, marketName=index.symbol, industry="Indices",
            category="Broad Range", subcategory="*", dailyVolume=0.0, marketRuleIds="26", salt=salt(index.symbol),
            currencyRate=markets.RATES[index.currency],
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


def _coins(registry: Registry) -> Iterator[ContractDetails]:
    for coin in coins.COINS:
        conId = registry.number(f"CRYPTO:{coin.symbol}:{coin.exchange}", coin.conId)
        local = f"{coin.symbol}.USD"
        contract = Contract(
            conId, coin.symbol, "CRYPTO", exchange=coin.exchange, localSymbol=local, tradingClass=coin.symbol
        )
        yield ContractDetails(
            contract, registry.calendar, "CRYPTO", coin.tick, coin.name, COIN_ORDERS, coin.exchange, "US/Eastern",
            coin.price, coin.volatility, marketName=coin.symbol, marketRuleIds=str(coin.rule), aggGroup=2147483647,
            minSize=coin.least, sizeIncrement=1e-8, suggestedSizeIncrement=1e-8, salt=salt(local),
            dailyVolume=round(2e8 / coin.price, 2),
        )  # fmt: skip


def _metals(registry: Registry) -> Iterator[ContractDetails]:
    for metal in coins.METALS:
        conId = registry.number(f"CMDTY:{metal.symbol}", metal.conId)
        contract = Contract(
            conId, metal.symbol, "CMDTY", exchange="SMART", localSymbol=metal.symbol, tradingClass=metal.symbol
        )
        yield ContractDetails(
            contract, registry.calendar, "METALS", metal.tick, metal.name, CASH_ORDERS, "SMART,IBMETAL", "US/Eastern",
            metal.price, metal.volatility, marketName=metal.symbol, marketRuleIds=f"{metal.rule},{metal.rule}",
            aggGroup=5, dailyVolume=0.0, salt=salt(metal.symbol),
        )  # fmt: skip
