"""What each generic tick number brings (reqMktData): functions from the facts of a contract to ticks.

Ticks that a contract does not have are not made. Numbers and tick types: IB's table of tick types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibmux.sim.calendar import hours
from ibmux.sim.companies import trading
from ibmux.sim.companies.sight import session_share
from ibmux.sim.feeds.lines import Tick, generic_tick, price_tick, size_tick, string_tick
from ibmux.sim.feeds.profiles import Profile
from ibmux.sim.feeds.yields import years_until, yield_of

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.feeds.views import Views

EASY_TO_BORROW = 3.0
OPTION_KINDS = ("OPT", "FOP")
TRADED = ("STK", "FUT", "OPT", "FOP", "CRYPTO", "WAR")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ticks of one contract are made of, at one moment."""

    details: ContractDetails
    views: Views
    profile: Profile
    now: float

    @property
    def kind(self) -> str:
        """The contract's security type."""
        return self.details.contract.secType

    @property
    def fund(self) -> bool:
        """Whether the contract is an exchange-traded fund."""
        return self.details.stockType in ("ETF", "ETN", "ETC")

    @property
    def mark(self) -> float:
        """The last price if it lies within bid and ask, else the nearer of the two."""
        quote = self.views.live.quote(self.details.contract.conId)
        if quote.isIndex or quote.bid <= 0:
            return quote.last
        return min(max(quote.last, quote.bid), quote.ask)

    def volatility(self, kind: str) -> float | None:
        """Historical or implied volatility (`kind` as in history requests); None where there is none."""
        return trading.volatility(self.views.live, self.details, kind, self.now)


def option_volume(facts: Facts) -> list[Tick]:
    """Volume of calls and puts today (29, 30); of an option, its own."""
    contract, options = facts.details.contract, facts.profile.options
    if facts.kind in OPTION_KINDS:
        volume = round(facts.views.live.quote(contract.conId).volume)
        return _of_sides(facts, 29, volume * (contract.right == "C"), volume * (contract.right == "P"))
    share = session_share(facts.details.venue, hours.local_date(facts.details.venue, facts.now), facts.now)
    return _of_sides(facts, 29, round(options.calls * share), round(options.puts * share), any_=options.average > 0)


def option_interest(facts: Facts) -> list[Tick]:
    """Open interest of calls and puts (27, 28)."""
    return _of_sides(facts, 27, facts.profile.options.openCalls, facts.profile.options.openPuts)


def _of_sides(facts: Facts, first: int, calls: int, puts: int, *, any_: bool = False) -> list[Tick]:
    if not any_ and not calls and not puts and facts.kind not in OPTION_KINDS:
        return []
    return [size_tick(first, calls), size_tick(first + 1, puts)]


def historical_volatility(facts: Facts) -> list[Tick]:
    """Thirty days' volatility (23)."""
    found = facts.volatility(trading.HISTORICAL)
    return [] if found is None else [generic_tick(23, found)]


def average_option_volume(facts: Facts) -> list[Tick]:
    """Average volume of the contract's options (87)."""
    return [size_tick(87, facts.profile.options.average)] if facts.profile.options.average else []


def implied_volatility(facts: Facts) -> list[Tick]:
    """Thirty days' implied volatility (24), of what has options."""
    found = facts.volatility(trading.IMPLIED)
    return [generic_tick(24, found)] if found is not None and facts.profile.options.openCalls else []


def index_premium(facts: Facts) -> list[Tick]:
    """How far the future stands above its index (31)."""
    if facts.kind != "IND":
        return []
    future = facts.views.nearest_future(facts.details)
    if future is None:
        return []
    index = facts.views.live.quote(facts.details.contract.conId).last
    return [generic_tick(31, round(facts.views.live.quote(future.contract.conId).mid - index, 2))]


def statistics(facts: Facts) -> list[Tick]:
    """Lows and highs of 13, 26 and 52 weeks (15 to 20) and the average volume (21)."""
    ranges = facts.profile.ranges
    out = [price_tick(15 + k, value) for k, value in enumerate(value for pair in ranges for value in pair)]
    return [*out, size_tick(21, facts.profile.averageVolume)] if facts.profile.averageVolume else out


def mark_price(facts: Facts) -> list[Tick]:
    """The price at which positions are valued (37)."""
    return [price_tick(37, facts.mark)]


def credit_mark(facts: Facts) -> list[Tick]:
    """The mark price of the credit manager (78)."""
    return [price_tick(78, facts.mark)]


def slow_mark(facts: Facts) -> list[Tick]:
    """The slow mark price of the credit manager (79)."""
    return [price_tick(79, facts.mark)]


def auction(facts: Facts) -> list[Tick]:
    """Volume, price and imbalance of the coming auction (34 to 36), and the imbalance that is reported (61)."""
    if facts.kind != "STK" or not facts.views.is_auction_near(facts.details, facts.now):
        return []
    volume = round(facts.profile.averageVolume * 0.02)
    imbalance = round(volume * 0.05)
    return [size_tick(34, volume), price_tick(35, facts.mark), size_tick(36, imbalance), size_tick(61, imbalance)]


def shortable(facts: Facts) -> list[Tick]:
    """How easily the share can be borrowed (46: above 2.5 easily), and how many there are (89)."""
    if facts.kind != "STK":
        return []
    return [generic_tick(46, EASY_TO_BORROW), size_tick(89, facts.profile.shortableShares)]


def ratios(facts: Facts) -> list[Tick]:
    """Fundamental ratios (47)."""
    return [string_tick(47, facts.profile.ratios)] if facts.profile.ratios else []


def trade_count(facts: Facts) -> list[Tick]:
    """The day's number of trades (54)."""
    return [generic_tick(54, facts.views.day_bar(facts.details, facts.now).count)] if facts.kind in TRADED else []


def trade_rate(facts: Facts) -> list[Tick]:
    """Trades in a minute (55)."""
    return [generic_tick(55, facts.views.past_bar(facts.details, facts.now, 60).count)] if facts.kind in TRADED else []


def volume_rate(facts: Facts) -> list[Tick]:
    """Volume in a minute (56)."""
    return [generic_tick(56, facts.views.past_bar(facts.details, facts.now, 60).volume)] if facts.kind in TRADED else []


def short_term_volume(facts: Facts) -> list[Tick]:
    """Volume in three, five and ten minutes (63 to 65)."""
    if facts.kind not in TRADED:
        return []
    spans = ((63, 180), (64, 300), (65, 600))
    return [size_tick(kind, facts.views.past_bar(facts.details, facts.now, span).volume) for kind, span in spans]


def last_regular_trade(facts: Facts) -> list[Tick]:
    """The last price of regular hours (57)."""
    if facts.kind not in TRADED:
        return []
    if hours.is_open(facts.details.venue, facts.now, rth=True):
        return [price_tick(57, facts.views.live.quote(facts.details.contract.conId).last)]
    return [price_tick(57, facts.views.last_regular(facts.details, facts.now))]


def realtime_volatility(facts: Facts) -> list[Tick]:
    """Thirty days' volatility with the present day (58)."""
    found = facts.volatility(trading.HISTORICAL)
    return [] if found is None else [generic_tick(58, found)]


def dividends(facts: Facts) -> list[Tick]:
    """Dividends of the past and next twelve months, the next date and amount (59)."""
    return [string_tick(59, facts.profile.dividends)] if facts.profile.dividends else []


def bond_factor(facts: Facts) -> list[Tick]:
    """How much of a bond's principal is left (60)."""
    return [generic_tick(60, 1.0)] if facts.kind == "BOND" else []


def fund_bid_ask(facts: Facts) -> list[Tick]:
    """A fund's net asset value by the bid and ask prices of what it holds (94, 95)."""
    if not facts.fund:
        return []
    quote = facts.views.live.quote(facts.details.contract.conId)
    return [price_tick(94, quote.bid), price_tick(95, quote.ask)]


def fund_last(facts: Facts) -> list[Tick]:
    """A fund's net asset value (96)."""
    return [price_tick(96, facts.mark)] if facts.fund else []


def fund_close(facts: Facts) -> list[Tick]:
    """A fund's net asset value at the last close and at the one before (92, 93)."""
    if not facts.fund:
        return []
    last, prior = facts.views.last_closes(facts.details, facts.now)
    return [price_tick(92, last), price_tick(93, prior)]


def fund_range(facts: Facts) -> list[Tick]:
    """Highest and lowest net asset value of the day (98, 99)."""
    quote = facts.views.live.quote(facts.details.contract.conId)
    return [price_tick(98, quote.high), price_tick(99, quote.low)] if facts.fund else []


def fund_frozen(facts: Facts) -> list[Tick]:
    """A fund's net asset value as it stood when the exchange closed (97)."""
    return [price_tick(97, facts.views.last_closes(facts.details, facts.now)[0])] if facts.fund else []


def futures_interest(facts: Facts) -> list[Tick]:
    """Open interest of a future (86)."""
    return [size_tick(86, facts.profile.openInterest)] if facts.profile.openInterest else []


def bond_yields(facts: Facts) -> list[Tick]:
    """What a bond yields at bid, ask and last price (50 to 52)."""
    bond, quote = facts.details.bond, facts.views.live.quote(facts.details.contract.conId)
    if bond is None:
        return []
    years = years_until(bond.maturity, hours.local_date(facts.details.venue, facts.now))
    prices = ((50, quote.bid), (51, quote.ask), (52, quote.last))
    return [price_tick(kind, yield_of(price, bond.coupon, years)) for kind, price in prices if price > 0]


YIELDS = 0
"""Stands for the yields of bonds, for which there is no number to ask by."""
TICKS: dict[int, tuple[Callable[[Facts], list[Tick]], ...]] = {
    YIELDS: (bond_yields,),
    100: (option_volume,),
    101: (option_interest,),
    104: (historical_volatility,),
    105: (average_option_volume,),
    106: (implied_volatility,),
    162: (index_premium,),
    165: (statistics,),
    220: (credit_mark,),
    221: (mark_price, credit_mark),
    225: (auction,),
    232: (mark_price,),
    236: (shortable,),
    258: (ratios,),
    293: (trade_count,),
    294: (trade_rate,),
    295: (volume_rate,),
    318: (last_regular_trade,),
    411: (realtime_volatility,),
    456: (dividends,),
    460: (bond_factor,),
    576: (fund_bid_ask,),
    577: (fund_last,),
    578: (fund_close,),
    588: (futures_interest,),
    595: (short_term_volume,),
    614: (fund_range,),
    619: (slow_mark,),
    623: (fund_frozen,),
}
"""The ticks of each generic tick number. 233 and 375 come with each trade, 292 with news."""

LIVE_ONLY = frozenset({220, 221, 225, 232, 233, 293, 294, 295, 318, 375, 576, 577, 595, 614, 619})
"""What comes from live data and is not sent to lines that are delayed."""


def make(generic: int, facts: Facts) -> list[Tick]:
    """The ticks that a contract has for a generic tick number; empty if it has none."""
    return [tick for find in TICKS.get(generic, ()) for tick in find(facts)]
