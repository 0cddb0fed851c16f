"""What every new instruction to trade needs on its way out, be it an order or an exercise: a key, its place in the book
and in the journal, and certainty about what was not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from ibmux.core.entry import Entry, describe
from ibmux.core.orderbook import OrderBook
from ibmux.core.risk import Ask
from ibmux.errors import IbmuxError, JournalFailed, KeyConflict, KeyTaken, OrderNotSent, OrderRejected, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.journal import Intent
from ibmux.messages.orders import Order
from ibmux.services.caller import Caller
from ibmux.services.orderfeed import OrderFeed, utc_now
from ibmux.services.recovery import Recovery
from ibmux.services.risk import Risk, Worth

if TYPE_CHECKING:
    from ibmux.session import Session


class Draft(Struct, frozen=True):
    """An instruction that may be sent. `made`: its key is not the script's own."""

    key: str
    contract: Contract
    order: Order
    parentKey: str = ""
    exercise: ExerciseOptions | None = None
    made: bool = False

    @property
    def ask(self) -> Ask:
        """What the limits are asked."""
        return Ask(self.key, self.contract, self.order, exercise=self.exercise is not None)


class Desk:
    """Takes drafts into the book and the journal, and hands them to the session."""

    def __init__(self, session: Session, feed: OrderFeed, recovery: Recovery, risk: Risk) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.recovery = recovery
        self.risk = risk

    async def enter(self, caller: Caller, drafts: Sequence[Draft]) -> list[tuple[Entry, bool]]:
        """The order of each draft, and whether it is new: then it is in the journal, and to be sent.

        Raises:
            KeyConflict: a key is that of another order; nothing was entered.
            RequestError, NotReady, OrderNotSent, JournalFailed, Busy: nothing was entered.
        """
        if told := [each for each in drafts if self._is_told_of(caller, each)]:
            await self._recall(caller, told)
        try:
            return await self._enter(caller, drafts)
        except KeyTaken:  # maybe by one that has just turned up at the gateway
            await self._recall(caller, drafts)
        except IbmuxError:  # an order that was finished before the proxy started is in the journal alone
            if not await self._recall(caller, drafts):
                raise
        return await self._enter(caller, drafts)

    def _is_told_of(self, caller: Caller, draft: Draft) -> bool:
        """Whether the order of this key is known from the gateway alone; the journal knows its terms exactly."""
        known = self.book.find(caller.script, draft.key)
        return known is not None and not known.fingerprint

    async def _recall(self, caller: Caller, drafts: Sequence[Draft]) -> bool:
        """Fetch what the journal has under these keys; whether the book knows more than before."""
        before = [self.book.find(caller.script, each.key) for each in drafts]
        with suppress(JournalFailed):
            return [await self.recovery.recall(caller.script, each.key) for each in drafts] != before
        return False

    async def _enter(self, caller: Caller, drafts: Sequence[Draft]) -> list[tuple[Entry, bool]]:
        asks = [each.ask for each in drafts if self._same(caller, each) is None]
        worths = dict(zip((ask.key for ask in asks), await self.risk.check(caller, *asks), strict=True))
        known = [self._same(caller, each) for each in drafts]  # the check may have waited
        try:
            _check_whole(known)
        except OrderRejected:
            for ask in asks:
                self.risk.release(caller.script, ask.key)
            raise
        entries = [entry or self._place(caller, each) for entry, each in zip(known, drafts, strict=True)]
        fresh = [(entry, each) for entry, old, each in zip(entries, known, drafts, strict=True) if old is None]
        if fresh:
            with self.holding([entry for entry, _ in fresh]):
                if self.session.state != "ready":
                    await self.session.until_ready(caller.ready_by)
                unit = tuple(each.key for each in drafts) if len(drafts) > 1 else ()
                await self._intend(caller, fresh, unit, worths)
            caller.durable()
        return [(entry, old is None) for entry, old in zip(entries, known, strict=True)]

    def _same(self, caller: Caller, draft: Draft) -> Entry | None:
        known = self.book.same(caller.script, draft.key, draft.contract, draft.order)
        if known is not None and draft.made:
            raise _used_before(known)
        return known

    def _place(self, caller: Caller, draft: Draft) -> Entry:
        entry = self.book.place(caller.script, draft.key, draft.contract, draft.order, utc_now())
        entry.exercise = draft.exercise is not None
        return entry

    async def _intend(
        self, caller: Caller, fresh: list[tuple[Entry, Draft]], unit: tuple[str, ...], worths: dict[str, Worth]
    ) -> None:
        intents = []
        if any(entry.unsent for entry, _ in fresh):
            raise OrderNotSent("it was cancelled while it waited.")
        for entry, draft in fresh:
            entry.unit, entry.login = unit, tuple(self.session.accounts)
            parent, legs, worth, login = draft.parentKey, list(unit), worths[draft.key], list(entry.login)
            order, exercise = entry.trade.order, draft.exercise
            intent = Intent(draft.contract, order, caller.instance, parent, legs, exercise, worth, login)
            intents.append((entry, intent))
        try:
            await self.feed.outbox.intend(*intents, deadline=caller.deadline)
        except TimeoutError:
            raise OrderNotSent("the disk did not take its intent in time.") from None

    def number(self, caller: Caller, entry: Entry, draft: Draft, order_id: int, parent_id: int = 0) -> Order:
        """The order as it goes to the wire now, under this number, if it still may.

        Raises:
            OrderNotSent: it was cancelled, halted, or has turned up at the gateway, while it waited.
        """
        self.risk.check_late(caller, draft.ask)
        return self.book.assign(entry, order_id, parent_id)

    async def send(self, entry: Entry, handed_over: Awaitable[None]) -> None:
        """Send a new order when it is its turn.

        Raises:
            IbmuxError: it was certainly not sent, or (`unknown`) maybe.
        """
        with self.holding([entry]):
            await handed_over
        self.feed.sent(entry)

    def holding(self, entries: Sequence[Entry]) -> Holding:
        """Around the way of new orders: what certainly was not sent is forgotten, its key is free again, and the error
        says so.
        """
        return Holding(self, entries)

    def let_go(self, entries: Sequence[Entry], error: BaseException | None) -> None:
        """Orders that were held did not get on, for this reason.

        Raises:
            IbmuxError: the same in the words of these orders, which certainly were not sent.
        """
        if isinstance(error, IbmuxError) and error.fate != "unknown":
            for each in entries:
                if not each.acknowledged:  # else an earlier order of its key has turned up, and keeps the key
                    self.feed.forget(each)
            if isinstance(error, KeyTaken):  # what is there under the key is looked at next
                return
            what = "; ".join(describe(each.trade.contract, each.trade.order) for each in entries)
            raise error.worded(f"{what} was not sent: {error.message}", "not_sent") from error
        if isinstance(error, asyncio.CancelledError):
            self.release(entries)

    def release(self, entries: Sequence[Entry]) -> None:
        """Forget those that have not left yet: they will not."""
        for each in entries:
            if each.waiting:
                self.feed.forget(each)


class Holding:
    """`Desk.holding`; a generator would take four times as long, and every order passes twice."""

    __slots__ = ("_desk", "_entries")

    def __init__(self, desk: Desk, entries: Sequence[Entry]) -> None:
        self._desk = desk
        self._entries = entries

    def __enter__(self) -> None:
        """Nothing has happened yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self._desk.let_go(self._entries, error)


def _check_whole(known: Sequence[Entry | None]) -> None:
    """A unit of which a part is there already is not made whole: the missing legs alone would be another trade.

    Raises:
        OrderRejected: a part is there; nothing was sent now.
    """
    there = [entry for entry in known if entry is not None]
    if there and len(there) < len(known):
        legs = ", ".join(f"{each.key} ({each.trade.orderStatus.status})" for each in there)
        raise OrderRejected(
            f"Of this unit only {legs} came to the gateway, at an earlier attempt; the other legs are not sent alone.",
            hint="See what became of the legs that are named, then place the unit under new keys.",
        )


def make_key(book: OrderBook, caller: Caller, number: int = 0) -> str:
    """A key for the request's instruction of this number, which came without one: from its correlation data, so that
    no repeated message is a new one.

    Raises:
        RequestError: there is none to make it from.
        KeyConflict: correlation data that were used before: a repeated message, or a script that uses them twice.
    """
    if not caller.correlation:
        raise RequestError("An order or exercise needs a key, or correlation data of its own.", outcome="not_sent")
    key = f"{caller.instance}-{caller.correlation.hex()}-{number}"
    known = book.find(caller.script, key)
    if known is not None:
        raise _used_before(known)
    return key


def _used_before(known: Entry) -> KeyConflict:
    return KeyConflict(
        f"These correlation data were used before, for {describe(known.trade.contract, known.trade.order)} "
        f"({known.trade.orderStatus.status}); nothing was sent now.",
        hint=f"`orderStatus` with key {known.key!r} shows that order; give each order a key of its own.",
    )
