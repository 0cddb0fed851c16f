"""A gateway that says again what a recorded one said: to the same questions the same answers, after the same time.

Each connection plays one of the recorded ones: the next of the same clientId, else the next of all. A question that
was not asked on the recorded day gets an error that says so; nothing is made up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from ibmux.sim.listening import CHUNK, Listening
from ibmux.sim.recording.reading import Day, Exchange, Timed, id_of, rename
from ibmux.tws.framing import Framer, FrameTooLong, join_fields, split_fields
from ibmux.tws.handshake import PREFIX, BadGreeting, encode_answer, parse_greeting
from ibmux.tws.replies import encode_reply
from ibmux.tws.requests import find_request

GREETING_TIMEOUT = 10.0
MOST_REQUEST = 1 << 20
STOPS = {
    "cancelMktData", "cancelHistoricalData", "cancelMktDepth", "cancelRealTimeBars", "cancelTickByTickData",
    "cancelPnL", "cancelPnLSingle", "cancelAccountSummary", "cancelScannerSubscription", "cancelOrder",
    "cancelPositionsMulti", "cancelAccountUpdatesMulti", "cancelFundamentalData", "cancelHistogramData",
}  # fmt: skip
"""Requests after which the recorded answers to the one of the same id must not go on."""


class Programme:
    """Finds for each question the recorded one. Equal questions take the recorded ones in turn, the last one again."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self._used: set[int] = set()

    def find(self, name: str, texts: list[str], at: str) -> Exchange | None:
        """The recorded exchange for a request; None if there is nothing like it."""
        alike = [one for one in self.day.exchanges if one.name == name]
        equal = [one for one in alike if _content(one.texts, one.id) == _content(texts, at)]
        for candidates in (equal, alike if not equal else []):
            fresh = next((one for one in candidates if id(one) not in self._used), None)
            if fresh is not None:
                self._used.add(id(fresh))
                return fresh
        return equal[-1] if equal else None


def _content(texts: list[str], own: str) -> list[str]:
    """A request's fields without its id."""
    return [text for text in texts if text != own]


class Playback:
    """Sends timed messages one after the other; owns one timer."""

    def __init__(self, messages: list[Timed], speed: float, send: Callable[[list[str]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._began, self._speed, self._send = self._loop.time(), speed, send
        self._rest: Iterator[Timed] = iter(sorted(messages, key=lambda one: one[0]))
        self._timer: asyncio.TimerHandle | None = None
        self._next()

    def _next(self, due: list[str] | None = None) -> None:
        if due is not None:
            self._send(due)
        for delay, texts in self._rest:
            when = self._began + delay / self._speed
            if when > self._loop.time():
                self._timer = self._loop.call_at(when, self._next, texts)
                return
            self._send(texts)
        self._timer = None

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Replayer(Listening):
    """A server on a port of this machine: `async with Replayer(days) as gateway: gateway.port`.

    Args:
        days: the recorded connections, of `reading.find_days`.
        host: where to listen.
        port: the port to listen on; 0 takes a free one.
        speed: how much faster than recorded answers come.
    """

    def __init__(self, days: list[Day], *, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0) -> None:
        super().__init__(host, port)
        self.speed = speed
        self.unknown: list[str] = []
        self.on_unknown: Callable[[str, int], None] = lambda name, count: None
        self._days = list(days)

    @property
    def version(self) -> int:
        """The server version of the recorded connections."""
        return min((day.version for day in self._days), default=0)

    def note_unknown(self, name: str) -> None:
        """A request was not asked like this on the recorded day."""
        self.unknown.append(name)
        self.on_unknown(name, len(self.unknown))

    def take_day(self, client_id: str) -> Day | None:
        """The next recorded connection for a client; None when all were played."""
        day = next((one for one in self._days if one.clientId == client_id), None) or next(iter(self._days), None)
        if day is not None:
            self._days.remove(day)
        return day

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play a day to one client."""
        gone = (BadGreeting, FrameTooLong, asyncio.IncompleteReadError, TimeoutError, ConnectionError)
        with contextlib.suppress(*gone):  # the client is gone, or was none
            await self._play(reader, writer)

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = self.version
        async with asyncio.timeout(GREETING_TIMEOUT):
            if await reader.readexactly(len(PREFIX)) != PREFIX:
                raise BadGreeting("no API greeting")
            size = int.from_bytes(await reader.readexactly(4), "big")
            if size > MOST_REQUEST or parse_greeting(await reader.readexactly(size)).highest < version:
                raise BadGreeting(f"the recording has server version {version}, which this client does not know")
            writer.write(encode_answer(version, next((day.connected for day in self._days), "20260101 00:00:00 UTC")))
        await Stage(self, writer).run(reader)


class Stage:
    """One connection on which a day is played."""

    def __init__(self, replayer: Replayer, writer: asyncio.StreamWriter) -> None:
        self._replayer, self._writer = replayer, writer
        self._programme: Programme | None = None
        self._client_id = ""
        self._playing: dict[str, Playback] = {}
        self._others: list[Playback] = []
        self._end: asyncio.TimerHandle | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Answer until the connection ends."""
        framer = Framer(MOST_REQUEST)
        try:
            while data := await reader.read(CHUNK):
                for payload in framer.feed(data):
                    self._receive(split_fields(payload))
                await self._writer.drain()
        finally:
            for playback in (*self._playing.values(), *self._others):
                playback.stop()
            if self._end is not None:
                self._end.cancel()

    def _receive(self, texts: list[str]) -> None:
        message = find_request(texts[0])
        if message is None:
            return
        if message.name == "startApi":
            self._start(texts[2])
        elif self._programme is not None:
            own = id_of(message, texts, self._programme.day.version)
            if message.name in STOPS and own in self._playing:
                self._playing.pop(own).stop()
            self._answer(self._programme, message.name, texts, own)

    def _start(self, client_id: str) -> None:
        day = self._replayer.take_day(client_id)
        if day is None:
            self._error(-1, 502, "Every connection of the recording has been played.")
            self._writer.close()
            return
        self._programme, self._client_id = Programme(day), client_id
        self._others.append(self._playback(day.unsolicited, "", "", day))
        if day.ended is not None:
            self._end = asyncio.get_running_loop().call_later(day.ended / self._replayer.speed, self._writer.close)

    def _answer(self, programme: Programme, name: str, texts: list[str], own: str) -> None:
        exchange = programme.find(name, texts, own)
        if exchange is None:
            if not name.startswith("cancel"):
                self._replayer.note_unknown(name)
                text = f"Error validating request.-'bN' : cause - {name} was not asked like this on the recorded day"
                self._error(int(own or -1), 321, text)
            return
        playback = self._playback(exchange.replies, exchange.id, own, programme.day)
        if own:
            self._playing[own] = playback
        else:
            self._others.append(playback)

    def _playback(self, messages: list[Timed], recorded: str, own: str, day: Day) -> Playback:
        ids, clients = (recorded, own), (day.clientId, self._client_id)
        return Playback(
            messages, self._replayer.speed, lambda texts: self._send(rename(texts, day.version, ids, clients))
        )

    def _send(self, texts: list[str]) -> None:
        if not self._writer.is_closing():
            self._writer.write(join_fields(texts))

    def _error(self, number: int, code: int, text: str) -> None:
        values = {"id": number, "errorCode": code, "errorString": text}
        self._writer.write(encode_reply("error", values, self._replayer.version or 176))
