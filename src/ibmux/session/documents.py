"""The gateway's answers about scans, news, companies and the login, each at its place. The other half of `receiver`.

The names and arguments are ib_async's (and so IB's) own. Nothing is kept here.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ib_async as ib

from ibmux.messages.news import HistoricalNews, NewsArticle, NewsBulletin, NewsProvider, NewsTick
from ibmux.messages.scanner import ScanData
from ibmux.session import translate

if TYPE_CHECKING:
    from ibmux.session.calls import Calls
    from ibmux.session.driver import Session


class Documents:
    """What ib_async's decoder hands these messages to."""

    _session: Session
    _calls: Calls

    # -- scans ------------------------------------------------------------------------------------------------------

    def scannerParameters(self, xml: str) -> None:
        """The document of all instruments, locations and codes."""
        self._calls.end("scannerParameters", xml)

    def scannerData(self, reqId: int, rank: int, contractDetails: ib.ContractDetails, *texts: str) -> None:
        """One row; `texts` are distance, benchmark, projection and legs."""
        self._session.on_scan_row(reqId, ScanData(rank, translate.details(contractDetails), *texts))

    def scannerDataEnd(self, reqId: int) -> None:
        """All rows of one update came."""
        self._session.on_scan_end(reqId)

    # -- news -------------------------------------------------------------------------------------------------------

    def newsProviders(self, newsProviders: list[ib.NewsProvider]) -> None:
        """The providers that the login may read."""
        self._calls.end("newsProviders", [NewsProvider(each.code, each.name) for each in newsProviders])

    def newsArticle(self, reqId: int, articleType: int, articleText: str) -> None:
        """The body of an article."""
        self._calls.end(reqId, NewsArticle(articleType, articleText))

    def historicalNews(self, reqId: int, time: str, providerCode: str, articleId: str, headline: str) -> None:
        """A headline of the past; its time has no zone and is in UTC."""
        moment = dt.datetime.fromisoformat(translate.iso(time))
        self._calls.add(reqId, HistoricalNews(moment, providerCode, articleId, headline))

    def historicalNewsEnd(self, reqId: int, _hasMore: bool) -> None:
        """All headlines that were asked for came."""
        self._calls.end(reqId)

    def tickNews(  # noqa: PLR0917 - as the decoder calls it
        self, reqId: int, timeStamp: int, providerCode: str, articleId: str, headline: str, extraData: str
    ) -> None:
        """A headline of a line."""
        self._session.on_headline(reqId, NewsTick(timeStamp, providerCode, articleId, headline, extraData))

    def updateNewsBulletin(self, msgId: int, msgType: int, message: str, origExchange: str) -> None:
        """A bulletin."""
        self._session.on_bulletin(NewsBulletin(msgId, msgType, message, origExchange))

    # -- companies and the login ------------------------------------------------------------------------------------

    def fundamentalData(self, reqId: int, data: str) -> None:
        """A report on a company."""
        self._calls.end(reqId, data)

    def wshMetaData(self, reqId: int, dataJson: str) -> None:
        """What the calendar can be asked for."""
        self._calls.end(reqId, dataJson)

    def wshEventData(self, reqId: int, dataJson: str) -> None:
        """Events of the calendar."""
        self._calls.end(reqId, dataJson)

    def userInfo(self, reqId: int, whiteBrandingId: str) -> None:
        """The brand of the login."""
        self._calls.end(reqId, whiteBrandingId)

    def receiveFA(self, _faDataType: int, faXmlData: str) -> None:
        """A financial advisor's settings."""
        self._calls.end("requestFA", faXmlData)

    def replaceFAEnd(self, reqId: int, text: str) -> None:
        """A financial advisor's settings were replaced."""
        self._calls.end(reqId, text)
