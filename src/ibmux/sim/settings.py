"""What can be set on a simulated gateway. Plain data, checked when made."""

from __future__ import annotations

from dataclasses import dataclass

from ibmux.sim.instants import parse_start
from ibmux.tws.handshake import DEFAULT_VERSION, MAX_VERSION, MIN_VERSION

MAX_RATE = 200_000.0
"""Highest `rate`. The feed is built for 20,000 ticks a second (a tenth of a core); more is possible."""

MAX_SPEED = 100_000.0
"""Highest `speed`: a day in a second."""
KINDS = ("paper", "live")
PROGRAMS = ("gateway", "tws")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a simulated gateway; all times in simulated seconds.

    `start` is the instant at which the world begins, as `20260105 09:25:00 US/Eastern` (empty: the present), `speed`
    how many times faster than real time it runs (0: it stands, and tests move it with `pass_time`); pacing of clients
    is kept in real time. `kind` is what the gateway calls itself; both are simulated alike. `rate` is the number of
    ticks a real second over all subscribed lines together (None: what has changed, four times a second). `stamp` puts
    the send time in microseconds modulo 1e9 into the size of every BID_SIZE tick. `subscriptions` names the data that
    are live: security types, exchanges, venues of `hours` (None: all); for the rest `delayed` says whether data come
    fifteen minutes late or not at all. `stream_pacing` keeps the limits on new tick-by-tick requests and real-time
    bars. `lines` is the limit over all clients together, `send_limit` the bytes that a client may leave unread,
    `master` the Master client id, which hears of all orders. `foreign_cancel` lets a client cancel another client's
    order, as gateways of April 2026 did; later ones answer 10147. `moc_delay` stands in for the wait until the close;
    what else shapes orders is explained at `terms.WorldSettings`. `program` says what is simulated: TWS alone has
    display groups. `read_only` refuses orders and questions about them (321). `advisor` makes the login an advisor's,
    `models` are the codes of its model portfolios. `news` names the subscribed providers, `fundamentals` and `wsh`
    say whether fundamental reports and the event calendar are allowed (else 10358 and 10276), `bulletins` how many
    news bulletins come by themselves a day. Of two questions for the time within `time_pause` the second is
    swallowed. `history_pacing` refuses history that is asked for too fast, `history_delay` is how long such a request
    stays open before it is answered. A greeting within `fragile` of the opening of the port leaves the API listener
    stuck: it accepts and never answers, until a restart.

    Raises:
        ValueError: a value out of its range; the text names it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    start: str = ""
    speed: float = 1.0
    version: int = DEFAULT_VERSION
    kind: str = "paper"
    accounts: tuple[str, ...] = ("DU1000001", "DU1000002")
    cash: float = 1_000_000.0
    linger: float = 3.0
    rate: float | None = None
    stamp: bool = False
    lines: int = 100
    subscriptions: tuple[str, ...] | None = None
    delayed: bool = True
    stream_pacing: bool = False
    messages_per_second: int = 50
    max_clients: int = 32
    foreign_cancel: bool = False
    master: int | None = None
    always_open: bool = True
    fill_delay: float = 0.05
    fee_delay: float = 0.0
    partial_share: float = 0.25
    status_first: float = 0.1
    moc_delay: float = 5.0
    max_quantity: float = 1_000_000.0
    active_orders: int = 20
    price_percentage: float = 0.0
    efficiency_ratio: float = 0.0
    tif_preset: bool = False
    hard_to_borrow: tuple[str, ...] = ()
    locate_delay: float = 5.0
    restricted: tuple[str, ...] = ()
    snapshot_delay: float = 0.05
    account_interval: float = 0.5
    pnl_interval: float = 1.0
    bar_interval: float = 5.0
    history_pacing: bool = False
    history_delay: float = 0.0
    greeting_timeout: float = 120.0
    fragile: float = 0.0
    send_limit: int = 16 * 1024 * 1024
    program: str = "gateway"
    read_only: bool = False
    advisor: bool = False
    models: tuple[str, ...] = ()
    news: tuple[str, ...] = ("BRFG", "BRFUPDN", "DJ-N", "DJNL")
    bulletins: float = 2.0
    fundamentals: bool = False
    wsh: bool = True
    scanner_interval: float = 30.0
    time_pause: float = 0.0
    white_brand: str = ""

    def __post_init__(self) -> None:
        if not MIN_VERSION <= self.version <= MAX_VERSION:
            raise ValueError(f"version is {self.version}; allowed are {MIN_VERSION} to {MAX_VERSION}")
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; allowed are {', '.join(KINDS)}")
        if self.program not in PROGRAMS:
            raise ValueError(f"program is {self.program!r}; allowed are {', '.join(PROGRAMS)}")
        if self.bulletins < 0:
            raise ValueError(f"bulletins is {self.bulletins}; it cannot be negative")
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise ValueError(f"rate is {self.rate}; allowed are values above 0 up to {MAX_RATE:.0f}")
        if not 0 <= self.speed <= MAX_SPEED:
            raise ValueError(f"speed is {self.speed}; allowed are values up to {MAX_SPEED:.0f}, and 0: by hand")
        parse_start(self.start)
        if not self.accounts:
            raise ValueError("accounts is empty; a gateway has at least one")
        for name in ("lines", "messages_per_second", "max_clients", "send_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
