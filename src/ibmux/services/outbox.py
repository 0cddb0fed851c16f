"""What becomes of orders, written down first and published then: the way of every order event and fill.

One outbox for each gateway. It decides nothing; which changes are news is `core.orderbook`'s to say.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from copy import copy
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from ibmux import topics
from ibmux.core.entry import Change, Entry
from ibmux.errors import IbmuxError
from ibmux.journal import Journal, Record, Stored
from ibmux.journal.records import Kind
from ibmux.messages import encode
from ibmux.messages.journal import Intent, Refusal, Wish
from ibmux.messages.trades import Trade
from ibmux.messages.trading import FillEvent, OrderEvent, OrderStateRecord
from ibmux.services.publisher import Publisher

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds after which an event is told without its number: the disk hangs, or failed at this very record."""
REFUSALS = 60
"""Refused requests of one script that are recorded in a minute."""


class Letter(NamedTuple):
    """An event that waits until it is written down."""

    script: str
    topic: str
    event: OrderEvent | FillEvent


class Outbox:
    """The journal and the publisher of one gateway, one behind the other.

    While the disk takes nothing, events go out at once without a number, and again with it when it does.
    """

    def __init__(self, journal: Journal, publisher: Publisher, client_id: int) -> None:
        self.journal = journal
        self.client_id = client_id
        self.publisher = publisher
        self.gateway = publisher.gateway
        self.last: dict[str, int] = {}
        """The number of each script's last event."""
        self._waiting: dict[asyncio.Future[Stored], tuple[float, Letter]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._minute = 0
        self._refusals: Counter[str] = Counter()

    # -- what scripts want

    async def intend(self, *intents: tuple[Entry, Intent], deadline: float) -> None:
        """Write orders down before they are sent, all or none; they are on the disk when this returns.

        Raises:
            TimeoutError: they are not by the deadline (the loop's time); they may be later.
            KeyTaken: one of the keys is that of an order of before; none was written.
            JournalFailed, Busy: nothing was written, and nothing may be sent.
        """
        for entry, _ in intents:
            entry.intended = True
        try:
            await _until(deadline, self.journal.append(*(self._intent(*each) for each in intents)))
        except IbmuxError:
            for entry, _ in intents:
                entry.intended = False
            raise

    def _intent(self, entry: Entry, intent: Intent) -> Record:
        return self._record("intent", entry, fingerprint=entry.fingerprint, body=encode(intent))

    def unsent(self, entry: Entry) -> None:
        """An intent was certainly not sent."""
        if entry.intended:
            entry.intended = False
            self._append(self._record("unsent", entry))

    def lose(self, entry: Entry) -> None:
        """Nothing more will be heard of an order of another client: else the journal would keep it for ever."""
        self._append(self._record("order", entry, status="Inactive"))
        self.publisher.clear(topics.order_state(self.gateway, entry.script, entry.key))

    async def want_change(self, entry: Entry, wish: Wish, *, deadline: float) -> None:
        """Write a change down before it is sent.

        Raises:
            TimeoutError: it is not on the disk by the deadline (the loop's time).
            JournalFailed, Busy: nothing was written, and nothing may be sent.
        """
        await _until(deadline, self.journal.append(self._record("change", entry, body=encode(wish))))

    def want_cancel(self, entry: Entry, by: str) -> None:
        """Note a cancellation; it is sent whatever the disk says."""
        self._append(self._record("cancel", entry, body=encode(Wish(by))))

    def refused(self, script: str, key: str, method: str, error: IbmuxError) -> None:
        """Note a request that was refused before anything was sent; of a script that does not stop asking, the first
        `REFUSALS` of each minute.
        """
        minute = int(self.publisher.clock() // 60)
        if minute != self._minute:
            self._minute, self._refusals = minute, Counter()
        self._refusals[script] += 1
        if self._refusals[script] > REFUSALS:
            return
        if self._refusals[script] == REFUSALS:
            self.note(f"{REFUSALS} refusals in a minute; what else is refused in it is not recorded", script)
        body = encode(Refusal(method, error.code, error.message))
        status = error.message[:200]
        self._append(Record(gateway=self.gateway, kind="refusal", script=script, key=key, status=status, body=body))

    def note(self, status: str, script: str = "", body: bytes = b"") -> asyncio.Future[Stored] | None:
        """Note anything else that a person may want to know, or that must be known after a restart; done when it is on
        the disk. `None` if the journal does not take it.
        """
        return self._append(Record(gateway=self.gateway, kind="note", script=script, status=status, body=body))

    # -- what became of it

    def tell(self, change: Change, kind: Kind | None = None) -> None:
        """Write a change down, then publish it; `kind` is the record's, if it is another than the change's."""
        made = self._letter(change, kind or change.kind)
        if made is None:
            return
        letter, record = made
        stored = self._append(record)
        if stored is None or not self.journal.healthy:
            self._post_waiting()
            self._post(letter)
        else:
            self._wait(stored, letter)
        if stored is not None:
            stored.add_done_callback(partial(self._stored, letter))

    def _wait(self, stored: asyncio.Future[Stored], letter: Letter) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[stored] = loop.time(), letter
        if self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        """The disk takes too long: nobody may miss a fill for it."""
        self._timer = None
        loop = asyncio.get_running_loop()
        self._post_waiting(loop.time() - PATIENCE)
        if self._waiting:
            began, _ = next(iter(self._waiting.values()))
            self._timer = loop.call_at(began + PATIENCE, self._lose_patience)

    def _post_waiting(self, before: float = math.inf) -> None:
        """Publish without a number what waits since then, in its order."""
        for stored, (began, letter) in list(self._waiting.items()):
            if began > before:
                break
            del self._waiting[stored]
            self._post(letter)

    def _letter(self, change: Change, kind: Kind) -> tuple[Letter, Record] | None:
        entry, fill = change.entry, change.fill
        epoch, now = self.publisher.epoch, self.publisher.clock()
        if change.kind == "order" and entry is not None:
            event = OrderEvent(epoch, 0, now, entry.key, snapshot(entry.trade), change.code, change.message)
            letter = Letter(entry.script, topics.order_event(self.gateway, entry.script), event)
            return letter, self._record(kind, entry, status=entry.trade.orderStatus.status, body=encode(slim(event)))
        if fill is None or change.kind == "order":
            return None
        told = FillEvent(epoch, 0, now, change.kind, fill.key, copy(fill))
        record = Record(
            gateway=self.gateway,
            kind=kind,
            script=fill.script,
            key=fill.key,
            permId=fill.execution.permId,
            execId=fill.execution.execId,
            body=encode(replace(told, epoch=0, time=0.0)),  # told again by a gateway it is the same
        )
        return Letter(fill.script, topics.fill_event(self.gateway, fill.script), told), record

    def _record(
        self, kind: Kind, entry: Entry, *, status: str = "", fingerprint: bytes = b"", body: bytes = b""
    ) -> Record:
        order = entry.trade.order
        ours = order.clientId == self.client_id
        return Record(
            gateway=self.gateway,
            kind=kind,
            script=entry.script,
            key=entry.key,
            orderId=order.orderId if ours else 0,
            permId=order.permId,
            status=status,
            fingerprint=fingerprint,
            body=body,
        )

    def _append(self, record: Record) -> asyncio.Future[Stored] | None:
        """Hand a record over that nobody waits for; what cannot be written is logged, and happened all the same."""
        try:
            return self.journal.append(record)
        except IbmuxError as error:
            log.error("%s: %s of %r is not in the journal: %s", self.gateway, record.kind, record.key, error.message)
            return None

    def _stored(self, letter: Letter, stored: asyncio.Future[Stored]) -> None:
        """It is on the disk: publish it with its number. A fill that was there already was told before."""
        self._waiting.pop(stored, None)
        if stored.cancelled() or (error := stored.exception()) is not None:
            log.error("%s: an event of %s is not in the journal: %s", self.gateway, letter.script, error)
            return self._post(letter)
        [seq] = stored.result().seqs
        if seq:
            letter.event.seq, letter.event.prev = seq, self.last.get(letter.script, 0)
            self.last[letter.script] = seq
            self._post(letter)
        return None

    def _post(self, letter: Letter) -> None:
        self.publisher.event(letter.topic, letter.event)
        if isinstance(letter.event, OrderEvent):
            self.show(letter.script, letter.event.key, letter.event.trade)

    def show(self, script: str, key: str, trade: Trade) -> None:
        """The retained state of an order; taken away when it is finished."""
        topic = topics.order_state(self.gateway, script, key)
        if trade.isDone():
            self.publisher.clear(topic)
        else:
            self.publisher.state(topic, OrderStateRecord(self.publisher.epoch, self.publisher.clock(), trade))


async def _until(deadline: float, stored: asyncio.Future[Stored]) -> None:
    """As `asyncio.timeout_at` in half its time; every order passes here."""
    timer = asyncio.get_running_loop().call_at(deadline, _expire, stored)
    try:
        await stored
    finally:
        timer.cancel()


def _expire(stored: asyncio.Future[Stored]) -> None:
    if not stored.done():
        stored.set_exception(TimeoutError())


def snapshot(trade: Trade) -> Trade:
    """The trade as it stands now, whatever becomes of it."""
    return replace(
        trade, order=copy(trade.order), orderStatus=copy(trade.orderStatus), log=trade.log[:], fills=trade.fills[:]
    )


def slim(event: OrderEvent) -> OrderEvent:
    """An event as the journal keeps it: fills have records of their own, and so had the steps before."""
    return replace(event, trade=replace(event.trade, fills=[], log=event.trade.log[-1:]))
