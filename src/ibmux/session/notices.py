"""What the gateway says unasked: who it is, and errors, warnings and notices, each to whom it concerns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ibmux.config import GatewaySettings
from ibmux.session import codes, farms
from ibmux.session.attempt import NEXT_ID, START
from ibmux.session.base import REQUESTS_FROM
from ibmux.session.competing import Competing
from ibmux.session.hooks import Hooks
from ibmux.session.link import Fields, InUse
from ibmux.session.orders import Orders
from ibmux.session.questions import Questions
from ibmux.session.renewal import Renewal


class Notices(Competing, Orders, Questions, Renewal):
    """The part of a session that listens."""

    _named = _counted = False

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.farm_back = asyncio.Event()
        """Set when the gateway says that one of its farms serves."""

    def _hot(self) -> dict[str, Callable[[Fields], None]]:
        """Messages that are read before ib_async's decoder would: they come thousands a second, or are long."""
        return {
            "1": self._on_price,
            "2": self._on_size,
            "12": self._on_versioned_feed,
            "13": self._on_versioned_feed,
            "17": self._on_bars,
            "45": self._on_generic,
            "46": self._on_text,
            "50": self._on_versioned_feed,
            "58": self._on_data_type,
            "81": self._on_request_parameters,
            "90": self._on_feed,
            "96": self._on_historical_ticks,
            "97": self._on_historical_ticks,
            "98": self._on_historical_ticks,
            "99": self._on_feed,
        }

    def _expect(self) -> None:
        """A new connection: the API is up when the gateway has said both, its accounts and its count of order ids."""
        self._named = self._counted = False
        self.upstream = True
        self.farms = {}

    def on_accounts(self, accounts: list[str]) -> None:
        """The login's accounts; with the next order id, the API is up."""
        self.accounts = accounts
        self._named = True
        if self.attempt is not None:
            self.attempt.passed(START, "accepted")
        self._greet()

    def on_next_id(self, number: int) -> None:
        """The gateway's count of order ids."""
        super().on_next_id(number)
        self._counted = True
        if self.attempt is not None:
            self.attempt.passed(START, "accepted")
            self.attempt.passed(NEXT_ID, str(number))
        self._greet()

    def _greet(self) -> None:
        if self.link is not None and self._named and self._counted:
            self.link.greet()

    def on_error(self, request: int, code: int, text: str, advanced: str) -> None:
        """An error, a warning or a notice: about a line, a request, an order, or nothing in particular."""
        if request <= 0:
            self._on_notice(code, text)
        elif request >= REQUESTS_FROM:
            if not self._on_line_error(request, code, text) and not codes.is_remark(code):
                self._refuse(request, code, text)
        elif self.calls.get(request) is not None:
            if not codes.is_remark(code):
                self.calls.fail(request, codes.to_order_error(code, text))
        else:
            self.hooks.on_order_error(request, code, text, advanced)

    def _refuse(self, request: int, code: int, text: str) -> None:
        """The gateway refused a question, or something that goes on."""
        call = self.calls.get(request)
        if call is not None:
            self.calls.fail(request, codes.to_error(code, text, call.what))
        else:
            self._was_refused(request, code, text)

    def _on_notice(self, code: int, text: str) -> None:
        farm = farms.read(code, text)
        if farm is not None and (before := self.farms.get(farm[0])) != farm[1]:
            self.farms[farm[0]] = farm[1]
            if before is False:
                self.on_farm_back()
            if farm[1]:
                self.farm_back.set()
            self.hooks.on_state(self.status(), self.state)
        self._hear(code, text)
        self.hooks.on_notice(code, text)

    def _hear(self, code: int, text: str) -> None:
        """What a notice means for the session itself."""
        if code in codes.CUT:
            self.upstream = False
            self.feed("cut", f"The gateway lost its connection to Interactive Brokers ({code}): {text}")
        elif code == codes.RESTORED:
            self.upstream = True
            self.feed("restored", f"The gateway is connected again ({code}); reconciling.")
        elif code == codes.RESTORED_BARE:
            self.upstream = True
            self.feed("restored_bare", f"The gateway is connected again, its subscriptions are lost ({code}).")
        elif code == codes.IN_USE and self.link is not None:
            self.link.refuse(InUse(text))
        elif code == codes.REFUSED_REQUEST or (code == codes.TOO_FAST and not self._is_starting()):
            for name in codes.refused_questions(text, self.calls.named()):
                self.calls.fail(name, codes.to_error(code, text))
        elif code == codes.PORT_MOVED and (port := codes.new_port(text)):
            self.route.move(port)
        elif self.attempt is not None and self._is_starting() and not codes.is_remark(code):
            self.attempt.complaint = f"{text.rstrip('. ')} ({code})"

    def _is_starting(self) -> bool:
        """Whether the attempt goes on: what the gateway complains of then explains why it fails."""
        return self.attempt is not None and not self.attempt.over
