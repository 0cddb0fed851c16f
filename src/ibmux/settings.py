"""The tables of `proxy.toml`: every key with its type, its default and its unit. Knows nothing of files."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ibmux import places
from ibmux.messages.methods import Role
from ibmux.places import Endpoint

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Cap = Annotated[int, msgspec.Meta(ge=0)]
Bound = Annotated[float, msgspec.Meta(ge=0)]
"""What may be sent or lost; 0 sets no bound."""
Listening = Annotated[int, msgspec.Meta(ge=-1, le=65535)]
"""A port to listen on: 0 takes a free one, -1 none."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table in the file; an unknown key is an error."""


class GatewaySettings(Settings, frozen=True):
    """`[gateways.NAME]`: one TWS or IB Gateway login. Times in seconds, rates in messages per second.

    `orders_per_day` and `value_per_day` are of all scripts together; `loss_limit` is in the account's base currency.
    """

    name: str = ""
    host: str = "127.0.0.1"
    port: int = 4002
    client_id: Annotated[int, msgspec.Meta(ge=0)] = 1
    kind: Literal["paper", "live", ""] = ""
    accounts: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    home: Seconds = 300.0
    connect_timeout: Seconds = 10.0
    request_timeout: Seconds = 30.0
    settle: Seconds = 60.0
    pause_floor: Seconds = 5.0
    pause_cap: Seconds = 60.0
    heartbeat: Seconds = 15.0
    probe: Seconds = 30.0
    market_data_type: Literal[1, 2, 3, 4] = 1
    lines: Count = 100
    linger: Seconds = 10.0
    lease_ttl: Seconds = 60.0
    tick_spacing: Seconds = 15.0
    messages_per_second: float = 40.0
    burst: Count = 10
    required: bool = True
    orders_per_day: Cap = 0
    value_per_day: Bound = 0.0
    price_band: Bound = 0.0
    loss_limit: Bound = 0.0
    rejections: Cap = 20
    rejections_window: Seconds = 60.0

    @property
    def endpoints(self) -> list[Endpoint]:
        """Where it listens: `host` and `port`, then `fallback` in its order."""
        return [Endpoint(self.host, self.port), *map(Endpoint.parse, self.fallback)]


class MqttSettings(Settings, frozen=True):
    """`[mqtt]`: the embedded endpoint, or with `url` an existing broker.

    `socket` is the path of a Unix socket; `auto` is the place where scripts look for it, if the port is the usual one.
    """

    host: str = "127.0.0.1"
    port: Listening = places.PORT
    socket: str = "auto"
    websocket_port: Listening = -1
    websocket_origins: tuple[str, ...] = ()
    tls_port: Listening = -1
    tls_certificate: str = ""
    tls_key: str = ""
    url: str = ""
    username: str = ""
    password: str = ""
    password_file: str = ""
    max_packet_size: Count = 1_048_576
    max_connections: Count = 500
    max_queued_bytes: Count = 8_388_608
    gather: Seconds = 0.02


class HttpSettings(Settings, frozen=True):
    """`[http]`: the operators' door; port -1 closes it."""

    host: str = "127.0.0.1"
    port: Listening = 7001


class ScriptSettings(Settings, frozen=True):
    """`[scripts.NAME]`: what one script may do; with a token, it must show it as its MQTT password.

    Its limits hold beside those of `[limits]`: the tighter one counts.
    """

    role: Role = "read"
    token: str = ""
    token_file: str = ""
    order_quantity: Bound = 0.0
    order_value: Bound = 0.0
    price_band: Bound = 0.0
    orders_per_day: Cap = 0
    value_per_day: Bound = 0.0


class LimitSettings(Settings, frozen=True):
    """`[limits]`: bounds per script. Times in seconds, sizes in bytes, values in the contract's currency, days of UTC,
    `price_band` as a share of the last quote.
    """

    requests_in_flight: Count = 200
    request_size: Count = 262_144
    leases: Count = 100
    order_quantity: Bound = 0.0
    order_value: Bound = 0.0
    price_band: Bound = 0.0
    orders_per_day: Cap = 0
    value_per_day: Bound = 0.0


class JournalSettings(Settings, frozen=True):
    """`[journal]`: the record of orders. `retention` and `keep_archives` in days, 0 for ever; `auto` is what
    `places.journal` says.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)] = "auto"
    retention: Annotated[int, msgspec.Meta(ge=0)] = 400
    archive: bool = True
    keep_archives: Annotated[int, msgspec.Meta(ge=0)] = 0


class LogSettings(Settings, frozen=True):
    """`[log]`: `auto` is JSON unless standard error is a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class Config(Settings, frozen=True):
    """The whole file."""

    gateways: dict[str, GatewaySettings] = msgspec.field(default_factory=dict)
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings = HttpSettings()
    scripts: dict[str, ScriptSettings] = msgspec.field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
    default_role: Role = "read"
    drain_timeout: Seconds = 10.0
