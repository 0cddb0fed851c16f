"""One gateway's services around its session: which handler answers which method, which update goes where.

This is the wiring of one gateway; decisions are in the services themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from ibmux import topics
from ibmux.config import Config, GatewaySettings
from ibmux.core.leases import Owner
from ibmux.core.orderbook import OrderBook
from ibmux.errors import IbmuxError, UnknownMethod
from ibmux.journal import Journal
from ibmux.messages.account import PnL, Position
from ibmux.messages.session import GatewayStatus, Notice, ProxyReport, SessionEvent, SharingInfo, State
from ibmux.services.account import Account
from ibmux.services.admin import Admin
from ibmux.services.bars import BarStreams
from ibmux.services.caller import Handler
from ibmux.services.closings import Closings
from ibmux.services.contracts import Contracts
from ibmux.services.depth import DepthStreams
from ibmux.services.exercise import Exercise
from ibmux.services.flights import Flights
from ibmux.services.halting import Halting
from ibmux.services.history import History
from ibmux.services.leased import Leased
from ibmux.services.market import Market
from ibmux.services.news import News
from ibmux.services.orderchanges import OrderChanges
from ibmux.services.orderfeed import OrderFeed
from ibmux.services.orderlists import OrderLists
from ibmux.services.orders import Orders
from ibmux.services.outbox import Outbox
from ibmux.services.prices import Prices
from ibmux.services.profit import Profit
from ibmux.services.publisher import Publish, Publisher
from ibmux.services.recovery import Recovery
from ibmux.services.reference import Reference
from ibmux.services.replay import Replays
from ibmux.services.risk import Risk
from ibmux.services.rules import Rules
from ibmux.services.scanner import Scanner
from ibmux.services.sending import Desk
from ibmux.services.streams import Means
from ibmux.services.ticks import TickStreams
from ibmux.session import Hooks, Session

ANSWERED_HERE = frozenset(
    {"managedAccounts", "positions", "reqPositions", "accountValues", "trades", "openTrades", "fills", "executions"}
)
"""Methods that are answered from what the session keeps up to date: nothing goes upstream."""
ALWAYS_ANSWERED = frozenset({"status", "park", "unpark", "replay", "halt", "resume"})
"""Methods that are answered in every state of the session."""
WAIT_FOR_THEMSELVES = frozenset({"placeOrder", "placeOrders", "modifyOrder", "cancelOrder", "orderStatus"})
"""Methods that look at the state themselves: an order already known is answered in every state."""


class Gateway:
    """A session and everything that is served from it."""

    def __init__(
        self,
        settings: GatewaySettings,
        config: Config,
        journal: Journal,
        publish: Publish,
        report: Callable[[], ProxyReport],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.publisher = Publisher(settings.name, publish, clock)
        self.flights = Flights()
        self.session = Session(settings, Hooks(), clock=clock)
        self.contracts = Contracts(self.session, self.flights)
        self.account = Account(self.session, self.publisher, self.flights)
        self.profit = Profit(self.session, self.publisher, self.flights, self.account, config.limits.leases)
        self.market = Market(self.session, self.publisher, self.contracts, settings, config.limits.leases)
        self.history = History(self.session, self.flights)
        means = Means(self.session, self.publisher, self.contracts, settings, config.limits.leases)
        self.ticks = TickStreams(means, self.history)
        self.depth = DepthStreams(means)
        self.bars = BarStreams(means, self.history, self._lines_left)
        self.leased: tuple[Leased[Any, Any], ...] = (
            self.market, self.ticks.streams, self.depth.streams, self.bars.real_time, self.bars.kept
        )  # fmt: skip
        self._share_lines()
        self.rules = Rules(self.session, self.contracts)
        self.outbox = Outbox(journal, self.publisher, self.session.client_id)
        self.feed = OrderFeed(OrderBook(self.session.client_id), self.outbox)
        self.recovery = Recovery(self.session, self.feed)
        self.halting = Halting(self.session, self.outbox, self.profit, settings, self._announce_halt)
        self.closings = Closings(self.session, self.feed.book)
        self.risk = Risk(config, settings, self.halting, self.closings, Prices(self.contracts, self.market))
        desk = Desk(self.session, self.feed, self.recovery, self.risk)
        self.orders = Orders(self.session, self.feed, desk)
        self.changes = OrderChanges(self.session, self.feed, self.recovery, self.risk)
        self.lists = OrderLists(self.session, self.feed, self.flights)
        self.replays = Replays(journal, settings.name)
        self.exercise = Exercise(self.session, self.feed, desk, self.contracts)
        self.scanner = Scanner(self.session, self.publisher, self.flights, settings, config.limits.leases)
        self.news = News(self.session, self.publisher, self.flights)
        self.reference = Reference(self.session, self.flights)
        self.admin = Admin(self.session, self.flights, report)
        self.answered_here = 0
        self.handlers = self._gather_handlers()
        self.session.is_open = self.contracts.is_open
        self._wire(self.session.hooks)

    def _share_lines(self) -> None:
        """Quotes and five-second bars take their lines from the same stock; a script's leases count together."""
        for streams in self.leased:
            streams.owned = self.leases_of
        self.market.taken = lambda: len(self.bars.real_time.opened)
        self.market.neighbours, self.bars.real_time.neighbours = (self.bars.real_time,), (self.market,)

    def _gather_handlers(self) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {}
        trading = (self.orders, self.changes, self.lists, self.replays, self.exercise)
        documents = (self.scanner, self.news, self.reference)
        accounts = (self.account, self.profit)
        streams = (self.market, self.ticks, self.depth, self.bars, self.history, self.rules)
        for service in (*accounts, self.contracts, *streams, *trading, *documents, self.halting, self.admin):
            handlers.update(service.handlers())
        return handlers

    def _wire(self, hooks: Hooks) -> None:
        """Which update of the session goes where."""
        hooks.on_state = self._publish_state
        hooks.on_endpoint = self._publish_endpoint
        hooks.on_gap = self._publish_gap
        hooks.on_notice = self._publish_notice
        hooks.on_ticks = self.market.publish_ticks
        hooks.on_stale = self.market.mark_stale
        hooks.on_position = self._note_position
        hooks.on_account_value = self.account.note_value
        hooks.on_portfolio = self.account.note_holding
        hooks.on_pnl = self._note_profit
        hooks.on_pnl_single = self.profit.publish_single
        hooks.on_scan = self.scanner.publish
        hooks.on_headline = self.news.publish_headline
        hooks.on_bulletin = self.news.publish_bulletin
        hooks.on_look = self.recovery.begin_look
        hooks.on_looked = self.recovery.end_look
        self.feed.watch = self.risk.saw
        hooks.on_order = self.feed.saw_order
        hooks.on_order_status = self.feed.saw_status
        hooks.on_order_error = self.feed.saw_error
        hooks.on_completed = self.feed.saw_completed
        hooks.on_execution = self.feed.saw_execution
        hooks.on_commission = self.feed.saw_commission

    def handler(self, method: str) -> Handler:
        """The function that answers a method.

        Raises:
            UnknownMethod: there is none.
        """
        handler = self.handlers.get(method)
        if handler is None:
            raise UnknownMethod(f"There is no method {method!r}.")
        self.answered_here += method in ANSWERED_HERE
        return handler

    def needs_ready(self, method: str) -> bool:
        """Whether a method is answered only by a synchronised session."""
        return method not in ALWAYS_ANSWERED and method not in WAIT_FOR_THEMSELVES

    async def load(self) -> None:
        """Take from the journal what must be known before the gateway says a word.

        Raises:
            JournalFailed: the journal cannot be read.
        """
        await self.recovery.load()
        await self.risk.load()

    async def run(self) -> None:
        """Keep the session and sweep the leases, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.session.run(), name=f"{self.name}:session")
                for streams in self.leased:
                    tasks.create_task(streams.sweep(), name=f"{self.name}:leases")
                tasks.create_task(self.scanner.sweep(), name=f"{self.name}:scans")
                tasks.create_task(self.recovery.watch(), name=f"{self.name}:recovery")
                tasks.create_task(self.halting.keep(), name=f"{self.name}:halting")
        finally:
            self.close()

    def close(self) -> None:
        """Stop what still waits for its time."""
        for streams in (*self.leased, self.scanner):
            streams.close()
        self.account.close()

    def release_client(self, client: str) -> None:
        """A connection ended: its leases end."""
        for streams in self.leased:
            streams.release_client(client)
        for service in (self.account, self.profit, self.scanner, self.news):
            service.release_client(client)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: its leases end."""
        for streams in self.leased:
            streams.release_owner(owner)
        for service in (self.account, self.profit, self.scanner, self.news):
            service.release_owner(owner)

    def note_refusal(self, script: str, keys: str, method: str, error: IbmuxError) -> None:
        """What a script that wants to trade was refused is on record."""
        self.outbox.refused(script, keys, method, error)

    def leases_of(self, owner: Owner) -> int:
        """How many streams of market data a running copy of a script holds."""
        return sum(streams.leases.owned_by(owner) for streams in self.leased)

    def claims_of(self, owner: Owner) -> int:
        """How many streams of every kind it holds: also scans, profit and loss, values of models, bulletins."""
        others = (self.scanner.leases, self.profit.claims, self.account.models, self.news.claims)
        return self.leases_of(owner) + sum(claims.owned_by(owner) for claims in others)

    def _lines_left(self) -> int:
        """Market-data lines that quotes leave to five-second bars."""
        return self.settings.lines - len(self.market.lines)

    def sharing(self) -> SharingInfo:
        """What sharing saved so far."""
        return SharingInfo(
            leases=sum(len(streams.leases) for streams in self.leased),
            lines=len(self.market.lines) + len(self.bars.real_time.opened),
            lines_limit=self.settings.lines,
            requests=self.flights.asked + self.answered_here,
            upstream=self.flights.sent,
            ticks_in=self.session.ticks_in,
        )

    # -- updates about the session itself

    def announce(self) -> None:
        """Publish every retained state again: at the start, and when a broker may have lost them."""
        self.publisher.state(topics.status(self.name), self.session.status())
        if self.session.state == "ready":
            self.account.announce()
            self.feed.announce()
            self.scanner.announce()

    def _note_position(self, position: Position) -> None:
        self.closings.saw_position(position)
        self.account.publish_position(position)

    def _note_profit(self, pnl: PnL) -> None:
        self.halting.saw_pnl(pnl)
        self.profit.publish(pnl)

    def _announce_halt(self, event: Literal["halted", "resumed"], reason: str) -> None:
        self.publisher.state(topics.status(self.name), self.session.status())
        self._publish_event(event, reason)

    def _publish_state(self, status: GatewayStatus, previous: State) -> None:
        self.closings.saw_state()
        publisher = self.publisher
        publisher.epoch = status.epoch
        publisher.state(topics.status(self.name), status)
        if status.state != "ready":
            self.market.mark_all_stale()
        if status.state != previous:
            self._publish_event("state", status.reason)

    def _publish_gap(self, start: float, end: float, reason: str, streams: Sequence[str] = ()) -> None:
        self._publish_event("gap", reason, start=start, end=end, streams=list(streams))

    def _publish_endpoint(self, reason: str) -> None:
        self._publish_event("endpoint", reason)

    def _publish_event(
        self, event: Literal["state", "gap", "endpoint", "halted", "resumed"], reason: str, **more: Any
    ) -> None:
        publisher = self.publisher
        told = SessionEvent(publisher.epoch, publisher.clock(), event, self.session.state, reason, **more)
        publisher.event(topics.session_event(self.name), told)

    def _publish_notice(self, code: int, message: str) -> None:
        publisher = self.publisher
        publisher.event(topics.notice(self.name), Notice(publisher.epoch, publisher.clock(), code, message))
