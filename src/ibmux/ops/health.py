"""Alive, ready: two different questions, answered by pure functions, with reasons in words.

Alive means that the process works; a container that is not is restarted. Ready means that scripts can trade; the
gateway's nightly restart ends it for minutes, and a restart of the proxy would not help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ibmux.messages.session import GatewayStatus, ProxyReport
from ibmux.ops.lag import LoopLag

STALE = 15.0
"""Seconds without a sample of the loop's lag after which its watcher is taken for dead."""
LATE = 5.0
"""Seconds of lag beyond which the loop serves nobody."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no; `reasons` tell why not, and are empty for a yes."""

    ok: bool
    reasons: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """What the HTTP door answers."""
        return {"ok": self.ok, "reasons": list(self.reasons)}


def _verdict(reasons: Sequence[str]) -> Verdict:
    return Verdict(not reasons, tuple(reasons))


def liveness(now: float, sampled: float | None, lag: float) -> Verdict:
    """Whether the process works; `now` and `sampled` on the loop's clock, `lag` in seconds."""
    reasons = []
    if sampled is not None and now - sampled > STALE:
        reasons.append(f"the event loop's watcher has been silent for {now - sampled:.0f} s")
    if lag > LATE:
        reasons.append(f"the event loop ran {lag:.1f} s late")
    return _verdict(reasons)


def readiness(
    state: str, mqtt_up: bool, gateways: Iterable[GatewayStatus], required: Mapping[str, bool], only: str | None = None
) -> Verdict:
    """Whether scripts can work: the proxy online, its MQTT door open, and every required gateway `ready`.

    Args:
        state: the proxy's own state: online, draining or offline.
        mqtt_up: whether the endpoint listens or the link to the broker is up.
        gateways: the sessions as they stand.
        required: gateway to whether readiness needs it; a gateway that is not named is needed.
        only: ask for this gateway alone, required or not.
    """
    reasons = [] if state == "online" else [f"the proxy is {state}"]
    if not mqtt_up:
        reasons.append("the MQTT door is closed")
    known = {each.gateway: each for each in gateways}
    if only is not None and only not in known:
        reasons.append(f"there is no gateway {only}")
    for name, status in known.items():
        wanted = required.get(name, True) if only is None else name == only
        if wanted and status.state != "ready":
            reasons.append(f"gateway {name} is {status.state}: {status.reason or 'no reason given'}")
    return _verdict(reasons)


class Checks:
    """The two questions put to a running proxy; the HTTP door asks them."""

    def __init__(
        self,
        report: Callable[[], ProxyReport],
        lag: LoopLag,
        *,
        mqtt_up: Callable[[], bool] = lambda: True,
        required: Mapping[str, bool] | None = None,
    ) -> None:
        self._report = report
        self._lag = lag
        self._mqtt_up = mqtt_up
        self._required = required or {}

    def live(self) -> Verdict:
        """Whether the process works; asked within its event loop."""
        return liveness(asyncio.get_running_loop().time(), self._lag.sampled, self._lag.last)

    def ready(self, gateway: str | None = None) -> Verdict:
        """Whether scripts can work: on all required gateways, or on the one that is named."""
        report = self._report()
        return readiness(report.state, self._mqtt_up(), report.gateways, self._required, gateway)
