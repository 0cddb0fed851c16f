"""What can be scanned for, as data: instruments, locations, scan codes and filters under the names that gateways use.

What a figure is, is `scanner`'s business; the document that tells clients of all this is in `scanner_parameters`.
"""

from __future__ import annotations

from typing import NamedTuple


class Instrument(NamedTuple):
    """A kind of contract that can be scanned: the security type behind it, and its region."""

    code: str
    name: str
    secType: str
    filters: str


class Location(NamedTuple):
    """Where to scan; `exchanges` are primary exchanges, empty for everywhere in the parent's region."""

    code: str
    name: str
    instrument: str
    parent: str
    exchanges: tuple[str, ...]


class Scan(NamedTuple):
    """A scan code: which figure of a contract it ranks by (`scanner.METRICS`), and whether the highest comes first."""

    code: str
    name: str
    metric: str
    falling: bool
    instruments: tuple[str, ...]


class Filter(NamedTuple):
    """A filter: a figure of a contract, and the codes of its lower and upper bound (either may be missing)."""

    id: str
    name: str
    metric: str
    above: str
    below: str


PRICED = "PRICE,VOLUME,CHANGEPERC"
SHARE = f"{PRICED},AVGVOLUME,MKTCAP,STKTYPE,OPTVOLUME,IMPVOLAT,PERATIO,DIVIB"
INSTRUMENTS = (
    Instrument("STK", "US Stocks", "STK", SHARE),
    Instrument("ETF.EQ.US", "US Equity ETFs", "STK", SHARE),
    Instrument("ETF.FI.US", "US Fixed Income ETFs", "STK", SHARE),
    Instrument("FUT.US", "US Futures", "FUT", PRICED),
    Instrument("IND.US", "US Indexes", "IND", PRICED),
    Instrument("STOCK.NA", "America Non-US Stocks", "STK", SHARE),
    Instrument("STOCK.EU", "Europe Stocks", "STK", SHARE),
    Instrument("STOCK.HK", "Asia Stocks", "STK", SHARE),
    Instrument("BOND", "Corporate Bonds", "BOND", "PRICE"),
)
ALIASES = {"ETF": "ETF.EQ.US", "FUT": "FUT.US", "IND": "IND.US"}
"""Short names that clients use."""
US = ("NASDAQ", "NYSE", "ARCA", "AMEX", "BATS")
LOCATIONS = (
    Location("STK.US", "US Stocks", "STK", "", US),
    Location("STK.US.MAJOR", "Listed/NASDAQ", "STK", "STK.US", US),
    Location("STK.NASDAQ", "NASDAQ", "STK", "STK.US.MAJOR", ("NASDAQ",)),
    Location("STK.NASDAQ.NMS", "NASDAQ NMS", "STK", "STK.NASDAQ", ("NASDAQ",)),
    Location("STK.NASDAQ.SCM", "NASDAQ SCM", "STK", "STK.NASDAQ", ("NASDAQ.SCM",)),
    Location("STK.NYSE", "NYSE", "STK", "STK.US.MAJOR", ("NYSE",)),
    Location("STK.AMEX", "AMEX", "STK", "STK.US.MAJOR", ("AMEX",)),
    Location("STK.ARCA", "ARCA", "STK", "STK.US.MAJOR", ("ARCA",)),
    Location("STK.BATS", "BATS", "STK", "STK.US.MAJOR", ("BATS",)),
    Location("STK.US.MINOR", "OTC Markets", "STK", "STK.US", ("PINK",)),
    Location("ETF.EQ.US", "US Equity ETFs", "ETF.EQ.US", "", US),
    Location("ETF.EQ.US.MAJOR", "Listed/NASDAQ", "ETF.EQ.US", "ETF.EQ.US", US),
    Location("ETF.EQ.NASDAQ.NMS", "NASDAQ", "ETF.EQ.US", "ETF.EQ.US.MAJOR", ("NASDAQ",)),
    Location("ETF.EQ.ARCA", "ARCA", "ETF.EQ.US", "ETF.EQ.US.MAJOR", ("ARCA",)),
    Location("ETF.FI.US", "US Fixed Income ETFs", "ETF.FI.US", "", US),
    Location("ETF.FI.US.MAJOR", "Listed/NASDAQ", "ETF.FI.US", "ETF.FI.US", US),
    Location("FUT.US", "US Futures", "FUT.US", "", ("CME", "CBOT", "NYMEX", "COMEX")),
    Location("FUT.CME", "CME", "FUT.US", "FUT.US", ("CME",)),
    Location("FUT.CBOT", "CBOT", "FUT.US", "FUT.US", ("CBOT",)),
    Location("FUT.NYMEX", "NYMEX", "FUT.US", "FUT.US", ("NYMEX",)),
    Location("FUT.COMEX", "COMEX", "FUT.US", "FUT.US", ("COMEX",)),
    Location("IND.US", "US Indexes", "IND.US", "", ("CBOE", "NASDAQ", "RUSSELL", "CME")),
    Location("IND.CBOE", "CBOE", "IND.US", "IND.US", ("CBOE",)),
    Location("STK.NA", "America Non-US Stocks", "STOCK.NA", "", ("TSE", "MEXI")),
    Location("STK.NA.CANADA", "Canada", "STOCK.NA", "STK.NA", ("TSE",)),
    Location("STK.NA.TSE", "Toronto", "STOCK.NA", "STK.NA.CANADA", ("TSE",)),
    Location("STK.NA.MEXI", "Mexico", "STOCK.NA", "STK.NA", ("MEXI",)),
    Location("STK.EU", "Europe Stocks", "STOCK.EU", "", ("IBIS", "AEB", "SBF", "EBS", "LSE")),
    Location("STK.EU.IBIS", "Germany", "STOCK.EU", "STK.EU", ("IBIS",)),
    Location("STK.EU.AEB", "Netherlands", "STOCK.EU", "STK.EU", ("AEB",)),
    Location("STK.EU.SBF", "France", "STOCK.EU", "STK.EU", ("SBF",)),
    Location("STK.EU.EBS", "Switzerland", "STOCK.EU", "STK.EU", ("EBS",)),
    Location("STK.EU.LSE", "United Kingdom", "STOCK.EU", "STK.EU", ("LSE",)),
    Location("STK.HK", "Asia Stocks", "STOCK.HK", "", ("TSEJ", "ASX", "SEHK", "SGX")),
    Location("STK.HK.TSE_JPN", "Japan", "STOCK.HK", "STK.HK", ("TSEJ",)),
    Location("STK.HK.ASX", "Australia", "STOCK.HK", "STK.HK", ("ASX",)),
    Location("BOND.US", "US Corporate Bonds", "BOND", "", ()),
)
SHARES = ("STK", "ETF.EQ.US", "ETF.FI.US", "STOCK.NA", "STOCK.EU", "STOCK.HK")
ALL = (*SHARES, "FUT.US", "IND.US")
TRADED = (*SHARES, "FUT.US")


def _pair(metric: str, instruments: tuple[str, ...], high: str, low: str, name: str) -> tuple[Scan, Scan]:
    return (
        Scan(high, f"High {name}", metric, True, instruments),
        Scan(low, f"Low {name}", metric, False, instruments),
    )


SCANS = (
    Scan("TOP_PERC_GAIN", "Top % Gainers", "change", True, ALL),
    Scan("TOP_PERC_LOSE", "Top % Losers", "change", False, ALL),
    Scan("MOST_ACTIVE", "Most Active", "volume", True, TRADED),
    Scan("MOST_ACTIVE_USD", "Most Active ($)", "turnover", True, TRADED),
    Scan("MOST_ACTIVE_AVG_USD", "Average Most Active ($)", "averageTurnover", True, SHARES),
    Scan("HOT_BY_VOLUME", "Hot Contracts by Volume", "relativeVolume", True, TRADED),
    Scan("TOP_VOLUME_RATE", "Top Volume Rate", "volumeRate", True, TRADED),
    Scan("HOT_BY_PRICE", "Hot Contracts by Price", "relativeChange", True, ALL),
    Scan("HOT_BY_PRICE_RANGE", "Hot by Price Range", "relativeRange", True, ALL),
    Scan("TOP_PRICE_RANGE", "Top Price Range", "range", True, ALL),
    Scan("TOP_TRADE_COUNT", "Top Trade Count", "trades", True, TRADED),
    Scan("TOP_TRADE_RATE", "Top Trade Rate", "tradeRate", True, TRADED),
    Scan("TOP_OPEN_PERC_GAIN", "Top % Gainers Since Open", "sinceOpen", True, ALL),
    Scan("TOP_OPEN_PERC_LOSE", "Top % Losers Since Open", "sinceOpen", False, ALL),
    Scan("HIGH_OPEN_GAP", "Top Close-to-Open % Gainers", "gap", True, ALL),
    Scan("LOW_OPEN_GAP", "Top Close-to-Open % Losers", "gap", False, ALL),
    Scan("TOP_AFTER_HOURS_PERC_GAIN", "Top % Gainers After Hours", "afterHours", True, SHARES),
    Scan("TOP_AFTER_HOURS_PERC_LOSE", "Top % Losers After Hours", "afterHours", False, SHARES),
    Scan("NOT_OPEN", "Not Open", "notOpen", True, SHARES),
    Scan("HALTED", "Halted", "halted", True, SHARES),
    Scan("LIMIT_UP_DOWN", "Limit Up/Down", "halted", True, SHARES),
    Scan("ALL_SYMBOLS_ASC", "All Symbols (Asc)", "symbol", False, ALL),
    Scan("ALL_SYMBOLS_DESC", "All Symbols (Desc)", "symbol", True, ALL),
    *_pair("impliedVolatility", SHARES, "HIGH_OPT_IMP_VOLAT", "LOW_OPT_IMP_VOLAT", "Option Implied Volatility"),
    Scan("TOP_OPT_IMP_VOLAT_GAIN", "Top Option Implied Vol % Gainers", "volatilityChange", True, SHARES),
    Scan("TOP_OPT_IMP_VOLAT_LOSE", "Top Option Implied Vol % Losers", "volatilityChange", False, SHARES),
    *_pair(
        "volatilityRatio", SHARES, "HIGH_OPT_IMP_VOLAT_OVER_HIST", "LOW_OPT_IMP_VOLAT_OVER_HIST",
        "Option Implied Volatility over Historical",
    ),
    Scan("OPT_VOLUME_MOST_ACTIVE", "Most Active by Option Volume", "optionVolume", True, SHARES),
    Scan("OPT_OPEN_INTEREST_MOST_ACTIVE", "Most Active by Option Open Interest", "openInterest", True, SHARES),
    Scan("HOT_BY_OPT_VOLUME", "Hot by Option Volume", "relativeOptionVolume", True, SHARES),
    *_pair(
        "putCallVolume", SHARES, "HIGH_OPT_VOLUME_PUT_CALL_RATIO", "LOW_OPT_VOLUME_PUT_CALL_RATIO",
        "Option Volume P/C Ratio",
    ),
    *_pair(
        "putCallInterest", SHARES, "HIGH_OPT_OPEN_INTEREST_PUT_CALL_RATIO", "LOW_OPT_OPEN_INTEREST_PUT_CALL_RATIO",
        "Option Open Interest P/C Ratio",
    ),
    *_pair("of13Weeks", ALL, "HIGH_VS_13W_HL", "LOW_VS_13W_HL", "vs. 13-Week High/Low"),
    *_pair("of26Weeks", ALL, "HIGH_VS_26W_HL", "LOW_VS_26W_HL", "vs. 26-Week High/Low"),
    *_pair("of52Weeks", ALL, "HIGH_VS_52W_HL", "LOW_VS_52W_HL", "vs. 52-Week High/Low"),
    *_pair("priceEarnings", SHARES, "HIGH_PE_RATIO", "LOW_PE_RATIO", "P/E Ratio"),
    *_pair("priceBook", SHARES, "HIGH_PRICE_2_BOOK_RATIO", "LOW_PRICE_2_BOOK_RATIO", "Price/Book Ratio"),
    *_pair("growth", SHARES, "HIGH_GROWTH_RATE", "LOW_GROWTH_RATE", "Growth Rate"),
    *_pair("returnOnEquity", SHARES, "HIGH_RETURN_ON_EQUITY", "LOW_RETURN_ON_EQUITY", "Return on Equity"),
    *_pair("quickRatio", SHARES, "HIGH_QUICK_RATIO", "LOW_QUICK_RATIO", "Quick Ratio"),
    Scan("HIGH_DIVIDEND_YIELD_IB", "High Dividend Yield", "dividendYield", True, SHARES),
    Scan("HIGH_DIVIDEND_YIELD", "High Dividend Yield (Annual)", "dividendYield", True, SHARES),
    Scan("WSH_NEXT_EARNINGS", "Upcoming Earnings (Days)", "daysToEarnings", False, SHARES),
    Scan("WSH_PREV_EARNINGS", "Recent Earnings (Days)", "daysFromEarnings", False, SHARES),
    Scan("HIGH_MARKET_CAP", "High Market Capitalization", "marketCap", True, SHARES),
)  # fmt: skip
FILTERS = (
    Filter("PRICE", "Price", "price", "priceAbove", "priceBelow"),
    Filter("PRICEUSD", "Price ($)", "priceUsd", "usdPriceAbove", "usdPriceBelow"),
    Filter("VOLUME", "Volume", "volume", "volumeAbove", "volumeBelow"),
    Filter("VOLUMEUSD", "Volume ($)", "turnover", "usdVolumeAbove", "usdVolumeBelow"),
    Filter("AVGVOLUME", "Average Volume", "averageVolume", "avgVolumeAbove", "avgVolumeBelow"),
    Filter("AVGVOLUMEUSD", "Average Volume ($)", "averageTurnover", "avgUsdVolumeAbove", "avgUsdVolumeBelow"),
    Filter("CHANGEPERC", "Change (%)", "change", "changePercAbove", "changePercBelow"),
    Filter("AFTERHRSCHANGEPERC", "After Hours Change (%)", "afterHours", "afterHoursChangePercAbove",
           "afterHoursChangePercBelow"),
    Filter("CHANGEOPENPERC", "Change Since Open (%)", "sinceOpen", "changeOpenPercAbove", "changeOpenPercBelow"),
    Filter("OPENGAPPERC", "Open Gap (%)", "gap", "openGapPercAbove", "openGapPercBelow"),
    Filter("PRICERANGE", "Price Range", "range", "priceRangeAbove", "priceRangeBelow"),
    Filter("TRADECOUNT", "Number of Trades", "trades", "tradeCountAbove", "tradeCountBelow"),
    Filter("TRADERATE", "Trades per Minute", "tradeRate", "tradeRateAbove", "tradeRateBelow"),
    Filter("VOLUMERATE", "Volume per Minute", "volumeRate", "volumeRateAbove", "volumeRateBelow"),
    Filter("MKTCAP", "Capital (Millions)", "marketCap", "marketCapAbove1e6", "marketCapBelow1e6"),
    Filter("MKTCAPUSD", "Capital in $ (Millions)", "marketCapUsd", "usdMarketCapAbove", "usdMarketCapBelow"),
    Filter("IMPVOLAT", "Option Implied Volatility", "impliedVolatility", "impVolatAbove", "impVolatBelow"),
    Filter("IMPVOLATCHANGEPERC", "Implied Volatility Change (%)", "volatilityChange", "impVolatChangePercAbove",
           "impVolatChangePercBelow"),
    Filter("IMPVOLATOVERHIST", "Implied/Historical Volatility (%)", "volatilityRatio", "impVolatOverHistAbove",
           "impVolatOverHistBelow"),
    Filter("OPTVOLUME", "Option Volume", "optionVolume", "optVolumeAbove", "optVolumeBelow"),
    Filter("AVGOPTVOLUME", "Average Option Volume", "averageOptionVolume", "avgOptVolumeAbove", "avgOptVolumeBelow"),
    Filter("OPTVOLUMEPCRATIO", "Option Volume P/C Ratio", "putCallVolume", "optVolumePCRatioAbove",
           "optVolumePCRatioBelow"),
    Filter("PERATIO", "P/E Ratio", "priceEarnings", "minPeRatio", "maxPeRatio"),
    Filter("PRICE2BK", "Price/Book Ratio", "priceBook", "minPrice2Bk", "maxPrice2Bk"),
    Filter("GROWTHRATE", "Growth Rate (%)", "growth", "minGrowthRate", "maxGrowthRate"),
    Filter("RETNONEQUITY", "Return on Equity (%)", "returnOnEquity", "minRetnOnEq", "maxRetnOnEq"),
    Filter("QUICKRATIO", "Quick Ratio", "quickRatio", "minQuickRatio", "maxQuickRatio"),
    Filter("DIVIB", "Dividend Yield (%)", "dividendYield", "dividendYieldFracAbove", "dividendYieldFracBelow"),
)  # fmt: skip
SCANS_BY_CODE = {scan.code: scan for scan in SCANS}
LOCATIONS_BY_CODE = {location.code: location for location in LOCATIONS}
INSTRUMENTS_BY_CODE = {instrument.code: instrument for instrument in INSTRUMENTS}
BOUNDS = {code: (each.metric, code == each.above) for each in FILTERS for code in (each.above, each.below)}
"""By filter code: the figure it bounds, and whether from below."""
STOCK_TYPES = ("ALL", "STOCK", "CORP", "ADR", "ETF", "REIT", "CEF")
