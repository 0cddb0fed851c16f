"""Streams that are no quotes (tick-by-tick, depth, bars): opened, given up, and subscribed again after a loss.

What each kind says is in `feeds`. A second subscription of the same stream would be a second full copy, so whoever
opens one sees to it that there is none yet.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.errors import GatewayTimeout
from ibmux.session import codes
from ibmux.session.calls import bound
from ibmux.session.feed import Feed
from ibmux.session.hooks import Hooks
from ibmux.session.lines import Lines, retry_pause
from ibmux.session.link import Fields
from ibmux.session.paced import Paced


class Streams(Lines, Paced):
    """The part of a session that deals with streams; the driver knows them and lines alike as lines."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.feeds: dict[Feed, None] = {}
        self._feeds_by_request: dict[str, Feed] = {}
        self._stirred: dict[str, Feed] = {}
        self._due: dict[Feed, asyncio.TimerHandle] = {}
        self._queued: set[Feed] = set()

    async def open_stream(self, feed: Feed, *, deadline: float, script: str = "") -> None:
        """Subscribe, in its turn by IB's limits; for bars that are kept up to date until their history is there.

        Raises:
            Busy: its turn comes after the deadline.
            NoStreams, NotSubscribed, UnknownContract, NoHistory: as the gateway says.
            NotReady: the session is not ready by the deadline.
        """
        await self.until_ready(deadline)
        if feed.takes_history:
            await self.take_history(deadline)
        self.feeds[feed] = None
        feed.first = asyncio.get_running_loop().create_future()
        self._queued.add(feed)
        try:
            await self.pace(partial(feed.book, self.paces), deadline)
            async with asyncio.timeout_at(deadline):
                await self.gate.send("market", script, lambda: self._ask_for(feed, self._wire()))
            self._queued.discard(feed)
            await self._serves(feed, deadline)
        except TimeoutError:
            self.close_stream(feed)
            raise GatewayTimeout("The gateway did not serve the stream in time.") from None
        except BaseException:
            self.close_stream(feed)
            raise
        finally:
            self._queued.discard(feed)
            feed.first = None

    def close_stream(self, feed: Feed) -> None:
        """Give a stream up; nothing if it is closed already."""
        if feed in self.feeds:
            del self.feeds[feed]
            self._end(feed)
            if feed.takes_history:
                self.give_history()

    def renew_stream(self, feed: Feed) -> None:
        """Subscribe again: the old subscription is dead, or what is wanted of it has changed."""
        self._end(feed)
        feed.clear()
        self._restore(feed)

    # -- what the driver asks for -----------------------------------------------------------------------------------

    def _lose_lines(self) -> None:
        super()._lose_lines()
        for feed in self.feeds:
            self._end(feed)
            self._lose(feed)
            feed.clear()

    def _restore_lines(self) -> None:
        super()._restore_lines()
        for feed in self.feeds:
            if feed.request or feed in self._queued or self.competing:
                continue
            if feed.failures:
                self._stop_waiting(feed)  # what was refused before may be served now
            if feed not in self._due:
                self._restore(feed)

    def _restore(self, feed: Feed) -> None:
        """Subscribe when IB's limits allow it."""
        loop = asyncio.get_running_loop()
        wait = feed.book(self.paces, loop.time(), math.inf) - loop.time()
        if wait <= 0.0:
            self._post("market", partial(self._ask_for, feed))
        else:
            self._due[feed] = loop.call_later(wait, self._post, "market", partial(self._ask_for, feed))

    # -- in ---------------------------------------------------------------------------------------------------------

    def _on_feed(self, fields: Fields) -> None:
        """A message whose first field is the request."""
        self._take(fields[1], fields)

    def _on_versioned_feed(self, fields: Fields) -> None:
        """A message with a version before the request."""
        self._take(fields[2], fields)

    def _take(self, request: str, fields: Fields) -> None:
        feed = self._feeds_by_request.get(request)
        if feed is None:
            return
        feed.take(fields)
        self._stirred[request] = feed
        if feed.first is not None:
            feed.begun()

    def _takes_bars(self, fields: Fields) -> bool:
        """Whether a whole history (message 17) is one that is kept up to date."""
        if fields[1] not in self._feeds_by_request:
            return False
        self._take(fields[1], fields)
        return True

    def _flush(self) -> None:
        super()._flush()
        if self._stirred:
            now = self._heard_at()
            stirred, self._stirred = self._stirred, {}
            for feed in stirred.values():
                feed.failures = 0
                rhythm = feed.rhythm
                if rhythm.calm:
                    rhythm.beat(now)
                else:
                    self._hear_stream(feed, now)
                self.ticks_in += len(feed.news)
                feed.flush()
            if self._ended:
                self._tell_gaps()

    def _on_line_error(self, request: int, code: int, text: str) -> bool:
        """An error about a line or a stream; whether it was one."""
        feed = self._feeds_by_request.get(str(request))
        if feed is None:
            return super()._on_line_error(request, code, text)
        named = f"{feed.contract.symbol} ({feed.contract.conId}): {text}"
        if code == codes.BOOK_RESET:
            feed.clear()
        elif codes.is_remark(code):
            self.hooks.on_notice(code, named)
        elif not feed.begun(codes.to_error(code, text, feed.contract.symbol)):
            self._stream_ended(feed, code, text)
        return True

    def _stream_ended(self, feed: Feed, code: int, text: str) -> None:
        """The gateway does not go on with an open stream."""
        self._end(feed)
        if code == codes.COMPETING:
            self._yield(feed, text)
            feed.clear()
            return
        self.hooks.on_notice(code, f"{feed.contract.symbol} ({feed.contract.conId}): {text}")
        self._lose(feed, text)
        feed.clear()
        self._try_again(feed)

    def _try_again(self, feed: Feed) -> None:
        """Ask again, less and less often."""
        pause = retry_pause(feed.failures)
        feed.failures += 1
        self._due[feed] = asyncio.get_running_loop().call_later(pause, self._ask_feed_again, feed)

    def _ask_feed_again(self, feed: Feed) -> None:
        del self._due[feed]
        if self.state == "ready":  # else with all that has no request, when it is
            self._restore(feed)

    # -- out --------------------------------------------------------------------------------------------------------

    def _ask_for(self, feed: Feed, link: Any) -> None:
        self._due.pop(feed, None)
        if feed not in self.feeds or feed.request:
            return  # given up, or subscribed again, while it waited its turn
        request = feed.request = self.next_request()
        self._feeds_by_request[str(request)] = feed
        feed.rhythm.subscribed(time.monotonic())
        try:
            feed.subscribe(link)
        except BaseException:
            self._feeds_by_request.pop(str(request), None)
            feed.request = 0
            raise

    async def _serves(self, feed: Feed, deadline: float) -> None:
        """Until the gateway served the stream, or as long as a refusal may take; a refusal is raised."""
        assert feed.first is not None  # noqa: S101 - set by the only caller
        patience = bound(feed.opening)
        try:
            async with asyncio.timeout_at(min(deadline, patience)):
                await feed.first
        except TimeoutError:
            if patience > deadline:
                raise

    def _end(self, feed: Feed) -> None:
        """Take its subscription back; while the socket stands, the gateway is told."""
        self._stop_waiting(feed)
        request, feed.request = feed.request, 0
        self._feeds_by_request.pop(str(request), None)
        if request:
            self._post_cancel(lambda link: feed.cancel(link, request))

    def _stop_waiting(self, feed: Feed) -> None:
        due = self._due.pop(feed, None)
        if due is not None:
            due.cancel()
