"""News as ib_async's IB class names it: providers, articles, headlines, bulletins."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ibmux import topics
from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.foreign import to_tags
from ibmux.client.market import Market
from ibmux.client.times import write_ib
from ibmux.messages import decode
from ibmux.messages.news import HistoricalNews, NewsArticle, NewsBulletin, NewsEvent, NewsProvider, NewsTick
from ibmux.mqtt.message import Message

HEADLINES = 10_000
BULLETINS = 1_000
"""How many are remembered; past it the oldest goes."""
GENERIC_TICK = "292"


class News(Market):
    """The news.

    Events: `tickNewsEvent(NewsTick)` for each headline of a streamed contract, `newsBulletinEvent(NewsBulletin)`.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.tickNewsEvent = Event("tickNewsEvent", self._owner)
        self.newsBulletinEvent = Event("newsBulletinEvent", self._owner)
        self._headlines: deque[NewsTick] = deque(maxlen=HEADLINES)
        self._bulletins: dict[int, NewsBulletin] = {}
        self._wants_bulletins: bool | None = None
        self._recoveries.append(self._renew_bulletins)

    async def reqNewsProviders(self) -> list[NewsProvider]:
        """The providers that the login may read."""
        return list(await self._ask("reqNewsProviders"))

    async def reqNewsArticle(
        self, providerCode: str, articleId: str, newsArticleOptions: Sequence[Any] = ()
    ) -> NewsArticle:
        """The body of an article: `await ib.reqNewsArticle("BRFG", "BRFG$04fb9da2")`."""
        article: NewsArticle = await self._ask(
            "reqNewsArticle",
            providerCode=providerCode,
            articleId=articleId,
            newsArticleOptions=to_tags(newsArticleOptions),
        )
        return article

    async def reqHistoricalNews(  # noqa: PLR0917 - ib_async's own order
        self,
        conId: int,
        providerCodes: str,
        startDateTime: dt.datetime | dt.date | str | None,
        endDateTime: dt.datetime | dt.date | str | None,
        totalResults: int,
        historicalNewsOptions: Sequence[Any] = (),
    ) -> list[HistoricalNews]:
        """Headlines about a contract: `await ib.reqHistoricalNews(8314, "BRFG+DJNL", "", "", 10)`.

        `startDateTime` is exclusive, `endDateTime` inclusive; 300 results at most. Times are aware, in UTC.
        """
        found: list[HistoricalNews] = await self._ask(
            "reqHistoricalNews",
            conId=conId,
            providerCodes=providerCodes,
            startDateTime=write_ib(startDateTime),
            endDateTime=write_ib(endDateTime),
            totalResults=totalResults,
            historicalNewsOptions=to_tags(historicalNewsOptions),
        )
        return found

    async def reqNewsBulletins(self, allMessages: bool = True) -> list[NewsBulletin]:
        """Hear of bulletins (`newsBulletinEvent`, `newsBulletins`); with `allMessages` also those of today so far, of
        which the known ones are returned.
        """
        self._wants_bulletins = allMessages
        known: list[NewsBulletin] = await self._ask("reqNewsBulletins", allMessages=allMessages)
        for bulletin in known:
            self._take_bulletin(bulletin)
        return known

    async def cancelNewsBulletins(self) -> bool:
        """Hear of bulletins no more; False where none were wanted. Those that came stay in `newsBulletins`."""
        self._wants_bulletins = None
        return bool(await self._ask("cancelNewsBulletins"))

    def newsTicks(self) -> list[NewsTick]:
        """The headlines that came for contracts of type NEWS, and for those streamed with the generic tick 292:
        `await ib.reqMktData(contract, "mdoff,292")`.
        """
        return list(self._headlines)

    def newsBulletins(self) -> list[NewsBulletin]:
        """The bulletins that came."""
        return list(self._bulletins.values())

    reqNewsProvidersAsync = reqNewsProviders
    reqNewsArticleAsync = reqNewsArticle
    reqHistoricalNewsAsync = reqHistoricalNews

    # -- what comes -------------------------------------------------------------------------------------------------

    def _topics(self) -> dict[str, Callable[[Message], None]]:
        return {**super()._topics(), topics.news(self.gateway): self._on_news}

    def _on_news(self, message: Message) -> None:
        event: NewsEvent = decode(message.payload, NewsEvent)
        if event.tick is not None and self._reads(event.tick.conId):
            self._headlines.append(event.tick)
            self.tickNewsEvent.emit(event.tick)
            self._touch()
        if event.bulletin is not None and self._wants_bulletins is not None:
            self._take_bulletin(event.bulletin)

    def _reads(self, con_id: int) -> bool:
        """Whether this client streams the contract for its news: others' headlines are heard on the same topic."""
        return any(
            line.conId == con_id and (GENERIC_TICK in line.generic or line.contract.secType == "NEWS")
            for line in self._lines.values()
        )

    def _take_bulletin(self, bulletin: NewsBulletin) -> None:
        if self._bulletins.get(bulletin.msgId) == bulletin:
            return
        self._bulletins[bulletin.msgId] = bulletin
        if len(self._bulletins) > BULLETINS:
            del self._bulletins[next(iter(self._bulletins))]
        self.newsBulletinEvent.emit(bulletin)
        self._touch()

    async def _renew_bulletins(self, _lost: float) -> None:
        """The proxy forgot this client's claim with its connection: make it again."""
        if self._wants_bulletins is not None:
            await self.reqNewsBulletins(self._wants_bulletins)
