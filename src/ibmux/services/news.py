"""News: answers, and the events that one subscription upstream brings to every script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux import topics
from ibmux.core.claims import Claims
from ibmux.core.leases import Owner
from ibmux.messages import encode
from ibmux.messages.news import (
    CancelNewsBulletins,
    HistoricalNews,
    NewsArticle,
    NewsBulletin,
    NewsEvent,
    NewsProvider,
    NewsTick,
    ReqHistoricalNews,
    ReqNewsArticle,
    ReqNewsBulletins,
    ReqNewsProviders,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

BULLETINS = "bulletins"


class News:
    """News of one gateway."""

    def __init__(self, session: Session, publisher: Publisher, flights: Flights) -> None:
        self.session = session
        self.publisher = publisher
        self.flights = flights
        self.claims: Claims[str] = Claims()

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqNewsProviders": self.providers,
            "reqNewsArticle": self.article,
            "reqHistoricalNews": self.headlines,
            "reqNewsBulletins": self.bulletins,
            "cancelNewsBulletins": self.cancel_bulletins,
        }

    # -- questions

    async def providers(self, caller: Caller, _request: ReqNewsProviders) -> list[NewsProvider]:
        """The providers that the login may read."""
        return await self.flights.join(
            caller,
            ("newsProviders",),
            lambda deadline: self.session.news_providers(deadline=deadline, script=caller.script),
        )

    async def article(self, caller: Caller, request: ReqNewsArticle) -> NewsArticle:
        """The body of an article."""
        return await self.flights.join(
            caller,
            ("article", encode(request)),
            lambda deadline: self.session.news_article(request, deadline=deadline, script=caller.script),
        )

    async def headlines(self, caller: Caller, request: ReqHistoricalNews) -> list[HistoricalNews]:
        """Headlines about a contract."""
        return await self.flights.join(
            caller,
            ("headlines", encode(request)),
            lambda deadline: self.session.historical_news(request, deadline=deadline, script=caller.script),
        )

    async def bulletins(self, caller: Caller, request: ReqNewsBulletins) -> list[NewsBulletin]:
        """One subscription upstream; the bulletins that are known, if they are wanted."""
        is_new = self.claims.take(BULLETINS, caller.owner, caller.client)
        try:
            await self.flights.join(
                caller,
                (BULLETINS, request.allMessages),
                lambda deadline: self.session.open_bulletins(
                    request.allMessages, deadline=deadline, script=caller.script
                ),
            )
        except BaseException:
            if is_new:
                self._release(caller.owner)
            raise
        if BULLETINS not in self.claims:  # whoever asked left meanwhile
            self.session.close_bulletins()
        return list(self.session.bulletins.values()) if request.allMessages else []

    def cancel_bulletins(self, caller: Caller, _request: CancelNewsBulletins) -> bool:
        """The subscription ends when the last script gives it up. Returns whether this one had a claim."""
        return self._release(caller.owner)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so is its claim."""
        self._release(owner)

    def release_client(self, client: str) -> None:
        """A connection ended: so do the claims that were made over it."""
        if self.claims.release_client(client):
            self.session.close_bulletins()

    def _release(self, owner: Owner) -> bool:
        held = self.claims.release(BULLETINS, owner)
        if held and BULLETINS not in self.claims:
            self.session.close_bulletins()
        return held

    # -- updates

    def publish_headline(self, headline: NewsTick) -> None:
        """A headline of a line."""
        self._publish(NewsEvent(self.publisher.epoch, self.publisher.clock(), "tick", tick=headline))

    def publish_bulletin(self, bulletin: NewsBulletin) -> None:
        """A bulletin."""
        self._publish(NewsEvent(self.publisher.epoch, self.publisher.clock(), "bulletin", bulletin=bulletin))

    def _publish(self, event: NewsEvent) -> None:
        self.publisher.event(topics.news(self.publisher.gateway), event)
