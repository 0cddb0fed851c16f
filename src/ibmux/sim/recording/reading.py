"""What a recording means: which of the gateway's messages answered which request, and which came by themselves.

Pure functions from entries to `Day`s. Nothing here knows sockets or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ibmux.sim.recording.file import Entry
from ibmux.tws.layout import Message
from ibmux.tws.replies import REPLIES, REPLY_NUMBERS
from ibmux.tws.requests import find_request

Timed = tuple[float, list[str]]
"""Seconds after what it belongs to, and the message's fields."""
OPEN_ORDERS = ("openOrder", "orderStatus")
LISTS: dict[str, tuple[tuple[str, ...], str]] = {
    "reqOpenOrders": (OPEN_ORDERS, "openOrderEnd"),
    "reqAllOpenOrders": (OPEN_ORDERS, "openOrderEnd"),
    "reqCompletedOrders": (("completedOrder",), "completedOrdersEnd"),
    "reqCurrentTime": ((), "currentTime"),
    "reqManagedAccts": ((), "managedAccounts"),
    "reqIds": ((), "nextValidId"),
    "reqScannerParameters": ((), "scannerParameters"),
    "reqNewsProviders": ((), "newsProviders"),
    "reqFamilyCodes": ((), "familyCodes"),
    "reqMktDepthExchanges": ((), "mktDepthExchanges"),
    "reqMarketRule": ((), "marketRule"),
    "requestFA": ((), "receiveFA"),
}
"""Requests without an id: what their answers consist of, and the message that ends them."""
STREAMS: dict[str, tuple[str, ...]] = {
    "reqPositions": ("position", "positionEnd"),
    "reqAccountUpdates": ("updateAccountValue", "updatePortfolio", "updateAccountTime", "accountDownloadEnd"),
    "reqNewsBulletins": ("updateNewsBulletin",),
}
"""Requests without an id whose answers go on."""
FOLLOWS = 1.0
"""Seconds after an execution within which a changed position is taken for its consequence."""
REPLY_IDS = ("reqId", "orderId", "id")


@dataclass(slots=True)
class Exchange:
    """A request and all that it led to.

    Attributes:
        name: the request's name.
        texts: its fields.
        id: its request or order id as text; empty if it has none.
        replies: the gateway's messages, with the seconds after the request.
    """

    name: str
    texts: list[str]
    id: str
    at: float
    replies: list[Timed] = field(default_factory=list)


@dataclass(slots=True)
class Day:
    """One connection of a recording.

    Attributes:
        version: the server version agreed.
        connected: the connection time as the gateway wrote it.
        clientId: the client's, as text.
        unsolicited: what the gateway said by itself, in seconds after startApi.
        exchanges: the requests in the order in which they were made.
        ended: when the gateway ended the connection, in seconds after startApi; None if the client did.
    """

    version: int
    connected: str
    clientId: str = ""
    unsolicited: list[Timed] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    ended: float | None = None


def find_days(entries: Iterable[Entry]) -> list[Day]:
    """The connections of a recording that came as far as startApi, in order."""
    readers: dict[int, _Reader] = {}
    for entry in entries:
        if entry.kind == "open":
            readers[entry.connection] = _Reader(Day(int(entry.texts[0]), entry.texts[1]))
        elif entry.connection in readers:
            readers[entry.connection].take(entry)
    return [reader.day for reader in readers.values() if reader.day.clientId]


class _Reader:
    """Sorts the messages of one connection."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self._began = 0.0
        self._by_id: dict[str, Exchange] = {}
        self._lists: list[Exchange] = []
        self._streams: dict[str, Exchange] = {}
        self._fills: dict[str, Exchange] = {}
        self._last_fill: tuple[float, Exchange] | None = None
        self._at = 0.0

    def take(self, entry: Entry) -> None:
        match entry.kind:
            case "in":
                self._request(entry)
            case "out":
                self._reply(entry)
            case "close":
                self.day.ended = entry.at - self._began if entry.texts == ["gateway"] else None

    def _request(self, entry: Entry) -> None:
        message = find_request(entry.texts[0])
        if message is None:
            return
        if message.name == "startApi":
            self._began, self.day.clientId = entry.at, entry.texts[2]
            return
        exchange = Exchange(message.name, entry.texts, id_of(message, entry.texts, self.day.version), entry.at)
        self.day.exchanges.append(exchange)
        if exchange.id:
            self._by_id[exchange.id] = exchange
        if message.name in LISTS:
            self._lists.append(exchange)
        for name in STREAMS.get(message.name, ()):
            self._streams[name] = exchange

    def _reply(self, entry: Entry) -> None:
        self._at = entry.at
        owner = self._find_owner(entry.texts)
        if owner is None:
            self.day.unsolicited.append((entry.at - self._began, entry.texts))
        else:
            owner.replies.append((entry.at - owner.at, entry.texts))

    def _find_owner(self, texts: list[str]) -> Exchange | None:
        message = REPLY_NUMBERS.get(int(texts[0])) if texts[0].isdigit() else None
        if message is None:
            return None
        listed = next((one for one in self._lists if _answers(one, message)), None)
        if listed is not None:
            if LISTS[listed.name][1] == message.name:
                self._lists.remove(listed)
            return listed
        return self._follows(message) or self._streams.get(message.name) or self._find_by_id(message, texts)

    def _follows(self, message: Message) -> Exchange | None:
        """The order whose execution changed a position: it must not change before the order is placed again."""
        if message.name != "position" or self._last_fill is None or self._at - self._last_fill[0] > FOLLOWS:
            return None
        return self._last_fill[1]

    def _find_by_id(self, message: Message, texts: list[str]) -> Exchange | None:
        found = next((one for one in self._ids(message, texts) if one in self._by_id), None)
        if message.name == "commissionReport":
            return self._fills.get(_text(message, "execId", texts, self.day.version))
        exchange = self._by_id.get(found) if found is not None else None
        if exchange is not None and message.name == "execDetails":
            self._fills[_text(message, "execId", texts, self.day.version)] = exchange
            if exchange.name == "placeOrder":
                self._last_fill = (self._at, exchange)
        return exchange

    def _ids(self, message: Message, texts: list[str]) -> Iterator[str]:
        for name in REPLY_IDS:
            text = _text(message, name, texts, self.day.version)
            if text not in ("", "-1"):
                yield text


def _answers(exchange: Exchange, message: Message) -> bool:
    parts, end = LISTS[exchange.name]
    return message.name in parts or message.name == end


def _text(message: Message, name: str, texts: list[str], version: int) -> str:
    place = message.position(name, version)
    return texts[place] if place is not None and place < len(texts) else ""


def id_of(message: Message, texts: list[str], version: int) -> str:
    """The request or order id of a request, as text; empty if it has none."""
    return _text(message, "reqId", texts, version) or _text(message, "orderId", texts, version)


def rename(texts: list[str], version: int, ids: tuple[str, str], clients: tuple[str, str]) -> list[str]:
    """A reply with another id and clientId in the places where the recorded ones stand."""
    message = REPLY_NUMBERS.get(int(texts[0]))
    if message is None or (ids[0] == ids[1] and clients[0] == clients[1]):
        return texts
    changed = list(texts)
    for names, (old, new) in ((REPLY_IDS, ids), (("clientId",), clients)):
        for name in names:
            place = message.position(name, version)
            if place is not None and place < len(changed) and changed[place] == old:
                changed[place] = new
    return changed


_known = {name for parts, end in LISTS.values() for name in (*parts, end)} | {n for ns in STREAMS.values() for n in ns}
if _known - set(REPLIES):
    raise RuntimeError(f"no such replies: {sorted(_known - set(REPLIES))}")
