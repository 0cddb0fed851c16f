"""What the proxy says about itself and about each gateway's session, and what scripts say about themselves."""

from __future__ import annotations

from typing import Literal

from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record

State = Literal["connecting", "syncing", "ready", "cut", "waiting", "standby", "parked", "draining", "stopped"]


class GatewayStatus(Record):
    """Retained topic `<gateway>/status`: where the session stands, in words too. Times in seconds UTC."""

    gateway: str
    state: State
    reason: str
    since: float
    epoch: int
    kind: str = ""
    next_attempt: float | None = None
    accounts: list[str] = []
    farms: dict[str, bool] = {}
    serverVersion: int = 0


class ProxyStatus(Record):
    """Retained topic `proxy/status`: whether the proxy is there at all. The proxy's own will says `offline`."""

    state: Literal["online", "draining", "offline"]
    since: float
    version: str = ""


class ProxyInfo(Record):
    """Retained topic `proxy/info`: what a client should know before it asks."""

    version: str
    schema: int
    gateways: list[str]
    methods: list[str]
    limits: dict[str, float]


class Presence(Record):
    """Retained topic `scripts/<script>/<instance>`: written by the script's client, with a will that says `offline`."""

    state: Literal["online", "offline"]
    since: float = 0.0
    pid: int = 0
    version: str = ""


class SessionEvent(Record):
    """Topic `<gateway>/evt/session`: one transition, or one gap in the data with its start and end (seconds UTC)."""

    epoch: int
    time: float
    event: Literal["state", "gap"]
    state: State = "stopped"
    reason: str = ""
    start: float = 0.0
    end: float = 0.0


class Notice(Record):
    """Topic `<gateway>/evt/notice`: a message of Interactive Brokers that belongs to no request."""

    epoch: int
    time: float
    code: int
    message: str


class ScriptInfo(Record):
    """One running copy of a script as the proxy sees it; `since` in seconds UTC, `leases` are its claims on streams of
    every kind.
    """

    script: str
    instance: str
    role: str
    since: float
    transport: str = ""
    requests: int = 0
    leases: int = 0
    orders: int = 0


class SharingInfo(Record):
    """What sharing saved: leases of scripts on lines upstream; since the start, the questions that scripts asked and
    those that went upstream, ticks in (changes of books and bars included), messages out, messages folded for slow
    readers.
    """

    leases: int = 0
    lines: int = 0
    lines_limit: int = 0
    requests: int = 0
    upstream: int = 0
    ticks_in: int = 0
    ticks_out: int = 0
    conflated: int = 0


class ProxyReport(Record):
    """Everything that `ibmux status` shows."""

    version: str
    started: float
    state: str
    gateways: list[GatewayStatus]
    scripts: list[ScriptInfo]
    sharing: dict[str, SharingInfo]


@method("reqCurrentTime", reply=float)
class ReqCurrentTime(Request):
    """The gateway's clock, in seconds UTC."""


@method("status", reply=ProxyReport)
class StatusRequest(Request):
    """The state of the proxy, its gateways and its scripts; answered in every state."""
