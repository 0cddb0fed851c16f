"""Headlines as they are published, to lines that asked for them: of a contract (generic tick 292) or of a broad tape.

Owns up to when each line has heard; what is published is the news' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibmux.sim.companies.news import News
    from ibmux.sim.feeds.lines import Line

NEWS = 292
LONGEST = 86_400.0
"""Seconds of headlines that are made up for after a pause."""


class NewsFeed:
    """The headlines of all lines; `source` has all that was ever published."""

    def __init__(self, news: News) -> None:
        self.source = news
        self._heard: dict[Line, float] = {}

    def add(self, line: Line, now: float) -> None:
        """Send headlines to this line from now on, if it asked for them."""
        if NEWS in line.wanted:
            self._heard[line] = now

    def remove(self, line: Line) -> None:
        """Send this line no more headlines."""
        self._heard.pop(line, None)

    def skip(self, now: float) -> None:
        """Go on from `now`."""
        self._heard = dict.fromkeys(self._heard, now)

    def advance(self, now: float) -> int:
        """Send what was published since. Return the number of headlines."""
        sent = 0
        for line, heard in self._heard.items():
            if now > heard:
                self._heard[line] = now
                sent += self._tell(line, max(heard, now - LONGEST), now)
        return sent

    def _tell(self, line: Line, start: float, end: float) -> int:
        contract = line.details.contract
        about = contract.exchange if contract.secType == "NEWS" else contract.conId
        found = self.source.since(about, start, end, line.providers or None)
        for item in found:
            line.client.reply(
                "tickNews",
                reqId=line.req_id,
                timeStamp=int(item.time * 1000),
                providerCode=item.provider,
                articleId=item.articleId,
                headline=item.title,
                extraData=item.meta,
            )
        return len(found)
