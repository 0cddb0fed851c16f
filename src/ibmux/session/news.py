"""News upstream: providers, articles, headlines of the past, and what comes unasked: headlines and bulletins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.errors import GatewayTimeout
from ibmux.messages.news import (
    HistoricalNews,
    NewsArticle,
    NewsBulletin,
    NewsProvider,
    NewsTick,
    ReqHistoricalNews,
    ReqNewsArticle,
)
from ibmux.session.hooks import Hooks
from ibmux.session.questions import Questions
from ibmux.session.translate import to_tags

KEPT = 200
"""Bulletins that are remembered; past it the oldest goes."""


class News(Questions):
    """The part of a session that reads the news."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.bulletins: dict[int, NewsBulletin] = {}
        self._bulletins_wanted: bool | None = None

    async def news_providers(self, *, deadline: float, script: str = "") -> list[NewsProvider]:
        """The providers that the login may read."""
        await self.until_ready(deadline)
        found: list[NewsProvider] = await self._share(
            "newsProviders", lambda link: link.reqNewsProviders(), deadline, script
        )
        return found

    async def news_article(self, question: ReqNewsArticle, *, deadline: float, script: str = "") -> NewsArticle:
        """The body of an article."""
        request = self.next_request()
        options = to_tags(question.newsArticleOptions)
        article: NewsArticle = await self.ask(
            request,
            f"the article {question.articleId}",
            lambda link: link.reqNewsArticle(request, question.providerCode, question.articleId, options),
            deadline=deadline,
            script=script,
        )
        return article

    async def historical_news(
        self, question: ReqHistoricalNews, *, deadline: float, script: str = ""
    ) -> list[HistoricalNews]:
        """Headlines about a contract."""
        request = self.next_request()
        options = to_tags(question.historicalNewsOptions)
        headlines: list[HistoricalNews] = await self.ask(
            request,
            f"the headlines about contract {question.conId}",
            lambda link: link.reqHistoricalNews(
                request,
                question.conId,
                question.providerCodes,
                question.startDateTime,
                question.endDateTime,
                question.totalResults,
                options,
            ),
            deadline=deadline,
            script=script,
        )
        return headlines

    async def open_bulletins(self, all_messages: bool, *, deadline: float, script: str = "") -> None:
        """Have bulletins sent, with `all_messages` those of the day too; kept across reconnects."""
        await self.until_ready(deadline)
        if self._has_bulletins(all_messages):
            return

        def send() -> None:
            if self._has_bulletins(all_messages):  # asked for by somebody else meanwhile
                return
            link = self._wire()
            if self._bulletins_wanted is not None:
                link.cancelNewsBulletins()
            link.reqNewsBulletins(all_messages)
            self._bulletins_wanted = all_messages

        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.send("market", script, send)
        except TimeoutError:
            raise GatewayTimeout("The request for bulletins waited too long for its turn.") from None

    def _has_bulletins(self, all_messages: bool) -> bool:
        return self._bulletins_wanted is True or self._bulletins_wanted is all_messages

    def close_bulletins(self) -> None:
        """Have no bulletins sent any more; nothing if none are."""
        wanted, self._bulletins_wanted = self._bulletins_wanted, None
        self.bulletins.clear()
        if wanted is not None:
            self._post_cancel(lambda link: link.cancelNewsBulletins())

    def _restore_bulletins(self) -> None:
        """Subscribe again. Those of the day come again if they were wanted; what was heard before is no news."""
        if self._bulletins_wanted is not None:
            self._post("market", self._subscribe_bulletins)

    def _subscribe_bulletins(self, link: Any) -> None:
        if self._bulletins_wanted is not None:
            link.reqNewsBulletins(self._bulletins_wanted)

    # -- in ---------------------------------------------------------------------------------------------------------

    def on_headline(self, request: int, headline: NewsTick) -> None:
        """A headline of a line; of a line that was given up it is nobody's."""
        line = self._streams.get(str(request))
        if line is not None:
            headline.conId = line.contract.conId
            self.hooks.on_headline(headline)

    def on_bulletin(self, bulletin: NewsBulletin) -> None:
        """A bulletin; one that was heard before is no news."""
        if self._bulletins_wanted is None or self.bulletins.get(bulletin.msgId) == bulletin:
            return
        self.bulletins.pop(bulletin.msgId, None)
        self.bulletins[bulletin.msgId] = bulletin
        if len(self.bulletins) > KEPT:
            del self.bulletins[next(iter(self.bulletins))]
        self.hooks.on_bulletin(bulletin)
