"""News: providers, headlines, articles, bulletins. Headlines of a line come with its generic tick 292."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from ibmux.messages.contracts import TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class NewsProvider(Record):
    """A provider that the login may read."""

    code: str = ""
    name: str = ""


class NewsArticle(Record):
    """The body of an article: type 0 is text or HTML, type 1 is binary (PDF) in Base64."""

    articleType: int = 0
    articleText: str = ""


class HistoricalNews(Record):
    """A headline of the past; `articleId` is for `reqNewsArticle`."""

    time: dt.datetime
    providerCode: str = ""
    articleId: str = ""
    headline: str = ""


class NewsTick(Record):
    """A headline as it comes: `timeStamp` in milliseconds since 1970 (UTC), `conId` of the streamed contract."""

    timeStamp: int = 0
    providerCode: str = ""
    articleId: str = ""
    headline: str = ""
    extraData: str = ""
    conId: int = 0


class NewsBulletin(Record):
    """A bulletin of Interactive Brokers: type 1 is regular, 2 says that an exchange trades no more, 3 that it does
    again.
    """

    msgId: int = 0
    msgType: int = 0
    message: str = ""
    origExchange: str = ""


class NewsEvent(Record):
    """Topic `evt/news`: one headline, or one bulletin; time in seconds UTC.

    Headlines come while some script streams a contract with the generic tick 292 (or a contract of type NEWS),
    bulletins while some script asked for them.
    """

    epoch: int
    time: float
    event: Literal["tick", "bulletin"]
    tick: NewsTick | None = None
    bulletin: NewsBulletin | None = None


@method("reqNewsProviders", reply=list[NewsProvider])
class ReqNewsProviders(Request):
    """The providers that this login may read."""


@method("reqNewsArticle", reply=NewsArticle)
class ReqNewsArticle(Request):
    """The body of an article: `{"providerCode": "BRFG", "articleId": "BRFG$04fb9da2"}`."""

    providerCode: str
    articleId: str
    newsArticleOptions: list[TagValue] = []


@method("reqHistoricalNews", reply=list[HistoricalNews])
class ReqHistoricalNews(Request):
    """Headlines about a contract, newest first: `{"conId": 8314, "providerCodes": "BRFG+DJNL", "totalResults": 10}`.

    `startDateTime` (exclusive) and `endDateTime` (inclusive) are `yyyymmdd hh:mm:ss UTC`, or empty; 300 results at
    most.
    """

    conId: int
    providerCodes: str
    startDateTime: str = ""
    endDateTime: str = ""
    totalResults: int = 10
    historicalNewsOptions: list[TagValue] = []


@method("reqNewsBulletins", reply=list[NewsBulletin])
class ReqNewsBulletins(Request):
    """Have bulletins published under `evt/news`; with `allMessages` the reply holds those that are known already.

    One subscription upstream serves every script: where one script asks for all messages, others may hear the earlier
    bulletins of the day too.
    """

    allMessages: bool = True


@method("cancelNewsBulletins", reply=bool)
class CancelNewsBulletins(Request):
    """Give up this script's claim on bulletins."""
