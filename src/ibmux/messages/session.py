"""What the proxy says about itself and about each gateway's session, and what scripts say about themselves."""

from __future__ import annotations

from typing import Literal

from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record

State = Literal["connecting", "syncing", "ready", "cut", "waiting", "standby", "parked", "draining", "stopped"]


class CheckStep(Record):
    """One step of an attempt to hold a session: how long it took (seconds) and what it found; `ok` is null while it
    runs.
    """

    title: str
    ok: bool | None = None
    seconds: float = 0.0
    text: str = ""


class CheckReport(Record):
    """How the latest attempt to hold a session went, step by step, as `ibmux check` shows it.

    `exit` is the exit code of `ibmux check`, -1 while the attempt goes on; `time` is its begin (seconds UTC), `seconds`
    how long it took.
    """

    exit: int
    message: str
    hint: str = ""
    time: float = 0.0
    seconds: float = 0.0
    steps: list[CheckStep] = []


class GatewayStatus(Record):
    """Retained topic `<gateway>/status`: where the session stands, in words too. Times in seconds UTC.

    `reason` says what is the case, `action` what ibmux does about it (`next_attempt`: when it tries next), `advice`
    what a person could do; the last two may be empty. Four facts are told apart: `socket` is open, the `api` has
    answered, the gateway is `connected` to Interactive Brokers, and each of the data `farms` serves.

    Attributes:
        endpoint: host and port that the session uses, or tries.
        fallback: whether that is another endpoint than the first one of the settings.
        missing: what the gateway left out of the first download, in words.
        gaps: gaps in the data since the proxy's start, of the session and of single streams.
        competing: another session of the user has the market data (10197): quotes are stale until it ends.
        check: the latest attempt to connect.
        halted: why new orders are stopped, and by whom; empty while they are not.
    """

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
    action: str = ""
    advice: str = ""
    endpoint: str = ""
    fallback: bool = False
    socket: bool = False
    api: bool = False
    connected: bool = False
    missing: list[str] = []
    gaps: int = 0
    competing: bool = False
    check: CheckReport | None = None
    halted: str = ""


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


EventKind = Literal["state", "gap", "endpoint", "halted", "resumed"]


class SessionEvent(Record):
    """Topic `<gateway>/evt/session`: one transition, one gap in the data with its start and end (seconds UTC), a
    change of the endpoint, or a halt of new orders and its end.

    A `gap` without `streams` concerns everything that the gateway sends; else `streams` names the streams that missed
    something, as `<conId>/<name>` like in their topics. `end` is 0 while the gap lasts.
    """

    epoch: int
    time: float
    event: EventKind
    state: State = "stopped"
    reason: str = ""
    start: float = 0.0
    end: float = 0.0
    streams: list[str] = []


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


class JournalInfo(Record):
    """The record of orders: its file, the number of its newest record, records that wait for the disk, and in words why
    it takes none; new orders are refused then.
    """

    path: str
    seq: int = 0
    waiting: int = 0
    trouble: str = ""


class ProxyReport(Record):
    """Everything that `ibmux status` shows."""

    version: str
    started: float
    state: str
    gateways: list[GatewayStatus]
    scripts: list[ScriptInfo]
    sharing: dict[str, SharingInfo]
    journal: JournalInfo | None = None


@method("reqCurrentTime", reply=float)
class ReqCurrentTime(Request):
    """The gateway's clock, in seconds UTC."""


@method("status", reply=ProxyReport)
class StatusRequest(Request):
    """The state of the proxy, its gateways and its scripts; answered in every state."""


@method("park", reply=GatewayStatus, role="admin")
class Park(Request):
    """Close the connection to the gateway and stay away until `unpark`; orders at the exchange are left alone.

    `reason` is what everybody is told meanwhile.
    """

    reason: str = ""


@method("unpark", reply=GatewayStatus, role="admin")
class Unpark(Request):
    """Connect now: ends `parked`, and any pause."""


@method("halt", reply=GatewayStatus, role="admin")
class Halt(Request):
    """Stop new orders of all scripts at once, also those that wait for their turn; cancels pass. It outlasts a restart
    of the proxy, until `resume`.

    Meanwhile an order of role `admin` passes that only closes what is held, and a change that only lowers a quantity.
    """

    reason: str = ""


@method("resume", reply=GatewayStatus, role="admin")
class Resume(Request):
    """End a halt, be it a person's or the circuit breaker's, whose counts begin anew."""

    reason: str = ""
