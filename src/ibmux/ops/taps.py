"""Listens in on what a session tells the rest of the proxy: counts it, and logs how the session stands.

Changes nothing; ticks pass untouched.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ibmux.messages.session import GatewayStatus, State
from ibmux.messages.trades import Fill, OrderStatus
from ibmux.ops.metrics import Metrics

if TYPE_CHECKING:
    from ibmux.session import Hooks

log = logging.getLogger(__name__)

KNOWN = 10_000
"""Executions that are remembered, so that one which is downloaded again is not counted again."""

TROUBLE = frozenset({"cut", "waiting", "standby", "parked"})
"""States that somebody may have to do something about."""


def tap(hooks: Hooks, metrics: Metrics, gateway: str) -> None:
    """Put a counter in front of each hook that tells something worth counting; call it once all hooks are set."""
    counter = _Tap(metrics, gateway)
    hooks.on_state = _before(counter.state, hooks.on_state)
    hooks.on_endpoint = _before(counter.endpoint, hooks.on_endpoint)
    hooks.on_order_status = _before(counter.order_status, hooks.on_order_status)
    hooks.on_order_error = _before(counter.order_error, hooks.on_order_error)
    hooks.on_execution = _before(counter.execution, hooks.on_execution)
    hooks.on_notice = _before(counter.notice, hooks.on_notice)


def _before(count: Callable[..., None], hook: Callable[..., None]) -> Callable[..., None]:
    def both(*news: Any) -> None:
        count(*news)
        hook(*news)

    return both


class _Tap:
    """Counts for one gateway."""

    def __init__(self, metrics: Metrics, gateway: str) -> None:
        self._metrics = metrics
        self._gateway = gateway
        self._dialled: float | None = None
        self._known: OrderedDict[str, None] = OrderedDict()
        self._said: tuple[State, str] | None = None

    def state(self, status: GatewayStatus, previous: State) -> None:
        """The state, and the time from dialling to `ready`, once per connection."""
        self._say(status)
        if status.state == "connecting" and previous != "connecting":
            self._dialled = status.since
        elif status.state == "ready" and self._dialled is not None:
            self._metrics.session_synced(self._gateway, max(0.0, status.since - self._dialled))
            self._dialled = None

    def _say(self, status: GatewayStatus) -> None:
        """Log each transition, and each change of its reason; what only repeats (a farm, a check) is not said again."""
        if self._said == (status.state, status.reason):
            return
        self._said = (status.state, status.reason)
        facts: dict[str, Any] = {"gateway": self._gateway, "epoch": status.epoch, "reason": status.reason}
        if status.next_attempt is not None:
            facts["next_in"] = round(status.next_attempt - time.time(), 1)
        facts |= {name: text for name in ("action", "advice") if (text := getattr(status, name))}
        level = logging.WARNING if status.state in TROUBLE else logging.INFO
        log.log(level, "session.%s", status.state, extra=facts)

    def endpoint(self, reason: str) -> None:
        log.warning("session.endpoint", extra={"gateway": self._gateway, "reason": reason})

    def order_status(self, status: OrderStatus) -> None:
        self._metrics.order_status(self._gateway, status.status)

    def order_error(self, order_id: int, code: int, *_: str) -> None:
        self._metrics.upstream_error(self._gateway, code)

    def notice(self, code: int, text: str) -> None:
        self._metrics.upstream_error(self._gateway, code)

    def execution(self, fill: Fill) -> None:
        key = fill.execution.execId
        if key not in self._known:
            self._known[key] = None
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
            self._metrics.fill(self._gateway)
