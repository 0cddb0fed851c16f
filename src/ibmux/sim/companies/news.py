"""The news of the simulated world: which headlines a provider has published about a contract, at any time.

A pure function of seed and time: a day's headlines are the same whenever they are asked for, and an article's id leads
back to its headline. It knows neither clients nor subscriptions; the texts of articles are in `articles`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.companies import headlines

DAY = 86_400.0
EPOCH = date(2015, 1, 1)
"""Nothing was published before; article ids count days from here."""
MARKET = 0xFFF
"""Stands in an article's id for the market as a whole."""
MOST = 15
"""Headlines a day about one contract; four bits of an article's id."""
PRIME, INVERSE, MASK = 2_654_435_761, pow(2_654_435_761, -1, 1 << 32), (1 << 32) - 1
NOT_ALLOWED = "News feed is not allowed."
NOT_SUBSCRIBED = "News Feed requires permissions. Please login to Portal to subscribe."
LOOK_BACK = 1500
"""Days after which a search for old headlines ends."""


class Provider(NamedTuple):
    """Who publishes: code and name as reqNewsProviders lists them, and its share of all headlines."""

    code: str
    name: str
    weight: int


PROVIDERS = (
    Provider("BRFG", "Briefing.com General Market Columns", 4),
    Provider("BRFUPDN", "Briefing.com Analyst Actions", 2),
    Provider("BZ", "Benzinga Pro", 6),
    Provider("DJ-N", "Dow Jones Global Equity Trader", 6),
    Provider("DJ-RTA", "Dow Jones Real-Time News Asia Pacific", 2),
    Provider("DJ-RTE", "Dow Jones Real-Time News Europe", 2),
    Provider("DJ-RTG", "Dow Jones Real-Time News Global", 2),
    Provider("DJ-RTPRO", "Dow Jones Real-Time News Pro", 2),
    Provider("DJNL", "Dow Jones Newsletters", 3),
    Provider("FLY", "Fly on the Wall", 6),
)
PROVIDERS_BY_CODE = {provider.code: provider for provider in PROVIDERS}


class NewsItem(NamedTuple):
    """One headline, published at `time` (epoch seconds); `conId` is 0 for news about no single contract."""

    time: float
    provider: str
    articleId: str
    conId: int
    title: str
    meta: str
    number: int

    @property
    def headline(self) -> str:
        """The title with its metadata in front: language, and for some providers sentiment (K) and confidence (C)."""
        return f"{{{self.meta}}}{self.title}"

    @property
    def timeText(self) -> str:
        """The instant in UTC as historicalNews writes it."""
        return f"{datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M:%S}.0"


class News:
    """All headlines.

    Args:
        universe: whose shares the news are about.
        subscribed: codes of the providers that the login may read.
    """

    def __init__(self, universe: Universe, subscribed: tuple[str, ...]) -> None:
        self._seed = universe.seed
        self.subscribed = tuple(each.code for each in PROVIDERS if each.code in subscribed)
        self._about = [each for each in universe.listed() if each.contract.secType == "STK"][:MARKET]
        self._places = {each.contract.conId: place for place, each in enumerate(self._about)}
        self._day = lru_cache(maxsize=4096)(self._written)
        self._tape = lru_cache(maxsize=8)(self._whole_day)

    def since(
        self, about: int | str, start: float, end: float, providers: Collection[str] | None = None
    ) -> list[NewsItem]:
        """What was published after `start` up to `end` (epoch seconds), the oldest first.

        Args:
            about: a contract's number, or a provider's code for its broad tape.
            start: keep it near to `end`: every day in between is looked through.
            end: the last instant wanted.
            providers: whose headlines are wanted; None for those of all subscribed providers.
        """
        wanted = set(self.subscribed if providers is None else providers).intersection(self.subscribed)
        found: list[NewsItem] = []
        for day in range(_day_of(start), _day_of(end) + 1):
            items = self._from(about, day) if isinstance(about, str) else self._day(self._places.get(about, -1), day)
            found += [item for item in items if start < item.time <= end and item.provider in wanted]
        return found

    def latest(
        self, conId: int, providers: Collection[str], start: float | None, end: float, most: int
    ) -> tuple[list[NewsItem], bool]:
        """The latest headlines about a contract up to `end`, newest first, and whether there are more after `start`."""
        found: list[NewsItem] = []
        for item in self._backwards(self._places.get(conId, -1), providers, start, end):
            if len(found) == most:
                return found, True
            found.append(item)
        return found, False

    def _backwards(self, place: int, providers: Collection[str], start: float | None, end: float) -> Iterator[NewsItem]:
        last = _day_of(end)
        first = max(0, last - LOOK_BACK if start is None else _day_of(start))
        for day in range(last, first - 1, -1):
            for item in reversed(self._day(place, day)):
                if item.provider in providers and item.time <= end and (start is None or item.time > start):
                    yield item

    def find(self, provider: str, articleId: str) -> NewsItem | None:
        """The headline that an article's id belongs to; None if there is none."""
        code, mark, digits = articleId.rpartition("$")
        if code != provider or mark != "$" or len(digits) != 8:
            return None
        try:
            number = (int(digits, 16) - self._seed) * INVERSE & MASK
        except ValueError:
            return None
        place, day = number >> 4 & 0xFFF, number >> 16
        return next((item for item in self._day(place, day) if item.articleId == articleId), None)

    def subject(self, item: NewsItem) -> ContractDetails | None:
        """What a headline is about; None for the market as a whole."""
        place = self._places.get(item.conId)
        return None if place is None else self._about[place]

    def refuse(self, code: str) -> Refusal | None:
        """Why the login may not read a provider (10276: there is none, 10277: not subscribed); None if it may."""
        if code in self.subscribed:
            return None
        return Refusal(10277, NOT_SUBSCRIBED) if code in PROVIDERS_BY_CODE else Refusal(10276, NOT_ALLOWED)

    def _from(self, provider: str, day: int) -> list[NewsItem]:
        return [item for item in self._tape(day) if item.provider == provider]

    def _whole_day(self, day: int) -> list[NewsItem]:
        places = [*range(len(self._about)), MARKET]
        return sorted(item for place in places for item in self._day(place, day))

    def _written(self, place: int, day: int) -> list[NewsItem]:
        """The headlines of one day about the contract in that place, the oldest first."""
        if day < 0 or (place != MARKET and not 0 <= place < len(self._about)):
            return []
        draw = Random(f"{self._seed}:news:{place}:{day}")
        quiet = (EPOCH + timedelta(days=day)).weekday() >= 5
        mean = 11.0 if place == MARKET else 9.0 if place < 8 else 1.2
        count = min(MOST, _poisson(draw, mean * (0.12 if quiet else 1.0)))
        times = sorted(_day_start(day) + _moment(draw) for _ in range(count))
        return [self._item(place, day, number, round(instant), draw) for number, instant in enumerate(times)]

    def _item(self, place: int, day: int, number: int, instant: float, draw: Random) -> NewsItem:
        provider = draw.choices(PROVIDERS, [each.weight for each in PROVIDERS])[0].code
        about = None if place == MARKET else self._about[place]
        title, meta = headlines.write(provider, about, draw)
        bits = (day << 16 | place << 4 | number) * PRIME + self._seed & MASK
        return NewsItem(
            float(instant), provider, f"{provider}${bits:08x}", about.contract.conId if about else 0, title, meta, bits
        )


def _day_of(instant: float) -> int:
    return (datetime.fromtimestamp(instant, UTC).date() - EPOCH).days


def _day_start(day: int) -> float:
    whole = EPOCH + timedelta(days=day)
    return datetime(whole.year, whole.month, whole.day, tzinfo=UTC).timestamp()


def _moment(draw: Random) -> float:
    """Seconds into a UTC day: mostly between 11 and 22 o'clock, when New York is awake."""
    return (
        draw.uniform(0.0, DAY - 1) if draw.random() < 0.15 else draw.triangular(11 * 3600.0, 22 * 3600.0, 13.5 * 3600)
    )


def _poisson(draw: Random, mean: float) -> int:
    """A number of events where `mean` are expected (arrivals after exponential waits)."""
    count, spent = 0, draw.expovariate(1.0)
    while spent < mean and count < MOST:
        count, spent = count + 1, spent + draw.expovariate(1.0)
    return count
