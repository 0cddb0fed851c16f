"""What is counted as it happens: requests, messages of the gateway, fills, lines of log; on one injected registry.

State that can be read at any time is not counted here but read when asked for: see `collector`. Every label has a
bounded set of values. Knows no part of the proxy.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from ibmux.errors import IbmuxError
from ibmux.messages import METHODS
from ibmux.messages.trades import ACTIVE, DONE
from ibmux.ops.lag import INTERVAL, LoopLag

OTHER = "other"
MAX_SCRIPTS = 64
"""Names of scripts beyond the configured ones that get a label of their own; later ones are `other`."""

MAX_IB_CODES = 100
"""Interactive Brokers' message codes that get a label of their own, in the order of their coming."""

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAGS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
SYNCS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60)


class Labels:
    """The bounded set of values of one label: those known from the start, and up to `room` that come later."""

    def __init__(self, known: Iterable[str], room: int = 0) -> None:
        self._known = set(known)
        self._limit = len(self._known) + room

    def of(self, value: str) -> str:
        """The value itself if it has a place, else `other`."""
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value


class Metrics:
    """Counters and histograms of the hot edges; each call costs a microsecond or two.

    `registry` is where they are entered; `scripts` are the names in proxy.toml, which always keep their own label.
    """

    def __init__(self, registry: CollectorRegistry, scripts: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # one series per counter, not two
        self.registry = registry
        self._scripts = Labels(scripts, MAX_SCRIPTS)
        self._methods = Labels(METHODS)
        self._codes = Labels(IbmuxError.registry)
        self._ib_codes = Labels((), MAX_IB_CODES)
        self._statuses = Labels({*ACTIVE, *DONE})
        self._children: dict[tuple[str, str, str, str], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}
        self._declare(registry)
        self.lag = LoopLag(self._lag.observe)

    def _declare(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"ibmux_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"ibmux_{name}", text, labels, registry=registry, buckets=buckets)

        self._requests = counter(
            "api_requests",
            "Requests answered, by outcome (ok or the error's code).",
            "gateway",
            "script",
            "method",
            "outcome",
        )
        self._durations = histogram(
            "api_request_duration_seconds", "From a request's arrival to its reply.", FAST, "gateway", "method"
        )
        self._syncs = histogram(
            "session_sync_duration_seconds", "From dialling the gateway to a synchronised session.", SYNCS, "gateway"
        )
        self._order_statuses = counter(
            "order_statuses", "Order status messages of the gateway, repeats included.", "gateway", "status"
        )
        self._fills = counter("fills", "Executions, each counted once.", "gateway")
        self._upstream_errors = counter(
            "upstream_errors", "Messages of Interactive Brokers with a code, notices included.", "gateway", "code"
        )
        self._writes = histogram(
            "journal_write_seconds", "One transaction of the journal, until it is on the disk.", FAST
        )
        self._lag = histogram("event_loop_lag_seconds", "How late the event loop ran a timer, sampled.", LAGS)
        self.log_messages = counter("log_messages", "Lines of log, by level.", "level")

    def request_done(self, gateway: str, script: str, method: str, outcome: str, seconds: float) -> None:
        """A request was answered; `outcome` is `ok` or the error's code, `seconds` from arrival to reply."""
        method = self._methods.of(method)
        key = (gateway, self._scripts.of(script), method, outcome if outcome == "ok" else self._codes.of(outcome))
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(*key)
        child.inc()
        timer = self._timers.get((gateway, method))
        if timer is None:
            timer = self._timers[gateway, method] = self._durations.labels(gateway, method)
        timer.observe(seconds)

    def session_synced(self, gateway: str, seconds: float) -> None:
        """A session became ready `seconds` after its dialling began."""
        self._syncs.labels(gateway).observe(seconds)

    def order_status(self, gateway: str, status: str) -> None:
        """The gateway told how an order stands, in its own word."""
        self._order_statuses.labels(gateway, self._statuses.of(status)).inc()

    def fill(self, gateway: str) -> None:
        """An execution came that was not known before."""
        self._fills.labels(gateway).inc()

    def upstream_error(self, gateway: str, code: int) -> None:
        """Interactive Brokers sent a message with a code."""
        self._upstream_errors.labels(gateway, self._ib_codes.of(str(code))).inc()

    def journal_written(self, seconds: float) -> None:
        """The disk took a transaction of the journal."""
        self._writes.observe(seconds)

    def logged(self, level: str) -> None:
        """A line of log was written."""
        self.log_messages.labels(level).inc()

    async def watch_loop(self, interval: float = INTERVAL) -> None:
        """Sample the event loop's lag until cancelled."""
        await self.lag.watch(interval)
